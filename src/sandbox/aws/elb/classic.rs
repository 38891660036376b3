//! Classic load balancers.

use serde_json::{Value as Json, json};

use super::{Balancer, Sort, Wanted, asked_tags, make, page, print_tags, remove, tags};
use crate::sandbox::region::{Here, iso, list, text, texts, unsupported};
use crate::sandbox::wire::{Answer, Call, Fault};

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateLoadBalancer" => create(here, call),
        "DescribeLoadBalancers" => describe(here, call),
        "DescribeTags" => described_tags(here, call),
        "DeleteLoadBalancer" => {
            if let Some(balancer) = here.region.elb.classic.remove(text(&call.params, "LoadBalancerName")) {
                remove(here, &balancer);
            }
            // "If the load balancer does not exist or has already been deleted, the call still succeeds."
            Ok(json!({}))
        }
        other => Err(unsupported("elasticloadbalancing", other)),
    }
}

fn absent(name: &str) -> Fault {
    Fault::new("LoadBalancerNotFound", format!("There is no ACTIVE Load Balancer named '{name}'"))
}

fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let name = text(params, "LoadBalancerName").to_owned();
    if here.region.elb.classic.contains_key(&name) {
        return Err(Fault::new("DuplicateLoadBalancerName", format!("The load balancer '{name}' already exists")));
    }
    if list(params, "Listeners").is_empty() {
        return Err(Fault::new("ValidationError", "Listeners must not be empty"));
    }
    let wanted = Wanted {
        sort: Sort::Classic,
        name: name.clone(),
        public: text(params, "Scheme") != "internal",
        subnets: texts(params, "Subnets"),
        groups: texts(params, "SecurityGroups"),
        tags: tags(params),
    };
    let balancer = make(here, wanted)?;
    let dns = balancer.dns.clone();
    here.region.elb.classic.insert(name, balancer);
    Ok(json!({ "DNSName": dns }))
}

fn print(here: &Here<'_>, balancer: &Balancer) -> Json {
    let zones: Vec<&String> =
        balancer.subnets.iter().filter_map(|id| here.region.ec2.subnets.get(id)).map(|subnet| &subnet.zone).collect();
    json!({
        "LoadBalancerName": balancer.name,
        "DNSName": balancer.dns,
        "CanonicalHostedZoneNameID": "Z35SXDOTRQ7X7K",
        "ListenerDescriptions": [],
        "Policies": { "AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": [] },
        "BackendServerDescriptions": [],
        "AvailabilityZones": zones,
        "Subnets": balancer.subnets,
        "VPCId": balancer.vpc,
        "Instances": [],
        "SecurityGroups": balancer.groups,
        "CreatedTime": iso(balancer.created),
        "Scheme": if balancer.public { "internet-facing" } else { "internal" },
    })
}

fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    let here = &*here;
    let names = texts(&call.params, "LoadBalancerNames");
    if let Some(name) = names.iter().find(|name| !here.region.elb.classic.contains_key(*name)) {
        return Err(absent(name));
    }
    let all = here.region.elb.classic.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let (found, next) = page(call, all.map(|(name, balancer)| (name.clone(), print(here, balancer))).collect())?;
    Ok(json!({ "LoadBalancerDescriptions": found, "NextMarker": next }))
}

fn described_tags(here: &Here<'_>, call: &Call) -> Answer {
    let names = asked_tags(call, "LoadBalancerNames")?;
    let described = names.iter().map(|name| {
        let balancer = here.region.elb.classic.get(name).ok_or_else(|| absent(name))?;
        Ok(json!({ "LoadBalancerName": name, "Tags": print_tags(&balancer.tags) }))
    });
    Ok(json!({ "TagDescriptions": described.collect::<Result<Vec<Json>, Fault>>()? }))
}
