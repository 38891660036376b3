//! Elastic Load Balancing: classic load balancers (API version 2012-06-01) and those of the second generation (2015-12-01),
//! which share a signing name and differ in the version that a request states.
//!
//! A load balancer that is deleted is out of every list at once, but its network interfaces stay for some seconds to a
//! minute, and with them what they stand in: subnets, security groups, the way to the internet.
//!
//! | file | what it holds |
//! |---|---|
//! | `classic.rs` | operations on classic load balancers |
//! | `second.rs` | operations on network and application load balancers and their target groups |
//! | `service.rs` | what the service controller of a cluster makes and takes away |
//!
//! Sources: the Elastic Load Balancing API references of both versions, and the service models that botocore ships.

mod classic;
mod second;
pub mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::ec2::network_interface::{self, Balanced};
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Classic load balancers by name.
    pub classic: BTreeMap<String, Balancer>,
    /// Network and application load balancers by ARN.
    pub second: BTreeMap<String, Balancer>,
    /// By ARN.
    pub groups: BTreeMap<String, TargetGroup>,
    /// Names of interfaces, as [`Balancer::interface`] gives them, of what is deleted, and when they go.
    pub going: BTreeMap<String, Millis>,
}

/// What a load balancer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// Of the first generation.
    Classic,
    /// A network load balancer.
    Network,
    /// An application load balancer.
    Application,
}

/// One load balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Balancer {
    /// See [`Sort`].
    pub sort: Sort,
    /// Unique among its generation.
    pub name: String,
    /// 16 hex digits, at the end of its ARN; of no meaning for classic ones.
    pub id: String,
    /// Faces the internet.
    pub public: bool,
    /// `vpc-…`
    pub vpc: String,
    /// `subnet-…`
    pub subnets: Vec<String>,
    /// `sg-…`
    pub groups: Vec<String>,
    /// Its name in DNS.
    pub dns: String,
    /// When it was asked for.
    pub created: Millis,
    /// `active` from here on.
    pub ready: Millis,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Balancer {
    /// How its interfaces call it: `NAME`, `net/NAME/ID`, `app/NAME/ID`.
    #[must_use]
    pub fn interface(&self) -> String {
        match self.sort {
            Sort::Classic => self.name.clone(),
            Sort::Network => format!("net/{}/{}", self.name, self.id),
            Sort::Application => format!("app/{}/{}", self.name, self.id),
        }
    }
}

/// One target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Unique.
    pub name: String,
    /// `TCP`, `HTTP`, …
    pub protocol: String,
    /// Where targets listen.
    pub port: u16,
    /// `vpc-…`
    pub vpc: String,
    /// ARN of the load balancer that sends to it; empty for none.
    pub balancer: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Answers one call.
///
/// # Errors
/// What Elastic Load Balancing would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let answer = match text(&call.params, "Version") {
        "2015-12-01" => second::handle(here, call),
        _ => classic::handle(here, call),
    };
    answer.map(super::ec2::without_nulls)
}

/// The interfaces of what was deleted go when they are due.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let due: Vec<String> = here.region.elb.going.extract_if(.., |_, at| *at <= now).map(|(name, _)| name).collect();
    for name in due {
        network_interface::remove_balancer(here, &name);
    }
}

/// What a new load balancer is to be.
struct Wanted {
    sort: Sort,
    name: String,
    public: bool,
    subnets: Vec<String>,
    groups: Vec<String>,
    tags: BTreeMap<String, String>,
}

/// Makes one, with its interfaces.
fn make(here: &mut Here<'_>, wanted: Wanted) -> Result<Balancer, Fault> {
    let known = |id: &&String| here.region.ec2.subnets.contains_key(*id);
    if let Some(unknown) = wanted.subnets.iter().find(|id| !known(id)) {
        return Err(Fault::new("SubnetNotFound", format!("The subnet ID '{unknown}' does not exist")));
    }
    let Some(subnet) = wanted.subnets.first().and_then(|id| here.region.ec2.subnets.get(id)) else {
        return Err(Fault::new("ValidationError", "At least one subnet must be specified"));
    };
    let vpc = subnet.vpc.clone();
    if let Some(unknown) = wanted.groups.iter().find(|id| !here.region.ec2.security_groups.contains_key(*id)) {
        return Err(Fault::new("InvalidSecurityGroup", format!("The security group '{unknown}' does not exist")));
    }
    let id = here.letters("0123456789abcdef", 16);
    let dns = match wanted.sort {
        Sort::Classic => {
            let digits = here.letters("0123456789", 10);
            let internal = if wanted.public { "" } else { "internal-" };
            format!("{internal}{}-{digits}.{}.elb.amazonaws.com", wanted.name, here.name)
        }
        Sort::Network => format!("{}-{id}.elb.{}.amazonaws.com", wanted.name, here.name),
        Sort::Application => {
            let digits = here.letters("0123456789", 10);
            format!("{}-{digits}.{}.elb.amazonaws.com", wanted.name, here.name)
        }
    };
    let ready = match wanted.sort {
        Sort::Classic => here.now,
        Sort::Network | Sort::Application => here.due(80.0, 180.0),
    };
    let balancer = Balancer {
        sort: wanted.sort,
        name: wanted.name,
        id,
        public: wanted.public,
        vpc,
        subnets: wanted.subnets,
        groups: wanted.groups,
        dns,
        created: here.now,
        ready,
        tags: wanted.tags,
    };
    let interfaces = Balanced {
        name: &balancer.interface(),
        subnets: &balancer.subnets,
        groups: &balancer.groups,
        public: balancer.public,
        kind: if balancer.sort == Sort::Network { "network_load_balancer" } else { "interface" },
    };
    network_interface::create_balancer(here, &interfaces);
    here.span(format!("elb:{}", balancer.interface()), balancer.subnets.clone(), ready);
    Ok(balancer)
}

/// What remains to be done for one that was taken out of its list.
fn remove(here: &mut Here<'_>, balancer: &Balancer) {
    let gone = here.due(10.0, 60.0);
    let name = balancer.interface();
    here.span(format!("-elb:{name}"), [], gone);
    here.region.elb.going.insert(name, gone);
}

/// Tags of a request.
fn tags(params: &Json) -> BTreeMap<String, String> {
    let tags = list(params, "Tags");
    tags.iter().map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn print_tags(tags: &BTreeMap<String, String>) -> Json {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// DescribeTags takes twenty names or ARNs at most.
fn asked_tags(call: &Call, key: &str) -> Result<Vec<String>, Fault> {
    let names = texts(&call.params, key);
    if names.is_empty() || names.len() > 20 {
        let message =
            format!("Value at '{key}' failed to satisfy constraint: Member must have length between 1 and 20");
        return Err(Fault::new("ValidationError", message));
    }
    Ok(names)
}

/// A page of what is sorted by its place; the marker is the last place.
fn page(call: &Call, mut found: Vec<(String, Json)>) -> Result<(Vec<Json>, Option<String>), Fault> {
    let size = match text(&call.params, "PageSize") {
        "" => 400,
        wanted => match wanted.parse::<usize>() {
            Ok(size) if (1..=400).contains(&size) => size,
            _ => return Err(Fault::new("ValidationError", format!("Value {wanted} at 'pageSize' must be 1 to 400"))),
        },
    };
    let marker = text(&call.params, "Marker");
    if !marker.is_empty() {
        let last = hex::decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.ok_or_else(|| Fault::new("ValidationError", "The marker is not valid"))?;
        found.retain(|(place, _)| *place > last);
    }
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|(place, _)| hex::encode(place));
    Ok((found.into_iter().map(|(_, entry)| entry).collect(), next))
}
