//! Changes of a node group.

use serde_json::{Value as Json, json};

use super::common::{cluster, in_use, invalid, refused};
use super::nodegroup::{group, scaling, taints, update_config, version};
use super::outside;
use super::updates::{Begin, begin, free, repeated};
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    let change: fn(&mut Here<'_>, &Json) -> Answer = match call.operation.as_str() {
        "UpdateNodegroupConfig" => config,
        "UpdateNodegroupVersion" => versions,
        _ => return None,
    };
    Some(match repeated(here, params) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => changeable(here, params).and_then(|()| change(here, params)),
        Err(fault) => Err(fault),
    })
}

fn changeable(here: &mut Here<'_>, params: &Json) -> Result<(), Fault> {
    let status = text(&group(here, params)?.body, "status").to_owned();
    free(here, params, text(params, "nodegroupName"), "")?;
    match status.as_str() {
        "ACTIVE" | "DEGRADED" => Ok(()),
        status => Err(in_use(format!("Nodegroup cannot be updated as it is currently not in Active State: {status}"))),
    }
}

fn config(here: &mut Here<'_>, params: &Json) -> Answer {
    let body = group(here, params)?.body.clone();
    let mut patch = serde_json::Map::new();
    let mut said = Vec::new();
    if !params["scalingConfig"].is_null() {
        let new = scaling(&params["scalingConfig"], &body["scalingConfig"])?;
        for (key, name) in [("minSize", "MinSize"), ("maxSize", "MaxSize"), ("desiredSize", "DesiredSize")] {
            said.push((name, new[key].to_string()));
        }
        patch.insert("scalingConfig".to_owned(), new);
    }
    if !params["labels"].is_null() {
        let mut labels = body["labels"].as_object().cloned().unwrap_or_default();
        for key in texts(&params["labels"], "removeLabels") {
            labels.remove(&key);
        }
        labels.extend(params["labels"]["addOrUpdateLabels"].as_object().cloned().unwrap_or_default());
        said.push(("LabelsToAdd", params["labels"]["addOrUpdateLabels"].to_string()));
        patch.insert("labels".to_owned(), json!(labels));
    }
    if !params["taints"].is_null() {
        let same = |one: &Json, other: &Json| one["key"] == other["key"] && one["effect"] == other["effect"];
        let (gone, new) = (list(&params["taints"], "removeTaints"), list(&params["taints"], "addOrUpdateTaints"));
        let mut all = list(&body, "taints");
        all.retain(|taint| !gone.iter().chain(&new).any(|other| same(taint, other)));
        all.extend(new);
        taints(&all)?;
        said.push(("TaintsToAdd", params["taints"]["addOrUpdateTaints"].to_string()));
        patch.insert("taints".to_owned(), json!(all));
    }
    if !params["updateConfig"].is_null() {
        let new = update_config(&params["updateConfig"])?;
        said.push(("MaxUnavailable", new["maxUnavailable"].to_string()));
        patch.insert("updateConfig".to_owned(), new);
    }
    if !params["nodeRepairConfig"].is_null() {
        said.push(("NodeRepairEnabled", params["nodeRepairConfig"]["enabled"].to_string()));
        patch.insert("nodeRepairConfig".to_owned(), params["nodeRepairConfig"].clone());
    }
    if patch.is_empty() {
        return Err(invalid("No changes needed: no parameter was given"));
    }
    let ready = here.due(15.0, 45.0);
    let name = text(params, "nodegroupName");
    begin(
        here,
        params,
        Begin { kind: "ConfigUpdate", params: said, group: name, addon: "", patch: Json::Object(patch), ready },
    )
}

fn versions(here: &mut Here<'_>, params: &Json) -> Answer {
    let body = group(here, params)?.body.clone();
    let control = cluster(here, params)?.version().to_owned();
    let mut patch = serde_json::Map::new();
    let mut said = Vec::new();
    let asked = !params["version"].is_null() || !params["releaseVersion"].is_null();
    // Without any, the newest image of the group's own version (API reference).
    if asked || params["launchTemplate"].is_null() {
        let wanted = match text(params, "version") {
            "" => text(&body, "version"),
            wanted => wanted,
        };
        let old = super::versions::known(text(&body, "version")).map_or(0, |version| version.minor);
        let wanted = (wanted, text(params, "releaseVersion"));
        let (version, release) = version(here, &control, wanted, text(&body, "amiType"))?;
        if super::versions::known(&version).is_some_and(|version| version.minor < old) {
            return Err(invalid(format!("Nodegroup version cannot go back to {version}")));
        }
        said.extend([("Version", version.clone()), ("ReleaseVersion", release.clone())]);
        patch.insert("version".to_owned(), json!(version));
        patch.insert("releaseVersion".to_owned(), json!(release));
    }
    if !params["launchTemplate"].is_null() {
        if body["launchTemplate"].is_null() {
            return Err(refused("You cannot add a launch template to a node group that was made without one"));
        }
        let template = outside::template(here, &params["launchTemplate"])?;
        let same = |key: &str, value: &str| value.is_empty() || body["launchTemplate"][key] == value;
        if !same("id", &template.id) || !same("name", &template.name) {
            return Err(invalid(
                "The launch template of a node group cannot become another one, only another version of it",
            ));
        }
        said.push(("LaunchTemplateVersion", template.version.clone()));
        let mut new = body["launchTemplate"].clone();
        new["version"] = json!(template.version);
        patch.insert("launchTemplate".to_owned(), new);
    }
    let nodes = group(here, params)?.nodes.len();
    #[expect(clippy::cast_precision_loss, reason = "a node group has hundreds of nodes at most")]
    let nodes = nodes as f64;
    // A rolling update: a new node, a drain and an end for each (assumed: two to three and a half minutes a node).
    let ready = here.due(60.0 + 120.0 * nodes, 90.0 + 210.0 * nodes);
    let name = text(params, "nodegroupName");
    begin(
        here,
        params,
        Begin { kind: "VersionUpdate", params: said, group: name, addon: "", patch: Json::Object(patch), ready },
    )
}
