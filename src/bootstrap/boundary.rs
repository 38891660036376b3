//! The permissions boundary of every role that an environment has: what none of them can ever do, whatever the apply role
//! writes into it or attaches to it (R8).
//!
//! It allows what AWS's own policies for EKS, nodes and add-ons allow, and Karpenter's; and of IAM only what Karpenter does
//! with instance profiles. Source: AWS managed policy reference; Karpenter, "CloudFormation".

use serde_json::json;

use crate::engine::{Value, policy};
use crate::model::Identity;

/// The document.
#[must_use]
pub fn document(id: &Identity) -> Value {
    let roles = id.iam_arn(&format!("role{}*", id.iam_path()));
    policy(&json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Sid": "Work", "Effect": "Allow", "Action": WORK, "Resource": "*" },
            { "Sid": "Profiles", "Effect": "Allow", "Action": PROFILES, "Resource": id.iam_arn("instance-profile/*") },
            {
                "Sid": "Nodes",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": roles,
                "Condition": { "StringEquals": {
                    "iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"],
                } },
            },
            {
                "Sid": "Linked",
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "Resource": id.iam_arn("role/aws-service-role/*"),
            },
        ],
    }))
}

const WORK: &[&str] = &[
    "autoscaling:Describe*",
    "autoscaling:UpdateAutoScalingGroup",
    "cloudwatch:PutMetricData",
    "ec2:AssignIpv6Addresses",
    "ec2:AssignPrivateIpAddresses",
    "ec2:AttachNetworkInterface",
    "ec2:AttachVolume",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateFleet",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:CreateRoute",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSnapshot",
    "ec2:CreateTags",
    "ec2:CreateVolume",
    "ec2:DeleteLaunchTemplate",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteRoute",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSnapshot",
    "ec2:DeleteTags",
    "ec2:DeleteVolume",
    "ec2:Describe*",
    "ec2:DetachNetworkInterface",
    "ec2:DetachVolume",
    "ec2:EnableFastSnapshotRestores",
    "ec2:GetSecurityGroupsForVpc",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:ModifyVolume",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:RunInstances",
    "ec2:TerminateInstances",
    "ec2:UnassignPrivateIpAddresses",
    "ec2messages:*",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:BatchImportUpstreamImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "eks:DescribeCluster",
    "eks:UpdateClusterConfig",
    "eks-auth:AssumeRoleForPodIdentity",
    "elasticfilesystem:CreateAccessPoint",
    "elasticfilesystem:DeleteAccessPoint",
    "elasticfilesystem:Describe*",
    "elasticfilesystem:TagResource",
    "elasticloadbalancing:*",
    "kms:CreateGrant",
    "kms:DescribeKey",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:Describe*",
    "logs:PutLogEvents",
    "logs:PutRetentionPolicy",
    "pricing:GetProducts",
    "sqs:DeleteMessage",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
    "ssm:DescribeAssociation",
    "ssm:DescribeDocument",
    "ssm:GetDeployablePatchSnapshotForInstance",
    "ssm:GetDocument",
    "ssm:GetManifest",
    "ssm:GetParameter",
    "ssm:ListAssociations",
    "ssm:ListInstanceAssociations",
    "ssm:PutComplianceItems",
    "ssm:PutConfigurePackageResult",
    "ssm:PutInventory",
    "ssm:UpdateAssociationStatus",
    "ssm:UpdateInstanceAssociationStatus",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:*",
    "xray:Put*",
];

const PROFILES: &[&str] = &[
    "iam:AddRoleToInstanceProfile",
    "iam:CreateInstanceProfile",
    "iam:DeleteInstanceProfile",
    "iam:GetInstanceProfile",
    "iam:ListInstanceProfiles",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:TagInstanceProfile",
];
