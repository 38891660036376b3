//! The schema of a NodeClaim.

use serde_json::{Value as Json, json};

use super::schema::{
    amount, class_ref, conditions, map, object, pattern, requirements, span_or_never, taints, text, with,
};

/// `spec` and `status`.
pub(super) fn schema(version: (u32, u32)) -> (Json, Json) {
    let spec = object(
        &[
            ("expireAfter", with(span_or_never(), &[("default", json!("720h"))])),
            ("nodeClassRef", class_ref()),
            ("requirements", requirements(version)),
            ("resources", object(&[("requests", map(amount()))], &[])),
            ("startupTaints", taints()),
            ("taints", taints()),
            ("terminationGracePeriod", pattern("^([0-9]+(s|m|h))+$")),
        ],
        &["nodeClassRef", "requirements"],
    );
    let status = object(
        &[
            ("allocatable", map(amount())),
            ("capacity", map(amount())),
            ("conditions", conditions()),
            ("imageID", text()),
            ("lastPodEventTime", json!({"type": "string", "format": "date-time"})),
            ("nodeName", text()),
            ("providerID", text()),
        ],
        &[],
    );
    (spec, status)
}
