//! Route tables and what is associated with them. A VPC's main table comes and goes with the VPC.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{
    self, Listing, born, dependent, done, ended, find, find_mut, forget, invalid, missing, need, tag_set, tags_of,
};
use super::route::Route;
use super::{Tags, vpc};
use crate::sandbox::region::Here;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// `vpc-…`
    pub vpc: String,
    /// In the order they were made; the local route is first.
    pub routes: Vec<Route>,
    /// `rtbassoc-…` to subnet; nothing is the association that makes it the VPC's main table.
    pub associations: BTreeMap<String, Option<String>>,
}

impl RouteTable {
    /// Whether subnets without an own association use it.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.associations.values().any(Option::is_none)
    }

    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let association = |(association, subnet): (&String, &Option<String>)| {
            json!({
                "routeTableAssociationId": association,
                "routeTableId": id,
                "main": subnet.is_none(),
                "subnetId": subnet,
                "associationState": { "state": "associated" },
            })
        };
        json!({
            "routeTableId": id,
            "vpcId": self.vpc,
            "ownerId": here.account,
            "routeSet": self.routes.iter().map(|route| route.print(here)).collect::<Vec<_>>(),
            "associationSet": self.associations.iter().map(association).collect::<Vec<_>>(),
            "propagatingVgwSet": [],
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

fn make(here: &mut Here<'_>, vpc_id: &str, associations: BTreeMap<String, Option<String>>, tags: Tags) -> String {
    let id = here.id("rtb");
    let local = here.region.ec2.vpcs.get(vpc_id).map(|vpc| Route::local(vpc.cidr));
    let table = RouteTable { vpc: vpc_id.to_owned(), routes: local.into_iter().collect(), associations };
    here.region.ec2.route_tables.insert(id.clone(), table);
    let now = here.now;
    born(here, &id, tags, &[vpc_id], now);
    id
}

/// The table that comes with a VPC.
pub(super) fn create_main(here: &mut Here<'_>, vpc: &str) {
    let association = here.id("rtbassoc");
    make(here, vpc, BTreeMap::from([(association, None)]), Tags::new());
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "route-table")?;
    let vpc_id = need(call, "VpcId")?;
    vpc::available(here, &vpc_id)?;
    let state = &here.region.ec2;
    if state.route_tables.values().filter(|table| table.vpc == vpc_id).count() >= state.limits.route_tables {
        return Err(Fault::new("RouteTableLimitExceeded", "The maximum number of route tables has been reached."));
    }
    let id = make(here, &vpc_id, BTreeMap::new(), tags);
    let table = find(&here.region.ec2.route_tables, "rtb", &id)?;
    Ok(json!({ "routeTable": table.print(here, &id) }))
}

pub(super) fn associate(here: &mut Here<'_>, call: &Call) -> Answer {
    let (table_id, subnet_id) = (need(call, "RouteTableId")?, need(call, "SubnetId")?);
    let state = &here.region.ec2;
    let vpc = &find(&state.route_tables, "rtb", &table_id)?.vpc;
    if find(&state.subnets, "subnet", &subnet_id)?.vpc != *vpc {
        let message = format!("Route table {table_id} and subnet {subnet_id} belong to different networks");
        return Err(invalid(message));
    }
    for (id, table) in &state.route_tables {
        let known = table.associations.iter().find(|(_, subnet)| subnet.as_ref() == Some(&subnet_id));
        match known {
            // Asking for what is so already gives the association that is there.
            Some((association, _)) if *id == table_id => {
                return Ok(json!({ "associationId": association, "associationState": { "state": "associated" } }));
            }
            Some(_) => {
                let message = format!(
                    "the specified association for route table {table_id} conflicts with an existing association"
                );
                return Err(Fault::new("Resource.AlreadyAssociated", message));
            }
            None => {}
        }
    }
    let id = here.id("rtbassoc");
    let table = find_mut(&mut here.region.ec2.route_tables, "rtb", &table_id)?;
    table.associations.insert(id.clone(), Some(subnet_id.clone()));
    let now = here.now;
    here.span(&id, [table_id, subnet_id], now);
    Ok(json!({ "associationId": id, "associationState": { "state": "associated" } }))
}

/// Which table an association belongs to, and its subnet.
fn association(here: &Here<'_>, id: &str) -> Result<(String, Option<String>), Fault> {
    let mut tables = here.region.ec2.route_tables.iter();
    tables
        .find_map(|(table, row)| Some((table.clone(), row.associations.get(id)?.clone())))
        .ok_or_else(|| missing("rtbassoc", id))
}

pub(super) fn disassociate(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "AssociationId")?;
    let (table_id, subnet) = association(here, &id)?;
    let Some(subnet) = subnet else {
        return Err(invalid(format!("cannot disassociate the main route table association {id}")));
    };
    find_mut(&mut here.region.ec2.route_tables, "rtb", &table_id)?.associations.remove(&id);
    let now = here.now;
    ended(here, &id, &[&table_id, &subnet], now);
    done()
}

/// Also how another table becomes the main one.
pub(super) fn reassociate(here: &mut Here<'_>, call: &Call) -> Answer {
    let (id, table_id) = (need(call, "AssociationId")?, need(call, "RouteTableId")?);
    let (old_id, subnet) = association(here, &id)?;
    let state = &mut here.region.ec2;
    let vpc = find(&state.route_tables, "rtb", &table_id)?.vpc.clone();
    let old = find_mut(&mut state.route_tables, "rtb", &old_id)?;
    if old.vpc != vpc {
        return Err(invalid(format!("route table {table_id} and association {id} belong to different networks")));
    }
    old.associations.remove(&id);
    let new = here.id("rtbassoc");
    find_mut(&mut here.region.ec2.route_tables, "rtb", &table_id)?.associations.insert(new.clone(), subnet);
    let now = here.now;
    here.span(&new, [table_id], now);
    Ok(json!({ "newAssociationId": new, "associationState": { "state": "associated" } }))
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "RouteTableId")?;
    let state = &mut here.region.ec2;
    let table = find(&state.route_tables, "rtb", &id)?;
    if !table.associations.is_empty() {
        return Err(dependent(format!("The routeTable '{id}' has dependencies and cannot be deleted.")));
    }
    let vpc = table.vpc.clone();
    state.route_tables.remove(&id);
    for endpoint in state.endpoints.values_mut() {
        endpoint.route_tables.retain(|table| *table != id);
    }
    forget(state, &id);
    let now = here.now;
    ended(here, &id, &[&vpc], now);
    done()
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const TABLES: Listing = Listing {
        prefix: "rtb",
        ids: "RouteTableId",
        set: "routeTableSet",
        id: "routeTableId",
        filters: &[
            ("association.main", "associationSet.main"),
            ("association.route-table-association-id", "associationSet.routeTableAssociationId"),
            ("association.route-table-id", "associationSet.routeTableId"),
            ("association.subnet-id", "associationSet.subnetId"),
            ("association.gateway-id", "associationSet.gatewayId"),
            ("owner-id", "ownerId"),
            ("route-table-id", "routeTableId"),
            ("route.destination-cidr-block", "routeSet.destinationCidrBlock"),
            ("route.destination-prefix-list-id", "routeSet.destinationPrefixListId"),
            ("route.gateway-id", "routeSet.gatewayId"),
            ("route.nat-gateway-id", "routeSet.natGatewayId"),
            ("route.origin", "routeSet.origin"),
            ("route.state", "routeSet.state"),
            ("vpc-id", "vpcId"),
        ],
        // DescribeRouteTables answers at most a hundred at a time.
        pages: Some((5, 100)),
    };
    let here = &*here;
    let entries = here.region.ec2.route_tables.iter().map(|(id, table)| table.print(here, id)).collect();
    common::describe(here, call, &TABLES, entries)
}
