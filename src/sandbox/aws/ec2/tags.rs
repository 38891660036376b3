//! CreateTags, DeleteTags, DescribeTags.

use serde_json::{Value as Json, json};

use super::State;
use super::common::{self, done, invalid, missing, paged, tagged_as};
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

fn exists(state: &State, id: &str) -> bool {
    match id.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
        "vpc" => state.vpcs.contains_key(id),
        "subnet" => state.subnets.contains_key(id),
        "igw" => state.internet_gateways.contains_key(id),
        "eipalloc" => state.addresses.contains_key(id),
        "nat" => state.nat_gateways.contains_key(id),
        "rtb" => state.route_tables.contains_key(id),
        "sg" => state.security_groups.contains_key(id),
        "sgr" => state.rules.contains_key(id),
        "vpce" => state.endpoints.contains_key(id),
        "lt" => state.launch_templates.contains_key(id),
        "i" => state.instances.contains_key(id),
        "vol" => state.volumes.contains_key(id),
        "snap" => state.snapshots.contains_key(id),
        "eni" => state.network_interfaces.contains_key(id),
        "acl" => state.vpcs.values().any(|vpc| vpc.network_acl == id),
        _ => false,
    }
}

fn targets(here: &Here<'_>, call: &Call) -> Result<Vec<String>, Fault> {
    let ids = texts(&call.params, "ResourceId");
    if ids.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter resourceIdSet"));
    }
    for id in &ids {
        if tagged_as(id).is_none() {
            return Err(Fault::new("InvalidID", format!("The ID '{id}' is not valid")));
        }
        if !exists(&here.region.ec2, id) {
            return Err(missing(id.rsplit_once('-').map_or("", |(prefix, _)| prefix), id));
        }
    }
    Ok(ids)
}

/// All or nothing: the tags are checked for every resource before the first is changed.
pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let ids = targets(here, call)?;
    let given = list(&call.params, "Tag");
    if given.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter tagSet"));
    }
    let mut changed = Vec::new();
    for id in ids {
        let mut tags = here.region.ec2.tags.get(&id).cloned().unwrap_or_default();
        common::add_tags(&mut tags, &given, false)?;
        changed.push((id, tags));
    }
    here.region.ec2.tags.extend(changed);
    done()
}

/// Without tags every tag goes, with a value only a tag of that value; a tag that is not there is no error.
pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let ids = targets(here, call)?;
    let given = list(&call.params, "Tag");
    if given.iter().any(|tag| text(tag, "Key").starts_with("aws:")) {
        return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    for id in ids {
        let Some(tags) = here.region.ec2.tags.get_mut(&id) else { continue };
        tags.retain(|key, value| {
            let named = |tag: &Json| {
                text(tag, "Key") == key && tag.get("Value").is_none_or(|wanted| wanted.as_str() == Some(value))
            };
            key.starts_with("aws:") || !(given.is_empty() || given.iter().any(named))
        });
    }
    done()
}

/// Lists tags, not things: one entry per id and key.
pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] =
        &[("key", "key"), ("value", "value"), ("resource-id", "resourceId"), ("resource-type", "resourceType")];
    let filters = common::filters(&call.params, FILTERS, &["tag:"])?;
    let state = &here.region.ec2;
    let all = state.tags.iter().filter(|(id, _)| state.fresh.get(*id).is_none_or(|fresh| fresh.by_filter <= here.now));
    let mut found: Vec<Json> = all
        .flat_map(|(id, tags)| {
            tags.iter().map(move |(key, value)| {
                json!({
                    "resourceId": id, "resourceType": tagged_as(id), "key": key, "value": value,
                    "tagSet": [{ "key": key, "value": value }], "place": format!("{id}/{key}"),
                })
            })
        })
        .filter(|entry| filters.iter().all(|filter| filter.matches(entry)))
        .collect();
    let next = paged(&mut found, call, "place", 5, 1000)?;
    for entry in found.iter_mut().filter_map(Json::as_object_mut) {
        entry.remove("place");
        entry.remove("tagSet");
    }
    Ok(json!({ "tagSet": found, "nextToken": next }))
}
