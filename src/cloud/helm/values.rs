//! The few values of Karpenter's chart that are set: a typed list, so that nothing in an environment's file can become a
//! sidecar, an image or a cluster role. All names: the chart's `values.yaml`, 1.1 to 1.15.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::config::spec::KarpenterValues;
use crate::engine::Failure;

/// What the controller is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// The cluster's name in EKS.
    pub cluster: String,
    /// The interruption queue's name.
    pub queue: String,
    /// The controller's role, where it gets its permissions by IRSA; none with Pod Identity.
    pub role: Option<String>,
    /// Labels of the nodes it must run on: the system group's.
    pub nodes: BTreeMap<String, String>,
    /// What the environment's file may set.
    pub own: KarpenterValues,
}

/// What is written on every object of the chart: whose it is, and what plan reads instead of Helm's Secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Values {
    /// As the chart takes them, ownership apart.
    #[must_use]
    pub fn json(&self) -> Json {
        let role = self.role.iter().map(|arn| ("eks.amazonaws.com/role-arn".to_owned(), arn.clone()));
        let role: BTreeMap<_, _> = role.collect();
        let mut nodes = self.nodes.clone();
        nodes.insert("kubernetes.io/os".to_owned(), "linux".to_owned());
        json!({
            "controller": { "resources": self.resources() },
            // Karpenter must work before CoreDNS does, whose nodes it may have to make.
            "dnsPolicy": "Default",
            "nodeSelector": nodes,
            "replicas": self.own.replicas,
            "serviceAccount": { "annotations": role, "create": true, "name": "karpenter" },
            "settings": {
                "clusterName": self.cluster,
                "featureGates": self.own.feature_gates,
                "interruptionQueue": self.queue,
            },
            "tolerations": [{ "key": "CriticalAddonsOnly", "operator": "Exists" }],
        })
    }

    /// What Karpenter's documentation asks for, unless the file says otherwise (karpenter.sh, "Getting started").
    fn resources(&self) -> Json {
        match &self.own.resources {
            None => json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": "1", "memory": "1Gi" } }),
            Some(resources) => {
                let text = |all: &BTreeMap<String, crate::config::spec::Quantity>| -> BTreeMap<String, String> {
                    all.iter().map(|(name, quantity)| (name.clone(), quantity.to_string())).collect()
                };
                json!({ "requests": text(&resources.requests), "limits": text(&resources.limits) })
            }
        }
    }

    /// `sha256:…` over what the chart takes: what plan compares with the annotation on the Deployment.
    #[must_use]
    pub fn digest(&self) -> String {
        // Keys of serde_json's maps are sorted and there are no fractions: RFC 8785.
        let text = format!("rem-ci/values/1\n{}", self.json());
        format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())))
    }

    /// As they are handed to helm, with what is written on every object.
    #[must_use]
    pub fn with(&self, more: &Annotations) -> Json {
        let mut values = self.json();
        values["additionalAnnotations"] = json!(more.annotations);
        values["additionalLabels"] = json!(more.labels);
        values
    }
}

/// Refuses values that a template would run: some charts pass values through `tpl`.
///
/// # Errors
/// Names the value.
pub(super) fn harmless(values: &Json) -> Result<(), Failure> {
    match values {
        Json::String(text) if text.contains("{{") => {
            Err(Failure::fatal("helm", format!("the value {text:?} looks like a template; values are plain text")))
        }
        Json::Array(items) => items.iter().try_for_each(harmless),
        Json::Object(fields) => fields
            .iter()
            .try_for_each(|(key, value)| harmless(&Json::String(key.clone())).and_then(|()| harmless(value))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
