//! prod with all that is optional, applied once for all tests of this room.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use rem_ci::config::Loaded;
use rem_ci::config::spec::{
    Access, Addon, Identity, IngressRule, NodePool, NodeSecurityGroup, Quantity, Taint, UpgradePolicy, Zones,
};
use rem_ci::sandbox::state::State;

use crate::common::{Region, apply, environment};

/// The environment and a region that has it.
pub(super) struct Everything {
    pub(super) loaded: Loaded,
    pub(super) region: Region,
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

/// Roles of people and of the Action, which are there before.
const ROLES: [&str; 5] = ["sre", "dev", "plan", "apply", "destroy"];

fn arn(role: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{role}")
}

/// prod, with everything that a file can switch on.
pub(super) fn loaded() -> Loaded {
    let mut loaded = environment("prod");
    let spec = &mut loaded.spec;
    let network = &mut spec.network;
    // Named, so that a subnet in another zone is a difference and not a choice that stays.
    network.zones = Zones::Ids(["use1-az1", "use1-az2", "use1-az4"].map(str::to_owned).to_vec());
    network.endpoints = ["s3", "sts", "ecr.api"].map(str::to_owned).to_vec();
    let rule = |peer: &str, ports: &str| IngressRule {
        peer: peer.to_owned(),
        protocol: "tcp".to_owned(),
        ports: Some(ports.to_owned()),
        why: "because".to_owned(),
    };
    let ingress = [("self", rule("self", "8000-8100")), ("office", rule("10.8.0.0/16", "443"))];
    let ingress = ingress.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect();
    network.node_security_group = Some(NodeSecurityGroup { ingress });
    let cluster = &mut spec.cluster;
    cluster.upgrade_policy = UpgradePolicy::Extended;
    cluster.zonal_shift = true;
    cluster.service_cidr = Some("172.20.0.0/16".to_owned());
    cluster.endpoint.public = true;
    cluster.endpoint.public_cidrs = vec!["203.0.113.0/24".to_owned()];
    let access = |role: &str, policy: &str, namespaces: &[&str], groups: &[&str]| Access {
        principal: arn(role),
        policy: Some(policy.to_owned()),
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
    };
    cluster.access = BTreeMap::from([
        ("sre".to_owned(), access("sre", "AmazonEKSViewPolicy", &["default", "web"], &["viewers"])),
        ("dev".to_owned(), access("dev", "AmazonEKSEditPolicy", &[], &[])),
        // Whoever runs these tests is none of the file's roles.
        (
            "tests".to_owned(),
            Access {
                principal: "arn:aws:iam::123456789012:user/sandbox".to_owned(),
                ..access("tests", "AmazonEKSClusterAdminPolicy", &[], &[])
            },
        ),
    ]);
    spec.roles.plan = Some(arn("plan"));
    spec.roles.apply = Some(arn("apply"));
    spec.roles.destroy = Some(arn("destroy"));
    let addon = |version: &str, identity| Addon { version: version.to_owned(), identity, configuration: None };
    spec.addons.insert("vpc-cni".to_owned(), addon("v1.21.2-eksbuild.1", Some(Identity::Irsa)));
    spec.addons.insert("aws-ebs-csi-driver".to_owned(), addon("default", Some(Identity::PodIdentity)));
    spec.karpenter.identity = Identity::PodIdentity;
    spec.karpenter.chart_digest = Some(format!("sha256:{}", "0".repeat(64)));
    let class = spec.node_classes.get_mut("default").expect("a class");
    class.ami_alias = Some("al2023@v20261118".to_owned());
    class.ami_family = Some("AL2023".to_owned());
    class.user_data = Some("#!/bin/sh\ntrue\n".to_owned());
    class.kubelet.insert("maxPods".to_owned(), 50.into());
    class.detailed_monitoring = Some(true);
    class.instance_store_policy = Some("RAID0".to_owned());
    let taint = Taint { key: "acme.com/boot".to_owned(), value: None, effect: "NoSchedule".to_owned() };
    let burst = spec.node_pools.get_mut("burst").expect("a pool");
    burst.annotations.insert("acme.com/why".to_owned(), "because".to_owned());
    burst.startup_taints.push(taint);
    burst.termination_grace_period = Some("48h".to_owned());
    burst.weight = Some(10);
    let limits = BTreeMap::from([("nodes".to_owned(), Quantity::Number(3))]);
    let disruption = None;
    let fixed = NodePool { replicas: Some(0), limits, disruption, weight: None, ..burst.clone() };
    spec.node_pools.insert("fixed".to_owned(), fixed);
    loaded
}

/// An empty region with the roles that the file names.
pub(super) async fn founded(loaded: &Loaded) -> Region {
    let region = Region::new(11, &loaded.spec.account);
    let world = region.world(loaded);
    for role in ROLES {
        let call = world.cloud.iam.create_role().role_name(role).assume_role_policy_document(TRUST);
        call.send().await.expect("CreateRole");
    }
    rem_ci::engine::wait::pause(Duration::from_mins(1)).await;
    region
}

impl Everything {
    /// All of it, applied: the work is done once, each test has its own copy.
    pub(super) async fn applied() -> Self {
        static APPLIED: OnceLock<(State, Duration)> = OnceLock::new();
        let loaded = loaded();
        if let Some((state, later)) = APPLIED.get() {
            return Self { region: Region::over(state.clone(), *later), loaded };
        }
        let began = tokio::time::Instant::now();
        let region = founded(&loaded).await;
        let world = region.world(&loaded);
        let applied = apply(&loaded, &world).await.unwrap_or_else(|halt| panic!("{halt:#?}"));
        let failed: Vec<_> = applied.outcome.reports.iter().filter(|report| report.error.is_some()).collect();
        assert!(applied.outcome.complete(), "{failed:#?}");
        let later = began.elapsed() + Duration::from_hours(1);
        let state = region.sandbox.with(|state| state.clone());
        let _ = APPLIED.set((state.clone(), later));
        Self { region: Region::over(state, later), loaded }
    }
}
