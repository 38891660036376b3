//! Subnets of our own VPC, and role tags on the subnets of somebody else's.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, SubnetState};
use futures_util::future::FutureExt as _;

use super::ec2_common::{
    changed, fields, filter, gone_is_done, half_made, id_of, is_of, live, once, ours, retag, set_tags, stand_for,
    tag_map, tagged, text,
};
use super::holders;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready,
    Resource, Scope, TAG_RESOURCE, Value,
};

/// Tag by which load balancers that face the internet find their subnets, value `1`.
pub const ROLE_PUBLIC: &str = "kubernetes.io/role/elb";
/// Tag by which internal load balancers find their subnets, value `1`.
pub const ROLE_PRIVATE: &str = "kubernetes.io/role/internal-elb";

/// One subnet, `network/subnet/private-1`.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// For load balancers and NAT gateways, or for nodes.
    pub public: bool,
    /// 1..N, the same for the public and the private subnet of one zone.
    pub number: usize,
    /// Id of the VPC.
    pub vpc: Value,
    /// IPv4 range.
    pub cidr: String,
    /// The AZ id if the configuration names one; else the fact `zone/N` says.
    pub zone: Option<String>,
    /// Tags, `Name` and the load balancers' role tag among them.
    pub tags: BTreeMap<String, String>,
}

/// The key of a subnet's address.
#[must_use]
pub fn key(public: bool, number: usize) -> String {
    format!("{}-{number}", if public { "public" } else { "private" })
}

const DESCRIBE: &str = "ec2:DescribeSubnets";
const MODIFY: &str = "ec2:ModifySubnetAttribute";

impl Resource for Subnet {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "subnet",
        noun: "subnet",
        actions: &[
            "ec2:DescribeSubnets",
            "ec2:CreateSubnet",
            "ec2:ModifySubnetAttribute",
            "ec2:DeleteSubnet",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DeleteNetworkInterface",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            Field::replaces("vpc", Order::DeleteFirst, "the VPC it is in"),
            // Its range is wanted again, and a range cannot be in two subnets.
            Field::replaces("cidr", Order::DeleteFirst, "IPv4 range inside the VPC's"),
            Field::replaces("zone", Order::DeleteFirst, "AZ id; chosen at creation, then it stays"),
            Field::in_place("mapPublicIp", "whether instances get public addresses"),
            Field::in_place("tags", "tags, with the load balancers' role tag"),
        ],
        rank: 20,
        custody: Custody::Owned,
        // About 10 s in public Terraform logs with the attribute set; the call itself returns an available subnet.
        patience: Patience::secs(2, 0, 0, 300),
        docs: "One public and one private subnet in each zone. Zones are AZ ids, because letters differ from account \
               to account, and EKS refuses some (Amazon EKS user guide, \"VPC and subnet considerations\").",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "subnet", &key(self.public, self.number))
    }

    fn want(&self, facts: &Facts) -> Fields {
        let zone = self.zone.as_ref().map(Value::text);
        fields([
            ("vpc", Some(self.vpc.clone())),
            ("cidr", Some(Value::text(&self.cidr))),
            ("zone", Some(zone.unwrap_or_else(|| facts.first(&[&format!("zone/{}", self.number)])))),
            ("mapPublicIp", Some(Value::text(self.public))),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let found = all_of(world, scope).await?;
        let each = found.iter().map(as_live).collect::<Read<Vec<_>>>()?;
        Ok(each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        one(world, id).await?.as_ref().map(as_live).transpose()
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = "ec2:CreateSubnet";
        let request = world.ec2.create_subnet().vpc_id(text(want, "vpc", call)?).cidr_block(text(want, "cidr", call)?);
        let request = request.availability_zone_id(text(want, "zone", call)?);
        let request = request.tag_specifications(tagged(ResourceType::Subnet, cx, want));
        let made = request.customize().config_override(once()).send().await.map_err(failed("ec2:CreateSubnet"))?;
        let id = id_of(call, made.subnet().and_then(types::Subnet::subnet_id))?;
        if text(want, "mapPublicIp", MODIFY)? == "true" {
            map_public_ip(world, &id, true).await.map_err(half_made)?;
        }
        Ok(id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        if changed(changes, "mapPublicIp") {
            map_public_ip(world, &live.id, text(want, "mapPublicIp", MODIFY)? == "true").await?;
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.ec2.delete_subnet().subnet_id(&live.id).send().await;
        match gone_is_done(call.map_err(failed("ec2:DeleteSubnet"))) {
            Err(failure) if failure.code == "DependencyViolation" => {
                // The engine tries again: by then the orphans are out of the way, or somebody has been told what is.
                Err(holders::named(failure, holders::of_subnet(world, &live.id).await))
            }
            ended => ended,
        }
    }
}

async fn map_public_ip(world: &Cloud, id: &str, on: bool) -> Result<(), Failure> {
    let flag = AttributeBooleanValue::builder().value(on).build();
    let call = world.ec2.modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(flag);
    call.send().await.map_err(failed(MODIFY))?;
    Ok(())
}

/// All that carry the environment's tag. Route tables ask for them at the same moment.
pub(super) async fn all_of(world: &Cloud, scope: &Scope) -> Read<Vec<types::Subnet>> {
    let start = || {
        let call = world.ec2.describe_subnets().filters(ours(scope)).into_paginator().items().send();
        async { call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE)) }.boxed()
    };
    world.subnets.join(&scope.environment, start).await
}

async fn one(world: &Cloud, id: &str) -> Read<Option<types::Subnet>> {
    let call = world.ec2.describe_subnets().subnet_ids(id).send().await;
    let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
    Ok(found.and_then(|answer| answer.subnets().first().cloned()))
}

fn as_live(subnet: &types::Subnet) -> Read<Live> {
    let id = id_of(DESCRIBE, subnet.subnet_id())?;
    let mut live = live(&id, subnet.tags());
    live.inside = subnet.vpc_id().map(str::to_owned);
    live.fields.extend(fields([
        ("vpc", subnet.vpc_id().map(Value::text)),
        ("cidr", subnet.cidr_block().map(Value::text)),
        ("zone", subnet.availability_zone_id().map(Value::text)),
        ("mapPublicIp", Some(Value::text(subnet.map_public_ip_on_launch().unwrap_or_default()))),
    ]));
    live.names.insert("cidr".to_owned(), subnet.cidr_block().unwrap_or_default().to_owned());
    live.names.insert("zone".to_owned(), subnet.availability_zone_id().unwrap_or_default().to_owned());
    if let (Some(number), Some(zone)) = (number(&live), subnet.availability_zone_id()) {
        live.facts.insert(format!("zone/{number}"), zone.to_owned());
    }
    live.ready = match subnet.state() {
        Some(SubnetState::Available) | None => Ready::Yes,
        Some(state @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => {
            Ready::Never(state.as_str().to_owned())
        }
        Some(other) => Ready::NotYet(other.as_str().to_owned()),
    };
    Ok(live)
}

/// The number in the address's key, by which the zone stays chosen.
fn number(live: &Live) -> Option<usize> {
    let address = Address::parse(live.tags.get(TAG_RESOURCE)?)?;
    address.key()?.rsplit('-').next()?.parse().ok()
}

/// The load balancers' role tag on a subnet that is not ours, `network/subnet-tags/private-1`. No ownership tags: two
/// environments may share a subnet.
#[derive(Clone, Debug)]
pub struct SubnetTags {
    /// Which of the two role tags.
    pub public: bool,
    /// 1..N, in the order of the configuration.
    pub number: usize,
    /// `subnet-…`
    pub subnet: String,
}

impl Resource for SubnetTags {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "subnet-tags",
        noun: "role tag of a subnet",
        actions: &["ec2:DescribeSubnets", "ec2:CreateTags"],
        fields: &[
            Field::fixed("subnet", "name the right subnet in `network.existing`", "id of the subnet"),
            Field::in_place("tags", "the role tag alone; every other tag is somebody else's"),
        ],
        rank: 0,
        custody: Custody::Child,
        patience: Patience::INSTANT,
        docs: "With `network.existing.tagSubnets`, rem-ci puts `kubernetes.io/role/elb` or `internal-elb` on subnets \
               that are not its own, and nothing else. The tags stay on destroy: others may use them.",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "subnet-tags", &key(self.public, self.number))
    }

    fn want(&self, _facts: &Facts) -> Fields {
        let role = if self.public { ROLE_PUBLIC } else { ROLE_PRIVATE };
        fields([("subnet", Some(Value::text(&self.subnet))), ("tags", Some(Value::tags([(role, "1")])))])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let wanted: BTreeMap<&str, &Address> = scope
            .wanted
            .iter()
            .filter_map(|(address, fields)| Some((fields.get("subnet")?.as_text()?, address)))
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        // By filter, not by id: one missing subnet must not hide the others.
        let ids = filter("subnet-id", wanted.keys().copied());
        let call = world.ec2.describe_subnets().filters(ids).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        let each = found.iter().filter_map(|subnet| {
            let address = wanted.get(subnet.subnet_id()?)?;
            role_tags(subnet, Some(address))
        });
        Ok(each.collect())
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let wanted = scope.wanted.iter().find(|(_, fields)| fields.get("subnet").and_then(Value::as_text) == Some(id));
        let found = one(world, id).await?;
        Ok(found.as_ref().and_then(|subnet| role_tags(subnet, wanted.map(|(address, _)| address))))
    }

    async fn create(world: &Cloud, _cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let id = text(want, "subnet", "ec2:CreateTags")?;
        set_tags(world, id, &role_map(want)).await.map_err(missing)?;
        Ok(id.to_owned())
    }

    async fn update(world: &Cloud, _cx: &Cx, live: &Live, want: &Fields, _changes: &[Change]) -> Result<(), Failure> {
        set_tags(world, &live.id, &role_map(want)).await.map_err(missing)
    }

    async fn delete(_world: &Cloud, _cx: &Cx, _live: &Live) -> Result<(), Failure> {
        Ok(())
    }
}

/// A subnet that somebody else made and that is not there will not come by waiting.
fn missing(failure: Failure) -> Failure {
    match failure.class {
        Class::Gone => Failure { class: Class::Fatal, ..failure },
        _ => failure,
    }
}

fn role_map(want: &Fields) -> BTreeMap<String, String> {
    let tags = want.get("tags").into_iter().flat_map(Value::text_entries);
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The subnet as this kind sees it: with the one role tag that is asked for, and none of the others.
fn role_tags(subnet: &types::Subnet, address: Option<&Address>) -> Option<Live> {
    let id = subnet.subnet_id()?;
    let mut live = Live::new(id);
    live.inside = subnet.vpc_id().map(str::to_owned);
    let public = address.and_then(Address::key).is_some_and(|key| key.starts_with("public"));
    let role = if public { ROLE_PUBLIC } else { ROLE_PRIVATE };
    let tags = tag_map(subnet.tags());
    let tags = tags.get_key_value(role).map(|(key, value)| (key.clone(), value.clone()));
    live.fields = fields([("subnet", Some(Value::text(id))), ("tags", Some(Value::tags(tags.clone())))]);
    live.tags = tags.into_iter().collect();
    if let Some(address) = address {
        stand_for(&mut live, address);
    }
    Some(live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::aws::ec2_common::tag;

    #[test]
    fn a_live_subnet_keeps_its_zone() {
        let subnet = types::Subnet::builder()
            .subnet_id("subnet-1")
            .vpc_id("vpc-1")
            .availability_zone_id("use1-az6")
            .tags(tag(TAG_RESOURCE, "network/subnet/private-2"));
        let live = as_live(&subnet.build()).unwrap();
        assert_eq!(live.facts, BTreeMap::from([("zone/2".to_owned(), "use1-az6".to_owned())]));
        assert_eq!(live.inside.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn a_strange_subnet_shows_its_role_tag_only() {
        let subnet =
            types::Subnet::builder().subnet_id("subnet-1").tags(tag("Name", "theirs")).tags(tag(ROLE_PUBLIC, "1"));
        let subnet = subnet.build();
        let of = |key: &str| {
            let address = Address::keyed("network", "subnet-tags", key);
            role_tags(&subnet, Some(&address)).unwrap()
        };
        assert_eq!(of("public-1").fields["tags"], Value::tags([(ROLE_PUBLIC, "1")]));
        assert_eq!(of("private-1").fields["tags"], Value::tags::<&str, &str>([]));
        assert!(of("public-1").stands_for.is_some());
    }
}
