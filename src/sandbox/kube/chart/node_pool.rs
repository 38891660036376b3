//! The schema of a NodePool.

use serde_json::{Value as Json, json};

use super::schema::{
    amount, class_ref, conditions, list, map, number, object, one_of, pattern, requirements, span_or_never, taints,
    text, with,
};

/// `spec` and `status`.
pub(super) fn schema(version: (u32, u32)) -> (Json, Json) {
    let template_spec = object(
        &[
            ("expireAfter", with(span_or_never(), &[("default", json!("720h"))])),
            ("nodeClassRef", class_ref()),
            ("requirements", requirements(version)),
            ("startupTaints", taints()),
            ("taints", taints()),
            ("terminationGracePeriod", pattern("^([0-9]+(s|m|h))+$")),
        ],
        &["nodeClassRef", "requirements"],
    );
    let metadata =
        object(&[("annotations", map(text())), ("labels", map(with(text(), &[("maxLength", json!(63))])))], &[]);
    let template = object(&[("metadata", metadata), ("spec", template_spec)], &["spec"]);
    let mut fields = vec![
        ("disruption", disruption(version)),
        ("limits", map(amount())),
        ("template", template),
        ("weight", number(Some(1), Some(100))),
    ];
    let mut status = vec![("conditions", conditions()), ("resources", map(amount()))];
    if version >= (1, 6) {
        status.push(("nodeClassObservedGeneration", number(None, None)));
    }
    if version >= (1, 7) {
        status.push(("nodes", number(Some(0), None)));
    }
    if version >= (1, 8) {
        fields.push(("replicas", number(Some(0), None)));
    }
    (object(&fields, &["template"]), object(&status, &[]))
}

fn disruption(version: (u32, u32)) -> Json {
    let budget = object(
        &[
            ("duration", pattern("^((([0-9]+(h|m))|([0-9]+h[0-9]+m))(0s)?)$")),
            ("nodes", with(pattern("^((100|[0-9]{1,2})%|[0-9]+)$"), &[("default", json!("10%"))])),
            ("reasons", list(one_of(&["Underutilized", "Empty", "Drifted"]), Some(50))),
            (
                "schedule",
                pattern(r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly))|((.+)\s(.+)\s(.+)\s(.+)\s(.+))$"),
            ),
        ],
        &["nodes"],
    );
    let mut policies = vec!["WhenEmpty", "WhenEmptyOrUnderutilized"];
    if version >= (1, 14) {
        policies.push("Balanced");
    }
    let fields = [
        ("budgets", with(list(budget, Some(50)), &[("default", json!([{"nodes": "10%"}]))])),
        ("consolidateAfter", span_or_never()),
        ("consolidationPolicy", with(one_of(&policies), &[("default", json!("WhenEmptyOrUnderutilized"))])),
    ];
    with(object(&fields, &["consolidateAfter"]), &[("default", json!({"consolidateAfter": "0s"}))])
}
