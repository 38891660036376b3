//! Rules of security groups, each with its own id.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::State;
use super::common::{
    self, Listing, born, cidr, done, find, find_mut, forget, invalid, missing, need, tag_set, tags_of,
};
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// Whom a rule lets talk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// An IPv4 block.
    Ipv4(String),
    /// An IPv6 block.
    Ipv6(String),
    /// The members of a group, `sg-…`.
    Group(String),
    /// A prefix list, `pl-…`.
    List(String),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `sg-…`
    pub group: String,
    /// Outward.
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// First port, or ICMP type; nothing when the protocol is `-1`.
    pub from_port: Option<i32>,
    /// Last port, or ICMP code.
    pub to_port: Option<i32>,
    /// The other side.
    pub peer: Peer,
    /// May be empty.
    pub description: String,
}

impl Rule {
    /// All traffic.
    pub(super) fn all(group: &str, egress: bool, peer: Peer) -> Self {
        Self {
            group: group.to_owned(),
            egress,
            protocol: "-1".to_owned(),
            from_port: None,
            to_port: None,
            peer,
            description: String::new(),
        }
    }

    /// Protocol and ports.
    pub(super) fn traffic(&self) -> (&str, Option<i32>, Option<i32>) {
        (&self.protocol, self.from_port, self.to_port)
    }

    /// Two rules are the same when all but the description is.
    fn same(&self, other: &Self) -> bool {
        Self { description: String::new(), ..self.clone() } == Self { description: String::new(), ..other.clone() }
    }

    /// As the duplicate error writes it.
    fn words(&self) -> String {
        let peer = match &self.peer {
            Peer::Ipv4(peer) | Peer::Ipv6(peer) | Peer::Group(peer) | Peer::List(peer) => peer,
        };
        match (self.protocol.as_str(), self.from_port, self.to_port) {
            ("-1", ..) => format!("peer: {peer}, ALL, ALLOW"),
            (protocol, from, to) => format!(
                "peer: {peer}, {}, from port: {}, to port: {}, ALLOW",
                protocol.to_uppercase(),
                from.unwrap_or(-1),
                to.unwrap_or(-1)
            ),
        }
    }

    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let mut json = json!({
            "securityGroupRuleId": id,
            "securityGroupRuleArn": here.arn("ec2", &format!("security-group-rule/{id}")),
            "groupId": self.group,
            "groupOwnerId": here.account,
            "isEgress": self.egress,
            "ipProtocol": self.protocol,
            "fromPort": self.from_port.unwrap_or(-1),
            "toPort": self.to_port.unwrap_or(-1),
            "description": (!self.description.is_empty()).then_some(&self.description),
            "tagSet": tag_set(&here.region.ec2, id),
        });
        let vpc = here.region.ec2.security_groups.get(&self.group).map(|group| &group.vpc);
        match &self.peer {
            Peer::Ipv4(block) => json["cidrIpv4"] = json!(block),
            Peer::Ipv6(block) => json["cidrIpv6"] = json!(block),
            Peer::List(id) => json["prefixListId"] = json!(id),
            Peer::Group(id) => {
                json["referencedGroupInfo"] = json!({ "groupId": id, "userId": here.account, "vpcId": vpc });
            }
        }
        json
    }
}

/// Whether text is fit for a description: at most 255 characters of a small set.
pub(super) fn described(text: &str) -> bool {
    text.chars().count() <= 255
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter))
}

fn description(item: &Json) -> Result<String, Fault> {
    let given = text(item, "Description");
    if described(given) {
        return Ok(given.to_owned());
    }
    Err(invalid(
        "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
    ))
}

fn port(item: &Json, name: &str) -> Result<Option<i32>, Fault> {
    match text(item, name) {
        "" => Ok(None),
        value => value
            .parse::<i32>()
            .ok()
            .filter(|port| (-1..=65535).contains(port))
            .map(Some)
            .ok_or_else(|| invalid(format!("Invalid value '{value}' for port. Must be between 0 and 65535"))),
    }
}

/// Protocol and ports in canonical form.
fn traffic(item: &Json) -> Result<(String, Option<i32>, Option<i32>), Fault> {
    let protocol = match text(item, "IpProtocol").to_lowercase().as_str() {
        "" => return Err(Fault::new("MissingParameter", "The request must contain the parameter ipProtocol")),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "1" => "icmp".to_owned(),
        "58" => "icmpv6".to_owned(),
        "all" => "-1".to_owned(),
        name @ ("tcp" | "udp" | "icmp" | "icmpv6" | "-1") => name.to_owned(),
        number if number.parse::<u8>().is_ok() => number.to_owned(),
        other => return Err(invalid(format!("Invalid value '{other}' for IP protocol. Unknown protocol."))),
    };
    let (from, to) = (port(item, "FromPort")?, port(item, "ToPort")?);
    match protocol.as_str() {
        // For all traffic, ports are ignored.
        "-1" => Ok((protocol, None, None)),
        "tcp" | "udp" => {
            let (Some(first), Some(last)) = (from, to) else {
                return Err(invalid(
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
                ));
            };
            if first < 0 || first > last {
                return Err(invalid(format!("Invalid TCP/UDP port range ({first}:{last})")));
            }
            Ok((protocol, from, to))
        }
        _ => Ok((protocol, from.or(Some(-1)), to.or(Some(-1)))),
    }
}

fn ipv4(block: &str) -> Result<Peer, Fault> {
    let net = cidr(block, "cidrIp").map_err(|_| invalid(format!("CIDR block {block} is malformed")))?;
    Ok(Peer::Ipv4(net.to_string()))
}

fn ipv6(block: &str) -> Result<Peer, Fault> {
    let net = block.parse::<ipnet::Ipv6Net>();
    let net = net.map_err(|_| invalid(format!("CIDR block {block} is malformed")))?;
    Ok(Peer::Ipv6(net.trunc().to_string()))
}

fn group(state: &State, own: &str, id: &str) -> Result<Peer, Fault> {
    let (own, peer) = (find(&state.security_groups, "sg", own)?, find(&state.security_groups, "sg", id)?);
    if own.vpc != peer.vpc {
        let message = "You have specified two resources that belong to different networks.";
        return Err(Fault::new("InvalidGroup.NotFound", message));
    }
    Ok(Peer::Group(id.to_owned()))
}

/// The rules that a request spells out, one per peer.
fn given(state: &State, call: &Call, group_id: &str, egress: bool) -> Result<Vec<Rule>, Fault> {
    let mut items = list(&call.params, "IpPermissions");
    if items.is_empty() && !text(&call.params, "CidrIp").is_empty() {
        // The old way: one rule, spread over the request itself.
        let mut item = call.params.clone();
        item["IpRanges"] = json!([{ "CidrIp": text(&call.params, "CidrIp") }]);
        items.push(item);
    }
    let mut rules: Vec<Rule> = Vec::new();
    for item in &items {
        let (protocol, from_port, to_port) = traffic(item)?;
        let mut peers = Vec::new();
        for range in list(item, "IpRanges") {
            peers.push((ipv4(text(&range, "CidrIp"))?, description(&range)?));
        }
        for range in list(item, "Ipv6Ranges") {
            peers.push((ipv6(text(&range, "CidrIpv6"))?, description(&range)?));
        }
        for pair in list(item, "Groups") {
            peers.push((group(state, group_id, text(&pair, "GroupId"))?, description(&pair)?));
        }
        for entry in list(item, "PrefixListIds") {
            let id = text(&entry, "PrefixListId");
            if !id.starts_with("pl-") {
                return Err(missing("pl", id));
            }
            peers.push((Peer::List(id.to_owned()), description(&entry)?));
        }
        for (peer, description) in peers {
            let protocol = protocol.clone();
            let rule = Rule { group: group_id.to_owned(), egress, protocol, from_port, to_port, peer, description };
            if rules.iter().any(|known| known.same(&rule)) {
                return Err(invalid("The same permission must not appear multiple times"));
            }
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn own(here: &Here<'_>, call: &Call) -> Result<String, Fault> {
    let id = need(call, "GroupId")?;
    find(&here.region.ec2.security_groups, "sg", &id)?;
    Ok(id)
}

fn absent() -> Fault {
    Fault::new("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

/// All rules or none.
pub(super) fn authorize(here: &mut Here<'_>, call: &Call, egress: bool) -> Answer {
    let tags = tags_of(call, "security-group-rule")?;
    let group_id = own(here, call)?;
    let state = &here.region.ec2;
    let new = given(state, call, &group_id, egress)?;
    if new.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter ipPermissions"));
    }
    let kept = || state.rules.values().filter(|rule| rule.group == group_id && rule.egress == egress);
    if let Some(rule) = new.iter().find(|rule| kept().any(|known| known.same(rule))) {
        let message = format!("the specified rule \"{}\" already exists", rule.words());
        return Err(Fault::new("InvalidPermission.Duplicate", message));
    }
    if kept().count() + new.len() > state.limits.rules {
        let message = "The maximum number of rules per security group has been reached.";
        return Err(Fault::new("RulesPerSecurityGroupLimitExceeded", message));
    }
    let mut printed = Vec::new();
    let now = here.now;
    for rule in new {
        let id = here.id("sgr");
        here.region.ec2.rules.insert(id.clone(), rule.clone());
        let after: Vec<&str> = match &rule.peer {
            Peer::Group(peer) if *peer != group_id => vec![&group_id, peer],
            _ => vec![&group_id],
        };
        born(here, &id, tags.clone(), &after, now);
        printed.push(rule.print(here, &id));
    }
    Ok(json!({ "return": true, "securityGroupRuleSet": printed }))
}

/// By rule ids, or by what the rules say.
pub(super) fn revoke(here: &mut Here<'_>, call: &Call, egress: bool) -> Answer {
    let group_id = own(here, call)?;
    let state = &here.region.ec2;
    let mut ids = texts(&call.params, "SecurityGroupRuleId");
    for id in &ids {
        let known = find(&state.rules, "sgr", id)?;
        if known.group != group_id || known.egress != egress {
            return Err(missing("sgr", id));
        }
    }
    for rule in given(state, call, &group_id, egress)? {
        let Some((id, _)) = state.rules.iter().find(|(_, known)| known.same(&rule)) else { return Err(absent()) };
        ids.push(id.clone());
    }
    if ids.is_empty() {
        let message = "The request must contain the parameter ipPermissions or securityGroupRuleIds";
        return Err(Fault::new("MissingParameter", message));
    }
    for id in &ids {
        here.region.ec2.rules.remove(id);
        forget(&mut here.region.ec2, id);
    }
    done()
}

pub(super) fn redescribe(here: &mut Here<'_>, call: &Call, egress: bool) -> Answer {
    let group_id = own(here, call)?;
    let state = &mut here.region.ec2;
    for rule in given(state, call, &group_id, egress)? {
        let Some(known) = state.rules.values_mut().find(|known| known.same(&rule)) else { return Err(absent()) };
        known.description = rule.description;
    }
    for item in list(&call.params, "SecurityGroupRuleDescription") {
        let words = description(&item)?;
        find_mut(&mut state.rules, "sgr", text(&item, "SecurityGroupRuleId"))?.description = words;
    }
    done()
}

/// Changes rules in place; a rule cannot change sides.
pub(super) fn modify(here: &mut Here<'_>, call: &Call) -> Answer {
    let group_id = own(here, call)?;
    let state = &mut here.region.ec2;
    let mut changed = Vec::new();
    for item in list(&call.params, "SecurityGroupRule") {
        let id = text(&item, "SecurityGroupRuleId");
        let known = find(&state.rules, "sgr", id)?;
        if known.group != group_id {
            return Err(missing("sgr", id));
        }
        let wanted = &item["SecurityGroupRule"];
        let (protocol, from_port, to_port) = traffic(wanted)?;
        let said = |name| Some(text(wanted, name)).filter(|value| !value.is_empty());
        let peer = if let Some(block) = said("CidrIpv4") {
            ipv4(block)?
        } else if let Some(block) = said("CidrIpv6") {
            ipv6(block)?
        } else if let Some(peer) = said("ReferencedGroupId") {
            group(state, &group_id, peer)?
        } else if let Some(list) = said("PrefixListId") {
            Peer::List(list.to_owned())
        } else {
            return Err(Fault::new("MissingParameter", "The rule must name one source or destination"));
        };
        let rule = Rule {
            group: group_id.clone(),
            egress: known.egress,
            protocol,
            from_port,
            to_port,
            peer,
            description: description(wanted)?,
        };
        if state.rules.iter().any(|(other, known)| other != id && known.same(&rule)) {
            let message = format!("the specified rule \"{}\" already exists", rule.words());
            return Err(Fault::new("InvalidPermission.Duplicate", message));
        }
        changed.push((id.to_owned(), rule));
    }
    state.rules.extend(changed);
    done()
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const RULES: Listing = Listing {
        prefix: "sgr",
        ids: "SecurityGroupRuleId",
        set: "securityGroupRuleSet",
        id: "securityGroupRuleId",
        filters: &[("group-id", "groupId"), ("security-group-rule-id", "securityGroupRuleId")],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.rules.iter().map(|(id, rule)| rule.print(here, id)).collect();
    common::describe(here, call, &RULES, entries)
}
