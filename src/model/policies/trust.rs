//! Trust policies: who may assume a role.

use serde_json::json;

use super::document;
use crate::engine::Value;
use crate::model::Identity;

/// A service of AWS.
fn service(principal: &str) -> Value {
    document(vec![json!({
        "Effect": "Allow",
        "Principal": { "Service": principal },
        "Action": "sts:AssumeRole",
    })])
}

/// The EKS control plane. Source: EKS user guide, "Amazon EKS cluster IAM role".
#[must_use]
pub fn control_plane() -> Value {
    service("eks.amazonaws.com")
}

/// EC2 instances. In China the service has the partition's own suffix.
///
/// Source: EKS user guide, "Amazon EKS node IAM role"; Karpenter, "CloudFormation", Node Authorization.
#[must_use]
pub fn instances(id: &Identity) -> Value {
    service(if id.partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" })
}

/// EventBridge Scheduler, for schedules of this account only.
///
/// Source: EventBridge Scheduler user guide, "Confused deputy prevention".
#[must_use]
pub fn scheduler(account: &str) -> Value {
    document(vec![json!({
        "Effect": "Allow",
        "Principal": { "Service": "scheduler.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:SourceAccount": account } },
    })])
}

/// A service account, as the cluster's OIDC provider names it. All of them by their full names: `sub` with a wildcard would
/// let a whole namespace in.
///
/// `provider` is the provider's ARN and `issuer` its URL without `https://`, either with references.
///
/// Source: EKS user guide, "Assign IAM roles to Kubernetes service accounts".
#[must_use]
pub fn irsa(provider: &str, issuer: &str, namespace: &str, service_accounts: &[&str]) -> Value {
    let subjects: Vec<_> =
        service_accounts.iter().map(|account| format!("system:serviceaccount:{namespace}:{account}")).collect();
    document(vec![json!({
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                (format!("{issuer}:aud")): crate::resources::aws::oidc_provider::AUDIENCE,
                (format!("{issuer}:sub")): subjects,
            },
        },
    })])
}

/// A service account, as the EKS Pod Identity service tags its session. Without the conditions any association of the
/// account could hand the role to any pod.
///
/// Source: EKS user guide, "Create IAM role with trust policy required by EKS Pod Identity", "Setting Conditions".
#[must_use]
pub fn pod_identity(cluster_arn: &str, namespace: &str, service_accounts: &[&str]) -> Value {
    document(vec![json!({
        "Sid": "AllowEksAuthToAssumeRoleForPodIdentity",
        "Effect": "Allow",
        "Principal": { "Service": "pods.eks.amazonaws.com" },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": cluster_arn,
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_accounts,
            },
        },
    })])
}
