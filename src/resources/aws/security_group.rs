//! Security groups of our own. Rules are fields: a rule that is not listed is taken away.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, UserIdGroupPair};
use futures_util::future::FutureExt as _;
use ipnet::IpNet;

use super::ec2_common::{changed, fields, gone_is_done, half_made, id_of, is_of, live, ours, retag, tagged, text};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// A security group, `network/security-group/nodes`.
#[derive(Clone, Debug)]
pub struct SecurityGroup {
    /// `nodes`, `endpoints`.
    pub key: String,
    /// Its name in the VPC; cannot be changed.
    pub name: String,
    /// What it is for; cannot be changed, so the text must stay as it is from version to version.
    pub description: String,
    /// Id of the VPC.
    pub vpc: Value,
    /// What may come in.
    pub ingress: Vec<Rule>,
    /// What may go out.
    pub egress: Vec<Rule>,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, `all`.
    pub protocol: String,
    /// A port or a range, `8000-8100`; every port if left out.
    pub ports: Option<String>,
    /// A CIDR, the id of a group or prefix list, or `self`.
    pub peer: Value,
    /// Why it is there.
    pub why: Option<String>,
}

impl Rule {
    /// All traffic to anywhere, as EC2 puts it into every new group.
    #[must_use]
    pub fn anywhere() -> Self {
        Self { protocol: "all".to_owned(), ports: None, peer: "0.0.0.0/0".into(), why: None }
    }

    /// In the form in which a read gives it back.
    fn value(&self) -> Value {
        let ports = match self.protocol.as_str() {
            "tcp" | "udp" => Some(self.ports.as_deref().map_or("0-65535".to_owned(), |ports| {
                let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
                range(from.trim(), to.trim())
            })),
            _ => None,
        };
        // EC2 cuts the host bits off.
        let peer = match &self.peer {
            Value::Text(text) => {
                text.parse::<IpNet>().map_or_else(|_| self.peer.clone(), |net| Value::text(net.trunc()))
            }
            other => other.clone(),
        };
        rule(&self.protocol, ports, peer, self.why.as_deref())
    }
}

fn range(from: &str, to: &str) -> String {
    if from == to { from.to_owned() } else { format!("{from}-{to}") }
}

fn rule(protocol: &str, ports: Option<String>, peer: Value, why: Option<&str>) -> Value {
    Value::Map(fields([
        ("protocol", Some(Value::text(protocol))),
        ("ports", ports.map(Value::Text)),
        ("peer", Some(peer)),
        ("description", why.filter(|why| !why.is_empty()).map(Value::text)),
    ]))
}

const DESCRIBE: &str = "ec2:DescribeSecurityGroups";

/// Its name is wanted again, so the old one would have to go first, and a group in use cannot.
const KEEP_DESCRIPTION: &str =
    "EC2 cannot change it: take the group from everything that uses it and delete it by hand";

impl Resource for SecurityGroup {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "security-group",
        noun: "security group",
        actions: &[
            "ec2:DescribeSecurityGroups",
            "ec2:CreateSecurityGroup",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:DeleteSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "name in the VPC"),
            Field::fixed("description", KEEP_DESCRIPTION, "what it is for"),
            Field::replaces("vpc", Order::DeleteFirst, "the VPC it is in"),
            Field::in_place("ingress", "rules in: protocol, ports, peer, description"),
            Field::in_place("egress", "rules out: protocol, ports, peer, description"),
            Field::in_place("tags", "tags"),
        ],
        rank: 35,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Every rule is listed with peer, port and why; what is not listed is removed. New rules are added before \
               old ones go. A group in use cannot be deleted (Amazon VPC user guide, \"Security groups\").",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "security-group", &self.key)
    }

    fn want(&self, _facts: &Facts) -> Fields {
        let rules = |rules: &[Rule]| (!rules.is_empty()).then(|| Value::set(rules.iter().map(Rule::value)));
        fields([
            ("name", Some(Value::text(&self.name))),
            ("description", Some(Value::text(&self.description))),
            ("vpc", Some(self.vpc.clone())),
            ("ingress", rules(&self.ingress)),
            ("egress", rules(&self.egress)),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let found = all_of(world, scope).await?;
        let each = found.iter().map(as_live).collect::<Read<Vec<_>>>()?;
        Ok(each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_security_groups().group_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        found.as_ref().and_then(|answer| answer.security_groups().first()).map(as_live).transpose()
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = "ec2:CreateSecurityGroup";
        let request = world.ec2.create_security_group().group_name(text(want, "name", call)?);
        let request = request.description(text(want, "description", call)?).vpc_id(text(want, "vpc", call)?);
        let request = request.tag_specifications(tagged(ResourceType::SecurityGroup, cx, want));
        let made = request.send().await.map_err(failed("ec2:CreateSecurityGroup"))?;
        let id = id_of(call, made.group_id())?;
        let default = Value::set([Rule::anywhere().value()]);
        let none = Value::set([]);
        let wanted = |field: &str| want.get(field).unwrap_or(&none);
        bring(world, &id, Way::In, &none, wanted("ingress")).await.map_err(half_made)?;
        bring(world, &id, Way::Out, &default, wanted("egress")).await.map_err(half_made)?;
        Ok(id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let none = Value::set([]);
        for (field, way) in [("ingress", Way::In), ("egress", Way::Out)] {
            if changed(changes, field) {
                let have = live.fields.get(field).unwrap_or(&none);
                bring(world, &live.id, way, have, want.get(field).unwrap_or(&none)).await?;
            }
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.ec2.delete_security_group().group_id(&live.id).send().await;
        gone_is_done(call.map_err(failed("ec2:DeleteSecurityGroup")))
    }
}

/// Direction of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// What a rule is apart from its description: EC2 takes no two rules with the same key.
fn rule_key(rule: &Value) -> [&str; 3] {
    ["protocol", "ports", "peer"].map(|part| rule.get(part).and_then(Value::as_text).unwrap_or_default())
}

/// What must happen to get from one set of rules to another.
#[derive(Debug, PartialEq, Eq)]
struct Steps<'a> {
    add: Vec<&'a Value>,
    describe: Vec<&'a Value>,
    drop: Vec<&'a Value>,
}

fn steps<'a>(have: &'a Value, want: &'a Value) -> Steps<'a> {
    let keys = |rules: &'a Value| rules.items().iter().map(rule_key).collect::<BTreeSet<_>>();
    let (have_keys, want_keys) = (keys(have), keys(want));
    let new = want.items().iter().filter(|rule| !have.items().contains(rule));
    let (describe, add) = new.partition(|rule| have_keys.contains(&rule_key(rule)));
    let drop = have.items().iter().filter(|rule| !want_keys.contains(&rule_key(rule))).collect();
    Steps { add, describe, drop }
}

/// Adds first and takes away last, so that what is allowed before and after is allowed all the time.
async fn bring(world: &Cloud, id: &str, way: Way, have: &Value, want: &Value) -> Result<(), Failure> {
    let Steps { add, describe, drop } = steps(have, want);
    let permissions = |rules: &[&Value]| Some(rules.iter().map(|rule| permission(rule, id)).collect::<Vec<_>>());
    // One call a rule: a rule that is there already (a create said again) must not hide the others.
    for rule in &add {
        let rule = permissions(&[*rule]);
        let done = match way {
            Way::In => {
                let call = world.ec2.authorize_security_group_ingress().group_id(id).set_ip_permissions(rule).send();
                call.await.map_err(failed("ec2:AuthorizeSecurityGroupIngress")).map(|_| ())
            }
            Way::Out => {
                let call = world.ec2.authorize_security_group_egress().group_id(id).set_ip_permissions(rule).send();
                call.await.map_err(failed("ec2:AuthorizeSecurityGroupEgress")).map(|_| ())
            }
        };
        match done {
            Err(failure) if failure.class == Class::Exists => {}
            other => other?,
        }
    }
    if !describe.is_empty() {
        let rules = permissions(&describe);
        match way {
            Way::In => {
                let call = world.ec2.update_security_group_rule_descriptions_ingress().group_id(id);
                let call = call.set_ip_permissions(rules).send().await;
                call.map_err(failed("ec2:UpdateSecurityGroupRuleDescriptionsIngress"))?;
            }
            Way::Out => {
                let call = world.ec2.update_security_group_rule_descriptions_egress().group_id(id);
                let call = call.set_ip_permissions(rules).send().await;
                call.map_err(failed("ec2:UpdateSecurityGroupRuleDescriptionsEgress"))?;
            }
        }
    }
    if !drop.is_empty() {
        let rules = permissions(&drop);
        match way {
            Way::In => {
                let call = world.ec2.revoke_security_group_ingress().group_id(id).set_ip_permissions(rules).send();
                gone_is_done(call.await.map_err(failed("ec2:RevokeSecurityGroupIngress")))?;
            }
            Way::Out => {
                let call = world.ec2.revoke_security_group_egress().group_id(id).set_ip_permissions(rules).send();
                gone_is_done(call.await.map_err(failed("ec2:RevokeSecurityGroupEgress")))?;
            }
        }
    }
    Ok(())
}

/// A resolved rule as EC2 takes it; `own` is what `self` means.
fn permission(rule: &Value, own: &str) -> IpPermission {
    let [protocol, ports, peer] = rule_key(rule);
    let why = rule.get("description").and_then(Value::as_text).map(str::to_owned);
    let call = IpPermission::builder().ip_protocol(if protocol == "all" { "-1" } else { protocol });
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    let (from, to) = match protocol {
        "all" => (None, None),
        // -1: every type and code.
        _ if ports.is_empty() => (Some(-1), Some(-1)),
        _ => (from.parse().ok(), to.parse().ok()),
    };
    let call = call.set_from_port(from).set_to_port(to);
    if peer == "self" || peer.starts_with("sg-") {
        let group = if peer == "self" { own } else { peer };
        call.user_id_group_pairs(UserIdGroupPair::builder().group_id(group).set_description(why).build()).build()
    } else if peer.starts_with("pl-") {
        call.prefix_list_ids(PrefixListId::builder().prefix_list_id(peer).set_description(why).build()).build()
    } else if peer.contains(':') {
        call.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(peer).set_description(why).build()).build()
    } else {
        call.ip_ranges(IpRange::builder().cidr_ip(peer).set_description(why).build()).build()
    }
}

/// The rules as EC2 gives them, one for each peer.
fn rules(permissions: &[IpPermission], own: &str) -> Option<Value> {
    let mut all = Vec::new();
    for permission in permissions {
        let protocol = match permission.ip_protocol() {
            Some("-1") | None => "all",
            Some(protocol) => protocol,
        };
        let ports = match (permission.from_port(), permission.to_port()) {
            (Some(from), Some(to)) if protocol != "all" && from >= 0 => Some(range(&from.to_string(), &to.to_string())),
            _ => None,
        };
        let mut add = |peer: Option<&str>, why: Option<&str>| {
            let peer = peer.unwrap_or_default();
            let peer = if peer == own { "self" } else { peer };
            all.push(rule(protocol, ports.clone(), Value::text(peer), why));
        };
        permission.ip_ranges().iter().for_each(|peer| add(peer.cidr_ip(), peer.description()));
        permission.ipv6_ranges().iter().for_each(|peer| add(peer.cidr_ipv6(), peer.description()));
        permission.prefix_list_ids().iter().for_each(|peer| add(peer.prefix_list_id(), peer.description()));
        permission.user_id_group_pairs().iter().for_each(|peer| add(peer.group_id(), peer.description()));
    }
    (!all.is_empty()).then(|| Value::set(all))
}

/// All that carry the environment's tag. The cluster's own group is looked for among them at the same moment.
pub(super) async fn all_of(world: &Cloud, scope: &Scope) -> Read<Vec<types::SecurityGroup>> {
    let start = || {
        let call = world.ec2.describe_security_groups().filters(ours(scope)).into_paginator().items().send();
        async { call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE)) }.boxed()
    };
    world.security_groups.join(&scope.environment, start).await
}

fn as_live(group: &types::SecurityGroup) -> Read<Live> {
    let id = id_of(DESCRIBE, group.group_id())?;
    let mut live = live(&id, group.tags());
    live.inside = group.vpc_id().map(str::to_owned);
    live.fields.extend(fields([
        ("name", group.group_name().map(Value::text)),
        ("description", group.description().map(Value::text)),
        ("vpc", group.vpc_id().map(Value::text)),
        ("ingress", rules(group.ip_permissions(), &id)),
        ("egress", rules(group.ip_permissions_egress(), &id)),
    ]));
    live.names.insert("name".to_owned(), group.group_name().unwrap_or_default().to_owned());
    Ok(live)
}

#[cfg(test)]
mod tests;
