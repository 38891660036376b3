//! Clusters: made in eight to ten minutes, gone in one to four (public Terraform logs).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{Made, cluster, in_use, paged, refused, tags, uuid};
use super::{Addon, Association, Entry, Group, Update, What, access, cluster_check, later, outside, versions};
use crate::sandbox::aws::iam;
use crate::sandbox::kube;
use crate::sandbox::region::{Here, epoch, list, text, texts};
use crate::sandbox::wire::{Answer, Call};

/// The kinds of log a control plane has.
pub(super) const LOGS: &[&str] = &["api", "audit", "authenticator", "controllerManager", "scheduler"];

/// One cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// As `DescribeCluster` shows it.
    pub body: Json,
    /// Its request.
    pub made: Made,
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// By name.
    pub addons: BTreeMap<String, Addon>,
    /// By principal's ARN.
    pub entries: BTreeMap<String, Entry>,
    /// Pod identity associations by id.
    pub associations: BTreeMap<String, Association>,
    /// Of the cluster and everything in it, oldest first.
    pub updates: Vec<Update>,
    /// Network interfaces in the subnets.
    pub interfaces: Vec<String>,
    /// Whether EKS put its own CNI, proxy and DNS into it (`bootstrapSelfManagedAddons`).
    pub self_managed: bool,
}

impl Cluster {
    /// `ACTIVE`, ….
    #[must_use]
    pub fn status(&self) -> &str {
        text(&self.body, "status")
    }

    /// `1.36`.
    #[must_use]
    pub fn version(&self) -> &str {
        text(&self.body, "version")
    }

    /// Whether any kind of log is on.
    #[must_use]
    pub fn logs(&self) -> bool {
        list(&self.body["logging"], "clusterLogging").iter().any(|setup| setup["enabled"] == true)
    }
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateCluster" => create(here, params),
        "DescribeCluster" => describe(here, params),
        "ListClusters" => {
            let names: Vec<Json> = here.region.eks.clusters.keys().map(|name| json!(name)).collect();
            paged(params, "clusters", &names)
        }
        "DeleteCluster" => delete(here, params),
        _ => return None,
    })
}

/// A cluster as the API shows it. Served on loopback, its endpoint is the door that is there.
fn describe(here: &mut Here<'_>, params: &Json) -> Answer {
    let served = here.served;
    let mut body = cluster(here, params)?.body.clone();
    if let (Some(served), false) = (served, body["endpoint"].is_null()) {
        body["endpoint"] = json!(format!("{}/clusters/{}", served.url, text(&body, "name")));
        body["certificateAuthority"] = json!({ "data": served.authority });
    }
    Ok(json!({ "cluster": body }))
}

/// The `logging` field: which kinds are on and, in a second entry, which are not.
pub(super) fn logging(on: &[String]) -> Json {
    let (yes, no): (Vec<&str>, Vec<&str>) = LOGS.iter().partition(|kind| on.iter().any(|one| one == **kind));
    let mut setups = Vec::new();
    for (types, enabled) in [(yes, true), (no, false)] {
        if !types.is_empty() {
            setups.push(json!({ "types": types, "enabled": enabled }));
        }
    }
    json!({ "clusterLogging": setups })
}

/// The kinds of log that a `logging` field turns on.
pub(super) fn logs_on(field: &Json) -> Vec<String> {
    list(field, "clusterLogging")
        .iter()
        .filter(|setup| setup["enabled"] == true)
        .flat_map(|setup| texts(setup, "types"))
        .collect()
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = text(params, "name").to_owned();
    if let Some(known) = here.region.eks.clusters.get(&name) {
        if known.made.repeated(params)? {
            return Ok(json!({ "cluster": known.body }));
        }
        return Err(in_use(format!("Cluster already exists with name: {name}")));
    }
    let checked = cluster_check::create(here, params)?;
    iam::ensure_service_linked(here, "eks.amazonaws.com");
    let ready = here.due(501.0, 606.0);
    let subnet_ids = texts(&params["resourcesVpcConfig"], "subnetIds");
    let vpc = &params["resourcesVpcConfig"];
    let mode = match text(&params["accessConfig"], "authenticationMode") {
        "" => "CONFIG_MAP",
        mode => mode,
    };
    let bootstrap = params["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] != false;
    let public = vpc["endpointPublicAccess"] != false;
    let mut cidrs = texts(vpc, "publicAccessCidrs");
    if cidrs.is_empty() && public {
        cidrs.push("0.0.0.0/0".to_owned());
    }
    let family = match text(&params["kubernetesNetworkConfig"], "ipFamily") {
        "" => "ipv4",
        family => family,
    };
    let mut network = json!({ "ipFamily": family, "elasticLoadBalancing": { "enabled": false } });
    if family == "ipv6" {
        network["serviceIpv6Cidr"] =
            json!(format!("fd{}:{}::/108", here.letters("0123456789abcdef", 2), here.letters("123456789abcdef", 4)));
    } else {
        let own = text(&params["kubernetesNetworkConfig"], "serviceIpv4Cidr");
        network["serviceIpv4Cidr"] = json!(if own.is_empty() { "172.20.0.0/16" } else { own });
    }
    let support = match text(&params["upgradePolicy"], "supportType") {
        "" => "EXTENDED",
        support => support,
    };
    let body = json!({
        "name": name,
        "arn": here.arn("eks", &format!("cluster/{name}")),
        "createdAt": epoch(here.now),
        "version": checked.version.name(),
        "platformVersion": checked.version.platform(),
        "roleArn": params["roleArn"],
        "resourcesVpcConfig": {
            "subnetIds": subnet_ids,
            "securityGroupIds": texts(vpc, "securityGroupIds"),
            "vpcId": checked.subnets[0].vpc,
            "endpointPublicAccess": public,
            "endpointPrivateAccess": vpc["endpointPrivateAccess"] == true,
            "publicAccessCidrs": cidrs,
        },
        "kubernetesNetworkConfig": network,
        "logging": logging(&logs_on(&params["logging"])),
        "status": "CREATING",
        "certificateAuthority": {},
        "clientRequestToken": params["clientRequestToken"],
        "tags": tags(params)?,
        "encryptionConfig": list(params, "encryptionConfig"),
        "health": { "issues": [] },
        "accessConfig": { "authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": bootstrap },
        "upgradePolicy": { "supportType": support },
        "zonalShiftConfig": { "enabled": params["zonalShiftConfig"]["enabled"] == true },
        "deletionProtection": params["deletionProtection"] == true,
    });
    let made = Cluster {
        body: body.clone(),
        made: Made::by(params),
        self_managed: params["bootstrapSelfManagedAddons"] != false,
        ..Cluster::default()
    };
    here.region.eks.clusters.insert(name.clone(), made);
    if bootstrap && mode != "CONFIG_MAP" {
        access::bootstrap(here, &name);
    }
    let mut after = subnet_ids;
    after.push(text(params, "roleArn").to_owned());
    after.extend(texts(vpc, "securityGroupIds"));
    after.extend(list(params, "encryptionConfig").iter().map(|one| text(&one["provider"], "keyArn").to_owned()));
    here.span(format!("cluster:{name}"), after, ready);
    later(here, ready, &name, What::ClusterActive);
    Ok(json!({ "cluster": body }))
}

/// A cluster has become ready: its security group, its interfaces, its addresses, its log group.
pub(super) fn active(here: &mut Here<'_>, name: &str) {
    let Some(body) = here.region.eks.body(name).cloned() else { return };
    let vpc = &body["resourcesVpcConfig"];
    let group = outside::make_security_group(here, name, text(vpc, "vpcId"));
    let subnets = outside::subnets(here, &texts(vpc, "subnetIds")).unwrap_or_default();
    let mut groups = texts(vpc, "securityGroupIds");
    groups.push(group.clone());
    let interfaces = outside::make_interfaces(here, name, &subnets, &groups);
    let id = here.letters("0123456789ABCDEF", 32);
    let certificate = certificate(here);
    let suffix = if here.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let letter = here.letters("abcdefghijklmnopqrstuvwxyz", 2);
    let region = here.name;
    if let Some(cluster) = here.region.eks.clusters.get_mut(name) {
        cluster.interfaces = interfaces;
        let body = &mut cluster.body;
        body["status"] = json!("ACTIVE");
        body["endpoint"] = json!(format!("https://{id}.{letter}7.{region}.eks.{suffix}"));
        body["identity"] = json!({ "oidc": { "issuer": format!("https://oidc.eks.{region}.{suffix}/id/{id}") } });
        body["certificateAuthority"] = json!({ "data": certificate });
        body["resourcesVpcConfig"]["clusterSecurityGroupId"] = json!(group);
    }
    let inside = kube::bootstrap(here.now, text(&body, "version"), &service_address(&body));
    here.region.kube.clusters.insert(name.to_owned(), inside);
    flush_logs(here, name);
}

/// The first address of a cluster's service range: its API's own.
fn service_address(body: &Json) -> String {
    let network = &body["kubernetesNetworkConfig"];
    let range = match text(network, "serviceIpv4Cidr") {
        "" => text(network, "serviceIpv6Cidr"),
        range => range,
    };
    match range.split('/').next().and_then(|address| address.parse().ok()) {
        Some(IpAddr::V4(address)) => Ipv4Addr::from(u32::from(address) + 1).to_string(),
        Some(IpAddr::V6(address)) => Ipv6Addr::from(u128::from(address) + 1).to_string(),
        None => "10.100.0.1".to_owned(),
    }
}

/// What a certificate authority looks like in the API: PEM in base64. The bytes inside are chance.
fn certificate(here: &mut Here<'_>) -> String {
    let mut bytes = vec![0x30, 0x82, 0x03, 0x05];
    while bytes.len() < 776 {
        bytes.extend(here.draw().to_be_bytes());
    }
    let text = BASE64_STANDARD.encode(bytes);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    BASE64_STANDARD.encode(pem)
}

/// EKS writes logs: it makes the group if it is not there, also while the cluster goes.
pub(super) fn flush_logs(here: &mut Here<'_>, name: &str) {
    let on = here.region.eks.clusters.get(name).is_some_and(Cluster::logs);
    let group = format!("/aws/eks/{name}/cluster");
    if on && !outside::log_group_exists(here, &group) {
        outside::make_log_group(here, &group);
    }
}

/// An update of the cluster itself has ended: the logs may be on now, the interfaces elsewhere, the platform another.
pub(super) fn updated(here: &mut Here<'_>, name: &str) {
    flush_logs(here, name);
    let Some(body) = here.region.eks.body(name).cloned() else { return };
    if let Some(version) = versions::known(text(&body, "version"))
        && let Some(cluster) = here.region.eks.clusters.get_mut(name)
    {
        cluster.body["platformVersion"] = json!(version.platform());
        if let Some(inside) = here.region.kube.clusters.get_mut(name) {
            inside.version = version.name();
        }
    }
    let vpc = &body["resourcesVpcConfig"];
    let mut groups = texts(vpc, "securityGroupIds");
    groups.push(text(vpc, "clusterSecurityGroupId").to_owned());
    outside::move_interfaces(here, name, &texts(vpc, "subnetIds"), &groups);
    if body["accessConfig"]["authenticationMode"] != "CONFIG_MAP" {
        access::for_nodes(here, name);
    }
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let cluster = cluster(here, params)?;
    let name = text(&cluster.body, "name").to_owned();
    if cluster.body["deletionProtection"] == true {
        return Err(refused(format!("Cannot delete cluster {name} because deletion protection is enabled")));
    }
    if !cluster.groups.is_empty() {
        return Err(in_use("Cluster has nodegroups attached"));
    }
    match cluster.status() {
        "ACTIVE" | "FAILED" => {}
        "DELETING" => return Ok(json!({ "cluster": cluster.body })),
        status => return Err(in_use(format!("Cannot delete cluster {name} while it is {status}"))),
    }
    cluster.body["status"] = json!("DELETING");
    let body = cluster.body.clone();
    // Its own updates had to be over, the one that ended the protection among them, and its node groups gone.
    let own = cluster.updates.iter().filter(|update| update.group.is_empty() && update.addon.is_empty());
    let mut after: Vec<String> = own.map(|update| format!("update:{}", text(&update.body, "id"))).collect();
    let groups = format!("-nodegroup:{name}/");
    after.extend(here.spans.iter().map(|span| &span.id).filter(|id| id.starts_with(&groups)).cloned());
    let gone = here.due(69.0, 228.0);
    // The control plane's last words: some seconds before its end.
    let last = here.now + (gone - here.now) * 3 / 4;
    here.region.eks.due.retain(|event| event.cluster != name);
    here.span(format!("-cluster:{name}"), after, gone);
    later(here, last, &name, What::ClusterLogs);
    later(here, gone, &name, What::ClusterGone);
    Ok(json!({ "cluster": body }))
}

/// A cluster has gone, and what it had made for itself.
pub(super) fn gone(here: &mut Here<'_>, name: &str) {
    let Some(cluster) = here.region.eks.clusters.remove(name) else { return };
    here.region.kube.clusters.remove(name);
    outside::remove_interfaces(here, name);
    if let Some(group) = cluster.body["resourcesVpcConfig"]["clusterSecurityGroupId"].as_str() {
        outside::remove_security_group(here, group);
    }
}

/// The ARN of something in a cluster: its kind, the cluster, its name and an id.
pub(super) fn inner_arn(here: &mut Here<'_>, kind: &str, cluster: &str, name: &str) -> String {
    let id = uuid(here);
    here.arn("eks", &format!("{kind}/{cluster}/{name}/{id}"))
}
