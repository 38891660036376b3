//! The VPC.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, VpcAttributeName, VpcState};
use futures_util::future::{try_join, try_join_all};

use super::ec2_common::{
    changed, fields, gone_is_done, half_made, id_of, is_of, live, once, ours, retag, tagged, text,
};
use super::holders;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Resource,
    Scope, Value,
};

/// The environment's own VPC, `network/vpc`.
#[derive(Clone, Debug)]
pub struct Vpc {
    /// IPv4 range, /16 to /24, in canonical form.
    pub cidr: String,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

const MODIFY: &str = "ec2:ModifyVpcAttribute";

impl Resource for Vpc {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "vpc",
        noun: "VPC",
        actions: &[
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:CreateVpc",
            "ec2:ModifyVpcAttribute",
            "ec2:DeleteVpc",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
            "ec2:DeleteSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            Field::replaces("cidr", Order::DeleteFirst, "primary IPv4 range; AWS cannot change it"),
            Field::in_place("dnsSupport", "the Amazon resolver at the range's +2; private endpoints need it"),
            Field::in_place("dnsHostnames", "names for instances; EKS nodes and private endpoints need them"),
            Field::in_place("tags", "tags"),
        ],
        rank: 10,
        custody: Custody::Owned,
        // 2 to 25 s in public Terraform logs, most of it Terraform's own waiting.
        patience: Patience::secs(2, 0, 0, 300),
        docs: "The network everything else is in. A change of its range replaces all of it, so a guard asks first. \
               EKS requires both DNS settings (Amazon EKS user guide, \"VPC and subnet considerations\").",
    };

    fn address(&self) -> Address {
        Address::single("network", "vpc")
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([
            ("cidr", Some(Value::text(&self.cidr))),
            ("dnsSupport", Some("true".into())),
            ("dnsHostnames", Some("true".into())),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    /// Private names of an endpoint can be switched on only once the VPC answers DNS.
    fn moves(changes: &[Change]) -> &'static [&'static str] {
        let dns = changes.iter().any(|change| matches!(change.field.as_str(), "dnsSupport" | "dnsHostnames"));
        if dns { &["dns"] } else { &[] }
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.ec2.describe_vpcs().filters(ours(scope)).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeVpcs"))?;
        let each = try_join_all(found.iter().map(|vpc| as_live(world, vpc))).await?;
        Ok(each.into_iter().flatten().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_vpcs().vpc_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed("ec2:DescribeVpcs")))?;
        match found.as_ref().and_then(|answer| answer.vpcs().first()) {
            Some(vpc) => as_live(world, vpc).await,
            None => Ok(None),
        }
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = world.ec2.create_vpc().cidr_block(text(want, "cidr", "ec2:CreateVpc")?);
        let call = call.tag_specifications(tagged(ResourceType::Vpc, cx, want));
        let made = call.customize().config_override(once()).send().await.map_err(failed("ec2:CreateVpc"))?;
        let id = id_of("ec2:CreateVpc", made.vpc().and_then(types::Vpc::vpc_id))?;
        // A new VPC resolves names but does not give any ("DNS attributes for your VPC", Amazon VPC user guide).
        if text(want, "dnsSupport", MODIFY)? != "true" {
            dns_support(world, &id, false).await.map_err(half_made)?;
        }
        if text(want, "dnsHostnames", MODIFY)? == "true" {
            dns_hostnames(world, &id, true).await.map_err(half_made)?;
        }
        Ok(id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        // One attribute a call; host names can only be on while support is.
        if changed(changes, "dnsSupport") {
            dns_support(world, &live.id, text(want, "dnsSupport", MODIFY)? == "true").await?;
        }
        if changed(changes, "dnsHostnames") {
            dns_hostnames(world, &live.id, text(want, "dnsHostnames", MODIFY)? == "true").await?;
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.ec2.delete_vpc().vpc_id(&live.id).send().await;
        match gone_is_done(call.map_err(failed("ec2:DeleteVpc"))) {
            Err(failure) if failure.code == "DependencyViolation" => {
                // The engine tries again: by then the groups are out of the way, or somebody has been told what is.
                Err(holders::named(failure, holders::of_vpc(world, cx, &live.id).await))
            }
            ended => ended,
        }
    }
}

fn flag(on: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(on).build()
}

async fn dns_support(world: &Cloud, id: &str, on: bool) -> Result<(), Failure> {
    let call = world.ec2.modify_vpc_attribute().vpc_id(id).enable_dns_support(flag(on));
    call.send().await.map_err(failed(MODIFY))?;
    Ok(())
}

async fn dns_hostnames(world: &Cloud, id: &str, on: bool) -> Result<(), Failure> {
    let call = world.ec2.modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(flag(on));
    call.send().await.map_err(failed(MODIFY))?;
    Ok(())
}

/// One attribute, `None` if the VPC went in the meantime.
async fn attribute(world: &Cloud, id: &str, name: VpcAttributeName) -> Read<Option<bool>> {
    let call = world.ec2.describe_vpc_attribute().vpc_id(id).attribute(name).send().await;
    let answer = gone_is_none(call.map_err(failed("ec2:DescribeVpcAttribute")))?;
    Ok(answer.map(|answer| {
        let value = answer.enable_dns_support().or(answer.enable_dns_hostnames());
        value.and_then(AttributeBooleanValue::value).unwrap_or_default()
    }))
}

async fn as_live(world: &Cloud, vpc: &types::Vpc) -> Read<Option<Live>> {
    let id = id_of("ec2:DescribeVpcs", vpc.vpc_id())?;
    let both = try_join(
        attribute(world, &id, VpcAttributeName::EnableDnsSupport),
        attribute(world, &id, VpcAttributeName::EnableDnsHostnames),
    );
    let (Some(support), Some(hostnames)) = both.await? else { return Ok(None) };
    let mut live = live(&id, vpc.tags());
    live.fields.extend(fields([
        ("cidr", vpc.cidr_block().map(Value::text)),
        ("dnsSupport", Some(Value::text(support))),
        ("dnsHostnames", Some(Value::text(hostnames))),
    ]));
    live.names.insert("cidr".to_owned(), vpc.cidr_block().unwrap_or_default().to_owned());
    live.ready = match vpc.state() {
        Some(VpcState::Available) | None => Ready::Yes,
        Some(VpcState::Deleting) => Ready::Leaving("deleting".to_owned()),
        Some(other) => Ready::NotYet(other.as_str().to_owned()),
    };
    Ok(Some(live))
}
