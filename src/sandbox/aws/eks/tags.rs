//! Tags of anything that has an ARN of EKS's.

use serde_json::{Map, Value as Json, json};

use super::common::{invalid, missing, need, tags};
use crate::sandbox::region::{Here, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "TagResource" => tags(params).and_then(|new| {
            let known = of(here, params)?;
            let mut all = known.clone();
            all.extend(new);
            if all.len() > 50 {
                return Err(invalid("A resource can have at most 50 tags"));
            }
            *known = all;
            Ok(json!({}))
        }),
        "UntagResource" => of(here, params).map(|known| {
            for key in texts(params, "tagKeys") {
                known.remove(&key);
            }
            json!({})
        }),
        "ListTagsForResource" => of(here, params).map(|known| json!({ "tags": known })),
        _ => return None,
    })
}

fn of<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Map<String, Json>, Fault> {
    let arn = need(params, "resourceArn")?;
    let body = here.region.eks.clusters.values_mut().find_map(|cluster| {
        let inner = cluster.groups.values_mut().map(|group| &mut group.body);
        let inner = inner.chain(cluster.addons.values_mut().map(|addon| &mut addon.body));
        let inner = inner.chain(cluster.entries.values_mut().map(|entry| &mut entry.body));
        let inner = inner.chain(cluster.associations.values_mut().map(|association| &mut association.body));
        std::iter::once(&mut cluster.body).chain(inner).find(|body| {
            ["arn", "nodegroupArn", "addonArn", "accessEntryArn", "associationArn"].iter().any(|key| body[*key] == arn)
        })
    });
    body.and_then(|body| body["tags"].as_object_mut())
        .ok_or_else(|| missing(format!("The specified resource was not found: {arn}")))
}
