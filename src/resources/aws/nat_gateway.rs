//! NAT gateways.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self, ConnectivityType, NatGatewayState, ResourceType};

use super::ec2_common::{fields, filter, gone_is_done, id_of, is_of, live, ours, retag, tag_map, tagged, text};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Resource,
    Scope, TAG_ENVIRONMENT, Value,
};

/// The way out for the private subnets of a zone, `network/nat-gateway/1`.
#[derive(Clone, Debug)]
pub struct NatGateway {
    /// 1..N, as the zone's.
    pub number: usize,
    /// Id of the public subnet it is in.
    pub subnet: Value,
    /// Allocation id of its public address.
    pub eip: Value,
    /// The internet gateway: without one attached the gateway fails.
    pub after: Address,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

const DESCRIBE: &str = "ec2:DescribeNatGateways";

impl Resource for NatGateway {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "nat-gateway",
        noun: "NAT gateway",
        actions: &[
            "ec2:DescribeNatGateways",
            "ec2:DescribeRouteTables",
            "ec2:CreateNatGateway",
            "ec2:DeleteNatGateway",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            // The address can serve only one gateway at a time.
            Field::replaces("subnet", Order::DeleteFirst, "the public subnet it is in"),
            // Old and new share nothing, so nodes keep their way out until the routes have moved.
            Field::replaces("eip", Order::CreateFirst, "the public address; it cannot be changed later"),
            Field::in_place("tags", "tags"),
        ],
        rank: 60,
        custody: Custody::Owned,
        // Create 1m25 to 2m05, delete 37 s to 1m34, in public Terraform apply and destroy logs.
        patience: Patience::secs(105, 0, 65, 900),
        docs: "Nodes in private subnets reach AWS and the internet through it. One that is `failed` never recovers and \
               is removed by AWS after about an hour (Amazon VPC user guide, \"Troubleshoot NAT gateways\").",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "nat-gateway", &self.number.to_string())
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([
            ("subnet", Some(self.subnet.clone())),
            ("eip", Some(self.eip.clone())),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    fn after(&self) -> Vec<Address> {
        vec![self.after.clone()]
    }

    fn cost(_fields: &Fields, rates: &Rates) -> Vec<Line> {
        vec![lines::nat_gateway(rates)]
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        // Deleted ones stay visible for about an hour.
        let states = filter("state", ["pending", "failed", "available", "deleting"]);
        let call = world.ec2.describe_nat_gateways().filter(ours(scope)).filter(states).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        let each = found.iter().filter_map(|gateway| as_live(gateway).transpose()).collect::<Read<Vec<_>>>()?;
        let mut each: Vec<_> = each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect();
        attach(world, scope, &mut each).await?;
        Ok(each)
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_nat_gateways().nat_gateway_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        found.as_ref().and_then(|answer| answer.nat_gateways().first()).map_or(Ok(None), as_live)
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = "ec2:CreateNatGateway";
        let request = world.ec2.create_nat_gateway().client_token(&cx.token);
        let request = request.subnet_id(text(want, "subnet", call)?).allocation_id(text(want, "eip", call)?);
        let request = request.connectivity_type(ConnectivityType::Public);
        let request = request.tag_specifications(tagged(ResourceType::Natgateway, cx, want));
        let made = request.send().await.map_err(failed("ec2:CreateNatGateway"))?;
        id_of(call, made.nat_gateway().and_then(types::NatGateway::nat_gateway_id))
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, _changes: &[Change]) -> Result<(), Failure> {
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.ec2.delete_nat_gateway().nat_gateway_id(&live.id).send().await;
        gone_is_done(call.map_err(failed("ec2:DeleteNatGateway")))
    }
}

/// Route tables that are not the environment's and lead through one of these gateways would lose their way out.
async fn attach(world: &Cloud, scope: &Scope, gateways: &mut [Live]) -> Read<()> {
    if gateways.is_empty() {
        return Ok(());
    }
    let through = filter("route.nat-gateway-id", gateways.iter().map(|live| live.id.as_str()));
    let call = world.ec2.describe_route_tables().filters(through).into_paginator().items().send();
    let tables: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeRouteTables"))?;
    for table in tables {
        if tag_map(table.tags()).get(TAG_ENVIRONMENT) == Some(&scope.environment) {
            continue;
        }
        let used: BTreeSet<_> = table.routes().iter().filter_map(types::Route::nat_gateway_id).collect();
        for live in gateways.iter_mut().filter(|live| used.contains(live.id.as_str())) {
            live.attached.push(table.route_table_id().unwrap_or_default().to_owned());
        }
    }
    Ok(())
}

fn as_live(gateway: &types::NatGateway) -> Read<Option<Live>> {
    let mut live = live(&id_of(DESCRIBE, gateway.nat_gateway_id())?, gateway.tags());
    let addresses = gateway.nat_gateway_addresses();
    let primary = addresses.iter().find(|address| address.is_primary() == Some(true)).or(addresses.first());
    live.inside = gateway.vpc_id().map(str::to_owned);
    live.fields.extend(fields([
        ("subnet", gateway.subnet_id().map(Value::text)),
        ("eip", primary.and_then(types::NatGatewayAddress::allocation_id).map(Value::text)),
    ]));
    if let Some(ip) = primary.and_then(types::NatGatewayAddress::public_ip) {
        live.names.insert("ip".to_owned(), ip.to_owned());
    }
    live.ready = match gateway.state() {
        Some(NatGatewayState::Available) => Ready::Yes,
        Some(NatGatewayState::Deleted) => return Ok(None),
        Some(NatGatewayState::Deleting) => Ready::Leaving("deleting".to_owned()),
        Some(NatGatewayState::Failed) => {
            let why = gateway.failure_message().or(gateway.failure_code()).unwrap_or("no reason given");
            Ready::Never(format!("failed: {why}"))
        }
        other => Ready::NotYet(other.map_or("pending", NatGatewayState::as_str).to_owned()),
    };
    Ok(Some(live))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(state: NatGatewayState) -> Option<Ready> {
        let gateway =
            types::NatGateway::builder().nat_gateway_id("nat-1").state(state).failure_code("Gateway.NotAttached");
        as_live(&gateway.build()).unwrap().map(|live| live.ready)
    }

    #[test]
    fn a_failed_gateway_is_never_ready_and_a_deleted_one_is_not_there() {
        assert_eq!(ready(NatGatewayState::Available), Some(Ready::Yes));
        assert_eq!(ready(NatGatewayState::Pending), Some(Ready::NotYet("pending".to_owned())));
        assert_eq!(ready(NatGatewayState::Deleting), Some(Ready::Leaving("deleting".to_owned())));
        assert_eq!(ready(NatGatewayState::Failed), Some(Ready::Never("failed: Gateway.NotAttached".to_owned())));
        assert_eq!(ready(NatGatewayState::Deleted), None);
    }
}
