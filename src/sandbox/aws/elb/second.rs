//! Network and application load balancers, and target groups.

use serde_json::{Value as Json, json};

use super::{Balancer, Sort, TargetGroup, Wanted, asked_tags, make, page, print_tags, remove, tags};
use crate::sandbox::region::{Here, iso, text, texts, unsupported};
use crate::sandbox::wire::{Answer, Call, Fault};

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateLoadBalancer" => create(here, call),
        "DescribeLoadBalancers" => describe(here, call),
        "DeleteLoadBalancer" => {
            let arn = text(&call.params, "LoadBalancerArn");
            if let Some(balancer) = here.region.elb.second.remove(arn) {
                for group in here.region.elb.groups.values_mut().filter(|group| group.balancer == arn) {
                    group.balancer.clear();
                }
                remove(here, &balancer);
            }
            // "If the load balancer does not exist or has already been deleted, the call succeeds."
            Ok(json!({}))
        }
        "DescribeTags" => described_tags(here, call),
        "CreateTargetGroup" => create_group(here, call),
        "DescribeTargetGroups" => describe_groups(here, call),
        "DeleteTargetGroup" => {
            let arn = text(&call.params, "TargetGroupArn");
            if here.region.elb.groups.get(arn).is_some_and(|group| !group.balancer.is_empty()) {
                let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
                return Err(Fault::new("ResourceInUse", message));
            }
            here.region.elb.groups.remove(arn);
            Ok(json!({}))
        }
        other => Err(unsupported("elasticloadbalancing", other)),
    }
}

fn absent(what: &str, name: &str) -> Fault {
    match what {
        "targetgroup" => Fault::new("TargetGroupNotFound", format!("One or more target groups not found: {name}")),
        _ => Fault::new("LoadBalancerNotFound", format!("One or more load balancers not found: {name}")),
    }
}

fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let name = text(params, "Name").to_owned();
    if here.region.elb.second.values().any(|balancer| balancer.name == name) {
        let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
        return Err(Fault::new("DuplicateLoadBalancerName", message));
    }
    let wanted = Wanted {
        sort: if text(params, "Type") == "network" { Sort::Network } else { Sort::Application },
        name,
        public: text(params, "Scheme") != "internal",
        subnets: texts(params, "Subnets"),
        groups: texts(params, "SecurityGroups"),
        tags: tags(params),
    };
    let balancer = make(here, wanted)?;
    let arn = arn(here, &balancer);
    let shown = print(here, &arn, &balancer);
    here.region.elb.second.insert(arn, balancer);
    Ok(json!({ "LoadBalancers": [shown] }))
}

pub(super) fn arn(here: &Here<'_>, balancer: &Balancer) -> String {
    here.arn("elasticloadbalancing", &format!("loadbalancer/{}", balancer.interface()))
}

fn print(here: &Here<'_>, arn: &str, balancer: &Balancer) -> Json {
    let zones = balancer.subnets.iter().filter_map(|id| Some((id, here.region.ec2.subnets.get(id)?)));
    json!({
        "LoadBalancerArn": arn,
        "LoadBalancerName": balancer.name,
        "DNSName": balancer.dns,
        "CanonicalHostedZoneId": "Z26RNL4JYFTOTI",
        "CreatedTime": iso(balancer.created),
        "Scheme": if balancer.public { "internet-facing" } else { "internal" },
        "VpcId": balancer.vpc,
        "State": { "Code": if balancer.ready <= here.now { "active" } else { "provisioning" } },
        "Type": if balancer.sort == Sort::Network { "network" } else { "application" },
        "AvailabilityZones": zones.map(|(id, subnet)| json!({ "ZoneName": subnet.zone, "SubnetId": id })).collect::<Vec<_>>(),
        "SecurityGroups": balancer.groups,
        "IpAddressType": "ipv4",
    })
}

fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    let here = &*here;
    let (arns, names) = (texts(&call.params, "LoadBalancerArns"), texts(&call.params, "Names"));
    let second = &here.region.elb.second;
    let unknown = arns.iter().find(|arn| !second.contains_key(*arn));
    let unnamed = names.iter().find(|name| second.values().all(|balancer| balancer.name != **name));
    if let Some(missing) = unknown.or(unnamed) {
        return Err(absent("loadbalancer", missing));
    }
    let all = second.iter().filter(|(arn, balancer)| {
        (arns.is_empty() || arns.contains(arn)) && (names.is_empty() || names.contains(&balancer.name))
    });
    let (found, next) = page(call, all.map(|(arn, balancer)| (arn.clone(), print(here, arn, balancer))).collect())?;
    Ok(json!({ "LoadBalancers": found, "NextMarker": next }))
}

fn described_tags(here: &Here<'_>, call: &Call) -> Answer {
    let arns = asked_tags(call, "ResourceArns")?;
    let elb = &here.region.elb;
    let described = arns.iter().map(|arn| {
        let balancer = elb.second.get(arn).map(|balancer| &balancer.tags);
        let tags = balancer.or_else(|| elb.groups.get(arn).map(|group| &group.tags));
        let kind = if arn.contains(":targetgroup/") { "targetgroup" } else { "loadbalancer" };
        let tags = tags.ok_or_else(|| absent(kind, arn))?;
        Ok(json!({ "ResourceArn": arn, "Tags": print_tags(tags) }))
    });
    Ok(json!({ "TagDescriptions": described.collect::<Result<Vec<Json>, Fault>>()? }))
}

fn create_group(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let name = text(params, "Name").to_owned();
    if here.region.elb.groups.values().any(|group| group.name == name) {
        let message = format!("A target group with the same name '{name}' exists, but with different settings");
        return Err(Fault::new("DuplicateTargetGroupName", message));
    }
    let group = TargetGroup {
        name,
        protocol: text(params, "Protocol").to_owned(),
        port: text(params, "Port").parse().unwrap_or_default(),
        vpc: text(params, "VpcId").to_owned(),
        balancer: String::new(),
        tags: tags(params),
    };
    let arn = add_group(here, group.clone());
    Ok(json!({ "TargetGroups": [print_group(&arn, &group)] }))
}

/// Adds a target group and gives its ARN.
pub(super) fn add_group(here: &mut Here<'_>, group: TargetGroup) -> String {
    let id = here.letters("0123456789abcdef", 16);
    let arn = here.arn("elasticloadbalancing", &format!("targetgroup/{}/{id}", group.name));
    here.region.elb.groups.insert(arn.clone(), group);
    arn
}

fn print_group(arn: &str, group: &TargetGroup) -> Json {
    let balancers: Vec<&String> = Some(&group.balancer).into_iter().filter(|arn| !arn.is_empty()).collect();
    json!({
        "TargetGroupArn": arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc,
        "TargetType": "instance",
        "LoadBalancerArns": balancers,
    })
}

fn describe_groups(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let (arns, names) = (texts(params, "TargetGroupArns"), texts(params, "Names"));
    let balancer = text(params, "LoadBalancerArn");
    let groups = &here.region.elb.groups;
    if let Some(missing) = arns.iter().find(|arn| !groups.contains_key(*arn)) {
        return Err(absent("targetgroup", missing));
    }
    if !balancer.is_empty() && !here.region.elb.second.contains_key(balancer) {
        return Err(absent("loadbalancer", balancer));
    }
    let all = groups.iter().filter(|(arn, group)| {
        (arns.is_empty() || arns.contains(arn))
            && (names.is_empty() || names.contains(&group.name))
            && (balancer.is_empty() || group.balancer == balancer)
    });
    let (found, next) = page(call, all.map(|(arn, group)| (arn.clone(), print_group(arn, group))).collect())?;
    Ok(json!({ "TargetGroups": found, "NextMarker": next }))
}
