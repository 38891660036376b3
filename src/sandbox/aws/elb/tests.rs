//! Through the real SDK clients of both generations.

use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancing::types::Listener;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use serde_json::json;

use super::service;
use crate::sandbox::aws::ec2::security_group;
use crate::sandbox::aws::wire_tests::shared;
use crate::sandbox::connector::Sandbox;
use crate::sandbox::region::{Here, with_here};

const CALLER: &str = "arn:aws:iam::123456789012:user/sandbox";

fn here<T>(sandbox: &Sandbox, f: impl FnOnce(&mut Here<'_>) -> T) -> T {
    let now = sandbox.now();
    sandbox.with(|state| {
        with_here(state, now, "123456789012", "us-east-1", CALLER, |here| {
            crate::sandbox::region::settle(here);
            f(here)
        })
    })
}

/// A VPC with two subnets.
async fn network(ec2: &aws_sdk_ec2::Client) -> (String, Vec<String>) {
    let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    tokio::time::advance(Duration::from_secs(30)).await;
    let mut subnets = Vec::new();
    for part in 0..2 {
        let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("10.0.{part}.0/24"));
        subnets.push(call.send().await.unwrap().subnet.unwrap().subnet_id.unwrap());
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    (vpc, subnets)
}

async fn interfaces(ec2: &aws_sdk_ec2::Client, description: &str) -> Vec<aws_sdk_ec2::types::NetworkInterface> {
    // New ones show a little later.
    tokio::time::advance(Duration::from_secs(3)).await;
    let filter = Filter::builder().name("description").values(description).build();
    ec2.describe_network_interfaces().filters(filter).send().await.unwrap().network_interfaces.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_second_generation_is_made_listed_in_pages_and_holds_its_subnets_after_its_end() {
    let (config, _, _) = shared();
    let (ec2, elb) = (aws_sdk_ec2::Client::new(&config), aws_sdk_elasticloadbalancingv2::Client::new(&config));
    let (_, subnets) = network(&ec2).await;
    let mut arns = Vec::new();
    for name in ["one", "two", "three"] {
        let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder().key("for").value(name).build();
        let call = elb.create_load_balancer().name(name).r#type(LoadBalancerTypeEnum::Network).tags(tag);
        let made = call.set_subnets(Some(subnets.clone())).send().await.unwrap();
        arns.push(made.load_balancers()[0].load_balancer_arn().unwrap().to_owned());
    }
    let again = elb.create_load_balancer().name("one").set_subnets(Some(subnets.clone())).send().await.unwrap_err();
    assert_eq!(again.code(), Some("DuplicateLoadBalancerName"));
    let mut pages = elb.describe_load_balancers().page_size(2).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().load_balancers().len());
    }
    assert_eq!(sizes, [2, 1]);
    let tags = elb.describe_tags().set_resource_arns(Some(arns.clone())).send().await.unwrap();
    assert_eq!(tags.tag_descriptions()[2].tags()[0].value(), Some("three"));
    let held = interfaces(&ec2, "ELB net/one/*").await;
    assert_eq!(held.len(), 2);
    assert_eq!(held[0].requester_managed(), Some(true));
    assert_eq!(held[0].status().unwrap().as_str(), "in-use");

    for arn in &arns {
        elb.delete_load_balancer().load_balancer_arn(arn).send().await.unwrap();
    }
    elb.delete_load_balancer().load_balancer_arn(&arns[0]).send().await.unwrap();
    assert_eq!(elb.describe_load_balancers().send().await.unwrap().load_balancers().len(), 0);
    let refused = ec2.delete_subnet().subnet_id(&subnets[0]).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("DependencyViolation"));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(interfaces(&ec2, "ELB *").await.is_empty());
    ec2.delete_subnet().subnet_id(&subnets[0]).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_generation_goes_by_names_and_keeps_to_itself() {
    let (config, _, _) = shared();
    let (ec2, elb) = (aws_sdk_ec2::Client::new(&config), aws_sdk_elasticloadbalancing::Client::new(&config));
    let (_, subnets) = network(&ec2).await;
    let listener = Listener::builder().protocol("tcp").load_balancer_port(80).instance_port(30080).build().unwrap();
    let call = elb.create_load_balancer().load_balancer_name("old").listeners(listener);
    let made = call.set_subnets(Some(subnets)).send().await.unwrap();
    assert!(made.dns_name().unwrap().starts_with("old-"), "{made:?}");
    let listed = elb.describe_load_balancers().send().await.unwrap();
    assert_eq!(listed.load_balancer_descriptions()[0].load_balancer_name(), Some("old"));
    let second = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    assert_eq!(second.describe_load_balancers().send().await.unwrap().load_balancers().len(), 0);
    let none = elb.describe_load_balancers().load_balancer_names("none").send().await.unwrap_err();
    assert_eq!(none.code(), Some("LoadBalancerNotFound"));
    let many = (0..21).map(|at| at.to_string()).collect();
    let refused = elb.describe_tags().set_load_balancer_names(Some(many)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    elb.delete_load_balancer().load_balancer_name("old").send().await.unwrap();
    assert_eq!(interfaces(&ec2, "ELB old").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_gets_its_balancer_with_a_group_that_can_only_go_after_the_interfaces() {
    let (config, _, sandbox) = shared();
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let (vpc, subnets) = network(&ec2).await;
    let nodes = here(&sandbox, |here| {
        let nodes = security_group::create_cluster(here, "prod", &vpc);
        let body = json!({ "resourcesVpcConfig": { "subnetIds": subnets, "clusterSecurityGroupId": nodes } });
        let cluster = crate::sandbox::aws::eks::Cluster { body, ..Default::default() };
        here.region.eks.clusters.insert("prod".to_owned(), cluster);
        nodes
    });
    let (uid, other) = ("12345678-aaaa-bbbb-cccc-1234567890ab", "22345678-aaaa-bbbb-cccc-1234567890ab");
    let dns = here(&sandbox, |here| service::make(here, "prod", "shop/web", uid)).unwrap();
    assert!(dns.starts_with("a12345678aaaabbbbcccc1234567890a-"), "{dns}");
    assert_eq!(here(&sandbox, |here| service::make(here, "prod", "shop/web", uid)), Some(dns));
    let network = here(&sandbox, |here| service::make_network(here, "prod", "shop/api", other)).unwrap();
    assert!(network.ends_with(".elb.us-east-1.amazonaws.com"), "{network}");
    let v2 = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    assert_eq!(v2.describe_target_groups().send().await.unwrap().target_groups().len(), 1);

    tokio::time::advance(Duration::from_secs(3)).await;
    let by_name = Filter::builder().name("group-name").values("k8s-elb-*").build();
    let groups = ec2.describe_security_groups().filters(by_name).send().await.unwrap().security_groups.unwrap();
    assert_eq!(groups.len(), 1);
    let group = groups[0].group_id().unwrap();
    let refused = ec2.delete_security_group().group_id(group).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("DependencyViolation"));
    assert!(!here(&sandbox, |here| service::unmake(here, uid)), "its interfaces are still there");
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(here(&sandbox, |here| service::unmake(here, uid)));
    here(&sandbox, |here| {
        let rules = here.region.ec2.rules.values().filter(|rule| rule.group == nodes && !rule.egress);
        assert_eq!(rules.count(), 1, "what let the load balancer in has gone with it");
    });
    assert!(here(&sandbox, |here| service::unmake(here, other)), "a network load balancer has no group of its own");
    assert_eq!(v2.describe_target_groups().send().await.unwrap().target_groups().len(), 0);
}
