//! Which kind is priced how: every kind is priced, free by AWS's word, or part of another's line. A test holds the catalogue against this.

/// How a kind's cost is accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// It has lines of its own.
    Priced,
    /// AWS takes nothing for it; where AWS says so.
    Free(&'static str),
    /// It is in the line of this component.
    Within(&'static str),
}

const VPC: &str = "https://aws.amazon.com/vpc/pricing/ (VPC, subnets, route tables, security groups and internet gateways carry no charge)";
const IAM: &str = "https://aws.amazon.com/iam/ (IAM is offered at no additional charge)";
const EKS: &str = "https://aws.amazon.com/eks/pricing/ (per cluster; add-ons, access entries and Pod Identity carry no charge of their own)";
const ASG: &str = "https://aws.amazon.com/ec2/autoscaling/pricing/ (no additional fees)";
const KUBERNETES: &str =
    "https://aws.amazon.com/eks/pricing/ (objects in the cluster are within the price of the control plane)";

/// Every kind by its name in the catalogue.
pub const COVERAGE: &[(&str, Cover)] = &[
    ("access-entry", Cover::Free(EKS)),
    ("addon", Cover::Free(EKS)),
    ("auto-scaling-group", Cover::Free(ASG)),
    ("cluster", Cover::Priced),
    ("cluster-security-group", Cover::Free(VPC)),
    ("eip", Cover::Priced),
    ("event-rule", Cover::Priced),
    ("iam-policy", Cover::Free(IAM)),
    ("iam-role", Cover::Free(IAM)),
    ("internet-gateway", Cover::Free(VPC)),
    ("kms-key", Cover::Priced),
    ("launch-template", Cover::Priced),
    ("log-group", Cover::Within(super::usage::LOGS)),
    ("nat-gateway", Cover::Priced),
    ("node-group", Cover::Priced),
    ("oidc-provider", Cover::Free(IAM)),
    ("pod-identity-association", Cover::Free(EKS)),
    ("route-table", Cover::Free(VPC)),
    ("security-group", Cover::Free(VPC)),
    ("service-linked-role", Cover::Free(IAM)),
    ("sqs-queue", Cover::Within(super::usage::SQS)),
    ("subnet", Cover::Free(VPC)),
    ("subnet-tags", Cover::Free(VPC)),
    ("vpc", Cover::Free(VPC)),
    ("vpc-endpoint", Cover::Priced),
];

/// How a kind is accounted for; `None` for one that this table forgot.
#[must_use]
pub fn cover(kind: &str) -> Option<Cover> {
    if let Some((_, cover)) = COVERAGE.iter().find(|(name, _)| *name == kind) {
        return Some(*cover);
    }
    match kind {
        // A NodePool's nodes are its line; a node class and the controller are within it and the system nodes.
        "node-pool" | "node-class" => Some(Cover::Within(super::usage::NODE_POOLS)),
        "helm-release" => Some(Cover::Within(super::lines::SYSTEM_NODES)),
        "crds"
        | "custom-resource-definition"
        | "cluster-role"
        | "cluster-role-binding"
        | "flow-schema"
        | "namespace"
        | "priority-class"
        | "priority-level"
        | "service-account"
        | "storage-class" => Some(Cover::Free(KUBERNETES)),
        _ => None,
    }
}
