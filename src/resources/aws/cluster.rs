//! The EKS control plane.

use std::collections::BTreeMap;

use aws_sdk_eks::types as sdk;

use super::eks;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::config::spec;
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready,
    Resource, Scope, Value,
};

/// The control plane of an environment.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// What the environment file says.
    pub spec: spec::Cluster,
    /// ARN of the control plane's role.
    pub role: Value,
    /// Id of the VPC.
    pub vpc: Value,
    /// Ids of the subnets of its network interfaces.
    pub subnets: Vec<Value>,
    /// ARN of the key for Secrets.
    pub encryption_key: Option<Value>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
    /// The log group: made before the cluster, or EKS makes one of its own that keeps logs for ever.
    pub after: Vec<Address>,
}

impl Cluster {
    /// The one address of this kind.
    #[must_use]
    pub fn at() -> Address {
        Address::single("cluster", "cluster")
    }
}

const KEEP_KEY: &str = "EKS cannot take another key or go back to none; a new cluster can";
const KEEP_ROLE: &str =
    "EKS cannot change the role of a cluster; give the old role the policies, or make a new cluster";

impl Resource for Cluster {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "cluster",
        noun: "EKS cluster",
        actions: &[
            "eks:CreateCluster",
            "eks:DescribeCluster",
            "eks:ListClusters",
            "eks:UpdateClusterConfig",
            "eks:UpdateClusterVersion",
            "eks:AssociateEncryptionConfig",
            "eks:DeleteCluster",
            "eks:TagResource",
            "eks:UntagResource",
            "iam:PassRole",
            "iam:GetRole",
            "iam:CreateServiceLinkedRole",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcs",
            "kms:DescribeKey",
            "kms:CreateGrant",
        ],
        fields: &[
            Field::replaces("name", Order::DeleteFirst, "The cluster's name"),
            Field::in_place("version", "Kubernetes minor version; EKS goes up by one at a time"),
            Field::fixed("role", KEEP_ROLE, "The role that the control plane assumes"),
            Field::replaces("vpc", Order::DeleteFirst, "The VPC of its subnets"),
            Field::in_place("subnets", "Where EKS puts its network interfaces"),
            Field::in_place("securityGroups", "Security groups of those interfaces besides the one EKS makes"),
            Field::in_place("endpointPrivate", "Whether the API server answers inside the VPC"),
            Field::in_place("endpointPublic", "Whether the API server answers on the internet"),
            Field::in_place("publicCidrs", "Who reaches the public endpoint; nothing where it is off"),
            Field::in_place("logging", "Kinds of control-plane logs that are sent to CloudWatch Logs"),
            Field::fixed("encryptionKey", KEEP_KEY, "The KMS key that encrypts Secrets; can be added once"),
            Field::in_place("authenticationMode", "`API`: access entries only, no aws-auth ConfigMap"),
            Field::replaces("serviceCidr", Order::DeleteFirst, "Range of Service addresses"),
            Field::replaces("ipFamily", Order::DeleteFirst, "Family of Service and pod addresses"),
            Field::in_place("upgradePolicy", "What happens at the end of standard support"),
            Field::in_place("zonalShift", "Whether ARC may shift traffic away from a zone"),
            Field::in_place("deletionProtection", "Whether EKS refuses to delete it"),
            Field::in_place("tags", "Free tags"),
        ],
        rank: 88,
        custody: Custody::Owned,
        // Create 8m21 to 10m06 in public Terraform logs, about 9 min by AWS's own word since 2021-03; one update 120 to
        // 170 s; delete 1m09 to 3m48, outliers 8 min.
        patience: Patience::secs(540, 150, 150, 2400),
        docs: "A managed Kubernetes control plane. Everything that can be set at creation is set in the one CreateCluster \
               call, because each later update takes minutes and EKS does one at a time. It starts without self-managed \
               add-ons and without admin rights for its creator: access is what the access entries say. Source: Amazon \
               EKS API Reference, CreateCluster, UpdateClusterConfig; EKS User Guide, \"Cluster management\".",
    };

    fn address(&self) -> Address {
        Self::at()
    }

    fn want(&self, facts: &Facts) -> Fields {
        let spec = &self.spec;
        let mut want = Fields::from([
            ("name".to_owned(), Value::text(&spec.name)),
            ("version".to_owned(), Value::text(&spec.version)),
            ("role".to_owned(), self.role.clone()),
            ("vpc".to_owned(), self.vpc.clone()),
            ("subnets".to_owned(), Value::set(self.subnets.clone())),
            ("securityGroups".to_owned(), Value::Set(Vec::new())),
            ("endpointPrivate".to_owned(), Value::text(spec.endpoint.private)),
            ("endpointPublic".to_owned(), Value::text(spec.endpoint.public)),
            ("logging".to_owned(), Value::texts(&spec.logging.types)),
            ("authenticationMode".to_owned(), Value::text("API")),
            ("ipFamily".to_owned(), Value::text(family(spec.ip_family))),
            ("upgradePolicy".to_owned(), Value::text(spec.upgrade_policy.as_str())),
            ("zonalShift".to_owned(), Value::text(spec.zonal_shift)),
            ("deletionProtection".to_owned(), Value::text(spec.deletion_protection)),
            ("tags".to_owned(), Value::tags(self.tags.clone())),
        ]);
        if spec.endpoint.public {
            want.insert("publicCidrs".to_owned(), public_cidrs(&spec.endpoint.public_cidrs));
        }
        if let Some(key) = &self.encryption_key {
            want.insert("encryptionKey".to_owned(), key.clone());
        }
        // A range that EKS chose at creation stays; nothing is said of it before.
        let chosen = facts.get("cluster/service-cidr").map(str::to_owned);
        if let Some(cidr) = spec.service_cidr.clone().or(chosen) {
            want.insert("serviceCidr".to_owned(), Value::Text(cidr));
        }
        want
    }

    fn after(&self) -> Vec<Address> {
        self.after.clone()
    }

    fn cost(fields: &Fields, rates: &Rates) -> Vec<Line> {
        vec![lines::control_plane(eks::text(fields, "version"), rates)]
    }

    /// Nodes and add-ons follow the control plane, never the other way round.
    fn moves(changes: &[Change]) -> &'static [&'static str] {
        if changes.iter().any(|change| change.field == "version") { &["version"] } else { &[] }
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let names = eks::wanted_texts(scope, "name");
        let found = eks::clusters(cloud, scope, &names).await?;
        Ok(found
            .into_iter()
            .map(|cluster| {
                let mut live = live(cluster);
                let id = live.id.clone();
                eks::stand_in(&mut live, scope, |fields| eks::text(fields, "name") == id);
                live
            })
            .collect())
    }

    async fn read(cloud: &Cloud, _: &Scope, id: &str) -> Read<Option<Live>> {
        Ok(eks::describe(cloud, id).await?.map(live))
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let name = eks::text(want, "name").to_owned();
        let vpc = sdk::VpcConfigRequest::builder()
            .set_subnet_ids(Some(eks::texts(want, "subnets")))
            .set_security_group_ids(Some(eks::texts(want, "securityGroups")).filter(|groups| !groups.is_empty()))
            .endpoint_private_access(truth(want, "endpointPrivate"))
            .endpoint_public_access(truth(want, "endpointPublic"))
            .set_public_access_cidrs(want.get("publicCidrs").map(|_| eks::texts(want, "publicCidrs")));
        let network = sdk::KubernetesNetworkConfigRequest::builder()
            .ip_family(eks::text(want, "ipFamily").into())
            .set_service_ipv4_cidr(eks::some_text(want, "serviceCidr"));
        let access = sdk::CreateAccessConfigRequest::builder()
            .authentication_mode(eks::text(want, "authenticationMode").into())
            .bootstrap_cluster_creator_admin_permissions(false);
        let call = cloud
            .eks
            .create_cluster()
            .name(&name)
            .version(eks::text(want, "version"))
            .role_arn(eks::text(want, "role"))
            .resources_vpc_config(vpc.build())
            .kubernetes_network_config(network.build())
            .logging(logging(&eks::texts(want, "logging")))
            .access_config(access.build())
            .bootstrap_self_managed_addons(false)
            .set_encryption_config(eks::some_text(want, "encryptionKey").map(|key| vec![encryption(&key)]))
            .upgrade_policy(upgrade_policy(want))
            .zonal_shift_config(zonal_shift(want))
            .deletion_protection(truth(want, "deletionProtection"))
            .client_request_token(&cx.token)
            .set_tags(Some(eks::all_tags(cx, want)));
        let created = call.send().await.map_err(failed("eks:CreateCluster"));
        let read = async { Ok(eks::describe(cloud, &name).await?.map(live)) };
        eks::or_ours(cx, created, name.clone(), read).await
    }

    /// Starts one update of EKS, for the first group of fields that differs: EKS takes one at a time, so the engine waits
    /// and calls again with what is left.
    async fn update(cloud: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        eks::retag(cloud, cx, live, want).await?;
        match Group::first(changes) {
            None => Ok(()),
            Some(Group::Version) => {
                let call = cloud.eks.update_cluster_version().name(&live.id).version(eks::text(want, "version"));
                call.send().await.map(drop).map_err(failed("eks:UpdateClusterVersion"))
            }
            Some(Group::Encryption) => associate(cloud, live, want).await,
            Some(group) => {
                let call = group.call(cloud.eks.update_cluster_config().name(&live.id), live, want);
                call.send().await.map(drop).map_err(failed("eks:UpdateClusterConfig"))
            }
        }
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        cloud.doors.forget(&live.id);
        // The plan of a destroy shows the protection; here it is only switched off, which is an update of its own.
        let Some(now) = eks::describe(cloud, &live.id).await? else { return Ok(()) };
        if now.deletion_protection() == Some(true) {
            let call = cloud.eks.update_cluster_config().name(&live.id).deletion_protection(false);
            match call.send().await.map_err(failed("eks:UpdateClusterConfig")) {
                // It is off by now, and the answer above was older.
                Err(failure) if !failure.message.contains("No changes needed") => return Err(failure),
                _ => {}
            }
            return Err(Failure {
                class: Class::Passing,
                call: "eks:DeleteCluster".to_owned(),
                code: "DeletionProtection".to_owned(),
                message: "deletion protection is being switched off".to_owned(),
            });
        }
        if matches!(now.status(), Some(sdk::ClusterStatus::Deleting)) {
            return Ok(());
        }
        let gone = cloud.eks.delete_cluster().name(&live.id).send().await.map_err(failed("eks:DeleteCluster"));
        gone_is_none(gone).map(drop)
    }
}

/// Fields that one call of EKS changes together, in the order in which they are brought about. The version comes last:
/// an upgrade takes longest, and protection and access should hold before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Protection,
    Endpoint,
    Access,
    Subnets,
    SecurityGroups,
    Logging,
    Encryption,
    UpgradePolicy,
    ZonalShift,
    Version,
}

impl Group {
    const ALL: [(Self, &'static [&'static str]); 10] = [
        (Self::Protection, &["deletionProtection"]),
        (Self::Endpoint, &["endpointPrivate", "endpointPublic", "publicCidrs"]),
        (Self::Access, &["authenticationMode"]),
        (Self::Subnets, &["subnets"]),
        (Self::SecurityGroups, &["securityGroups"]),
        (Self::Logging, &["logging"]),
        (Self::Encryption, &["encryptionKey"]),
        (Self::UpgradePolicy, &["upgradePolicy"]),
        (Self::ZonalShift, &["zonalShift"]),
        (Self::Version, &["version"]),
    ];

    fn first(changes: &[Change]) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, fields)| eks::changed(changes, fields)).map(|(group, _)| group)
    }

    fn call(self, call: UpdateConfig, live: &Live, want: &Fields) -> UpdateConfig {
        let vpc = sdk::VpcConfigRequest::builder();
        match self {
            Self::Protection => call.deletion_protection(truth(want, "deletionProtection")),
            Self::Endpoint => call.resources_vpc_config(
                vpc.endpoint_private_access(truth(want, "endpointPrivate"))
                    .endpoint_public_access(truth(want, "endpointPublic"))
                    .set_public_access_cidrs(want.get("publicCidrs").map(|_| eks::texts(want, "publicCidrs")))
                    .build(),
            ),
            Self::Subnets => call.resources_vpc_config(vpc.set_subnet_ids(Some(eks::texts(want, "subnets"))).build()),
            Self::SecurityGroups => {
                let groups = Some(eks::texts(want, "securityGroups"));
                call.resources_vpc_config(vpc.set_security_group_ids(groups).build())
            }
            Self::Access => {
                let mode = next_mode(live.text("authenticationMode"), eks::text(want, "authenticationMode"));
                let access = sdk::UpdateAccessConfigRequest::builder().authentication_mode(mode.into());
                call.access_config(access.build())
            }
            Self::Logging => call.logging(logging(&eks::texts(want, "logging"))),
            Self::UpgradePolicy => call.upgrade_policy(upgrade_policy(want)),
            Self::ZonalShift => call.zonal_shift_config(zonal_shift(want)),
            // Calls of their own.
            Self::Version | Self::Encryption => call,
        }
    }
}

type UpdateConfig = aws_sdk_eks::operation::update_cluster_config::builders::UpdateClusterConfigFluentBuilder;

async fn associate(cloud: &Cloud, live: &Live, want: &Fields) -> Result<(), Failure> {
    const CALL: &str = "eks:AssociateEncryptionConfig";
    let Some(key) = eks::some_text(want, "encryptionKey").filter(|_| live.text("encryptionKey").is_empty()) else {
        return Err(Failure::fatal(CALL, KEEP_KEY));
    };
    let call = cloud.eks.associate_encryption_config().cluster_name(&live.id).encryption_config(encryption(&key));
    call.send().await.map(drop).map_err(failed(CALL))
}

/// The next step from one authentication mode to another: EKS goes CONFIG_MAP, API_AND_CONFIG_MAP, API, one at a time
/// and never back.
fn next_mode<'a>(from: &str, to: &'a str) -> &'a str {
    if from == "CONFIG_MAP" && to == "API" { "API_AND_CONFIG_MAP" } else { to }
}

fn family(family: spec::IpFamily) -> &'static str {
    match family {
        spec::IpFamily::Ipv4 => "ipv4",
        spec::IpFamily::Ipv6 => "ipv6",
    }
}

/// An empty list means everybody to EKS, so that is what the plan says.
fn public_cidrs(cidrs: &[String]) -> Value {
    if cidrs.is_empty() { Value::texts(["0.0.0.0/0"]) } else { Value::texts(cidrs) }
}

fn truth(want: &Fields, field: &str) -> bool {
    eks::text(want, field) == "true"
}

fn upgrade_policy(want: &Fields) -> sdk::UpgradePolicyRequest {
    sdk::UpgradePolicyRequest::builder().support_type(eks::text(want, "upgradePolicy").into()).build()
}

fn zonal_shift(want: &Fields) -> sdk::ZonalShiftConfigRequest {
    sdk::ZonalShiftConfigRequest::builder().enabled(truth(want, "zonalShift")).build()
}

#[expect(
    deprecated,
    reason = "says nothing new to EKS today, but was required and still is by older tools that read it"
)]
fn encryption(key: &str) -> sdk::EncryptionConfig {
    let provider = sdk::Provider::builder().key_arn(key).build();
    sdk::EncryptionConfig::builder().resources("secrets").provider(provider).build()
}

/// Every type is named, on or off: a type left out keeps its state.
fn logging(on: &[String]) -> sdk::Logging {
    let (on, off): (Vec<_>, Vec<_>) = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
        .into_iter()
        .partition(|kind| on.iter().any(|wanted| wanted == kind));
    let setup = |kinds: Vec<&str>, enabled| {
        let kinds: Vec<_> = kinds.into_iter().map(sdk::LogType::from).collect();
        (!kinds.is_empty()).then(|| sdk::LogSetup::builder().set_types(Some(kinds)).enabled(enabled).build())
    };
    let setups = [setup(on, true), setup(off, false)].into_iter().flatten().collect();
    sdk::Logging::builder().set_cluster_logging(Some(setups)).build()
}

fn ready(cluster: &sdk::Cluster) -> Ready {
    let issues = cluster.health().map(sdk::ClusterHealth::issues).unwrap_or_default();
    let issues = issues.iter().filter_map(|issue| issue.message()).collect::<Vec<_>>().join("; ");
    let word = |status: &str| if issues.is_empty() { status.to_owned() } else { format!("{status}: {issues}") };
    match cluster.status() {
        Some(sdk::ClusterStatus::Active) => Ready::Yes,
        Some(sdk::ClusterStatus::Deleting) => Ready::Leaving("DELETING".to_owned()),
        Some(sdk::ClusterStatus::Failed) => Ready::Never(word("FAILED")),
        Some(status) => Ready::NotYet(word(status.as_str())),
        None => Ready::NotYet("no status yet".to_owned()),
    }
}

/// A cluster as DescribeCluster gives it. `bootstrapClusterCreatorAdminPermissions` is not a field: it says what was done
/// once, cannot be changed, and what came of it is an access entry that a plan shows as stray.
fn live(cluster: sdk::Cluster) -> Live {
    let mut live = Live::new(cluster.name().unwrap_or_default());
    live.ready = ready(&cluster);
    let mut name = |attr: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            live.names.insert(attr.to_owned(), value.to_owned());
        }
    };
    let vpc = cluster.resources_vpc_config();
    let issuer = cluster.identity().and_then(|identity| identity.oidc()).and_then(|oidc| oidc.issuer());
    name("name", cluster.name());
    name("arn", cluster.arn());
    name("endpoint", cluster.endpoint());
    name("issuer", issuer.map(|issuer| issuer.trim_start_matches("https://")));
    name("security-group", vpc.and_then(|vpc| vpc.cluster_security_group_id()));
    name("version", cluster.version());
    name("certificate-authority", cluster.certificate_authority().and_then(|ca| ca.data()));
    live.inside = vpc.and_then(|vpc| vpc.vpc_id()).map(str::to_owned);
    live.tags = eks::tags(cluster.tags().cloned());

    let mut have = Fields::new();
    let mut set = |field: &str, value: Value| {
        have.insert(field.to_owned(), value);
    };
    set("name", Value::text(cluster.name().unwrap_or_default()));
    set("version", Value::text(cluster.version().unwrap_or_default()));
    set("role", Value::text(cluster.role_arn().unwrap_or_default()));
    if let Some(vpc) = vpc {
        set("vpc", Value::text(vpc.vpc_id().unwrap_or_default()));
        set("subnets", Value::texts(vpc.subnet_ids()));
        set("securityGroups", Value::texts(vpc.security_group_ids()));
        set("endpointPrivate", Value::text(vpc.endpoint_private_access()));
        set("endpointPublic", Value::text(vpc.endpoint_public_access()));
        if vpc.endpoint_public_access() {
            set("publicCidrs", public_cidrs(vpc.public_access_cidrs()));
        }
    }
    let logs = cluster.logging().map(sdk::Logging::cluster_logging).unwrap_or_default();
    let logs = logs.iter().filter(|setup| setup.enabled() == Some(true)).flat_map(sdk::LogSetup::types);
    set("logging", Value::texts(logs.map(sdk::LogType::as_str)));
    let key = cluster.encryption_config().iter().find_map(|config| config.provider()?.key_arn());
    if let Some(key) = key {
        set("encryptionKey", Value::text(key));
    }
    if let Some(mode) = cluster.access_config().and_then(|access| access.authentication_mode()) {
        set("authenticationMode", Value::text(mode.as_str()));
    }
    if let Some(network) = cluster.kubernetes_network_config() {
        set("ipFamily", Value::text(network.ip_family().map_or("ipv4", sdk::IpFamily::as_str)));
        if let Some(cidr) = network.service_ipv4_cidr() {
            set("serviceCidr", Value::text(cidr));
            live.facts.insert("cluster/service-cidr".to_owned(), cidr.to_owned());
        }
    }
    // EKS's own default where it says nothing: EXTENDED.
    let policy = cluster.upgrade_policy().and_then(|policy| policy.support_type());
    set("upgradePolicy", Value::text(policy.map_or("EXTENDED", sdk::SupportType::as_str)));
    let shift = cluster
        .zonal_shift_config()
        .and_then(aws_sdk_eks::types::ZonalShiftConfigResponse::enabled)
        .unwrap_or_default();
    set("zonalShift", Value::text(shift));
    set("deletionProtection", Value::text(cluster.deletion_protection().unwrap_or_default()));
    set("tags", live.free_tags());
    live.fields = have;
    live
}

#[cfg(test)]
mod tests;
