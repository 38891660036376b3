//! The three CustomResourceDefinitions, as a version of the chart brings them.

use serde_json::{Value as Json, json};

use super::{minor, node_claim, node_class, node_pool};

/// Name, type and path of a column that `kubectl get` shows; with a priority, only `-o wide` does.
type Column = (&'static str, &'static str, &'static str, u8);

const READY: &str = ".status.conditions[?(@.type==\"Ready\")].status";

const POOL: &[Column] = &[
    ("NodeClass", "string", ".spec.template.spec.nodeClassRef.name", 0),
    ("Nodes", "string", ".status.resources.nodes", 0),
    ("Ready", "string", READY, 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Weight", "integer", ".spec.weight", 1),
    ("CPU", "string", ".status.resources.cpu", 1),
    ("Memory", "string", ".status.resources.memory", 1),
];

const CLAIM: &[Column] = &[
    ("Type", "string", ".metadata.labels.node\\.kubernetes\\.io/instance-type", 0),
    ("Capacity", "string", ".metadata.labels.karpenter\\.sh/capacity-type", 0),
    ("Zone", "string", ".metadata.labels.topology\\.kubernetes\\.io/zone", 0),
    ("Node", "string", ".status.nodeName", 0),
    ("Ready", "string", READY, 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("ImageID", "string", ".status.imageID", 1),
    ("ID", "string", ".status.providerID", 1),
    ("NodePool", "string", ".metadata.labels.karpenter\\.sh/nodepool", 1),
    ("NodeClass", "string", ".spec.nodeClassRef.name", 1),
    ("Drifted", "string", ".status.conditions[?(@.type==\"Drifted\")].status", 1),
];

const CLASS: &[Column] = &[
    ("Ready", "string", READY, 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Role", "string", ".spec.role", 1),
];

/// The definitions of EC2NodeClass, NodeClaim and NodePool of a version of Karpenter (`1.14.1`).
#[must_use]
pub fn crds(version: &str) -> Vec<Json> {
    let at = minor(version);
    vec![
        crd(
            version,
            ("karpenter.k8s.aws", "EC2NodeClass", "ec2nodeclasses", "ec2nodeclass"),
            &["ec2nc", "ec2ncs"],
            CLASS,
            node_class::schema(at),
        ),
        crd(version, ("karpenter.sh", "NodeClaim", "nodeclaims", "nodeclaim"), &[], CLAIM, node_claim::schema(at)),
        crd(version, ("karpenter.sh", "NodePool", "nodepools", "nodepool"), &[], POOL, node_pool::schema(at)),
    ]
}

fn crd(
    version: &str,
    names: (&str, &str, &str, &str),
    short: &[&str],
    columns: &[Column],
    (spec, status): (Json, Json),
) -> Json {
    let (group, kind, plural, singular) = names;
    let columns: Vec<Json> = columns
        .iter()
        .map(|(name, kind, path, priority)| {
            let mut column = json!({"name": name, "type": kind, "jsonPath": path});
            if *priority > 0 {
                column["priority"] = json!(priority);
            }
            column
        })
        .collect();
    let mut names = json!({
        "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular, "categories": ["karpenter"],
    });
    if !short.is_empty() {
        names["shortNames"] = json!(short);
    }
    let schema = json!({
        "type": "object", "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
            "spec": spec, "status": status,
        },
    });
    let mut served = json!({
        "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
        "additionalPrinterColumns": columns, "schema": {"openAPIV3Schema": schema},
    });
    if kind == "NodePool" && minor(version) >= (1, 8) {
        served["subresources"]["scale"] =
            json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.nodes"});
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            // Which version's rules hold: the sandbox's stand-in for CEL.
            "annotations": {"sandbox.rem-ci.dev/rules": version},
        },
        "spec": {"group": group, "names": names, "scope": "Cluster", "versions": [served]},
    })
}
