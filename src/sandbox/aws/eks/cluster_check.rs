//! What EKS checks before it makes a cluster (API reference, `CreateCluster`; user guide, "VPC and subnet requirements").

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::cluster::{LOGS, logs_on};
use super::common::{good_name, invalid, need, role, tags};
use super::outside::{self, SubnetInfo};
use super::versions::{self, Version};
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::wire::Fault;

/// Zones where EKS has no control planes (user guide).
const UNSUPPORTED: &[&str] = &["use1-az3", "usw1-az2", "cac1-az3"];

/// What the checks found.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) version: Version,
    /// At least two.
    pub(super) subnets: Vec<SubnetInfo>,
}

pub(super) fn create(here: &Here<'_>, params: &Json) -> Result<Checked, Fault> {
    let name = need(params, "name")?;
    if !good_name(name, 100) {
        return Err(invalid(
            "The cluster name must begin with a letter or a digit and have only letters, digits, hyphens and underscores, 100 at most",
        ));
    }
    if params["resourcesVpcConfig"].is_null() {
        return Err(invalid("resourcesVpcConfig is required"));
    }
    let version = match text(params, "version") {
        "" => versions::default(),
        version => versions::offered(version, here.now)
            .ok_or_else(|| invalid(format!("unsupported Kubernetes version {version}")))?,
    };
    tags(params)?;
    let subnets = network(here, &params["resourcesVpcConfig"])?;
    endpoint(&params["resourcesVpcConfig"])?;
    logging(&params["logging"])?;
    encryption(here, params)?;
    role(here, need(params, "roleArn")?, "eks.amazonaws.com", &[&["AmazonEKSClusterPolicy"]])?;
    let mode = text(&params["accessConfig"], "authenticationMode");
    if !["", "API", "API_AND_CONFIG_MAP", "CONFIG_MAP"].contains(&mode) {
        return Err(invalid(format!("{mode} is not an authentication mode")));
    }
    if !["", "STANDARD", "EXTENDED"].contains(&text(&params["upgradePolicy"], "supportType")) {
        return Err(invalid("supportType must be STANDARD or EXTENDED"));
    }
    if let Some(cidr) = params["kubernetesNetworkConfig"]["serviceIpv4Cidr"].as_str() {
        let net = cidr.parse::<ipnet::Ipv4Net>().ok().filter(|net| (12..=24).contains(&net.prefix_len()));
        let net = net.ok_or_else(|| invalid(format!("{cidr} is not a CIDR block of /24 to /12")))?;
        let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
        if !private.iter().filter_map(|one| one.parse::<ipnet::Ipv4Net>().ok()).any(|one| one.contains(&net)) {
            return Err(invalid("serviceIpv4Cidr must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"));
        }
    }
    Ok(Checked { version, subnets })
}

/// Subnets in at least two zones of one VPC, and security groups of it.
pub(super) fn network(here: &Here<'_>, vpc: &Json) -> Result<Vec<SubnetInfo>, Fault> {
    let subnets = outside::subnets(here, &texts(vpc, "subnetIds"))?;
    if let Some(bad) = subnets.iter().find(|subnet| UNSUPPORTED.contains(&subnet.zone_id.as_str())) {
        let words = format!(
            "Cannot create cluster because {}, the targeted availability zone, does not currently have sufficient capacity to support the cluster",
            bad.zone
        );
        return Err(Fault::new("UnsupportedAvailabilityZoneException", words));
    }
    let zones: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.zone_id.as_str()).collect();
    if zones.len() < 2 {
        return Err(invalid("Subnets specified must be in at least two different AZs"));
    }
    if subnets.iter().any(|subnet| subnet.vpc != subnets[0].vpc) {
        return Err(invalid("Subnets must all be in the same VPC"));
    }
    if let Some(full) = subnets.iter().find(|subnet| subnet.free < 6) {
        return Err(invalid(format!("Subnet {} has not enough free addresses, six are needed", full.id)));
    }
    outside::check_security_groups(here, &texts(vpc, "securityGroupIds"), &subnets[0].vpc)?;
    Ok(subnets)
}

/// Endpoint access, in full or as far as a change names it.
pub(super) fn endpoint(vpc: &Json) -> Result<(), Fault> {
    if vpc["endpointPublicAccess"] == false && vpc["endpointPrivateAccess"] != true {
        return Err(invalid("Private and public endpoint access cannot be false"));
    }
    for cidr in texts(vpc, "publicAccessCidrs") {
        let net = cidr.parse::<ipnet::IpNet>().map_err(|_| invalid(format!("{cidr} is not a CIDR block")))?;
        if net.trunc() != net {
            return Err(invalid(format!("The CIDR {cidr} is not a network address")));
        }
    }
    Ok(())
}

/// Kinds of log.
pub(super) fn logging(field: &Json) -> Result<(), Fault> {
    match logs_on(field).iter().find(|kind| !LOGS.contains(&kind.as_str())) {
        Some(kind) => Err(invalid(format!("{kind} is not a type of control plane log"))),
        None => Ok(()),
    }
}

/// Encryption of secrets with a key.
pub(super) fn encryption(here: &Here<'_>, params: &Json) -> Result<(), Fault> {
    for config in list(params, "encryptionConfig") {
        if config["resources"] != json!(["secrets"]) {
            return Err(invalid("The only supported resource in encryptionConfig is secrets"));
        }
        outside::check_key(here, text(&config["provider"], "keyArn"))?;
    }
    Ok(())
}
