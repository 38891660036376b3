//! The real SDK client, in process, on virtual time: its requests are built and signed, and it reads the answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_ec2::config::{BehaviorVersion, Region};
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, IpPermission, IpRange, ResourceType, Tag, TagSpecification};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use tokio::time::Instant;

use crate::sandbox::connector::Sandbox;
use crate::sandbox::state::State;

const EPOCH: u64 = 1_790_000_000;

#[derive(Debug)]
struct Clock(Instant);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(EPOCH) + self.0.elapsed()
    }
}

fn client() -> Client {
    let start = Instant::now();
    let now = move || i64::try_from(u128::from(EPOCH) * 1000 + start.elapsed().as_millis()).unwrap_or_default();
    let sandbox = Sandbox::new(State::new(11), Arc::new(now), None);
    let keys = Credentials::new("AKIA123456789012", "secret", None, None, "test");
    let shared = aws_types::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(sandbox)
        .time_source(Clock(start))
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::standard())
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let partition = RetryPartition::new("sandbox-ec2-sdk-tests");
    Client::from_conf(aws_sdk_ec2::config::Builder::from(&shared).retry_partition(partition).build())
}

fn tags(kind: ResourceType) -> TagSpecification {
    let tag = Tag::builder().key("rem-ci:env").value("prod & more").build();
    TagSpecification::builder().resource_type(kind).tags(tag).build()
}

#[tokio::test(start_paused = true)]
async fn a_network_is_made_listed_paged_and_deleted() {
    let ec2 = client();
    let made = ec2.create_vpc().cidr_block("10.0.0.0/16").tag_specifications(tags(ResourceType::Vpc)).send().await;
    let vpc = made.unwrap().vpc.unwrap();
    assert_eq!(vpc.state.unwrap().as_str(), "pending");
    assert_eq!(vpc.tags.unwrap()[0].value.as_deref(), Some("prod & more"));
    let vpc = vpc.vpc_id.unwrap();
    tokio::time::advance(Duration::from_secs(13)).await;
    let by_tag = Filter::builder().name("tag:rem-ci:env").values("prod*").build();
    let seen = ec2.describe_vpcs().filters(by_tag).send().await.unwrap().vpcs.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].state.as_ref().unwrap().as_str(), "available");
    let on = AttributeBooleanValue::builder().value(true).build();
    ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await.unwrap();

    let mut subnets = Vec::new();
    for part in 0..7 {
        let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("10.0.{part}.0/24"));
        let call = call.availability_zone("us-east-1b").tag_specifications(tags(ResourceType::Subnet));
        subnets.push(call.send().await.unwrap().subnet.unwrap().subnet_id.unwrap());
    }
    tokio::time::advance(Duration::from_secs(5)).await;
    let of_vpc = Filter::builder().name("vpc-id").values(&vpc).build();
    let mut pages = ec2.describe_subnets().filters(of_vpc).max_results(5).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap().subnets.unwrap();
        assert!(page.iter().all(|subnet| subnet.available_ip_address_count == Some(251)));
        sizes.push(page.len());
    }
    assert_eq!(sizes, [5, 2]);

    let refused = ec2.delete_vpc().vpc_id(&vpc).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("DependencyViolation"));
    for subnet in subnets {
        ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
    }
    ec2.delete_vpc().vpc_id(&vpc).send().await.unwrap();
    let gone = ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("InvalidVpcID.NotFound"));
}

#[tokio::test(start_paused = true)]
async fn groups_templates_and_tables_are_read_by_the_client() {
    let ec2 = client();
    let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    tokio::time::advance(Duration::from_secs(13)).await;
    let group = ec2.create_security_group().group_name("nodes").description("nodes").vpc_id(&vpc).send().await;
    let group = group.unwrap().group_id.unwrap();
    let range = IpRange::builder().cidr_ip("10.0.0.0/16").description("the VPC").build();
    let https = IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).ip_ranges(range).build();
    let made = ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(https).send().await.unwrap();
    assert_eq!(made.security_group_rules.unwrap()[0].cidr_ipv4.as_deref(), Some("10.0.0.0/16"));
    tokio::time::advance(Duration::from_secs(3)).await;
    let seen = ec2.describe_security_groups().group_ids(&group).send().await.unwrap().security_groups.unwrap();
    let rule = &seen[0].ip_permissions.as_ref().unwrap()[0];
    assert_eq!(rule.ip_ranges.as_ref().unwrap()[0].description.as_deref(), Some("the VPC"));

    let data = aws_sdk_ec2::types::RequestLaunchTemplateData::builder()
        .metadata_options(
            aws_sdk_ec2::types::LaunchTemplateInstanceMetadataOptionsRequest::builder()
                .http_put_response_hop_limit(1)
                .build(),
        )
        .block_device_mappings(
            aws_sdk_ec2::types::LaunchTemplateBlockDeviceMappingRequest::builder()
                .device_name("/dev/xvda")
                .ebs(
                    aws_sdk_ec2::types::LaunchTemplateEbsBlockDeviceRequest::builder()
                        .volume_size(40)
                        .encrypted(true)
                        .build(),
                )
                .build(),
        )
        .build();
    let made = ec2.create_launch_template().launch_template_name("nodes").launch_template_data(data).send().await;
    let template = made.unwrap().launch_template.unwrap().launch_template_id.unwrap();
    let call = ec2.describe_launch_template_versions().launch_template_id(template).versions("$Latest");
    let versions = call.send().await.unwrap().launch_template_versions.unwrap();
    let data = versions[0].launch_template_data.as_ref().unwrap();
    let disk = data.block_device_mappings.as_ref().unwrap()[0].ebs.as_ref().unwrap();
    assert_eq!((disk.volume_size, disk.encrypted), (Some(40), Some(true)));
    assert_eq!(data.metadata_options.as_ref().unwrap().http_put_response_hop_limit, Some(1));

    let table = ec2.create_route_table().vpc_id(&vpc).send().await.unwrap().route_table.unwrap();
    let route = &table.routes.unwrap()[0];
    assert_eq!(
        (route.gateway_id.as_deref(), route.destination_cidr_block.as_deref()),
        (Some("local"), Some("10.0.0.0/16"))
    );
}
