//! One healthy world, one break each: the right cause comes first.

use serde_json::json;

use super::*;
use crate::verify::observed::{Association, Entry, Seen};
use crate::verify::tests::world::{self, claim, event, healthy, list, log, named, one, pod, pool_node, set, waiting};

fn found(seen: &Observed) -> Vec<Cause> {
    let spec = world::spec();
    diagnose(seen, &spec, &Identity::of(&spec), None)
}

/// The first cause after a break, with its evidence; fails where another comes first.
#[track_caller]
fn first(code: &str, broken: impl FnOnce(&mut Observed)) -> Cause {
    let mut seen = healthy();
    broken(&mut seen);
    let found = found(&seen);
    let codes: Vec<_> = found.iter().map(|cause| cause.code).collect();
    let first = found.into_iter().next().unwrap_or_else(|| panic!("no cause, expected {code}"));
    assert_eq!(first.code, code, "{codes:?} {first:#?}");
    assert!(
        !first.title.is_empty() && !first.evidence.is_empty() && !first.help.is_empty() && !first.command.is_empty(),
        "{first:#?}"
    );
    first
}

/// A pod that waits, so that what keeps nodes from coming matters.
fn hungry(seen: &mut Observed) {
    list(&mut seen.kube.pods).push(waiting("worker", "burst"));
}

#[test]
fn a_healthy_world_has_no_cause() {
    assert_eq!(found(&healthy()), []);
}

#[test]
fn codes_are_unique_and_every_one_is_explained() {
    let names: std::collections::BTreeSet<_> = codes().iter().map(|doc| doc.code).collect();
    assert_eq!(names.len(), codes().len());
    assert!(codes().iter().all(|doc| doc.code.starts_with("cause-") && doc.why.len() > 40 && !doc.help.is_empty()));
}

#[test]
fn what_could_not_be_read_is_no_proof_of_absence() {
    let mut seen = Observed { now: world::NOW, ..Observed::default() };
    seen.aws.cluster = healthy().aws.cluster;
    let codes: Vec<_> = found(&seen).into_iter().map(|cause| cause.code).collect();
    assert_eq!(codes, ["cause-api-unreachable"]);
}

#[test]
fn the_cluster_is_not_there() {
    first("cause-cluster-absent", |seen| seen.aws.cluster = Seen::Known(None));
    first("cause-cluster-absent", |seen| one(&mut seen.aws.cluster).status = "FAILED".into());
}

#[test]
fn the_api_server_is_not_well() {
    first("cause-api-unreachable", |seen| seen.kube = Kube::default());
    first("cause-api-unhealthy", |seen| list(&mut seen.kube.ready).push("[-]etcd failed: reason withheld".to_owned()));
}

use crate::verify::observed::Kube;

#[test]
fn a_rule_is_off() {
    let cause = first("cause-queue-not-wired", |seen| list(&mut seen.aws.rules)[1].enabled = false);
    assert!(cause.evidence[0].contains("Spot Instance Interruption Warning"), "{cause:?}");
}

#[test]
fn the_queue_is_gone_or_takes_nothing() {
    first("cause-queue-not-wired", |seen| seen.aws.queue = Seen::Known(None));
    first("cause-queue-not-wired", |seen| one(&mut seen.aws.queue).policy = "{}".into());
}

fn queue_variable(seen: &mut Observed, value: &str) {
    let deployment = named(&mut seen.kube.deployments, "karpenter");
    let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().expect("variables");
    variables.retain(|variable| variable["name"] != "INTERRUPTION_QUEUE");
    variables.push(json!({"name": "INTERRUPTION_QUEUE", "value": value}));
}

#[test]
fn the_wrong_helm_key() {
    let cause = first("cause-queue-unset", |seen| queue_variable(seen, ""));
    assert!(cause.evidence.iter().any(|text| text.contains("interruptionQueueName")), "{cause:?}");
    first("cause-queue-other", |seen| queue_variable(seen, "rem-prod"));
}

#[test]
fn nobody_reads_the_queue() {
    first("cause-queue-unread", |seen| one(&mut seen.aws.queue).waiting = 40);
}

#[test]
fn the_policy_lacks_an_action() {
    let cause = first("cause-policy-action", |seen| {
        hungry(seen);
        for (_, document) in &mut one(&mut seen.aws.controller).policies {
            let text = document.to_string().replace("\"ec2:CreateFleet\",", "").replace(",\"ec2:CreateFleet\"", "");
            *document = serde_json::from_str(&text).expect("a document");
        }
    });
    assert_eq!(cause.title, "the controller's role lacks ec2:CreateFleet");
}

#[test]
fn an_organisation_denies_what_the_policy_allows() {
    let cause = first("cause-policy-action", |seen| {
        let error = "operation error EC2: CreateFleet, UnauthorizedOperation: User is not authorized to perform: ec2:CreateFleet on resource: *";
        list(&mut seen.kube.karpenter_log).push(log("ERROR", "failed launching nodeclaim", error));
        hungry(seen);
    });
    assert_eq!(cause.title, "AWS denies the controller ec2:CreateFleet");
}

#[test]
fn the_service_account_names_no_role_or_another() {
    first("cause-service-account", |seen| {
        named(&mut seen.kube.service_accounts, "karpenter")["metadata"]["annotations"] = json!({});
        hungry(seen);
    });
    first("cause-service-account", |seen| {
        let annotations = &mut named(&mut seen.kube.service_accounts, "karpenter")["metadata"]["annotations"];
        annotations["eks.amazonaws.com/role-arn"] = "arn:aws:iam::123456789012:role/other".into();
    });
}

#[test]
fn no_association_with_pod_identity() {
    let mut spec = world::spec();
    spec.karpenter.identity = crate::config::spec::Identity::PodIdentity;
    let id = Identity::of(&spec);
    let mut seen = healthy();
    one(&mut seen.aws.controller).trust = json!({"Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": "pods.eks.amazonaws.com"}}]});
    assert_eq!(diagnose(&seen, &spec, &id, None), []);
    seen.aws.associations =
        Seen::Known(vec![Association { namespace: "x".into(), account: "y".into(), role: "z".into() }]);
    assert_eq!(diagnose(&seen, &spec, &id, None)[0].code, "cause-association-missing");
}

#[test]
fn the_trust_policy_names_another_subject() {
    let cause = first("cause-trust", |seen| {
        let trust = &mut one(&mut seen.aws.controller).trust;
        *trust = serde_json::from_str(&trust.to_string().replace(":karpenter:karpenter", ":kube-system:karpenter"))
            .expect("json");
        hungry(seen);
    });
    assert!(cause.evidence[1].contains("system:serviceaccount:kube-system:karpenter"), "{cause:?}");
}

#[test]
fn the_oidc_provider_is_missing() {
    first("cause-provider-missing", |seen| {
        list(&mut seen.aws.providers).clear();
        hungry(seen);
    });
}

/// Takes the node of a pool away and leaves its claim unregistered.
fn lose(seen: &mut Observed, pool: &str) {
    list(&mut seen.kube.nodes).retain(|node| node["metadata"]["name"] != format!("{pool}-node"));
    list(&mut seen.kube.pods).retain(|pod| pod["spec"]["nodeName"] != format!("{pool}-node"));
    let claim = named(&mut seen.kube.node_claims, &format!("{pool}-x7k2p"));
    set(claim, "Registered", false, "NodeNotFound", "Node not registered with cluster");
    hungry(seen);
}

#[test]
fn a_node_never_joins() {
    let cause = first("cause-node-entry", |seen| {
        list(&mut seen.aws.entries).retain(|entry: &Entry| !entry.principal.contains("karpenter-node"));
        lose(seen, "burst");
    });
    assert!(cause.evidence.iter().any(|text| text.contains("burst-x7k2p")), "{cause:?}");
    first("cause-node-route", |seen| {
        list(&mut seen.aws.subnets)[0].way_out.clear();
        lose(seen, "burst");
    });
    first("cause-node-route", |seen| {
        list(&mut seen.aws.subnets)[0].way_out_active = false;
        lose(seen, "burst");
    });
    first("cause-node-security-group", |seen| {
        list(&mut seen.aws.instances)[4].groups = vec!["sg-other".into()];
        lose(seen, "burst");
    });
    first("cause-node-not-joining", |seen| lose(seen, "burst"));
}

#[test]
fn a_node_is_not_ready() {
    first("cause-node-not-ready", |seen| {
        set(
            named(&mut seen.kube.nodes, "stateful-node"),
            "Ready",
            false,
            "NodeStatusUnknown",
            "kubelet stopped posting",
        );
    });
}

#[test]
fn a_pool_is_at_its_limit() {
    let cause = first("cause-pool-limit", |seen| {
        named(&mut seen.kube.node_pools, "burst")["status"]["resources"]["cpu"] = "200".into();
        let mut pod = waiting("worker", "burst");
        pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "8".into();
        list(&mut seen.kube.pods).push(pod);
    });
    assert_eq!(cause.certainty, Certainty::Certain);
    let cause = first("cause-pool-limit", |seen| {
        named(&mut seen.kube.node_pools, "burst")["status"]["resources"]["cpu"] = "200".into();
    });
    assert_eq!(cause.certainty, Certainty::Warning);
}

#[test]
fn a_taint_is_not_tolerated() {
    let cause = first("cause-taint", |seen| {
        let mut pod = waiting("worker", "stateful");
        pod["spec"]["tolerations"] = json!([]);
        list(&mut seen.kube.pods).push(pod);
    });
    assert!(
        cause
            .evidence
            .iter()
            .any(|text| text.starts_with("add tolerations: [{key: workload-type, value: \"stateful\"")),
        "{cause:?}"
    );
}

#[test]
fn a_toleration_without_a_selector() {
    let cause = first("cause-toleration-only", |seen| {
        let mut pod = pod("default", "postgres", "general-purpose-node", json!({"cpu": "4", "memory": "16Gi"}));
        pod["spec"]["tolerations"] = json!([{"key": "workload-type", "value": "stateful", "effect": "NoSchedule"}]);
        list(&mut seen.kube.pods).push(pod);
    });
    assert_eq!(cause.certainty, Certainty::Warning);
    assert!(
        cause.evidence.contains(&"may land in general-purpose (on-demand or spot): no taint keeps it out".to_owned()),
        "{cause:?}"
    );
    assert!(cause.evidence.contains(&"it runs in general-purpose now, spot".to_owned()), "{cause:?}");
}

#[test]
fn no_pool_satisfies_a_selector() {
    first("cause-selector", |seen| {
        let mut pod = waiting("worker", "bursty");
        pod["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
        list(&mut seen.kube.pods).push(pod);
    });
}

#[test]
fn a_pod_is_larger_than_any_machine() {
    first("cause-pod-too-large", |seen| {
        let mut pod = waiting("worker", "burst");
        pod["spec"]["containers"][0]["resources"]["requests"] = json!({"cpu": "150", "memory": "10000Gi"});
        named(&mut seen.kube.node_pools, "burst")["spec"]["limits"] = json!({});
        list(&mut seen.kube.pods).push(pod);
    });
}

#[test]
fn nobody_makes_a_node_for_a_pod() {
    let mut seen = healthy();
    named(&mut seen.kube.nodes, "burst-node")["spec"]["unschedulable"] = true.into();
    hungry(&mut seen);
    assert_eq!(found(&seen)[0].code, "cause-pod-waiting");
    list(&mut seen.kube.events).push(event(
        "Pod",
        "default",
        "worker",
        "Nominated",
        "Pod should schedule on: nodeclaim/burst-1",
    ));
    assert_eq!(found(&seen), []);
}

#[test]
fn the_image_alias_is_gone() {
    let cause = first("cause-image-gone", |seen| {
        let class = named(&mut seen.kube.node_classes, "default");
        set(class, "AMIsReady", false, "AMINotFound", "AMISelector did not match any AMIs");
        set(class, "Ready", false, "UnhealthyDependents", "AMIsReady=False");
        for name in ["burst", "general-purpose", "stateful"] {
            set(named(&mut seen.kube.node_pools, name), "NodeClassReady", false, "NodeClassNotReady", "");
            set(named(&mut seen.kube.node_pools, name), "Ready", false, "UnhealthyDependents", "");
        }
        hungry(seen);
    });
    assert!(cause.evidence.contains(&"alias al2023@v20261115".to_owned()), "{cause:?}");
}

#[test]
fn a_class_is_not_ready_by_each_of_its_conditions() {
    for (kind, code) in [
        ("SubnetsReady", "cause-class-subnets"),
        ("SecurityGroupsReady", "cause-class-security-groups"),
        ("InstanceProfileReady", "cause-class-profile"),
        ("ValidationSucceeded", "cause-class-validation"),
        ("Ready", "cause-class-not-ready"),
    ] {
        first(code, |seen| {
            set(named(&mut seen.kube.node_classes, "default"), kind, false, "NotFound", "nothing matched");
        });
    }
}

#[test]
fn a_pool_is_not_ready_or_not_there() {
    first("cause-pool-not-ready", |seen| {
        set(named(&mut seen.kube.node_pools, "burst"), "Ready", false, "ValidationFailed", "invalid");
    });
    first("cause-pool-not-ready", |seen| {
        list(&mut seen.kube.node_pools).retain(|pool| pool["metadata"]["name"] != "burst");
    });
}

#[test]
fn a_pool_is_too_narrow() {
    let cause = first("cause-pool-too-narrow", |seen| {
        let pool = named(&mut seen.kube.node_pools, "burst");
        let requirements = pool["spec"]["template"]["spec"]["requirements"].as_array_mut().expect("requirements");
        requirements.push(
            json!({"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["m7i"], "minValues": 15}),
        );
        hungry(seen);
    });
    assert!(cause.evidence[0].contains("minValues 15"), "{cause:?}");
}

/// A claim that could not be launched.
fn unlaunched(seen: &mut Observed, message: &str) {
    let mut claim = claim("burst", "");
    claim["metadata"]["name"] = "burst-new".into();
    claim["status"]["providerID"] = "".into();
    for kind in ["Launched", "Registered", "Initialized", "Ready"] {
        set(
            &mut claim,
            kind,
            false,
            if kind == "Launched" { "LaunchFailed" } else { "NotReady" },
            if kind == "Launched" { message } else { "" },
        );
    }
    list(&mut seen.kube.node_claims).push(claim);
    named(&mut seen.kube.nodes, "burst-node")["spec"]["unschedulable"] = true.into();
    hungry(seen);
}

#[test]
fn a_launch_is_refused_by_each_reason() {
    let wrapped = "creating instance, insufficient capacity, with fleet error(s), ";
    first("cause-quota", |seen| {
        unlaunched(seen, &format!("{wrapped}VcpuLimitExceeded: You have requested more vCPU capacity"));
    });
    first("cause-subnet-full", |seen| {
        unlaunched(seen, &format!("{wrapped}InsufficientFreeAddressesInSubnet: not enough free addresses"));
    });
    let cause = first("cause-spot-capacity", |seen| {
        unlaunched(
            seen,
            &format!("{wrapped}InsufficientInstanceCapacity: We currently do not have sufficient capacity"),
        );
    });
    assert_eq!(cause.title, "EC2 has no spot capacity for NodePool burst");
    first("cause-spot-role", |seen| {
        unlaunched(seen, &format!("{wrapped}AuthFailure.ServiceLinkedRoleCreationNotPermitted: no"));
    });
    first("cause-launch", |seen| unlaunched(seen, "creating instance, InvalidParameterCombination: something else"));
}

#[test]
fn a_launch_that_failed_while_nothing_waits_is_a_warning() {
    let cause = first("cause-spot-capacity", |seen| {
        list(&mut seen.kube.events).push(event(
            "NodeClaim",
            "",
            "burst-gone",
            "InsufficientCapacityError",
            "InsufficientInstanceCapacity",
        ));
    });
    assert_eq!((cause.certainty, cause.subject), (Certainty::Warning, Subject::Pool("burst".into())));
}

#[test]
fn a_subnet_has_no_addresses() {
    let cause = first("cause-subnet-full", |seen| {
        list(&mut seen.aws.subnets)[2].free = 3;
        hungry(seen);
    });
    assert_eq!(cause.evidence[0], "subnet-3 in us-east-1c: 3 addresses free");
}

#[test]
fn a_budget_blocks_a_drain() {
    let cause = first("cause-budget-blocks", |seen| {
        let node = named(&mut seen.kube.nodes, "stateful-node");
        node["metadata"]["deletionTimestamp"] = world::ago(900).into();
        node["metadata"]["finalizers"] = json!(["karpenter.sh/termination"]);
        let claim = named(&mut seen.kube.node_claims, "stateful-x7k2p");
        claim["metadata"]["deletionTimestamp"] = world::ago(900).into();
        let mut pod = pod("db", "postgres-0", "stateful-node", json!({"cpu": "1"}));
        pod["metadata"]["labels"] = json!({"app": "postgres"});
        list(&mut seen.kube.pods).push(pod);
        list(&mut seen.kube.budgets).push(json!({
            "metadata": {"name": "postgres", "namespace": "db"}, "spec": {"selector": {"matchLabels": {"app": "postgres"}}},
            "status": {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1},
        }));
    });
    assert_eq!(cause.title, "PodDisruptionBudget db/postgres blocks a drain");
}

#[test]
fn a_finalizer_stays_when_the_instance_is_gone() {
    let cause = first("cause-finalizer", |seen| {
        let claim = named(&mut seen.kube.node_claims, "burst-x7k2p");
        claim["metadata"]["deletionTimestamp"] = world::ago(120).into();
        claim["metadata"]["finalizers"] = json!(["karpenter.sh/termination"]);
        list(&mut seen.aws.instances).retain(|instance| instance.pool != "burst");
    });
    assert!(cause.title.contains("karpenter.sh/termination"), "{cause:?}");
    assert!(cause.evidence.contains(&"its instance is gone".to_owned()), "{cause:?}");
}

#[test]
fn a_node_has_expired_and_stays() {
    first("cause-node-expired", |seen| {
        let claim = named(&mut seen.kube.node_claims, "general-purpose-x7k2p");
        claim["metadata"]["creationTimestamp"] = world::ago(721 * 3600).into();
    });
}

#[test]
fn the_controller_is_absent_or_scaled_away() {
    first("cause-controller-absent", |seen| {
        list(&mut seen.kube.deployments).retain(|one| one["metadata"]["name"] != "karpenter");
        hungry(seen);
    });
    first("cause-controller-absent", |seen| {
        named(&mut seen.kube.deployments, "karpenter")["spec"]["replicas"] = 0.into();
    });
}

#[test]
fn a_system_group_of_one_node_holds_one_replica() {
    let cause = first("cause-controller-unschedulable", |seen| {
        list(&mut seen.kube.nodes).retain(|node| node["metadata"]["name"] != "system-2");
        list(&mut seen.aws.instances).remove(1);
        list(&mut seen.kube.pods).retain(|pod| pod["spec"]["nodeName"] != "system-2");
        let mut replica = pod("karpenter", "karpenter-2", "", json!({"cpu": "1", "memory": "1Gi"}));
        replica["metadata"]["labels"] = json!({"app.kubernetes.io/name": "karpenter"});
        list(&mut seen.kube.pods).push(replica);
    });
    assert!(cause.evidence.contains(&"replicas never share a host".to_owned()), "{cause:?}");
}

#[test]
fn the_controller_crashes_or_never_gets_ready() {
    first("cause-controller-crash", |seen| {
        let pod = named(&mut seen.kube.pods, "karpenter-1");
        pod["status"]["containerStatuses"][0] =
            json!({"restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
        list(&mut seen.kube.karpenter_log).push(log("ERROR", "unable to start", "no endpoint"));
        hungry(seen);
    });
    first("cause-controller-not-ready", |seen| {
        set(named(&mut seen.kube.pods, "karpenter-1"), "Ready", false, "ContainersNotReady", "");
    });
}

#[test]
fn definitions_are_missing_or_old() {
    first("cause-definitions-missing", |seen| list(&mut seen.kube.definitions).truncate(2));
    let cause = first("cause-definitions-old", |seen| {
        named(&mut seen.kube.definitions, "nodepools.karpenter.sh")["metadata"]["annotations"]["rem-ci.dev/chart"] =
            "1.1.0".into();
    });
    assert!(cause.evidence[0].contains("1.1.0"), "{cause:?}");
    first("cause-definitions-old", |seen| {
        let definition = named(&mut seen.kube.definitions, "nodepools.karpenter.sh");
        definition["metadata"]["annotations"] = json!({});
        definition["spec"]["versions"] = json!([{"name": "v1", "schema": {"openAPIV3Schema": {}}}]);
    });
}

#[test]
fn calls_are_throttled() {
    first("cause-throttled", |seen| {
        list(&mut seen.kube.karpenter_log).push(log(
            "ERROR",
            "Reconciler error",
            "RequestLimitExceeded: Request limit exceeded.",
        ));
    });
}

#[test]
fn an_addon_is_degraded_because_it_tolerates_nothing() {
    first("cause-addon-tolerations", |seen| {
        let mut dns = pod("kube-system", "coredns-2", "", json!({"cpu": "100m"}));
        dns["metadata"]["labels"] = json!({"k8s-app": "kube-dns"});
        list(&mut seen.kube.pods).push(dns);
        let addon = list(&mut seen.aws.addons).iter_mut().find(|addon| addon.name == "coredns").expect("coredns");
        addon.status = "DEGRADED".into();
        addon.issues = vec!["InsufficientNumberOfReplicas: The add-on is unhealthy".into()];
    });
    first("cause-addon-degraded", |seen| list(&mut seen.aws.addons)[0].status = "DEGRADED".into());
}

/// A pod on a node that waits for its volume.
fn wants_volume(seen: &mut Observed, class: &str) {
    let mut pod = waiting("db-0", "stateful");
    pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]);
    list(&mut seen.kube.pods).push(pod);
    list(&mut seen.kube.claims).push(json!({
        "metadata": {"name": "data-db-0", "namespace": "default"}, "spec": {"storageClassName": class}, "status": {"phase": "Pending"},
    }));
}

#[test]
fn a_volume_is_not_made() {
    first("cause-addon-role", |seen| {
        list(&mut seen.aws.addon_roles).retain(|(name, _)| name != "aws-ebs-csi-driver");
        wants_volume(seen, "gp3");
        list(&mut seen.kube.events).push(event(
            "PersistentVolumeClaim",
            "default",
            "data-db-0",
            "ProvisioningFailed",
            "could not create volume",
        ));
    });
    first("cause-volume-unbound", |seen| {
        wants_volume(seen, "gp3");
        list(&mut seen.kube.events).push(event(
            "PersistentVolumeClaim",
            "default",
            "data-db-0",
            "ProvisioningFailed",
            "timed out",
        ));
    });
    first("cause-volume-class", |seen| wants_volume(seen, "fast"));
}

#[test]
fn an_image_cannot_be_pulled() {
    let cause = first("cause-image-pull", |seen| {
        let pod = named(&mut seen.kube.pods, "my-app");
        pod["status"]["phase"] = "Pending".into();
        pod["status"]["containerStatuses"][0] = json!({"image": "my-app:latest", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}});
    });
    assert_eq!(cause.title, "default/my-app cannot pull my-app:latest");
}

#[test]
fn what_concerns_the_pod_comes_first_and_other_pods_not_at_all() {
    let mut seen = healthy();
    queue_variable(&mut seen, "");
    for name in ["one", "two"] {
        let mut pod = waiting(name, "stateful");
        pod["spec"]["tolerations"] = json!([]);
        list(&mut seen.kube.pods).push(pod);
    }
    assert_eq!(found(&seen)[0].code, "cause-queue-unset");
    let spec = world::spec();
    let causes = diagnose(&seen, &spec, &Identity::of(&spec), Some("default/two"));
    let subjects: Vec<_> = causes.iter().map(|cause| cause.subject.clone()).collect();
    assert_eq!(subjects, [Subject::Pod("default/two".into()), Subject::Environment]);
    assert_eq!(landing_of(&seen, &spec, "default/two").expect("the pod").len(), 3);
    assert!(landing_of(&seen, &spec, "default/three").is_none());
}

#[test]
fn nodes_that_have_room_take_a_pod_without_a_cause() {
    let mut seen = healthy();
    list(&mut seen.kube.nodes).push(pool_node("burst", "i-00000000000000009", "spot"));
    hungry(&mut seen);
    list(&mut seen.aws.instances).clear();
    assert_eq!(found(&seen), []);
}
