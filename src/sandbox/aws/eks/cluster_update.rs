//! Changes of a cluster: one kind in a call, one update at a time (API reference, `UpdateClusterConfig`).

use serde_json::{Value as Json, json};

use super::cluster::{logging, logs_on};
use super::cluster_check as check;
use super::common::{cluster, in_use, invalid, need, refused};
use super::outside;
use super::updates::{Begin, begin, free, repeated};
use super::versions;
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    let change: fn(&mut Here<'_>, &Json) -> Answer = match call.operation.as_str() {
        "UpdateClusterConfig" => config,
        "UpdateClusterVersion" => version,
        "AssociateEncryptionConfig" => encryption,
        _ => return None,
    };
    Some(match repeated(here, params) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => changeable(here, params).and_then(|()| change(here, params)),
        Err(fault) => Err(fault),
    })
}

fn changeable(here: &mut Here<'_>, params: &Json) -> Result<(), Fault> {
    free(here, params, "", "")?;
    let cluster = cluster(here, params)?;
    match cluster.status() {
        "ACTIVE" => Ok(()),
        status => Err(in_use(format!("Cluster is in {status} status and cannot be updated"))),
    }
}

struct Change<'a> {
    kind: &'a str,
    params: Vec<(&'a str, String)>,
    patch: Json,
    quick: bool,
}

fn config(here: &mut Here<'_>, params: &Json) -> Answer {
    const KINDS: &[&str] =
        &["resourcesVpcConfig", "logging", "accessConfig", "upgradePolicy", "zonalShiftConfig", "deletionProtection"];
    let asked: Vec<&str> = KINDS.iter().copied().filter(|kind| !params[*kind].is_null()).collect();
    let body = cluster(here, params)?.body.clone();
    let change = match asked.as_slice() {
        [] => return Err(invalid("No changes needed for the cluster: no parameter was given")),
        ["resourcesVpcConfig"] => vpc(here, &body, &params["resourcesVpcConfig"])?,
        ["logging"] => logs(&body, &params["logging"])?,
        ["accessConfig"] => access(&body, text(&params["accessConfig"], "authenticationMode"))?,
        [one] => plain(&body, one, &params[*one])?,
        _ => return Err(invalid("Only one type of update can be allowed.")),
    };
    // Seen: 120 to 170 s. What changes no control plane but only a record of it is assumed to be quick.
    let ready = if change.quick { here.due(5.0, 15.0) } else { here.due(120.0, 170.0) };
    begin(
        here,
        params,
        Begin { kind: change.kind, params: change.params, group: "", addon: "", patch: change.patch, ready },
    )
}

fn unchanged(what: &str) -> Fault {
    invalid(format!("No changes needed for the {what} config provided"))
}

fn vpc(here: &Here<'_>, body: &Json, wanted: &Json) -> Result<Change<'static>, Fault> {
    let mut new = body["resourcesVpcConfig"].clone();
    let mut said = Vec::new();
    for (key, name) in [
        ("endpointPublicAccess", "EndpointPublicAccess"),
        ("endpointPrivateAccess", "EndpointPrivateAccess"),
        ("publicAccessCidrs", "PublicAccessCidrs"),
        ("subnetIds", "SubnetIds"),
        ("securityGroupIds", "SecurityGroupIds"),
    ] {
        if !wanted[key].is_null() {
            new[key] = wanted[key].clone();
            said.push((name, wanted[key].to_string()));
        }
    }
    // Access, subnets and groups are three types of update (hashicorp/terraform-provider-aws sends each by itself).
    let types = [
        &["EndpointPublicAccess", "EndpointPrivateAccess", "PublicAccessCidrs"][..],
        &["SubnetIds"],
        &["SecurityGroupIds"],
    ];
    if types.iter().filter(|names| said.iter().any(|(name, _)| names.contains(name))).count() > 1 {
        return Err(invalid("Only one type of update can be allowed."));
    }
    check::endpoint(&new)?;
    let sorted = |config: &Json| {
        let mut config = config.clone();
        for key in ["publicAccessCidrs", "subnetIds", "securityGroupIds"] {
            let mut items = texts(&config, key);
            items.sort();
            config[key] = json!(items);
        }
        config
    };
    if sorted(&new) == sorted(&body["resourcesVpcConfig"]) {
        return Err(invalid(
            "Cluster is already at the desired configuration with endpointPrivateAccess, endpointPublicAccess, and Public Endpoint Restrictions",
        ));
    }
    let network = !wanted["subnetIds"].is_null() || !wanted["securityGroupIds"].is_null();
    if network {
        let subnets = check::network(here, &new)?;
        if subnets[0].vpc != text(&new, "vpcId") {
            return Err(invalid("Provided subnets belong to a different VPC than the cluster"));
        }
        // The zones are those of the creation for good (https://github.com/aws/containers-roadmap/issues/2258).
        let zones = |subnets: &[outside::SubnetInfo]| {
            subnets.iter().map(|subnet| subnet.zone.clone()).collect::<std::collections::BTreeSet<_>>()
        };
        let old = outside::subnets(here, &texts(&body["resourcesVpcConfig"], "subnetIds")).unwrap_or_default();
        let (old, new) = (zones(&old), zones(&subnets));
        if !old.is_empty() && old != new {
            let list = |zones: std::collections::BTreeSet<String>| zones.into_iter().collect::<Vec<_>>().join(",");
            return Err(invalid(format!(
                "Provided subnets belong to the zones {}, they must be in the zones of the cluster's creation: {}",
                list(new),
                list(old)
            )));
        }
    }
    let kind = if network { "VpcConfigUpdate" } else { "EndpointAccessUpdate" };
    Ok(Change { kind, params: said, patch: json!({ "resourcesVpcConfig": new }), quick: false })
}

fn logs(body: &Json, wanted: &Json) -> Result<Change<'static>, Fault> {
    check::logging(wanted)?;
    let mut on = logs_on(&body["logging"]);
    for setup in list(wanted, "clusterLogging") {
        let types = texts(&setup, "types");
        on.retain(|kind| !types.contains(kind));
        if setup["enabled"] == true {
            on.extend(types);
        }
    }
    let new = logging(&on);
    if new == body["logging"] {
        return Err(unchanged("logging"));
    }
    let params = vec![("ClusterLogging", new.to_string())];
    Ok(Change { kind: "LoggingUpdate", params, patch: json!({ "logging": new }), quick: false })
}

/// The mode only goes one way: from the config map over both to the API.
fn access(body: &Json, mode: &str) -> Result<Change<'static>, Fault> {
    let rank = |mode: &str| ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"].iter().position(|one| *one == mode);
    let old = text(&body["accessConfig"], "authenticationMode");
    match (rank(old), rank(mode)) {
        (_, None) => return Err(invalid(format!("{mode} is not an authentication mode"))),
        (Some(from), Some(to)) if from == to => return Err(unchanged("access")),
        (Some(from), Some(to)) if to == from + 1 => {}
        _ => return Err(invalid(format!("Unsupported authentication mode update from {old} to {mode}"))),
    }
    let mut new = body["accessConfig"].clone();
    new["authenticationMode"] = json!(mode);
    let params = vec![("AuthenticationMode", mode.to_owned())];
    Ok(Change { kind: "AccessConfigUpdate", params, patch: json!({ "accessConfig": new }), quick: false })
}

fn plain<'a>(body: &Json, key: &str, wanted: &Json) -> Result<Change<'a>, Fault> {
    if body[key] == *wanted {
        return Err(unchanged(key));
    }
    let (kind, param, quick) = match key {
        "upgradePolicy" => ("UpgradePolicyUpdate", "UpgradePolicy", true),
        "deletionProtection" => ("DeletionProtectionUpdate", "DeletionProtection", true),
        _ => ("ZonalShiftConfigUpdate", "ZonalShiftConfig", false),
    };
    Ok(Change { kind, params: vec![(param, wanted.to_string())], patch: json!({ key: wanted }), quick })
}

fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.parse().ok()
}

fn version(here: &mut Here<'_>, params: &Json) -> Answer {
    let wanted = need(params, "version")?;
    let now = here.now;
    let cluster = cluster(here, params)?;
    let old = cluster.version().to_owned();
    let Some(known) = versions::offered(wanted, now) else {
        return Err(invalid(format!("unsupported Kubernetes version {wanted}")));
    };
    if wanted == old {
        return Err(invalid(format!("Cluster is already at the desired configuration with version {old}")));
    }
    if minor(wanted) != minor(&old).map(|minor| minor + 1) {
        return Err(invalid(format!("Unsupported Kubernetes minor version update from {old} to {wanted}")));
    }
    // Nodes may be at most three minors behind (user guide, "Update existing cluster to new Kubernetes version").
    let behind = cluster.groups.values().filter_map(|group| minor(text(&group.body, "version"))).min();
    if behind.is_some_and(|oldest| known.minor > oldest + 3) {
        return Err(refused(format!(
            "Kubelet version of managed node groups must be at most three minor versions older than {wanted}"
        )));
    }
    let said = vec![("Version", wanted.to_owned()), ("PlatformVersion", known.platform().to_owned())];
    let patch = json!({ "version": wanted });
    let ready = here.due(480.0, 720.0);
    begin(here, params, Begin { kind: "VersionUpdate", params: said, group: "", addon: "", patch, ready })
}

fn encryption(here: &mut Here<'_>, params: &Json) -> Answer {
    if list(params, "encryptionConfig").is_empty() {
        return Err(invalid("encryptionConfig is required"));
    }
    check::encryption(here, params)?;
    let cluster = cluster(here, params)?;
    if !list(&cluster.body, "encryptionConfig").is_empty() {
        return Err(invalid("Cluster already has encryption configured"));
    }
    let patch = json!({ "encryptionConfig": params["encryptionConfig"] });
    let said = vec![("EncryptionConfig", params["encryptionConfig"].to_string())];
    let ready = here.due(120.0, 170.0);
    begin(here, params, Begin { kind: "AssociateEncryptionConfig", params: said, group: "", addon: "", patch, ready })
}
