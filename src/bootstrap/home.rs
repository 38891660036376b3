//! On what, and under which condition, an action is allowed (R8). One action may have several homes: any of them will do.
//!
//! Which resources and condition keys an action takes: Service Authorization Reference, the page of each service.

use serde_json::{Value as Json, json};

use super::trust::ISSUER;
use crate::config::Spec;
use crate::config::spec::Connect;
use crate::engine::TAG_ENVIRONMENT;
use crate::model::access::{Access, Job};
use crate::model::{Identity, interruption};

/// Where an action is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Home {
    /// Descriptions and lists: nothing to narrow, and no secret in them.
    Reads,
    /// A role by its name, which is asked for before the role, and with it its path, exists.
    RoleReads,
    /// Documents of policies: ours, and AWS's own.
    PolicyReads,
    /// AWS's own public parameters, and no other.
    PublicParameters,
    /// Made in the environment's region.
    Network,
    /// Private names of interface endpoints: Route 53 is in no region.
    Zones,
    /// Tags given in the call that makes the thing (R8).
    TagsAtCreation,
    /// What carries the environment's tag.
    Ours,
    /// The security group that EKS makes for the cluster, before it carries our tag.
    ClusterGroup,
    /// Subnets of an existing network, where the file lets us tag them.
    LentSubnets,
    /// What controllers in the cluster have left behind.
    Left,
    /// The cluster and everything EKS keeps under its name.
    Cluster,
    /// Roles under the environment's path.
    Roles,
    /// The same, where IAM can ask for the boundary.
    BoundedRoles,
    /// The same, for policies that are on the list alone.
    ListedPolicies,
    /// Roles given to the services that work with them.
    Passing,
    /// Policies under the environment's path.
    Policies,
    /// Instance profiles that Karpenter and EKS have made for our nodes.
    Profiles,
    /// The providers of the region's EKS issuers, when they are made.
    Issuers,
    /// The one that is ours.
    OurIssuer,
    /// Service-linked roles of the services at work here.
    Linked,
    /// The interruption queue.
    Queue,
    /// The interruption rules.
    Rules,
    /// The control plane's log group.
    Logs,
    /// A key that is made with our tag.
    NewKey,
    /// A key that has it.
    Key,
    /// Names of the environment's key.
    Alias,
    /// The node group's Auto Scaling group.
    Group,
    /// The schedule that closes the endpoint.
    Schedule,
    /// A tunnel through one of our nodes, by the one document.
    Tunnel,
    /// Our own sessions.
    Sessions,
}

/// The homes of an action that changes something, or whose reading can be narrowed; none where nobody has thought of it.
pub(super) fn homes(action: &str) -> &'static [Home] {
    let (service, name) = action.split_once(':').unwrap_or_default();
    match (service, name) {
        ("iam", "GetRole" | "GetRolePolicy" | "ListAttachedRolePolicies" | "ListRolePolicies") => &[Home::RoleReads],
        ("iam", "ListInstanceProfilesForRole") => &[Home::RoleReads],
        ("iam", "GetPolicy" | "GetPolicyVersion" | "ListPolicyVersions" | "ListEntitiesForPolicy") => {
            &[Home::PolicyReads]
        }
        ("ssm", "GetParameter") => &[Home::PublicParameters],
        _ if reads(name) => &[Home::Reads],
        ("ec2", "CreateTags") => &[Home::TagsAtCreation, Home::Ours, Home::ClusterGroup, Home::LentSubnets],
        ("ec2", "DeleteTags") => &[Home::Ours, Home::LentSubnets],
        ("ec2", "RunInstances" | "AllocateAddress") => &[Home::Network],
        ("route53", _) => &[Home::Zones],
        ("ec2", "CreateRoute" | "CreateLaunchTemplateVersion") => &[Home::Ours],
        ("ec2", create) if create.starts_with("Create") => &[Home::Network],
        ("ec2", "TerminateInstances" | "DeleteNetworkInterface" | "DeleteVolume") => &[Home::Ours, Home::Left],
        ("ec2", "DeleteSecurityGroup" | "RevokeSecurityGroupIngress" | "DeleteLaunchTemplate") => {
            &[Home::Ours, Home::Left]
        }
        ("ec2", _) => &[Home::Ours],
        ("elasticloadbalancing", _) => &[Home::Left],
        ("eks", _) => &[Home::Cluster],
        ("iam", "CreateRole" | "PutRolePermissionsBoundary" | "PutRolePolicy" | "DeleteRolePolicy") => {
            &[Home::BoundedRoles]
        }
        ("iam", "AttachRolePolicy" | "DetachRolePolicy") => &[Home::ListedPolicies],
        ("iam", "PassRole") => &[Home::Passing],
        ("iam", "CreateServiceLinkedRole") => &[Home::Linked],
        ("iam", "CreateOpenIDConnectProvider" | "TagOpenIDConnectProvider") => &[Home::Issuers],
        ("iam", name) if name.ends_with("OpenIDConnectProvider") => &[Home::OurIssuer],
        ("iam", name) if name.contains("InstanceProfile") => &[Home::Profiles],
        ("iam", name) if name.contains("Role") => &[Home::Roles],
        ("iam", name) if name.contains("Policy") => &[Home::Policies],
        ("sqs", _) => &[Home::Queue],
        ("events", _) => &[Home::Rules],
        ("logs", _) => &[Home::Logs],
        ("kms", "CreateKey") => &[Home::NewKey],
        ("kms", "TagResource") => &[Home::NewKey, Home::Key],
        ("kms", "CreateAlias" | "DeleteAlias" | "UpdateAlias") => &[Home::Alias, Home::Key],
        ("kms", _) => &[Home::Key],
        ("autoscaling", _) => &[Home::Group],
        ("scheduler", _) => &[Home::Schedule],
        ("ssm", "StartSession") => &[Home::Tunnel],
        ("ssm", "TerminateSession") => &[Home::Sessions],
        _ => &[],
    }
}

/// Whether an operation only reads, by its name.
pub(super) fn reads(name: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb))
}

/// The values that statements are made of.
pub(super) struct Ground<'a> {
    pub(super) spec: &'a Spec,
    pub(super) access: &'a Access,
    /// Policies that may be attached: those of the model's roles.
    pub(super) attachable: Vec<String>,
}

impl Ground<'_> {
    fn id(&self) -> &Identity {
        &self.access.id
    }

    fn iam(&self, resource: &str) -> String {
        self.id().iam_arn(resource)
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        self.id().arn(service, resource)
    }

    fn cluster(&self) -> &str {
        &self.spec.cluster.name
    }

    /// Names of our own making: `rem-ci-prod-…-1a2b3c4d`. Both ends, so that no neighbour's fits.
    fn named(&self) -> String {
        self.id().derived("*")
    }

    fn tagged(&self) -> Json {
        json!({ "StringEquals": { (format!("aws:ResourceTag/{TAG_ENVIRONMENT}")): self.id().environment } })
    }

    fn asked(&self) -> Json {
        json!({ "StringEquals": { (format!("aws:RequestTag/{TAG_ENVIRONMENT}")): self.id().environment } })
    }

    /// What a home consists of: resources and condition of each statement it takes.
    pub(super) fn places(&self, home: Home) -> Vec<(Vec<String>, Json)> {
        let (id, path) = (self.id(), self.id().iam_path());
        let cluster = self.cluster();
        let everything = || vec!["*".to_owned()];
        let roles = || vec![self.iam(&format!("role{path}*"))];
        let one = |resources: Vec<String>, condition: Json| vec![(resources, condition)];
        match home {
            Home::Reads => one(everything(), Json::Null),
            Home::RoleReads => one(
                vec![
                    self.iam(&format!("role{path}*")),
                    self.iam(&format!("role{}*", self.access.path())),
                    // Before it is there a role has no path that IAM could judge by.
                    self.iam(&format!("role/{}", self.named())),
                    self.iam("role/AWSServiceRoleFor*"),
                    self.iam("role/aws-service-role/*"),
                ],
                Json::Null,
            ),
            Home::PolicyReads => one(
                vec![self.iam(&format!("policy{path}*")), format!("arn:{}:iam::aws:policy/*", id.partition)],
                Json::Null,
            ),
            Home::PublicParameters => {
                one(vec![format!("arn:{}:ssm:{}::parameter/aws/service/*", id.partition, id.region)], Json::Null)
            }
            Home::Network => one(everything(), json!({ "StringEquals": { "aws:RequestedRegion": id.region } })),
            Home::Zones => {
                let zones = format!("arn:{}:route53:::hostedzone/*", id.partition);
                one(vec![zones, self.arn("ec2", "vpc/*")], Json::Null)
            }
            Home::TagsAtCreation => {
                one(vec![self.arn("ec2", "*/*")], json!({ "StringEquals": { "ec2:CreateAction": TAGGING } }))
            }
            Home::Ours => one(everything(), self.tagged()),
            Home::ClusterGroup => one(
                vec![self.arn("ec2", "security-group/*")],
                json!({ "StringEquals": { "aws:ResourceTag/aws:eks:cluster-name": cluster } }),
            ),
            Home::LentSubnets => {
                let lent = self.spec.network.existing.as_ref().filter(|existing| existing.tag_subnets);
                let subnets: Vec<_> = lent
                    .iter()
                    .flat_map(|lent| lent.private_subnet_ids.iter().chain(&lent.public_subnet_ids))
                    .map(|subnet| self.arn("ec2", &format!("subnet/{subnet}")))
                    .collect();
                if subnets.is_empty() { Vec::new() } else { one(subnets, Json::Null) }
            }
            Home::Left => [
                ("elbv2.k8s.aws/cluster".to_owned(), cluster),
                ("karpenter.k8s.aws/cluster".to_owned(), cluster),
                ("cluster.k8s.amazonaws.com/name".to_owned(), cluster),
                ("aws:eks:cluster-name".to_owned(), cluster),
                (format!("kubernetes.io/cluster/{cluster}"), "owned"),
            ]
            .map(|(tag, value)| {
                (everything(), json!({ "StringEquals": { (format!("aws:ResourceTag/{tag}")): value } }))
            })
            .to_vec(),
            Home::Cluster => one(
                vec![
                    self.arn("eks", &format!("cluster/{cluster}")),
                    self.arn("eks", &format!("nodegroup/{cluster}/*")),
                    self.arn("eks", &format!("addon/{cluster}/*")),
                    self.arn("eks", &format!("access-entry/{cluster}/*")),
                    self.arn("eks", &format!("podidentityassociation/{cluster}/*")),
                ],
                Json::Null,
            ),
            Home::Roles => one(roles(), Json::Null),
            Home::BoundedRoles => one(roles(), self.bounded()),
            Home::ListedPolicies => {
                let mut condition = self.bounded();
                condition["ArnEquals"] = json!({ "iam:PolicyARN": self.attachable });
                one(roles(), condition)
            }
            Home::Passing => one(roles(), json!({ "StringEquals": { "iam:PassedToService": self.services() } })),
            Home::Policies => one(vec![self.iam(&format!("policy{path}*"))], Json::Null),
            Home::Profiles => vec![
                (vec![self.iam("instance-profile/eks-*")], Json::Null),
                (
                    vec![self.iam("instance-profile/*")],
                    json!({ "StringEquals": { (format!("aws:ResourceTag/kubernetes.io/cluster/{cluster}")): "owned" } }),
                ),
            ],
            Home::Issuers => one(self.issuers(), Json::Null),
            Home::OurIssuer => one(self.issuers(), self.tagged()),
            Home::Linked => one(
                vec![self.iam("role/aws-service-role/*")],
                json!({ "StringEquals": { "iam:AWSServiceName": LINKED } }),
            ),
            Home::Queue => one(vec![self.arn("sqs", &interruption::queue_name(id))], Json::Null),
            Home::Rules => one(vec![self.arn("events", &format!("rule/{}", self.named()))], Json::Null),
            Home::Logs => {
                let group = format!("log-group:/aws/eks/{cluster}/cluster");
                one(vec![self.arn("logs", &group), self.arn("logs", &format!("{group}:*"))], Json::Null)
            }
            Home::NewKey => one(everything(), self.asked()),
            Home::Key => one(vec![self.arn("kms", "key/*")], self.tagged()),
            Home::Alias => one(vec![self.arn("kms", &format!("alias/{}", self.named()))], Json::Null),
            Home::Group => one(
                vec![self.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/eks-*")],
                json!({ "StringEquals": { "aws:ResourceTag/eks:cluster-name": cluster } }),
            ),
            Home::Schedule => {
                one(vec![self.arn("scheduler", &format!("schedule/default/{}", id.derived("close")))], Json::Null)
            }
            Home::Tunnel => vec![
                (vec![self.arn("ec2", "instance/*")], self.tunnelled()),
                (
                    vec![format!(
                        "arn:{}:ssm:{}::document/{}",
                        id.partition, id.region, "AWS-StartPortForwardingSessionToRemoteHost"
                    )],
                    Json::Null,
                ),
            ],
            Home::Sessions => one(vec![self.arn("ssm", "session/${aws:userid}-*")], Json::Null),
        }
    }

    /// Without the check of the document, no document is a shell (R10). Source: Systems Manager user guide, "Enforce a session
    /// document permission check for the AWS CLI".
    fn tunnelled(&self) -> Json {
        json!({
            "StringEquals": { (format!("ssm:resourceTag/{TAG_ENVIRONMENT}")): self.id().environment },
            "BoolIfExists": { "ssm:SessionDocumentAccessCheck": "true" },
        })
    }

    fn bounded(&self) -> Json {
        json!({ "StringEquals": { "iam:PermissionsBoundary": self.access.boundary_arn() } })
    }

    fn issuers(&self) -> Vec<String> {
        let region = &self.id().region;
        let hosts = [format!("oidc.eks.{region}.amazonaws.com"), format!("oidc-eks.{region}.api.aws")];
        hosts.map(|host| self.iam(&format!("oidc-provider/{host}*"))).to_vec()
    }

    /// Services that roles of the environment are given to.
    fn services(&self) -> Vec<&'static str> {
        let mut services = vec!["eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com"];
        if self.id().partition == "aws-cn" {
            services.push("ec2.amazonaws.com.cn");
        }
        if self.spec.connect == Connect::RunnerCidr {
            services.push("scheduler.amazonaws.com");
        }
        services
    }

    /// What no environment's job may touch: what bootstrap has made, for any of them, and what GitHub is trusted by.
    pub(super) fn own(&self) -> Vec<String> {
        let path = Access::any_path();
        let provider = self.iam(&format!("oidc-provider/{ISSUER}"));
        vec![self.iam(&format!("role{path}*")), self.iam(&format!("policy{path}*")), provider]
    }

    /// Keys of the bucket that a job reads and writes.
    pub(super) fn keys(&self, job: Job) -> (Vec<String>, Vec<String>) {
        let environment = &self.id().environment;
        let plans = format!("plans/{environment}/*");
        let documents = ["locks", "records", "openings"].map(|folder| format!("{folder}/{environment}.json"));
        match job {
            // The last record is what drift compares with; an opening that has run out is shown.
            Job::Plan => (vec![plans.clone(), documents[1].clone(), documents[2].clone()], vec![plans]),
            Job::Apply | Job::Destroy => {
                let read = std::iter::once(plans).chain(documents.clone()).collect();
                (read, documents.to_vec())
            }
        }
    }
}

/// Operations whose call carries our tags, by the name that `ec2:CreateAction` has for them.
const TAGGING: [&str; 12] = [
    "AllocateAddress",
    "CreateInternetGateway",
    "CreateLaunchTemplate",
    "CreateNatGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpc",
    "CreateVpcEndpoint",
    "CreateVolume",
    "CreateNetworkInterface",
    "RunInstances",
];

/// Services whose service-linked roles an environment needs, each made by the first call that needs it (EKS user guide,
/// "Using service-linked roles for Amazon EKS"; EC2 user guide, "Service-linked role for Spot Instance requests").
const LINKED: [&str; 5] = [
    "autoscaling.amazonaws.com",
    "eks.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "spot.amazonaws.com",
];
