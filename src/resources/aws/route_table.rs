//! Route tables, with their routes and associations: neither can be tagged, so they are fields of the table.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self, ResourceType, RouteOrigin};
use futures_util::future::try_join;

use super::ec2_common::{
    changed, difference, fields, filter, gone_is_done, id_of, is_of, live, not_known_yet, ours, retag, some_set,
    tagged, text, texts,
};
use super::subnet;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// Where the subnets' traffic goes, `network/route-table/private-1`.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// `public`, or `private-1`..N.
    pub key: String,
    /// Id of the VPC.
    pub vpc: Value,
    /// Targets (ids of gateways) by destination (CIDR).
    pub routes: BTreeMap<String, Value>,
    /// Ids of the subnets it holds for.
    pub subnets: Vec<Value>,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

const DESCRIBE: &str = "ec2:DescribeRouteTables";

impl Resource for RouteTable {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "route-table",
        noun: "route table",
        actions: &[
            "ec2:DescribeRouteTables",
            "ec2:DescribeSubnets",
            "ec2:CreateRouteTable",
            "ec2:CreateRoute",
            "ec2:ReplaceRoute",
            "ec2:DeleteRoute",
            "ec2:AssociateRouteTable",
            "ec2:ReplaceRouteTableAssociation",
            "ec2:DisassociateRouteTable",
            "ec2:DeleteRouteTable",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            Field::replaces("vpc", Order::DeleteFirst, "the VPC it is in"),
            Field::in_place("routes", "targets by destination, without the VPC's own and a gateway endpoint's"),
            Field::in_place("subnets", "the subnets it holds for"),
            Field::in_place("tags", "tags"),
        ],
        rank: 50,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "One for all public subnets, one for each private subnet. A subnet without one follows the VPC's main \
               table, which has no way out (Amazon VPC user guide, \"Configure route tables\").",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "route-table", &self.key)
    }

    fn want(&self, _facts: &Facts) -> Fields {
        let routes = Value::map(self.routes.iter().map(|(to, target)| (to.clone(), target.clone())));
        fields([
            ("vpc", Some(self.vpc.clone())),
            ("routes", (!self.routes.is_empty()).then_some(routes)),
            ("subnets", (!self.subnets.is_empty()).then(|| Value::set(self.subnets.iter().cloned()))),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let tables = async {
            let call = world.ec2.describe_route_tables().filters(ours(scope)).into_paginator().items().send();
            call.collect::<Result<Vec<_>, _>>().await.map_err(failed(DESCRIBE))
        };
        let (tables, subnets) = try_join(tables, subnet::all_of(world, scope)).await?;
        let subnets: BTreeSet<&str> = subnets.iter().filter_map(types::Subnet::subnet_id).collect();
        let each = tables.iter().map(|table| as_live(table, Some(&subnets))).collect::<Read<Vec<_>>>()?;
        Ok(each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        one(world, id).await?.map(|table| as_live(&table, None)).transpose()
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = "ec2:CreateRouteTable";
        let request = world.ec2.create_route_table().client_token(&cx.token).vpc_id(text(want, "vpc", call)?);
        let request = request.tag_specifications(tagged(ResourceType::RouteTable, cx, want));
        let made = request.send().await.map_err(failed("ec2:CreateRouteTable"))?;
        let id = id_of(call, made.route_table().and_then(types::RouteTable::route_table_id))?;
        for (to, target) in targets(want) {
            put_route(world, &id, &to, &target).await.map_err(not_known_yet)?;
        }
        for subnet in texts(want, "subnets") {
            associate(world, &id, &subnet).await.map_err(not_known_yet)?;
        }
        Ok(id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        if changed(changes, "routes") {
            let (wanted, have) = (targets(want), targets(&live.fields));
            for (to, target) in &wanted {
                if have.get(to) != Some(target) {
                    put_route(world, &live.id, to, target).await?;
                }
            }
            for to in have.keys().filter(|to| !wanted.contains_key(*to)) {
                delete_route(world, &live.id, to).await?;
            }
        }
        if changed(changes, "subnets") {
            let (missing, surplus) = difference(&texts(&live.fields, "subnets"), &texts(want, "subnets"));
            for subnet in missing {
                associate(world, &live.id, &subnet).await?;
            }
            disassociate(world, &live.id, &surplus).await?;
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        // What is attached is not ours to take off: AWS then refuses the delete, as it should.
        let mut subnets = texts(&live.fields, "subnets");
        subnets.retain(|subnet| !live.attached.contains(subnet));
        disassociate(world, &live.id, &subnets).await?;
        let call = world.ec2.delete_route_table().route_table_id(&live.id).send().await;
        gone_is_done(call.map_err(failed("ec2:DeleteRouteTable")))
    }
}

/// The targets by destination.
fn targets(fields: &Fields) -> BTreeMap<String, String> {
    let routes = fields.get("routes").into_iter().flat_map(Value::text_entries);
    routes.map(|(to, target)| (to.to_owned(), target.to_owned())).collect()
}

/// Makes a route, or turns the one that is there.
async fn put_route(world: &Cloud, id: &str, to: &str, target: &str) -> Result<(), Failure> {
    let (nat, gateway) = if target.starts_with("nat-") { (Some(target), None) } else { (None, Some(target)) };
    let (nat, gateway) = (nat.map(str::to_owned), gateway.map(str::to_owned));
    let call = world.ec2.create_route().route_table_id(id).destination_cidr_block(to);
    let call = call.set_nat_gateway_id(nat.clone()).set_gateway_id(gateway.clone());
    match call.send().await.map_err(failed("ec2:CreateRoute")) {
        Err(failure) if failure.class == Class::Exists => {
            let call = world.ec2.replace_route().route_table_id(id).destination_cidr_block(to);
            let call = call.set_nat_gateway_id(nat).set_gateway_id(gateway);
            call.send().await.map_err(failed("ec2:ReplaceRoute"))?;
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

async fn delete_route(world: &Cloud, id: &str, to: &str) -> Result<(), Failure> {
    let call = world.ec2.delete_route().route_table_id(id);
    let call = if to.starts_with("pl-") {
        call.destination_prefix_list_id(to)
    } else if to.contains(':') {
        call.destination_ipv6_cidr_block(to)
    } else {
        call.destination_cidr_block(to)
    };
    gone_is_done(call.send().await.map_err(failed("ec2:DeleteRoute")))
}

/// Puts a subnet under this table, from wherever it is now.
async fn associate(world: &Cloud, id: &str, subnet: &str) -> Result<(), Failure> {
    let call = world.ec2.associate_route_table().route_table_id(id).subnet_id(subnet).send().await;
    let failure = match call.map_err(failed("ec2:AssociateRouteTable")) {
        Err(failure) if failure.code == "Resource.AlreadyAssociated" => failure,
        other => return other.map(|_| ()),
    };
    let by_subnet = filter("association.subnet-id", [subnet]);
    let call = world.ec2.describe_route_tables().filters(by_subnet).into_paginator().items().send();
    let tables: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
    let associations = tables.iter().flat_map(types::RouteTable::associations);
    let Some(present) = associations.into_iter().find(|one| one.subnet_id() == Some(subnet)) else {
        return Err(failure);
    };
    if present.route_table_id() == Some(id) {
        return Ok(());
    }
    let call = world.ec2.replace_route_table_association().route_table_id(id);
    let call = call.set_association_id(present.route_table_association_id().map(str::to_owned));
    call.send().await.map_err(failed("ec2:ReplaceRouteTableAssociation"))?;
    Ok(())
}

/// Takes subnets off this table; the ids of the associations are not part of any plan, so they are asked for now.
async fn disassociate(world: &Cloud, id: &str, subnets: &[String]) -> Result<(), Failure> {
    if subnets.is_empty() {
        return Ok(());
    }
    let Some(table) = one(world, id).await? else { return Ok(()) };
    for association in table.associations() {
        let ours = association.subnet_id().is_some_and(|subnet| subnets.iter().any(|one| one == subnet));
        let Some(association) = association.route_table_association_id().filter(|_| ours) else { continue };
        let call = world.ec2.disassociate_route_table().association_id(association).send().await;
        gone_is_done(call.map_err(failed("ec2:DisassociateRouteTable")))?;
    }
    Ok(())
}

async fn one(world: &Cloud, id: &str) -> Read<Option<types::RouteTable>> {
    let call = world.ec2.describe_route_tables().route_table_ids(id).send().await;
    let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
    Ok(found.and_then(|answer| answer.route_tables().first().cloned()))
}

/// `own`: the environment's subnets; anything else associated is foreign. Without it nothing is judged.
fn as_live(table: &types::RouteTable, own: Option<&BTreeSet<&str>>) -> Read<Live> {
    let mut live = live(&id_of(DESCRIBE, table.route_table_id())?, table.tags());
    live.inside = table.vpc_id().map(str::to_owned);
    let routes: BTreeMap<_, _> = table.routes().iter().filter_map(route).collect();
    let associated = table.associations().iter().filter(|one| {
        !one.association_state()
            .and_then(|state| state.state())
            .is_some_and(|state| state.as_str().starts_with("disass"))
    });
    let subnets: Vec<_> = associated.clone().filter_map(|one| one.subnet_id()).collect();
    live.fields.extend(fields([
        ("vpc", table.vpc_id().map(Value::text)),
        ("routes", (!routes.is_empty()).then(|| Value::tags(routes))),
        ("subnets", some_set(&subnets)),
    ]));
    let foreign = subnets.iter().filter(|subnet| own.is_some_and(|own| !own.contains(**subnet)));
    let gateways = associated.filter_map(|one| one.gateway_id());
    live.attached = foreign.copied().chain(gateways).map(str::to_owned).collect();
    Ok(live)
}

/// Destination and target of a route that somebody made: not the VPC's own, not a propagated one, and not the prefix list
/// that a gateway endpoint puts in by itself.
fn route(route: &types::Route) -> Option<(&str, &str)> {
    if matches!(route.origin(), Some(RouteOrigin::CreateRouteTable | RouteOrigin::EnableVgwRoutePropagation)) {
        return None;
    }
    let to = route.destination_cidr_block().or(route.destination_ipv6_cidr_block());
    let to = to.or(route.destination_prefix_list_id())?;
    let target = route
        .nat_gateway_id()
        .or(route.gateway_id())
        .or(route.transit_gateway_id())
        .or(route.vpc_peering_connection_id())
        .or(route.egress_only_internet_gateway_id())
        .or(route.network_interface_id())
        .or(route.local_gateway_id())
        .or(route.carrier_gateway_id())
        .or(route.core_network_arn())
        .unwrap_or("unknown");
    (target != "local" && !target.starts_with("vpce-")).then_some((to, target))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route, RouteTableAssociation};

    use super::*;

    #[test]
    fn only_routes_that_somebody_made_count() {
        let made = || Route::builder().origin(RouteOrigin::CreateRoute);
        let local = Route::builder().origin(RouteOrigin::CreateRouteTable).destination_cidr_block("10.0.0.0/16");
        let association = |subnet: &str| RouteTableAssociation::builder().subnet_id(subnet).build();
        let table = types::RouteTable::builder()
            .route_table_id("rtb-1")
            .vpc_id("vpc-1")
            .routes(local.gateway_id("local").build())
            .routes(made().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build())
            .routes(made().destination_cidr_block("0.0.0.0/0").nat_gateway_id("nat-1").build())
            .routes(made().destination_cidr_block("172.16.0.0/12").vpc_peering_connection_id("pcx-1").build())
            .associations(association("subnet-1"))
            .associations(association("subnet-9"))
            .build();
        let live = as_live(&table, Some(&BTreeSet::from(["subnet-1"]))).unwrap();
        assert_eq!(live.fields["routes"], Value::tags([("0.0.0.0/0", "nat-1"), ("172.16.0.0/12", "pcx-1")]));
        assert_eq!(live.fields["subnets"], Value::texts(["subnet-1", "subnet-9"]));
        assert_eq!(live.attached, ["subnet-9"]);
        assert!(as_live(&table, None).unwrap().attached.is_empty());
    }
}
