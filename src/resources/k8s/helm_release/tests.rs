use super::*;

fn release() -> HelmRelease {
    HelmRelease {
        home: Home { cluster: Value::text("c"), cluster_name: "c".to_owned(), doors: Vec::new() },
        karpenter: serde_yaml::from_str("{version: '1.15.1', chartDigest: 'sha256:0'}").expect("karpenter"),
        queue: "queue".to_owned(),
        role: Some("arn:aws:iam::123456789012:role/karpenter".to_owned()),
        nodes: BTreeMap::new(),
        before: Vec::new(),
        stands: Vec::new(),
    }
}

fn scope(want: Fields) -> Scope {
    Scope {
        environment: "prod".to_owned(),
        stack: "0".to_owned(),
        wanted: vec![(HelmRelease::at(), want)],
        everything: std::sync::Arc::default(),
        after_incomplete: false,
    }
}

fn deployment(version: &str, digest: &str) -> Json {
    json!({
        "metadata": {
            "name": "karpenter", "namespace": "karpenter", "generation": 1,
            "annotations": {ANNOTATION_CHART: version, ANNOTATION_VALUES: digest},
        },
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
    })
}

#[test]
fn version_and_digest_on_the_deployment_are_what_a_plan_compares() {
    let want = release().want(&Facts::default());
    let digest = eks::text(&want, "valuesDigest").to_owned();
    let same = live("c", &deployment("1.15.1", &digest), &scope(want.clone()));
    assert_eq!(same.fields, want);
    let other = live("c", &deployment("1.14.0", "sha256:other"), &scope(want.clone()));
    let changed = crate::engine::diff(&want, &other.fields, &|_, _| None);
    let changed: Vec<_> = changed.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(changed, ["chart", "chartDigest", "values", "valuesDigest", "version"]);
}

#[test]
fn the_chart_that_is_wanted_is_the_one_that_is_installed() {
    let release = release();
    assert_eq!(chart_of(&release.want(&Facts::default())), Chart::of(&release.karpenter));
}

#[test]
fn a_rollout_is_complete_when_every_replica_is_new_and_available() {
    let mut now = deployment("1.15.1", "");
    assert_eq!(rolled_out(&now), Ready::Yes);
    now["status"]["availableReplicas"] = json!(1);
    assert_eq!(rolled_out(&now), Ready::NotYet("1 of 2 replicas are available".to_owned()));
    now["status"]["replicas"] = json!(3);
    assert!(matches!(rolled_out(&now), Ready::NotYet(_)));
    now["metadata"]["generation"] = json!(2);
    assert_eq!(rolled_out(&now), Ready::NotYet("the rollout has not begun".to_owned()));
}
