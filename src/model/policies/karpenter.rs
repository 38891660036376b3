//! What Karpenter's controller may do, by minor version.
//!
//! Statement names, actions and conditions are those of the `cloudformation.yaml` that Karpenter publishes with each
//! version (karpenter.sh, "Reference", "CloudFormation"), with these differences:
//! - up to 1.8 it was one policy, which outgrows IAM's limit with a long cluster name; here it is split as since 1.9;
//! - the first 1.12 had a zonal-shift statement that never matched; its corrected form counts for 1.12 as well.
//!
//! The templates of 1.1 to 1.14 were compared statement by statement. That of 1.15 was not at hand: the row repeats 1.14's.
//!
//! | since | what changed |
//! |---|---|
//! | 1.3 | capacity reservations: launch into them, describe them |
//! | 1.7 | `iam:ListInstanceProfiles` |
//! | 1.9 | six policies instead of one; capacity reservations no longer among the tagged resources |
//! | 1.10 | a fifth event rule: interrupted capacity reservations |
//! | 1.11 | placement groups: launch into them, describe them |
//! | 1.12 | `ec2:DescribeInstanceStatus`; ARC zonal shift |

use serde_json::{Value as Json, json};

use super::document;
use crate::engine::Value;

/// What one Karpenter minor needs beyond what all need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minor {
    /// The second number of the version; the first is 1.
    pub minor: u16,
    /// Launches into capacity reservations.
    pub reservations: bool,
    /// Asks for tags on capacity reservations, too.
    pub tagged_reservations: bool,
    /// Lists instance profiles by path.
    pub list_profiles: bool,
    /// Handles interrupted capacity reservations: the fifth rule.
    pub reservation_rule: bool,
    /// Launches into placement groups.
    pub placement_groups: bool,
    /// Reads instance status, and zonal shifts.
    pub status: bool,
}

const FIRST: Minor = Minor {
    minor: 1,
    reservations: false,
    tagged_reservations: false,
    list_profiles: false,
    reservation_rule: false,
    placement_groups: false,
    status: false,
};
const V1_3: Minor = Minor { minor: 3, reservations: true, tagged_reservations: true, ..FIRST };
const V1_7: Minor = Minor { minor: 7, list_profiles: true, ..V1_3 };
const V1_9: Minor = Minor { minor: 9, tagged_reservations: false, ..V1_7 };
const V1_10: Minor = Minor { minor: 10, reservation_rule: true, ..V1_9 };
const V1_11: Minor = Minor { minor: 11, placement_groups: true, ..V1_10 };
const V1_12: Minor = Minor { minor: 12, status: true, ..V1_11 };

/// Every minor that is known, oldest first. One that is not here has no nearest: its permissions are not known.
pub const MINORS: [Minor; 15] = [
    FIRST,
    Minor { minor: 2, ..FIRST },
    V1_3,
    Minor { minor: 4, ..V1_3 },
    Minor { minor: 5, ..V1_3 },
    Minor { minor: 6, ..V1_3 },
    V1_7,
    Minor { minor: 8, ..V1_7 },
    V1_9,
    V1_10,
    V1_11,
    V1_12,
    Minor { minor: 13, ..V1_12 },
    Minor { minor: 14, ..V1_12 },
    Minor { minor: 15, ..V1_12 },
];

/// The row of a chart version, `1.15.1`; none where the minor is not known.
#[must_use]
pub fn minor(version: &str) -> Option<Minor> {
    let (major, rest) = version.trim_start_matches('v').split_once('.')?;
    let minor: u16 = rest.split('.').next()?.parse().ok()?;
    MINORS.into_iter().find(|row| major == "1" && row.minor == minor)
}

/// Whose cluster the statements are about. All texts may hold references.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// `aws`
    pub partition: &'a str,
    /// `us-east-1`
    pub region: &'a str,
    /// 12 digits.
    pub account: &'a str,
    /// The cluster's name, 100 characters at most.
    pub cluster: &'a str,
    /// ARN of the role of Karpenter's nodes.
    pub node_role: &'a str,
    /// ARN of the interruption queue.
    pub queue: &'a str,
}

/// The policies of a minor, by key: what the address and the name of each end in.
#[must_use]
pub fn policies(minor: Minor, subject: &Subject<'_>) -> Vec<(&'static str, Value)> {
    let mut policies = vec![
        ("node-lifecycle", document(node_lifecycle(minor, subject))),
        ("iam-integration", document(iam_integration(subject))),
        ("eks-integration", document(vec![eks_integration(subject)])),
        ("interruption", document(vec![interruption(subject)])),
        ("resource-discovery", document(resource_discovery(minor, subject))),
    ];
    if minor.status {
        policies.push(("zonal-shift", document(vec![zonal_shift(subject)])));
    }
    policies
}

impl Subject<'_> {
    /// An EC2 resource of any account, as launches name them.
    fn ec2(&self, kind: &str) -> String {
        // Images and snapshots have no account in their ARNs.
        let account = if matches!(kind, "image" | "snapshot") { "" } else { "*" };
        format!("arn:{}:ec2:{}:{account}:{kind}/*", self.partition, self.region)
    }

    fn ec2_all(&self, kinds: &[&str]) -> Vec<String> {
        kinds.iter().map(|kind| self.ec2(kind)).collect()
    }

    fn cluster_arn(&self) -> String {
        format!("arn:{}:eks:{}:{}:cluster/{}", self.partition, self.region, self.account, self.cluster)
    }

    fn profiles(&self) -> String {
        format!("arn:{}:iam::{}:instance-profile/*", self.partition, self.account)
    }

    /// `aws:ResourceTag/kubernetes.io/cluster/NAME`, or with `RequestTag`.
    fn owned(&self, whose: &str) -> String {
        format!("aws:{whose}/kubernetes.io/cluster/{}", self.cluster)
    }
}

fn node_lifecycle(minor: Minor, subject: &Subject<'_>) -> Vec<Json> {
    let mut access = vec!["image", "snapshot", "security-group", "subnet"];
    if minor.reservations {
        access.push("capacity-reservation");
    }
    if minor.placement_groups {
        access.push("placement-group");
    }
    let made = ["fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request"];
    let mut with_tags = made.to_vec();
    if minor.tagged_reservations {
        with_tags.push("capacity-reservation");
    }
    let owned = json!({
        "StringEquals": { (subject.owned("ResourceTag")): "owned" },
        "StringLike": { "aws:ResourceTag/karpenter.sh/nodepool": "*" },
    });
    vec![
        json!({
            "Sid": "AllowScopedEC2InstanceAccessActions",
            "Effect": "Allow",
            "Action": ["ec2:RunInstances", "ec2:CreateFleet"],
            "Resource": subject.ec2_all(&access),
        }),
        json!({
            "Sid": "AllowScopedEC2LaunchTemplateAccessActions",
            "Effect": "Allow",
            "Action": ["ec2:RunInstances", "ec2:CreateFleet"],
            "Resource": subject.ec2("launch-template"),
            "Condition": owned.clone(),
        }),
        json!({
            "Sid": "AllowScopedEC2InstanceActionsWithTags",
            "Effect": "Allow",
            "Action": ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            "Resource": subject.ec2_all(&with_tags),
            "Condition": {
                "StringEquals": {
                    (subject.owned("RequestTag")): "owned",
                    "aws:RequestTag/eks:eks-cluster-name": subject.cluster,
                },
                "StringLike": { "aws:RequestTag/karpenter.sh/nodepool": "*" },
            },
        }),
        json!({
            "Sid": "AllowScopedResourceCreationTagging",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": subject.ec2_all(&made),
            "Condition": {
                "StringEquals": {
                    (subject.owned("RequestTag")): "owned",
                    "aws:RequestTag/eks:eks-cluster-name": subject.cluster,
                    "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                },
                "StringLike": { "aws:RequestTag/karpenter.sh/nodepool": "*" },
            },
        }),
        json!({
            "Sid": "AllowScopedResourceTagging",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": subject.ec2("instance"),
            "Condition": {
                "StringEquals": { (subject.owned("ResourceTag")): "owned" },
                "StringLike": { "aws:ResourceTag/karpenter.sh/nodepool": "*" },
                "StringEqualsIfExists": { "aws:RequestTag/eks:eks-cluster-name": subject.cluster },
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"],
                },
            },
        }),
        json!({
            "Sid": "AllowScopedDeletion",
            "Effect": "Allow",
            "Action": ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            "Resource": subject.ec2_all(&["instance", "launch-template"]),
            "Condition": owned,
        }),
    ]
}

fn iam_integration(subject: &Subject<'_>) -> Vec<Json> {
    let class = "karpenter.k8s.aws/ec2nodeclass";
    let region = "topology.kubernetes.io/region";
    vec![
        json!({
            "Sid": "AllowPassingInstanceRole",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": subject.node_role,
            "Condition": {
                "StringEquals": { "iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"] },
            },
        }),
        json!({
            "Sid": "AllowScopedInstanceProfileCreationActions",
            "Effect": "Allow",
            "Action": "iam:CreateInstanceProfile",
            "Resource": subject.profiles(),
            "Condition": {
                "StringEquals": {
                    (subject.owned("RequestTag")): "owned",
                    "aws:RequestTag/eks:eks-cluster-name": subject.cluster,
                    (format!("aws:RequestTag/{region}")): subject.region,
                },
                "StringLike": { (format!("aws:RequestTag/{class}")): "*" },
            },
        }),
        json!({
            "Sid": "AllowScopedInstanceProfileTagActions",
            "Effect": "Allow",
            "Action": "iam:TagInstanceProfile",
            "Resource": subject.profiles(),
            "Condition": {
                "StringEquals": {
                    (subject.owned("ResourceTag")): "owned",
                    (format!("aws:ResourceTag/{region}")): subject.region,
                    (subject.owned("RequestTag")): "owned",
                    "aws:RequestTag/eks:eks-cluster-name": subject.cluster,
                    (format!("aws:RequestTag/{region}")): subject.region,
                },
                "StringLike": {
                    (format!("aws:ResourceTag/{class}")): "*",
                    (format!("aws:RequestTag/{class}")): "*",
                },
            },
        }),
        json!({
            "Sid": "AllowScopedInstanceProfileActions",
            "Effect": "Allow",
            "Action": [
                "iam:AddRoleToInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:DeleteInstanceProfile",
            ],
            "Resource": subject.profiles(),
            "Condition": {
                "StringEquals": {
                    (subject.owned("ResourceTag")): "owned",
                    (format!("aws:ResourceTag/{region}")): subject.region,
                },
                "StringLike": { (format!("aws:ResourceTag/{class}")): "*" },
            },
        }),
    ]
}

fn eks_integration(subject: &Subject<'_>) -> Json {
    json!({
        "Sid": "AllowAPIServerEndpointDiscovery",
        "Effect": "Allow",
        "Action": "eks:DescribeCluster",
        "Resource": subject.cluster_arn(),
    })
}

fn interruption(subject: &Subject<'_>) -> Json {
    json!({
        "Sid": "AllowInterruptionQueueActions",
        "Effect": "Allow",
        "Action": ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
        "Resource": subject.queue,
    })
}

fn zonal_shift(subject: &Subject<'_>) -> Json {
    json!({
        "Sid": "AllowZonalShiftStatusReadOnly",
        "Effect": "Allow",
        "Action": "arc-zonal-shift:GetManagedResource",
        "Resource": "*",
        "Condition": { "StringEquals": { "arc-zonal-shift:ResourceIdentifier": subject.cluster_arn() } },
    })
}

fn resource_discovery(minor: Minor, subject: &Subject<'_>) -> Vec<Json> {
    let mut reads = vec![
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSpotPriceHistory",
        "ec2:DescribeSubnets",
    ];
    if minor.reservations {
        reads.push("ec2:DescribeCapacityReservations");
    }
    if minor.placement_groups {
        reads.push("ec2:DescribePlacementGroups");
    }
    if minor.status {
        reads.push("ec2:DescribeInstanceStatus");
    }
    let mut statements = vec![
        json!({
            "Sid": "AllowRegionalReadActions",
            "Effect": "Allow",
            "Action": reads,
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestedRegion": subject.region } },
        }),
        json!({
            "Sid": "AllowSSMReadActions",
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": format!("arn:{}:ssm:{}::parameter/aws/service/*", subject.partition, subject.region),
        }),
        json!({
            "Sid": "AllowPricingReadActions",
            "Effect": "Allow",
            "Action": "pricing:GetProducts",
            "Resource": "*",
        }),
        json!({
            "Sid": "AllowInstanceProfileReadActions",
            "Effect": "Allow",
            "Action": "iam:GetInstanceProfile",
            "Resource": subject.profiles(),
        }),
    ];
    if minor.list_profiles {
        statements.push(json!({
            "Sid": "AllowUnscopedInstanceProfileListAction",
            "Effect": "Allow",
            "Action": "iam:ListInstanceProfiles",
            "Resource": "*",
        }));
    }
    statements
}

#[cfg(test)]
mod tests;
