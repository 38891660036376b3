//! Services that endpoints can lead to, and the prefix lists of those with gateways.

use serde_json::{Value as Json, json};

use super::common::{self, Listing};
use super::zones::zones;
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One service and one way to reach it.
pub(super) struct Service {
    /// `com.amazonaws.us-east-1.s3`
    pub(super) name: String,
    /// `Gateway` or `Interface`.
    pub(super) kind: &'static str,
    /// The public name that private DNS takes over.
    pub(super) private_dns: Option<String>,
    /// `pl-…` of a gateway's route.
    pub(super) prefix_list: Option<String>,
}

/// What a cluster in private subnets needs, and its neighbours ("AWS services that integrate with AWS PrivateLink").
const INTERFACES: &[&str] = &[
    "autoscaling",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "events",
    "guardduty-data",
    "kms",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sqs",
    "ssm",
    "ssmmessages",
    "sts",
    "xray",
];

/// The public ids in us-east-1; other regions have others, which stay the same for ever.
fn prefix_list(region: &str, service: &str) -> String {
    match (region, service) {
        ("us-east-1", "s3") => "pl-63a5400a".to_owned(),
        ("us-east-1", "dynamodb") => "pl-02cd2c6b".to_owned(),
        _ => format!("pl-{:08x}", common::mark(&format!("{region}/{service}")) >> 32),
    }
}

/// The region's services.
pub(super) fn services(here: &Here<'_>) -> Vec<Service> {
    let region = here.name;
    let gateways = ["s3", "dynamodb"].into_iter().map(|service| Service {
        name: format!("com.amazonaws.{region}.{service}"),
        kind: "Gateway",
        private_dns: None,
        prefix_list: Some(prefix_list(region, service)),
    });
    let interfaces = INTERFACES.iter().map(|service| Service {
        name: format!("com.amazonaws.{region}.{service}"),
        kind: "Interface",
        private_dns: Some(match *service {
            "ecr.dkr" => format!("*.dkr.ecr.{region}.amazonaws.com"),
            "ecr.api" => format!("api.ecr.{region}.amazonaws.com"),
            service => format!("{service}.{region}.amazonaws.com"),
        }),
        prefix_list: None,
    });
    gateways.chain(interfaces).collect()
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] = &[
        ("owner", "owner"),
        ("service-name", "serviceName"),
        ("service-region", "serviceRegion"),
        ("service-type", "serviceType.serviceType"),
        ("supported-ip-address-types", "supportedIpAddressTypeSet"),
    ];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let wanted = texts(&call.params, "ServiceName");
    let zones = zones(here.name, here.account);
    let services = services(here);
    if let Some(name) = wanted.iter().find(|name| services.iter().all(|service| service.name != **name)) {
        let message = format!("The Vpc Endpoint Service '{name}' does not exist");
        return Err(Fault::new("InvalidServiceName", message));
    }
    let mut found: Vec<Json> = services
        .iter()
        .filter(|service| wanted.is_empty() || wanted.contains(&service.name))
        .map(|service| {
            let names: Vec<Json> = service.private_dns.iter().map(|name| json!({ "privateDnsName": name })).collect();
            json!({
                "serviceName": service.name,
                "serviceId": format!("vpce-svc-0{:016x}", common::mark(&format!("{}/{}", service.name, service.kind))),
                "serviceType": [{ "serviceType": service.kind }],
                "serviceRegion": here.name,
                "availabilityZoneSet": zones.iter().map(|zone| &zone.name).collect::<Vec<_>>(),
                "availabilityZoneIdSet": zones.iter().map(|zone| &zone.id).collect::<Vec<_>>(),
                "owner": "amazon",
                "privateDnsName": service.private_dns,
                "privateDnsNameSet": names,
                "vpcEndpointPolicySupported": true,
                "acceptanceRequired": false,
                "managesVpcEndpoints": false,
                "supportedIpAddressTypeSet": ["ipv4"],
                "tagSet": [],
            })
        })
        .filter(|entry| filters.iter().all(|filter| filter.matches(entry)))
        .collect();
    found.sort_by(|one, other| text(one, "serviceId").cmp(text(other, "serviceId")));
    let next = common::paged(&mut found, call, "serviceId", 1, 1000)?;
    let mut names: Vec<&str> = found.iter().map(|entry| text(entry, "serviceName")).collect();
    names.sort_unstable();
    names.dedup();
    Ok(json!({ "serviceNameSet": names, "serviceDetailSet": found, "nextToken": next }))
}

pub(super) fn prefix_lists(here: &mut Here<'_>, call: &Call) -> Answer {
    const LISTS: Listing = Listing {
        prefix: "pl",
        ids: "PrefixListId",
        set: "prefixListSet",
        id: "prefixListId",
        filters: &[("prefix-list-id", "prefixListId"), ("prefix-list-name", "prefixListName")],
        pages: Some((1, 100)),
    };
    let mut entries: Vec<Json> = services(here)
        .into_iter()
        .filter_map(|service| {
            let cidrs = if service.name.ends_with("s3") {
                ["52.216.0.0/15", "54.231.0.0/16"]
            } else {
                ["3.218.182.0/24", "52.94.0.0/22"]
            };
            Some(json!({ "prefixListId": service.prefix_list?, "prefixListName": service.name, "cidrSet": cidrs }))
        })
        .collect();
    entries.sort_by(|one, other| text(one, "prefixListId").cmp(text(other, "prefixListId")));
    common::describe(here, call, &LISTS, entries)
}
