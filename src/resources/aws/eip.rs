//! Elastic IP addresses of the NAT gateways.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self, DomainType, ResourceType};
use futures_util::future::try_join;

use super::ec2_common::{fields, gone_is_done, id_of, is_of, live, once, ours, retag, tagged};
use super::nat_gateway;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope, Value,
};

/// A NAT gateway's public address, `network/eip/1`.
#[derive(Clone, Debug)]
pub struct Eip {
    /// 1..N, as the NAT gateway's.
    pub number: usize,
    /// The internet gateway: an address in a VPC wants one first.
    pub after: Address,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

const DESCRIBE: &str = "ec2:DescribeAddresses";

impl Resource for Eip {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "eip",
        noun: "Elastic IP address",
        actions: &[
            "ec2:DescribeAddresses",
            "ec2:DescribeNatGateways",
            "ec2:AllocateAddress",
            "ec2:ReleaseAddress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[Field::in_place("tags", "tags")],
        rank: 40,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Public IPv4 address of a NAT gateway: what partners put in their allow-lists. The default quota is 5 a \
               region (Amazon VPC user guide, \"Amazon VPC quotas\").",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "eip", &self.number.to_string())
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([("tags", Some(Value::tags(&self.tags)))])
    }

    fn after(&self) -> Vec<Address> {
        vec![self.after.clone()]
    }

    fn cost(_fields: &Fields, rates: &Rates) -> Vec<Line> {
        vec![lines::public_ipv4(rates)]
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let addresses = async {
            let call = world.ec2.describe_addresses().filters(ours(scope)).send().await;
            call.map_err(failed(DESCRIBE))
        };
        let (found, gateways) = try_join(addresses, nat_gateway::all_of(world, scope)).await?;
        let served: BTreeSet<&str> = gateways
            .iter()
            .flat_map(types::NatGateway::nat_gateway_addresses)
            .filter_map(types::NatGatewayAddress::allocation_id)
            .collect();
        let each = found.addresses().iter().map(|address| as_live(address, Some(&served))).collect::<Read<Vec<_>>>()?;
        Ok(each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_addresses().allocation_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        let address = found.as_ref().and_then(|answer| answer.addresses().first());
        address.map(|address| as_live(address, None)).transpose()
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = world.ec2.allocate_address().domain(DomainType::Vpc);
        let call = call.tag_specifications(tagged(ResourceType::ElasticIp, cx, want));
        let made = call.customize().config_override(once()).send().await.map_err(failed("ec2:AllocateAddress"))?;
        id_of("ec2:AllocateAddress", made.allocation_id())
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, _changes: &[Change]) -> Result<(), Failure> {
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.ec2.release_address().allocation_id(&live.id).send().await;
        gone_is_done(call.map_err(failed("ec2:ReleaseAddress")))
    }
}

/// `served`: allocations that our own NAT gateways use; without it only an instance counts as foreign.
fn as_live(address: &types::Address, served: Option<&BTreeSet<&str>>) -> Read<Live> {
    let id = id_of(DESCRIBE, address.allocation_id())?;
    let mut live = live(&id, address.tags());
    live.names.insert("ip".to_owned(), address.public_ip().unwrap_or_default().to_owned());
    let user = address.instance_id().filter(|id| !id.is_empty());
    let user = user.or_else(|| match served {
        Some(served) if !served.contains(id.as_str()) => address.network_interface_id().filter(|id| !id.is_empty()),
        _ => None,
    });
    live.attached = user.map(str::to_owned).into_iter().collect();
    Ok(live)
}
