//! What a cluster's service controller makes for a Service of type `LoadBalancer`, and takes away again.
//!
//! The controller that comes with EKS's control plane makes a classic load balancer called `a` and the Service's uid, with a
//! security group `k8s-elb-NAME` that the nodes let in; for the annotation `aws-load-balancer-type: nlb` a network load
//! balancer with one target group and no security group of its own. All carry `kubernetes.io/cluster/CLUSTER` and
//! `kubernetes.io/service-name` (cloud-provider-aws: `pkg/providers/v1/aws.go`, `aws_loadbalancer.go`).

use std::collections::BTreeMap;

use super::{Sort, TargetGroup, Wanted, make as make_balancer, remove, second};
use crate::sandbox::aws::ec2::security_group;
use crate::sandbox::region::{Here, text, texts};

/// The name of the load balancer of a Service with that uid: `a` and its digits, 32 characters at most.
#[must_use]
pub fn name_of(uid: &str) -> String {
    let digits: String = uid.chars().filter(|letter| *letter != '-').collect();
    format!("a{digits}").chars().take(32).collect()
}

/// Makes the classic load balancer of a Service (`namespace/name`) and gives its DNS name; the same again for one that has
/// one. Nothing when the cluster or its subnets are gone.
pub fn make(here: &mut Here<'_>, cluster: &str, service: &str, uid: &str) -> Option<String> {
    let name = name_of(uid);
    if let Some(balancer) = here.region.elb.classic.get(&name) {
        return Some(balancer.dns.clone());
    }
    let place = place(here, cluster)?;
    let tags = tags(cluster, service);
    let group_name = format!("k8s-elb-{name}");
    let description = format!("Security group for Kubernetes ELB {name} ({service})");
    let owned = BTreeMap::from([(format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned())]);
    let group = security_group::create_balancer(here, &group_name, &description, &place.nodes, owned)?;
    let wanted = Wanted {
        sort: Sort::Classic,
        name: name.clone(),
        public: true,
        subnets: place.subnets,
        groups: vec![group],
        tags,
    };
    let balancer = make_balancer(here, wanted).ok()?;
    let dns = balancer.dns.clone();
    here.region.elb.classic.insert(name, balancer);
    Some(dns)
}

/// The same for a network load balancer.
pub fn make_network(here: &mut Here<'_>, cluster: &str, service: &str, uid: &str) -> Option<String> {
    let name = name_of(uid);
    if let Some(balancer) = here.region.elb.second.values().find(|balancer| balancer.name == name) {
        return Some(balancer.dns.clone());
    }
    let place = place(here, cluster)?;
    let tags = tags(cluster, service);
    let wanted = Wanted {
        sort: Sort::Network,
        name,
        public: true,
        subnets: place.subnets,
        groups: Vec::new(),
        tags: tags.clone(),
    };
    let balancer = make_balancer(here, wanted).ok()?;
    let (dns, arn) = (balancer.dns.clone(), second::arn(here, &balancer));
    let part = here.letters("0123456789abcdef", 10);
    let group = TargetGroup {
        name: format!("k8s-{part}"),
        protocol: "TCP".to_owned(),
        port: 80,
        vpc: balancer.vpc.clone(),
        balancer: arn.clone(),
        tags,
    };
    second::add_group(here, group);
    here.region.elb.second.insert(arn, balancer);
    Some(dns)
}

/// Takes away what a Service had: the load balancer at once, target groups with it, its security group when no interface is
/// in it any more. True when nothing is left; the controller comes back until then.
pub fn unmake(here: &mut Here<'_>, uid: &str) -> bool {
    let name = name_of(uid);
    if let Some(balancer) = here.region.elb.classic.remove(&name) {
        remove(here, &balancer);
    }
    let arn = here.region.elb.second.iter().find(|(_, balancer)| balancer.name == name).map(|(arn, _)| arn.clone());
    if let Some(arn) = arn
        && let Some(balancer) = here.region.elb.second.remove(&arn)
    {
        here.region.elb.groups.retain(|_, group| group.balancer != arn);
        remove(here, &balancer);
    }
    let groups = &here.region.ec2.security_groups;
    let wanted = format!("k8s-elb-{name}");
    let group = groups.iter().find(|(_, group)| group.name == wanted).map(|(id, _)| id.clone());
    group.is_none_or(|id| security_group::remove_balancer(here, &id).is_ok())
}

struct Place {
    subnets: Vec<String>,
    /// The group of the nodes, which lets the load balancer in.
    nodes: String,
}

/// The public subnets of the cluster's VPC, by their role tag; else the cluster's own.
fn place(here: &Here<'_>, cluster: &str) -> Option<Place> {
    let config = &here.region.eks.clusters.get(cluster)?.body["resourcesVpcConfig"];
    let own = texts(config, "subnetIds");
    let ec2 = &here.region.ec2;
    let vpc = own.iter().find_map(|id| ec2.subnets.get(id)).map(|subnet| subnet.vpc.clone())?;
    let public = ec2.subnets.iter().filter(|(id, subnet)| {
        let tags = ec2.tags.get(*id);
        subnet.vpc == vpc && tags.is_some_and(|tags| tags.contains_key("kubernetes.io/role/elb"))
    });
    let public: Vec<String> = public.map(|(id, _)| id.clone()).collect();
    let nodes = text(config, "clusterSecurityGroupId").to_owned();
    Some(Place { subnets: if public.is_empty() { own } else { public }, nodes })
}

fn tags(cluster: &str, service: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned()),
        ("kubernetes.io/service-name".to_owned(), service.to_owned()),
    ])
}
