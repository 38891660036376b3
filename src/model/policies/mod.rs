//! Policy documents: who may assume a role, who may send to the queue, what Karpenter's controller may do.
//!
//! Facts only, each with its page. A document is JSON text in normal form, in which `$[address#attr]` stands for another
//! resource's attribute.

pub mod karpenter;
pub mod trust;

use serde_json::{Value as Json, json};

use super::Identity;
use crate::engine::{Value, policy};

/// Characters of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas").
pub const MANAGED_POLICY_LIMIT: usize = 6144;

/// A document of these statements.
#[must_use]
pub fn document(statements: Vec<Json>) -> Value {
    policy(&json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// The ARN of a policy that AWS manages, with its path where it has one: `service-role/AmazonEBSCSIDriverPolicy`.
#[must_use]
pub fn managed(id: &Identity, name: &str) -> Value {
    Value::Text(format!("arn:{}:iam::aws:policy/{name}", id.partition))
}

/// A value as a part of a document: text as it is, a reference as its token.
#[must_use]
pub fn token(value: &Value) -> String {
    match value {
        Value::Ref { node, attr } => format!("$[{node}#{attr}]"),
        Value::Text(text) | Value::Template(text) | Value::Policy(text) => text.clone(),
        Value::Pending(_) | Value::List(_) | Value::Set(_) | Value::Map(_) => String::new(),
    }
}

/// What the VPC CNI needs in an IPv6 cluster. AWS manages a policy for IPv4 only.
///
/// Source: EKS user guide, "Configure Amazon VPC CNI plugin to use IRSA", step "IPv6".
#[must_use]
pub fn cni_ipv6(id: &Identity) -> Value {
    document(vec![
        json!({
            "Effect": "Allow",
            "Action": [
                "ec2:AssignIpv6Addresses",
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeTags",
            ],
            "Resource": "*",
        }),
        json!({
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": format!("arn:{}:ec2:*:*:network-interface/*", id.partition),
        }),
    ])
}

/// The policy of the interruption queue: these rules may send to it, and nobody may use it without TLS.
///
/// Karpenter's template lets the whole of EventBridge send. A rule of any account could then feed it warnings that are not
/// true and have nodes drained, so the rules are named here, as EventBridge's own page has it.
///
/// Source: Karpenter, "CloudFormation", Interruption Handling; EventBridge user guide, "Using resource-based policies".
#[must_use]
pub fn interruption_queue(queue_arn: &str, rule_arns: &[String]) -> Value {
    document(vec![
        json!({
            "Sid": "AllowRules",
            "Effect": "Allow",
            "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": rule_arns } },
        }),
        json!({
            "Sid": "DenyHTTP",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }),
    ])
}
