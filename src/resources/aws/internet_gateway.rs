//! The internet gateway.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, ResourceType};

use super::ec2_common::{
    changed, fields, gone_is_done, half_made, id_of, is_of, live, once, ours, retag, tagged, text,
};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope, Value,
};

/// The VPC's way to the internet, `network/internet-gateway`.
#[derive(Clone, Debug)]
pub struct InternetGateway {
    /// Id of the VPC it is attached to.
    pub vpc: Value,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

const DESCRIBE: &str = "ec2:DescribeInternetGateways";
const ATTACH: &str = "ec2:AttachInternetGateway";

impl Resource for InternetGateway {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "internet-gateway",
        noun: "internet gateway",
        actions: &[
            "ec2:DescribeInternetGateways",
            "ec2:CreateInternetGateway",
            "ec2:AttachInternetGateway",
            "ec2:DetachInternetGateway",
            "ec2:DeleteInternetGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            Field::in_place("vpc", "the VPC it is attached to; a VPC has one at most"),
            Field::in_place("tags", "tags"),
        ],
        rank: 30,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Attached to the VPC; public subnets route to it. It can be detached only when no public address is \
               mapped through it any more (Amazon VPC user guide, \"Internet gateways\").",
    };

    fn address(&self) -> Address {
        Address::single("network", "internet-gateway")
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([("vpc", Some(self.vpc.clone())), ("tags", Some(Value::tags(&self.tags)))])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.ec2.describe_internet_gateways().filters(ours(scope)).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        let each = found.iter().map(as_live).collect::<Read<Vec<_>>>()?;
        Ok(each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_internet_gateways().internet_gateway_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        found.as_ref().and_then(|answer| answer.internet_gateways().first()).map(as_live).transpose()
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let tags = tagged(ResourceType::InternetGateway, cx, want);
        let call = world.ec2.create_internet_gateway().tag_specifications(tags);
        let made = call.customize().config_override(once()).send().await;
        let made = made.map_err(failed("ec2:CreateInternetGateway"))?;
        let id = made.internet_gateway().and_then(types::InternetGateway::internet_gateway_id);
        let id = id_of("ec2:CreateInternetGateway", id)?;
        attach(world, &id, text(want, "vpc", ATTACH)?).await.map_err(half_made)?;
        Ok(id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        if changed(changes, "vpc") {
            detach(world, live).await?;
            attach(world, &live.id, text(want, "vpc", ATTACH)?).await?;
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        detach(world, live).await?;
        let call = world.ec2.delete_internet_gateway().internet_gateway_id(&live.id).send().await;
        gone_is_done(call.map_err(failed("ec2:DeleteInternetGateway")))
    }
}

async fn attach(world: &Cloud, id: &str, vpc: &str) -> Result<(), Failure> {
    let call = world.ec2.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send().await;
    match call.map_err(failed(ATTACH)) {
        // Attached already: to this VPC, or the engine sees another one in the next read.
        Err(failure) if failure.code == "Resource.AlreadyAssociated" => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn detach(world: &Cloud, live: &Live) -> Result<(), Failure> {
    let Some(vpc) = live.fields.get("vpc").and_then(Value::as_text) else { return Ok(()) };
    let call = world.ec2.detach_internet_gateway().internet_gateway_id(&live.id).vpc_id(vpc).send().await;
    match call.map_err(failed("ec2:DetachInternetGateway")) {
        Err(failure) if failure.code == "Gateway.NotAttached" => Ok(()),
        other => gone_is_done(other),
    }
}

fn as_live(gateway: &types::InternetGateway) -> Read<Live> {
    let mut live = live(&id_of(DESCRIBE, gateway.internet_gateway_id())?, gateway.tags());
    // The state is `available`, which the SDK's enumeration does not have; only leaving ones do not count.
    let attached =
        gateway.attachments().iter().find(|one| !one.state().is_some_and(|state| state.as_str().starts_with("detach")));
    live.inside = attached.and_then(|one| one.vpc_id()).map(str::to_owned);
    live.fields.extend(fields([("vpc", live.inside.as_ref().map(Value::text))]));
    Ok(live)
}
