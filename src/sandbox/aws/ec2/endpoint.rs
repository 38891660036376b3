//! VPC endpoints. Gateway endpoints put a prefix-list route into route tables; interface endpoints have network
//! interfaces in subnets, and take a minute.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{self, Listing, born, done, ended, find, find_mut, flag, forget, invalid, need, tag_set, tags_of};
use super::endpoint_service::{self, Service};
use super::network_interface::{self, NetworkInterface};
use super::route::Route;
use super::{State, subnet, vpc};
use crate::sandbox::region::{Here, iso, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// `vpc-…`
    pub vpc: String,
    /// `com.amazonaws.us-east-1.s3`
    pub service: String,
    /// `Gateway` or `Interface`.
    pub kind: String,
    /// Policy document.
    pub policy: String,
    /// Tables that have its route (gateway).
    pub route_tables: Vec<String>,
    /// Subnet and network interface in it (interface).
    pub subnets: Vec<(String, String)>,
    /// Groups of its interfaces (interface).
    pub groups: Vec<String>,
    /// Whether the service's public name leads here in the VPC.
    pub private_dns: bool,
    /// When it was asked for.
    pub created: Millis,
    /// `available` from here on.
    pub ready: Millis,
    /// Gone from here on.
    pub gone: Option<Millis>,
}

const FULL_ACCESS: &str =
    r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

impl Endpoint {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let state = match self.gone {
            Some(_) => "deleting",
            None if here.now >= self.ready => "available",
            None => "pending",
        };
        let interface = self.kind == "Interface";
        let short = self.service.rsplit('.').next().unwrap_or_default();
        let names: Vec<Json> = if interface {
            vec![
                json!({ "dnsName": format!("{id}-{short}.{short}.{}.vpce.amazonaws.com", here.name), "hostedZoneId": "Z7HUB22UULQXV" }),
            ]
        } else {
            Vec::new()
        };
        json!({
            "vpcEndpointId": id,
            "vpcEndpointType": self.kind,
            "vpcId": self.vpc,
            "serviceName": self.service,
            // The service answers in lower case, whatever the model's enumeration says (DescribeVpcEndpoints, examples).
            "state": state,
            "policyDocument": self.policy,
            "routeTableIdSet": self.route_tables,
            "subnetIdSet": self.subnets.iter().map(|(subnet, _)| subnet).collect::<Vec<_>>(),
            "groupSet": network_interface::groups(&here.region.ec2, &self.groups),
            "ipAddressType": "ipv4",
            "dnsOptions": { "dnsRecordIpType": if interface { "ipv4" } else { "service-defined" } },
            "privateDnsEnabled": self.private_dns,
            "requesterManaged": false,
            "networkInterfaceIdSet": self.subnets.iter().map(|(_, interface)| interface).collect::<Vec<_>>(),
            "dnsEntrySet": names,
            "creationTimestamp": iso(self.created),
            "ownerId": here.account,
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

fn policy(given: &str) -> Result<String, Fault> {
    if given.is_empty() {
        return Ok(FULL_ACCESS.to_owned());
    }
    match serde_json::from_str::<Json>(given) {
        Ok(Json::Object(document)) if document.contains_key("Statement") => Ok(given.to_owned()),
        _ => Err(Fault::new("InvalidPolicyDocument", "The policy document is not valid.")),
    }
}

/// Adds the endpoint's route to tables of its VPC.
fn add_routes(state: &mut State, id: &str, vpc: &str, list: &str, tables: &[String]) -> Result<(), Fault> {
    for table_id in tables {
        let table = find(&state.route_tables, "rtb", table_id)?;
        if table.vpc != vpc {
            return Err(invalid(format!("route table {table_id} and network {vpc} belong to different networks")));
        }
        if table.routes.iter().any(|route| route.destination == list) {
            let message = format!("route table {table_id} already has a route with destination-prefix-list-id {list}");
            return Err(Fault::new("RouteAlreadyExists", message));
        }
    }
    for table in tables {
        let route = Route { destination: list.to_owned(), target: id.to_owned(), origin: "CreateRoute".to_owned() };
        find_mut(&mut state.route_tables, "rtb", table)?.routes.push(route);
    }
    Ok(())
}

fn remove_routes(state: &mut State, id: &str, tables: &[String]) {
    for table in tables {
        if let Some(table) = state.route_tables.get_mut(table) {
            table.routes.retain(|route| route.target != id);
        }
    }
}

/// Makes the interfaces in more subnets; no two may be in one zone.
fn add_subnets(
    here: &mut Here<'_>,
    id: &str,
    vpc: &str,
    had: &[(String, String)],
    groups: &[String],
    subnets: &[String],
) -> Result<Vec<(String, String)>, Fault> {
    let state = &here.region.ec2;
    let mut zones = Vec::new();
    for (subnet, _) in had {
        zones.push(find(&state.subnets, "subnet", subnet)?.zone.clone());
    }
    for subnet_id in subnets {
        let subnet = find(&state.subnets, "subnet", subnet_id)?;
        if subnet.vpc != vpc {
            return Err(invalid(format!("The subnet {subnet_id} does not belong to the network {vpc}")));
        }
        if zones.contains(&subnet.zone) {
            let message = format!(
                "Found another VPC endpoint subnet in the availability zone of {subnet_id}. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service."
            );
            return Err(Fault::new("DuplicateSubnetsInSameZone", message));
        }
        zones.push(subnet.zone.clone());
        subnet::address(state, subnet_id)?;
    }
    let mut made = Vec::new();
    for subnet_id in subnets {
        let ip = subnet::address(&here.region.ec2, subnet_id)?;
        let home = find(&here.region.ec2.subnets, "subnet", subnet_id)?.clone();
        let interface = NetworkInterface {
            groups: groups.to_vec(),
            kind: "vpc_endpoint".to_owned(),
            description: format!("VPC Endpoint Interface {id}"),
            holder: id.to_owned(),
            managed: true,
            ..NetworkInterface::in_subnet(subnet_id, &home, ip)
        };
        made.push((subnet_id.clone(), network_interface::make(here, interface)));
    }
    Ok(made)
}

fn check_groups(state: &State, vpc: &str, groups: &[String]) -> Result<(), Fault> {
    for id in groups {
        if find(&state.security_groups, "sg", id)?.vpc != vpc {
            return Err(invalid(format!("The security group {id} does not belong to the network {vpc}")));
        }
    }
    Ok(())
}

/// Private DNS needs the VPC's two DNS attributes, and one endpoint a name.
fn check_private_dns(here: &Here<'_>, own: &str, vpc_id: &str, service: &Service) -> Result<(), Fault> {
    let vpc = find(&here.region.ec2.vpcs, "vpc", vpc_id)?;
    if !vpc.dns_support || !vpc.dns_hostnames {
        let message = format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc_id}"
        );
        return Err(Fault::new("InvalidParameter", message));
    }
    let taken = |(id, endpoint): (&String, &Endpoint)| {
        id != own && endpoint.vpc == vpc_id && endpoint.private_dns && endpoint.service == service.name
    };
    if here.region.ec2.endpoints.iter().any(taken) {
        let message = format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the VPC {vpc_id}",
            service.private_dns.as_deref().unwrap_or_default()
        );
        return Err(Fault::new("InvalidParameter", message));
    }
    Ok(())
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "vpc-endpoint")?;
    let (vpc_id, name) = (need(call, "VpcId")?, need(call, "ServiceName")?);
    let kind = match text(&call.params, "VpcEndpointType") {
        "" => "Gateway".to_owned(),
        kind => kind.to_owned(),
    };
    vpc::available(here, &vpc_id)?;
    let policy = policy(text(&call.params, "PolicyDocument"))?;
    let services = endpoint_service::services(here);
    let Some(service) = services.iter().find(|service| service.name == name && service.kind == kind) else {
        let message = if services.iter().any(|service| service.name == name) {
            return Err(Fault::new(
                "InvalidParameter",
                format!("Endpoint type ({kind}) does not match available service types of {name}."),
            ));
        } else {
            format!("The Vpc Endpoint Service '{name}' does not exist")
        };
        return Err(Fault::new("InvalidServiceName", message));
    };
    let (tables, subnets, mut groups) =
        (texts(&call.params, "RouteTableId"), texts(&call.params, "SubnetId"), texts(&call.params, "SecurityGroupId"));
    let gateway = kind == "Gateway";
    let fitting = if gateway { subnets.is_empty() && groups.is_empty() } else { tables.is_empty() };
    if !fitting {
        let message = format!("The parameters do not fit an endpoint of type {kind}");
        return Err(Fault::new("InvalidParameter", message));
    }
    // Interface endpoints have private DNS unless it is refused.
    let private_dns = !gateway && flag(&call.params, "PrivateDnsEnabled").unwrap_or(true);
    if private_dns {
        check_private_dns(here, "", &vpc_id, service)?;
    }
    check_groups(&here.region.ec2, &vpc_id, &groups)?;
    if !gateway && groups.is_empty() {
        let all = here.region.ec2.security_groups.iter();
        groups
            .extend(all.filter(|(_, group)| group.vpc == vpc_id && group.name == "default").map(|(id, _)| id.clone()));
    }
    let id = here.id("vpce");
    let ready = if gateway { here.due(1.0, 6.0) } else { here.due(40.0, 110.0) };
    if let Some(list) = &service.prefix_list {
        add_routes(&mut here.region.ec2, &id, &vpc_id, list, &tables)?;
    }
    let made = add_subnets(here, &id, &vpc_id, &[], &groups, &subnets)?;
    let endpoint = Endpoint {
        vpc: vpc_id.clone(),
        service: name,
        kind,
        policy,
        route_tables: tables.clone(),
        subnets: made,
        groups: groups.clone(),
        private_dns,
        created: here.now,
        ready,
        gone: None,
    };
    here.region.ec2.endpoints.insert(id.clone(), endpoint.clone());
    let after = [vec![vpc_id], tables, subnets, groups].concat();
    let after: Vec<&str> = after.iter().map(String::as_str).collect();
    born(here, &id, tags, &after, ready);
    Ok(json!({ "vpcEndpoint": endpoint.print(here, &id) }))
}

pub(super) fn modify(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "VpcEndpointId")?;
    let mut endpoint = find(&here.region.ec2.endpoints, "vpce", &id)?.clone();
    if endpoint.gone.is_some() || here.now < endpoint.ready {
        let message = format!("The endpoint {id} is not in a state in which it can be modified");
        return Err(Fault::new("InvalidState", message));
    }
    let ids = |name| texts(&call.params, name);
    let services = endpoint_service::services(here);
    let service = services.iter().find(|service| service.name == endpoint.service && service.kind == endpoint.kind);
    if flag(&call.params, "ResetPolicy") == Some(true) {
        FULL_ACCESS.clone_into(&mut endpoint.policy);
    } else if !text(&call.params, "PolicyDocument").is_empty() {
        endpoint.policy = policy(text(&call.params, "PolicyDocument"))?;
    }
    if let (Some(on), Some(service)) = (flag(&call.params, "PrivateDnsEnabled"), service) {
        if on {
            check_private_dns(here, &id, &endpoint.vpc, service)?;
        }
        endpoint.private_dns = on;
    }
    let groups = ids("AddSecurityGroupId");
    check_groups(&here.region.ec2, &endpoint.vpc, &groups)?;
    let leaving = ids("RemoveSecurityGroupId");
    endpoint.groups.retain(|group| !leaving.contains(group));
    endpoint.groups.extend(groups);
    for table in ids("RemoveRouteTableId") {
        find(&here.region.ec2.route_tables, "rtb", &table)?;
    }
    // What can be refused comes first, so that a refused call has changed nothing.
    let tables = ids("AddRouteTableId");
    if let Some(list) = service.and_then(|service| service.prefix_list.as_ref()) {
        add_routes(&mut here.region.ec2, &id, &endpoint.vpc, list, &tables)?;
        endpoint.route_tables.extend(tables);
    }
    let leaving = ids("RemoveSubnetId");
    let (left, staying): (Vec<_>, Vec<_>) =
        endpoint.subnets.into_iter().partition(|(subnet, _)| leaving.contains(subnet));
    let made = add_subnets(here, &id, &endpoint.vpc, &staying, &endpoint.groups, &ids("AddSubnetId"))?;
    endpoint.subnets = [staying, made].concat();
    for (_, interface) in left {
        network_interface::remove(&mut here.region.ec2, &interface);
    }
    let tables = ids("RemoveRouteTableId");
    remove_routes(&mut here.region.ec2, &id, &tables);
    endpoint.route_tables.retain(|table| !tables.contains(table));
    for (_, interface) in &endpoint.subnets {
        if let Some(interface) = here.region.ec2.network_interfaces.get_mut(interface) {
            interface.groups.clone_from(&endpoint.groups);
        }
    }
    here.region.ec2.endpoints.insert(id, endpoint);
    done()
}

/// What does not exist is told in the answer, not as an error of the call.
pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let ids = texts(&call.params, "VpcEndpointId");
    if ids.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter vpcEndpointIds"));
    }
    let mut unsuccessful = Vec::new();
    for id in ids {
        let (slow, quick) = (here.due(30.0, 120.0), here.due(2.0, 10.0));
        match find_mut(&mut here.region.ec2.endpoints, "vpce", &id) {
            Ok(endpoint) if endpoint.gone.is_some() => {}
            Ok(endpoint) => {
                let gone = if endpoint.kind == "Gateway" { quick } else { slow };
                endpoint.gone = Some(gone);
                let endpoint = endpoint.clone();
                remove_routes(&mut here.region.ec2, &id, &endpoint.route_tables);
                let mut parents = vec![endpoint.vpc.as_str()];
                parents.extend(endpoint.route_tables.iter().map(String::as_str));
                parents.extend(endpoint.subnets.iter().map(|(subnet, _)| subnet.as_str()));
                parents.extend(endpoint.groups.iter().map(String::as_str));
                ended(here, &id, &parents, gone);
            }
            Err(fault) => unsuccessful
                .push(json!({ "resourceId": id, "error": { "code": fault.code, "message": fault.message } })),
        }
    }
    Ok(json!({ "unsuccessful": unsuccessful }))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const ENDPOINTS: Listing = Listing {
        prefix: "vpce",
        ids: "VpcEndpointId",
        set: "vpcEndpointSet",
        id: "vpcEndpointId",
        filters: &[
            ("ip-address-type", "ipAddressType"),
            ("service-name", "serviceName"),
            ("vpc-endpoint-id", "vpcEndpointId"),
            ("vpc-endpoint-state", "state"),
            ("vpc-endpoint-type", "vpcEndpointType"),
            ("vpc-id", "vpcId"),
        ],
        pages: Some((1, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.endpoints.iter().map(|(id, endpoint)| endpoint.print(here, id)).collect();
    common::describe(here, call, &ENDPOINTS, entries)
}

/// Removes endpoints whose deletion is over, and their interfaces.
pub(super) fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let state = &mut here.region.ec2;
    let gone: Vec<(String, Endpoint)> =
        state.endpoints.extract_if(.., |_, endpoint| endpoint.gone.is_some_and(|gone| now >= gone)).collect();
    for (id, endpoint) in gone {
        for (_, interface) in &endpoint.subnets {
            network_interface::remove(state, interface);
        }
        forget(state, &id);
    }
}
