//! What others made for a cluster that ends: Karpenter's machines, the load balancers of its Services, the volumes of its
//! claims. Found by each service's own describe calls, never by the tagging index, which lags; and, where nobody else is left
//! to do it, removed.
//!
//! | file | what it holds |
//! |---|---|
//! | `machines.rs` | instances, volumes, snapshots, interfaces, security groups, launch templates |
//! | `balancers.rs` | load balancers of both generations, and target groups |
//! | `profiles.rs` | instance profiles that Karpenter made |
//! | `sweep.rs` | the end of all that |

mod balancers;
mod machines;
mod profiles;
mod sweep;

use std::collections::BTreeMap;

use crate::cloud::Cloud;
use crate::engine::{Read, TAG_ENVIRONMENT, TAG_STACK};

pub use sweep::{detached, end, passing, standing};

/// IAM actions of the search.
pub const FIND_ACTIONS: &[&str] = &[
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "iam:ListInstanceProfiles",
];

/// IAM actions of the end, for a destroy. A policy narrows them by the cluster's tag where AWS lets it.
pub const END_ACTIONS: &[&str] = &[
    "ec2:DeleteLaunchTemplate",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteVolume",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:TerminateInstances",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "iam:DeleteInstanceProfile",
    "iam:RemoveRoleFromInstanceProfile",
];

/// Tags that name a cluster as their value: of the AWS Load Balancer Controller, Karpenter, the VPC CNI.
const KEYS: &[&str] = &["elbv2.k8s.aws/cluster", "karpenter.k8s.aws/cluster", "cluster.k8s.amazonaws.com/name"];

/// Whose leftovers.
#[derive(Clone, Debug)]
pub struct Whose {
    /// The cluster's name.
    pub cluster: String,
    /// The environment's name.
    pub environment: String,
    /// 16 hex digits: what carries another one is another owner's environment of the same name.
    pub stack: String,
    /// The VPC, where it is known: nothing outside it is looked at for load balancers.
    pub vpc: Option<String>,
}

impl Whose {
    /// Tag of what was made for the cluster by EKS, Karpenter, the service controller or the CSI driver.
    #[must_use]
    pub fn cluster_tag(&self) -> String {
        format!("kubernetes.io/cluster/{}", self.cluster)
    }

    /// The tag by which something belongs to the cluster or the environment; none for what is nobody's or another owner's.
    fn reason(&self, tags: &BTreeMap<String, String>) -> Option<String> {
        if tags.get(TAG_STACK).is_some_and(|stack| *stack != self.stack) {
            return None;
        }
        let cluster = self.cluster_tag();
        // A network or a volume that clusters share is `shared`.
        if tags.get(&cluster).is_some_and(|word| word != "shared") {
            return Some(format!("tag {cluster}"));
        }
        let by_value = KEYS.iter().find(|key| tags.get(**key) == Some(&self.cluster));
        if let Some(key) = by_value {
            return Some(format!("tag {key}"));
        }
        (tags.get(TAG_ENVIRONMENT) == Some(&self.environment)).then(|| format!("tag {TAG_ENVIRONMENT}"))
    }
}

/// What sort of thing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// An EC2 instance.
    Instance,
    /// A load balancer of the first generation, by name.
    ClassicBalancer,
    /// A network or application load balancer, by ARN.
    Balancer,
    /// By ARN.
    TargetGroup,
    /// A security group.
    SecurityGroup,
    /// A network interface.
    Interface,
    /// A launch template.
    LaunchTemplate,
    /// An instance profile, by name.
    Profile,
    /// An EBS volume.
    Volume,
    /// An EBS snapshot.
    Snapshot,
}

impl Sort {
    /// For people.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::ClassicBalancer | Self::Balancer => "load balancer",
            Self::TargetGroup => "target group",
            Self::SecurityGroup => "security group",
            Self::Interface => "network interface",
            Self::LaunchTemplate => "launch template",
            Self::Profile => "instance profile",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
        }
    }
}

/// Something that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// See [`Sort`].
    pub sort: Sort,
    /// Its id, name or ARN: what a delete takes.
    pub id: String,
    /// By which tag it was found.
    pub why: String,
    /// The VPC it is in, where it is in one.
    pub vpc: Option<String>,
    /// AWS's word for its state: `in-use`, `available`, `running`.
    pub state: String,
    /// GiB of volumes and snapshots.
    pub gib: Option<i32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Found {
    /// One that is known by its id alone.
    #[must_use]
    pub fn named(sort: Sort, id: &str) -> Self {
        let (why, state, tags) = (String::new(), String::new(), BTreeMap::new());
        Self { sort, id: id.to_owned(), why, vpc: None, state, gib: None, tags }
    }

    /// The claim that a volume was made for (`namespace/name`), which the CSI driver writes down with
    /// `--extra-create-metadata`, as EKS's add-on does (aws-ebs-csi-driver, `docs/tagging.md`).
    #[must_use]
    pub fn claim(&self) -> Option<String> {
        let of = |key: &str| self.tags.get(&format!("kubernetes.io/created-for/pvc/{key}"));
        Some(format!("{}/{}", of("namespace")?, of("name")?))
    }

    /// Whether it holds what a workload has written: data that outlives its node.
    #[must_use]
    pub fn data(&self) -> bool {
        let made_for_data = |key: &String| {
            key.starts_with("kubernetes.io/created-for/")
                || key.starts_with("ebs.csi.aws.com/")
                || key == "CSIVolumeName"
        };
        matches!(self.sort, Sort::Snapshot) || (self.sort == Sort::Volume && self.tags.keys().any(made_for_data))
    }
}

/// Everything that others made for the cluster and that is still there, every page of every list.
///
/// # Errors
/// If one of the lists cannot be read to its end.
pub async fn find(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let (machines, balancers, profiles) = futures_util::try_join!(
        Box::pin(machines::find(cloud, whose)),
        Box::pin(balancers::find(cloud, whose)),
        Box::pin(profiles::find(cloud, whose)),
    )?;
    let mut found: Vec<Found> = machines.into_iter().chain(balancers).chain(profiles).collect();
    found.sort();
    found.dedup_by(|one, other| (one.sort, &one.id) == (other.sort, &other.id));
    Ok(found)
}

/// The load balancers, target groups and security groups among them.
///
/// # Errors
/// If one of the lists cannot be read to its end.
pub async fn balancers(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let (balancers, groups) = futures_util::try_join!(
        Box::pin(balancers::find(cloud, whose)),
        Box::pin(machines::find_groups(cloud, whose))
    )?;
    let mut found: Vec<Found> = balancers.into_iter().chain(groups).collect();
    found.sort();
    found.dedup_by(|one, other| (one.sort, &one.id) == (other.sort, &other.id));
    Ok(found)
}

#[cfg(test)]
mod tests;
