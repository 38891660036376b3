//! Simulated Service Quotas: tells the quotas that the simulated EC2 holds. Codes: Service Quotas console, "Amazon Virtual
//! Private Cloud" and "Amazon Elastic Compute Cloud (Amazon EC2)".

use serde_json::{Value as Json, json};

use crate::sandbox::region::{Here, text, unsupported};
use crate::sandbox::wire::{Answer, Call, Fault};

/// Service, code, name.
const NAMES: [(&str, &str, &str); 5] = [
    ("vpc", "L-F678F1CE", "VPCs per Region"),
    ("vpc", "L-FE5A380F", "NAT gateways per Availability Zone"),
    ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs"),
    ("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    ("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
];

fn value(here: &Here<'_>, code: &str) -> u64 {
    let limits = &here.region.ec2.limits;
    match code {
        "L-F678F1CE" => limits.vpcs as u64,
        "L-FE5A380F" => limits.nat_gateways as u64,
        "L-0263D0A3" => limits.addresses as u64,
        "L-1216C47A" => limits.vcpus.0,
        _ => limits.vcpus.1,
    }
}

fn quota(here: &Here<'_>, (service, code, name): (&str, &str, &str)) -> Json {
    json!({
        "ServiceCode": service,
        "QuotaCode": code,
        "QuotaName": name,
        "QuotaArn": here.arn("servicequotas", &format!("{service}/{code}")),
        "Value": value(here, code),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    })
}

pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetServiceQuota" => {
            let asked = (text(&call.params, "ServiceCode"), text(&call.params, "QuotaCode"));
            let known = NAMES.into_iter().find(|(service, code, _)| (*service, *code) == asked);
            let found = known.ok_or_else(|| {
                Fault::new("NoSuchResourceException", format!("There is no quota {} of {}", asked.1, asked.0))
            })?;
            Ok(json!({ "Quota": quota(here, found) }))
        }
        other => Err(unsupported("servicequotas", other)),
    }
}
