//! Updates: of a cluster, of a node group, of an add-on. A change takes effect when its update ends.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{Made, cluster, in_use, missing, need, paged, uuid};
use super::{What, addon, cluster as clusters, later, nodegroup};
use crate::sandbox::region::{Here, epoch, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// As the API shows it.
    pub body: Json,
    /// Its request.
    pub made: Made,
    /// Of which node group.
    pub group: String,
    /// Of which add-on.
    pub addon: String,
    /// What becomes of the body of the cluster, node group or add-on: these fields are replaced.
    pub patch: Json,
}

impl Update {
    /// Whether it goes on.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.body["status"] == "InProgress"
    }

    fn of(&self, group: &str, addon: &str) -> bool {
        self.group == group && self.addon == addon
    }
}

/// What an update is to be.
#[derive(Clone, Debug)]
pub(super) struct Begin<'a> {
    pub(super) kind: &'a str,
    /// Pairs of the API's names.
    pub(super) params: Vec<(&'a str, String)>,
    pub(super) group: &'a str,
    pub(super) addon: &'a str,
    pub(super) patch: Json,
    pub(super) ready: Millis,
}

/// An update that a request repeats, as an answer.
pub(super) fn repeated(here: &mut Here<'_>, params: &Json) -> Result<Option<Json>, Fault> {
    for update in cluster(here, params)?.updates.iter().rev() {
        if update.made.repeated(params)? {
            return Ok(Some(json!({ "update": update.body })));
        }
    }
    Ok(None)
}

/// Refuses when another update of the same thing runs.
pub(super) fn free(here: &mut Here<'_>, params: &Json, group: &str, addon: &str) -> Result<(), Fault> {
    let cluster = cluster(here, params)?;
    match cluster.updates.iter().find(|update| update.runs() && update.of(group, addon)) {
        Some(update) => Err(in_use(format!(
            "Cannot perform the operation because {} currently has update {} in progress",
            [group, addon, text(&cluster.body, "name")].into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            text(&update.body, "id")
        ))),
        None => Ok(()),
    }
}

/// Begins an update and marks its thing as `UPDATING`.
pub(super) fn begin(here: &mut Here<'_>, params: &Json, begin: Begin<'_>) -> Answer {
    let id = uuid(here);
    let pairs: Vec<Json> = begin.params.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
    let body = json!({
        "id": id,
        "status": "InProgress",
        "type": begin.kind,
        "params": pairs,
        "createdAt": epoch(here.now),
        "errors": [],
    });
    let update = Update {
        body: body.clone(),
        made: Made::by(params),
        group: begin.group.to_owned(),
        addon: begin.addon.to_owned(),
        patch: begin.patch,
    };
    let cluster = cluster(here, params)?;
    let name = text(&cluster.body, "name").to_owned();
    if let Some(target) = target(cluster, &update) {
        target["status"] = json!("UPDATING");
    }
    cluster.updates.push(update);
    let what = [("nodegroup", begin.group), ("addon", begin.addon)].into_iter().find(|(_, name)| !name.is_empty());
    let thing = what.map_or_else(|| format!("cluster:{name}"), |(kind, thing)| format!("{kind}:{name}/{thing}"));
    here.span(format!("update:{id}"), [thing], begin.ready);
    later(here, begin.ready, &name, What::UpdateDone(id));
    Ok(json!({ "update": body }))
}

fn target<'a>(cluster: &'a mut clusters::Cluster, update: &Update) -> Option<&'a mut Json> {
    if !update.group.is_empty() {
        cluster.groups.get_mut(&update.group).map(|group| &mut group.body)
    } else if !update.addon.is_empty() {
        cluster.addons.get_mut(&update.addon).map(|addon| &mut addon.body)
    } else {
        Some(&mut cluster.body)
    }
}

/// Ends an update.
pub(super) fn done(here: &mut Here<'_>, name: &str, id: &str) {
    let now = here.now;
    let Some(cluster) = here.region.eks.clusters.get_mut(name) else { return };
    let Some(update) = cluster.updates.iter_mut().find(|update| update.body["id"] == id) else { return };
    update.body["status"] = json!("Successful");
    let update = update.clone();
    let Some(body) = target(cluster, &update) else { return };
    if body["status"] == "UPDATING" {
        body["status"] = json!("ACTIVE");
    }
    for (key, value) in update.patch.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    if !update.group.is_empty() {
        body["modifiedAt"] = epoch(now);
        nodegroup::updated(here, name, &update.group, update.body["type"] == "VersionUpdate");
    } else if !update.addon.is_empty() {
        body["modifiedAt"] = epoch(now);
        addon::check(here, name, &update.addon);
    } else {
        clusters::updated(here, name);
    }
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "ListUpdates" => list(here, params),
        "DescribeUpdate" => describe(here, params),
        _ => return None,
    })
}

fn list(here: &mut Here<'_>, params: &Json) -> Answer {
    let (group, addon) = (text(params, "nodegroupName"), text(params, "addonName"));
    let cluster = cluster(here, params)?;
    let found = cluster.updates.iter().filter(|update| update.of(group, addon));
    let ids: Vec<Json> = found.map(|update| update.body["id"].clone()).collect();
    paged(params, "updateIds", &ids)
}

fn describe(here: &mut Here<'_>, params: &Json) -> Answer {
    let id = need(params, "updateId")?;
    let (group, addon) = (text(params, "nodegroupName"), text(params, "addonName"));
    let cluster = cluster(here, params)?;
    let found = cluster.updates.iter().find(|update| update.body["id"] == id && update.of(group, addon));
    found.map(|update| json!({ "update": update.body })).ok_or_else(|| missing(format!("No update found for ID: {id}")))
}
