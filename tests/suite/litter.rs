//! What Karpenter, a cluster's controllers and the CSI driver make, put into a region as they would leave it.

use std::collections::BTreeMap;

use rem_ci::config::Loaded;
use rem_ci::sandbox::aws::ec2::{self, Launch, NetworkInterface, Snapshot, Volume};
use rem_ci::sandbox::aws::elb::service;
use rem_ci::sandbox::aws::elb::{Balancer, Sort};
use rem_ci::sandbox::region::{Here, with_here};

use crate::common::Region;

/// Ids of what was strewn about.
pub(crate) struct Litter {
    /// `vol-…` of the claim `shop/data-db-0`.
    pub(crate) volume: String,
    /// Of that volume.
    pub(crate) snapshot: String,
    /// Name of an instance profile with the node role in it.
    pub(crate) profile: String,
}

/// Runs `f` inside the environment's region.
pub(crate) fn here<T>(region: &Region, loaded: &Loaded, f: impl FnOnce(&mut Here<'_>) -> T) -> T {
    let (now, spec) = (region.sandbox.now(), &loaded.spec);
    let caller = format!("arn:aws:iam::{}:user/sandbox", spec.account);
    region.sandbox.with(|state| with_here(state, now, &spec.account, &spec.region, &caller, f))
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Litter {
    /// One of everything: two load balancers, a node of Karpenter with its launch template and profile, a leaked interface, a
    /// volume with a snapshot.
    pub(crate) fn strewn(region: &Region, loaded: &Loaded) -> Self {
        let cluster = loaded.spec.cluster.name.clone();
        here(region, loaded, |here| {
            service::make(here, &cluster, "shop/web", "12345678-aaaa-bbbb-cccc-1234567890ab").expect("a load balancer");
            service::make_network(here, &cluster, "shop/api", "22345678-aaaa-bbbb-cccc-1234567890ab")
                .expect("a load balancer");
            let owned = format!("kubernetes.io/cluster/{cluster}");
            let node = tags(&[(&owned, "owned"), ("karpenter.sh/nodepool", "burst")]);
            let config = here.region.eks.clusters[&cluster].body["resourcesVpcConfig"].clone();
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            let (subnet, group) = (text(&config["subnetIds"][0]), text(&config["clusterSecurityGroupId"]));
            let launch = Launch {
                instance_types: vec!["m7i.large".to_owned(), "m6i.large".to_owned(), "t3.medium".to_owned()],
                image: "ami-00000000000000001".to_owned(),
                subnets: vec![subnet.clone()],
                groups: vec![group],
                count: 1,
                spot: false,
                tags: node.clone(),
                volume: None,
                instance_profile: None,
                template: None,
                metadata: (true, 1),
                more_interfaces: 0,
                after: Vec::new(),
            };
            ec2::instance::launch(here, &launch).expect("an instance");
            let template = here.id("lt");
            let made = here.region.ec2.launch_templates.values().next().cloned().expect("the node group's");
            let made = ec2::LaunchTemplate { name: "karpenter.k8s.aws/1234".to_owned(), ..made };
            here.region.ec2.launch_templates.insert(template.clone(), made);
            let marks = tags(&[("karpenter.k8s.aws/cluster", &cluster), (&owned, "owned")]);
            here.region.ec2.tags.insert(template, marks);

            leak(here, &subnet, &cluster);
            let zone = here.region.ec2.subnets[&subnet].zone.clone();
            let volume = Volume { size: 20, kind: "gp3".to_owned(), encrypted: true, zone, ..Volume::default() };
            let claim = tags(&[
                (&owned, "owned"),
                ("ebs.csi.aws.com/cluster", "true"),
                ("kubernetes.io/created-for/pvc/namespace", "shop"),
                ("kubernetes.io/created-for/pvc/name", "data-db-0"),
            ]);
            let volume = ec2::volume::make(here, volume, claim);
            let snapshot = here.id("snap");
            let taken = Snapshot { volume: volume.clone(), size: 20, encrypted: true, created: here.now };
            here.region.ec2.snapshots.insert(snapshot.clone(), taken);
            let marks = tags(&[(&owned, "owned"), ("ebs.csi.aws.com/cluster", "true")]);
            here.region.ec2.tags.insert(snapshot.clone(), marks);

            let profile = format!("{cluster}_1234567890");
            let role = here.iam.roles.keys().find(|name| name.contains("node")).cloned().expect("the node role");
            let path = format!("/karpenter/{}/{cluster}/0000-1111/", here.name);
            let made = rem_ci::sandbox::aws::iam::Profile {
                name: profile.clone(),
                arn: format!("arn:aws:iam::{}:instance-profile{path}{profile}", here.account),
                path,
                id: "AIPA1234567890".to_owned(),
                role: Some(role),
                ..Default::default()
            };
            here.iam.profiles.insert(profile.clone(), made);
            Self { volume, snapshot, profile }
        })
    }
}

/// An interface that the CNI had attached to a node and nobody took away.
fn leak(here: &mut Here<'_>, subnet: &str, cluster: &str) {
    let leaked = here.id("eni");
    let home = here.region.ec2.subnets[subnet].clone();
    let ip = home.cidr.hosts().nth(2000).expect("an address");
    let mut interface = NetworkInterface::in_subnet(subnet, &home, ip);
    "aws-K8S-i-0123456789abcdef0".clone_into(&mut interface.description);
    here.region.ec2.network_interfaces.insert(leaked.clone(), interface);
    here.region.ec2.tags.insert(leaked, tags(&[("cluster.k8s.amazonaws.com/name", cluster)]));
}

/// One leaked interface in a subnet of the environment's cluster.
pub(crate) fn interface(region: &Region, loaded: &Loaded) {
    let cluster = loaded.spec.cluster.name.clone();
    here(region, loaded, |here| {
        let config = &here.region.eks.clusters[&cluster].body["resourcesVpcConfig"];
        let subnet = config["subnetIds"][0].as_str().expect("a subnet").to_owned();
        leak(here, &subnet, &cluster);
    });
}

/// A load balancer that carries the cluster's tag and is in nobody's VPC that we know. Gives its name.
pub(crate) fn balancer_elsewhere(region: &Region, loaded: &Loaded) -> String {
    let owned = format!("kubernetes.io/cluster/{}", loaded.spec.cluster.name);
    here(region, loaded, |here| {
        let balancer = Balancer {
            sort: Sort::Classic,
            name: "elsewhere".to_owned(),
            id: "0123456789abcdef".to_owned(),
            public: true,
            vpc: "vpc-0fedcba9876543210".to_owned(),
            subnets: Vec::new(),
            groups: Vec::new(),
            dns: "elsewhere-1.us-east-1.elb.amazonaws.com".to_owned(),
            created: here.now,
            ready: here.now,
            tags: tags(&[(&owned, "owned")]),
        };
        here.region.elb.classic.insert(balancer.name.clone(), balancer);
        "elsewhere".to_owned()
    })
}
