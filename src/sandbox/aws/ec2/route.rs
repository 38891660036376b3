//! Routes in route tables.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{cidr, done, find, find_mut, invalid, need};
use super::nat_gateway;
use crate::sandbox::region::{Here, text};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// An IPv4 block or a prefix list, `pl-…`.
    pub destination: String,
    /// `local`, `igw-…`, `nat-…`, `vpce-…` or `eni-…`.
    pub target: String,
    /// `CreateRouteTable` or `CreateRoute`.
    pub origin: String,
}

impl Route {
    pub(super) fn local(cidr: Ipv4Net) -> Self {
        Self { destination: cidr.to_string(), target: "local".to_owned(), origin: "CreateRouteTable".to_owned() }
    }

    /// Where a route leads has gone: it stays as a black hole.
    fn leads_nowhere(&self, here: &Here<'_>) -> bool {
        let state = &here.region.ec2;
        match self.target.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
            "igw" => state.internet_gateways.get(&self.target).is_none_or(|gateway| gateway.vpc.is_none()),
            "nat" => state.nat_gateways.get(&self.target).is_none_or(|nat| nat.state(here.now) != "available"),
            "eni" => !state.network_interfaces.contains_key(&self.target),
            _ => false,
        }
    }

    pub(super) fn print(&self, here: &Here<'_>) -> Json {
        let listed = self.destination.starts_with("pl-");
        let member = match self.target.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
            "nat" => "natGatewayId",
            "eni" => "networkInterfaceId",
            _ => "gatewayId",
        };
        let destination = if listed { "destinationPrefixListId" } else { "destinationCidrBlock" };
        json!({
            destination: self.destination,
            member: self.target,
            "origin": self.origin,
            "state": if self.leads_nowhere(here) { "blackhole" } else { "active" },
        })
    }
}

/// The destination a request names, in its canonical form.
fn destination(call: &Call) -> Result<String, Fault> {
    match (text(&call.params, "DestinationCidrBlock"), text(&call.params, "DestinationPrefixListId")) {
        ("", "") if !text(&call.params, "DestinationIpv6CidrBlock").is_empty() => {
            Err(invalid("The VPC has no IPv6 CIDR block"))
        }
        ("", "") => Err(Fault::new("MissingParameter", "The request must contain the parameter destinationCidrBlock")),
        ("", list) => Ok(list.to_owned()),
        (block, "") => Ok(cidr(block, "destinationCidrBlock")?.to_string()),
        _ => Err(Fault::new("InvalidParameterCombination", "Specify one destination only")),
    }
}

/// The target a request names, which must be in the table's VPC.
fn target(here: &Here<'_>, call: &Call, table_id: &str) -> Result<String, Fault> {
    const NAMES: [&str; 8] = [
        "GatewayId",
        "NatGatewayId",
        "NetworkInterfaceId",
        "InstanceId",
        "TransitGatewayId",
        "VpcPeeringConnectionId",
        "EgressOnlyInternetGatewayId",
        "VpcEndpointId",
    ];
    let given: Vec<(&str, &str)> =
        NAMES.into_iter().map(|name| (name, text(&call.params, name))).filter(|(_, id)| !id.is_empty()).collect();
    let state = &here.region.ec2;
    let vpc = &find(&state.route_tables, "rtb", table_id)?.vpc;
    let (id, home) = match given.as_slice() {
        [("GatewayId", id)] => (id, find(&state.internet_gateways, "igw", id)?.vpc.as_ref()),
        [("NatGatewayId", id)] => (id, Some(&nat_gateway::routable(here, id)?.vpc)),
        [("NetworkInterfaceId", id)] => (id, Some(&find(&state.network_interfaces, "eni", id)?.vpc)),
        [(name, id)] => {
            let message = format!("The sandbox has no route targets of the kind {name} ({id})");
            return Err(Fault::new("UnsupportedOperation", message));
        }
        [] => return Err(Fault::new("MissingParameter", "The request must contain the parameter gatewayId")),
        _ => {
            let message = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
    };
    if home != Some(vpc) {
        let message = format!("route table {table_id} and network gateway {id} belong to different networks");
        return Err(invalid(message));
    }
    Ok((*id).to_owned())
}

/// A route as blocks compare: a more specific block inside the VPC's own is allowed, the VPC's own is not.
fn local(here: &Here<'_>, table_id: &str, destination: &str) -> bool {
    let table = here.region.ec2.route_tables.get(table_id);
    table.is_some_and(|table| {
        table.routes.iter().any(|route| route.destination == destination && route.target == "local")
    })
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let table_id = need(call, "RouteTableId")?;
    let destination = destination(call)?;
    let target = target(here, call, &table_id)?;
    let most = here.region.ec2.limits.routes;
    let table = find_mut(&mut here.region.ec2.route_tables, "rtb", &table_id)?;
    if table.routes.iter().any(|route| route.destination == destination) {
        let message = format!("The route identified by {destination} already exists.");
        return Err(Fault::new("RouteAlreadyExists", message));
    }
    let counted = table.routes.iter().filter(|route| !route.destination.starts_with("pl-")).count();
    if counted >= most {
        return Err(Fault::new("RouteLimitExceeded", "The maximum number of routes has been reached."));
    }
    let route = Route { destination: destination.clone(), target: target.clone(), origin: "CreateRoute".to_owned() };
    table.routes.push(route);
    let now = here.now;
    here.span(format!("{table_id}/{destination}"), [table_id, target], now);
    done()
}

pub(super) fn replace(here: &mut Here<'_>, call: &Call) -> Answer {
    let table_id = need(call, "RouteTableId")?;
    let destination = destination(call)?;
    let target = target(here, call, &table_id)?;
    let table = find_mut(&mut here.region.ec2.route_tables, "rtb", &table_id)?;
    let Some(route) = table.routes.iter_mut().find(|route| route.destination == destination) else {
        return Err(invalid(format!(
            "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
        )));
    };
    route.target = target;
    done()
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let table_id = need(call, "RouteTableId")?;
    let destination = destination(call)?;
    find(&here.region.ec2.route_tables, "rtb", &table_id)?;
    if local(here, &table_id, &destination) {
        return Err(invalid(format!("cannot remove local route {destination} in route table {table_id}")));
    }
    let table = find_mut(&mut here.region.ec2.route_tables, "rtb", &table_id)?;
    let Some(at) = table.routes.iter().position(|route| route.destination == destination) else {
        let message = format!("no route with destination-cidr-block {destination} in route table {table_id}");
        return Err(Fault::new("InvalidRoute.NotFound", message));
    };
    if table.routes[at].target.starts_with("vpce-") {
        return Err(invalid(format!(
            "cannot remove VPC endpoint route {} in route table {table_id}",
            table.routes[at].destination
        )));
    }
    table.routes.remove(at);
    done()
}
