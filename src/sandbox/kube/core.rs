//! Validation of core kinds: required fields and those that never change, as far as clients run into them.

use serde_json::Value as Json;

use super::admit::Draft;
use super::status::Cause;
use super::store::{Store, text};

/// Resource, pointers that must be there.
const REQUIRED: &[(&str, &[&str])] = &[
    ("deployments.apps", &["/spec/selector", "/spec/template"]),
    ("daemonsets.apps", &["/spec/selector", "/spec/template"]),
    ("replicasets.apps", &["/spec/selector"]),
    ("statefulsets.apps", &["/spec/selector", "/spec/template"]),
    ("jobs.batch", &["/spec/template"]),
    ("storageclasses.storage.k8s.io", &["/provisioner"]),
    ("clusterrolebindings.rbac.authorization.k8s.io", &["/roleRef"]),
    ("rolebindings.rbac.authorization.k8s.io", &["/roleRef"]),
    ("flowschemas.flowcontrol.apiserver.k8s.io", &["/spec/priorityLevelConfiguration/name"]),
    ("priorityclasses.scheduling.k8s.io", &["/value"]),
    ("persistentvolumeclaims", &["/spec/accessModes", "/spec/resources"]),
];

/// Resource, pointers whose value stays what it was at creation.
const FIXED: &[(&str, &[&str])] = &[
    ("deployments.apps", &["/spec/selector"]),
    ("daemonsets.apps", &["/spec/selector"]),
    ("replicasets.apps", &["/spec/selector"]),
    ("statefulsets.apps", &["/spec/selector", "/spec/serviceName", "/spec/volumeClaimTemplates"]),
    ("jobs.batch", &["/spec/template", "/spec/selector"]),
    ("storageclasses.storage.k8s.io", &["/provisioner", "/parameters", "/reclaimPolicy", "/volumeBindingMode"]),
    ("clusterrolebindings.rbac.authorization.k8s.io", &["/roleRef"]),
    ("rolebindings.rbac.authorization.k8s.io", &["/roleRef"]),
    ("priorityclasses.scheduling.k8s.io", &["/value", "/preemptionPolicy"]),
    ("secrets", &["/type"]),
    ("persistentvolumeclaims", &["/spec/storageClassName", "/spec/accessModes", "/spec/volumeMode"]),
];

/// Fields of a pod's spec that may change while it lives.
const LIVING: &[&str] = &["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"];

/// What is wrong with an object of a core kind.
pub(super) fn causes(_store: &Store, draft: &Draft<'_>) -> Vec<Cause> {
    let resource = draft.kind.resource();
    let mut found = Vec::new();
    let field = |pointer: &str| pointer.trim_start_matches('/').replace('/', ".");
    let rows = |table: &'static [(&str, &[&str])]| {
        table.iter().filter(|(name, _)| *name == resource).flat_map(|(_, pointers)| pointers.iter())
    };
    for pointer in rows(REQUIRED) {
        if draft.object.pointer(pointer).is_none_or(Json::is_null) {
            let message = "Required value".to_owned();
            found.push(Cause { reason: "FieldValueRequired", field: field(pointer), message });
        }
    }
    if let Some(old) = draft.old.filter(|_| draft.subresource.is_empty()) {
        for pointer in rows(FIXED) {
            let (before, after) = (old.pointer(pointer), draft.object.pointer(pointer));
            if before != after {
                let value = after.map(Json::to_string).unwrap_or_default();
                found.push(Cause::invalid(field(pointer), format!("Invalid value: {value}: field is immutable")));
            }
        }
        if resource == "pods" && living(old) != living(&draft.object) {
            let message = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
            found.push(Cause { reason: "FieldValueForbidden", field: "spec".to_owned(), message: message.to_owned() });
        }
    }
    if ["deployments.apps", "daemonsets.apps", "replicasets.apps", "statefulsets.apps"].contains(&resource.as_str()) {
        template(&draft.object, &mut found);
    }
    if resource == "pods" {
        pod(&draft.object["spec"], "spec", &mut found);
    }
    found
}

/// A pod's spec without what may change.
fn living(pod: &Json) -> Json {
    let mut spec = pod["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.retain(|name, _| !LIVING.contains(&name.as_str()));
    }
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            container["image"] = Json::Null;
        }
    }
    spec
}

fn template(object: &Json, found: &mut Vec<Cause>) {
    let labels = &object["spec"]["template"]["metadata"]["labels"];
    let selector = &object["spec"]["selector"];
    if selector.is_object() && !super::select::selects(selector, labels) {
        let message = format!("Invalid value: {labels}: `selector` does not match template `labels`");
        found.push(Cause::invalid("spec.template.metadata.labels", message));
    }
    if object["spec"]["template"].is_object() {
        pod(&object["spec"]["template"]["spec"], "spec.template.spec", found);
    }
}

fn pod(spec: &Json, path: &str, found: &mut Vec<Cause>) {
    let containers = spec["containers"].as_array().cloned().unwrap_or_default();
    if containers.is_empty() {
        let message = "Required value".to_owned();
        found.push(Cause { reason: "FieldValueRequired", field: format!("{path}.containers"), message });
    }
    for (at, container) in containers.iter().enumerate() {
        for field in ["name", "image"] {
            if text(container, &format!("/{field}")).is_empty() {
                let message = "Required value".to_owned();
                found.push(Cause {
                    reason: "FieldValueRequired",
                    field: format!("{path}.containers[{at}].{field}"),
                    message,
                });
            }
        }
    }
}
