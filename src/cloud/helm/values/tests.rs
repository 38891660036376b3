use super::*;

fn values() -> Values {
    Values {
        cluster: "rem-prod".to_owned(),
        queue: "rem-prod".to_owned(),
        role: Some("arn:aws:iam::123456789012:role/rem-ci/prod/karpenter".to_owned()),
        nodes: BTreeMap::from([("eks.amazonaws.com/nodegroup".to_owned(), "system".to_owned())]),
        own: KarpenterValues {
            feature_gates: BTreeMap::from([("spotToSpotConsolidation".to_owned(), true)]),
            ..KarpenterValues::default()
        },
    }
}

#[test]
fn they_are_these_and_no_others() {
    let want = json!({
        "controller": { "resources": {
            "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "1", "memory": "1Gi" },
        } },
        "dnsPolicy": "Default",
        "nodeSelector": { "eks.amazonaws.com/nodegroup": "system", "kubernetes.io/os": "linux" },
        "replicas": 2,
        "serviceAccount": {
            "annotations": { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/rem-ci/prod/karpenter" },
            "create": true,
            "name": "karpenter",
        },
        "settings": {
            "clusterName": "rem-prod",
            "featureGates": { "spotToSpotConsolidation": true },
            "interruptionQueue": "rem-prod",
        },
        "tolerations": [{ "key": "CriticalAddonsOnly", "operator": "Exists" }],
    });
    assert_eq!(values().json(), want);
    let pod_identity = Values { role: None, ..values() };
    assert_eq!(pod_identity.json()["serviceAccount"]["annotations"], json!({}));
}

#[test]
fn the_digest_moves_with_every_value_and_not_with_the_owner() {
    let digest = values().digest();
    assert!(digest.starts_with("sha256:") && digest.len() == 71);
    for other in [
        Values { cluster: "x".to_owned(), ..values() },
        Values { queue: "x".to_owned(), ..values() },
        Values { role: None, ..values() },
        Values { own: KarpenterValues { replicas: 1, ..values().own }, ..values() },
        Values { nodes: BTreeMap::new(), ..values() },
    ] {
        assert_ne!(other.digest(), digest, "{other:?}");
    }
    let more = Annotations {
        labels: BTreeMap::from([("rem-ci.dev/environment".to_owned(), "prod".to_owned())]),
        annotations: BTreeMap::from([("rem-ci.dev/values".to_owned(), digest)]),
    };
    let with = values().with(&more);
    assert_eq!(with["additionalLabels"]["rem-ci.dev/environment"], "prod");
    assert!(with["additionalAnnotations"]["rem-ci.dev/values"].is_string());
}

#[test]
fn a_template_is_refused_wherever_it_hides() {
    assert_eq!(harmless(&values().json()), Ok(()));
    for bad in [json!({ "a": ["{{ .Values }}"] }), json!({ "{{x}}": 1 }), json!("a{{b")] {
        assert!(harmless(&bad).is_err(), "{bad}");
    }
}
