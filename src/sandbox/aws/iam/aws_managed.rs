//! The policies of AWS's own that EKS, Karpenter, Systems Manager and operators' roles use, by ARN.
//!
//! Names and paths are those of the AWS managed policy reference. The documents are in essence what they allow, not
//! word for word: nobody compares them, but a role that has one is judged by it.

/// Path (without the leading `/`), name, actions.
const POLICIES: &[(&str, &str, &[&str])] = &[
    ("", "AdministratorAccess", &["*"]),
    ("", "ReadOnlyAccess", &["*:Describe*", "*:List*", "*:Get*", "*:Head*", "*:BatchGet*", "*:Lookup*"]),
    ("job-function/", "ViewOnlyAccess", &["*:Describe*", "*:List*"]),
    ("", "SecurityAudit", &["*:Describe*", "*:List*", "*:GetBucket*", "iam:Get*"]),
    ("", "IAMFullAccess", &["iam:*"]),
    ("", "AmazonEC2FullAccess", &["ec2:*", "elasticloadbalancing:*", "cloudwatch:*", "autoscaling:*"]),
    ("", "AmazonVPCFullAccess", &["ec2:*"]),
    ("", "AmazonS3FullAccess", &["s3:*"]),
    ("", "AmazonSQSFullAccess", &["sqs:*"]),
    ("", "AmazonEventBridgeFullAccess", &["events:*"]),
    ("", "CloudWatchLogsFullAccess", &["logs:*"]),
    (
        "",
        "AmazonEKSClusterPolicy",
        &[
            "autoscaling:Describe*",
            "autoscaling:UpdateAutoScalingGroup",
            "ec2:*",
            "elasticloadbalancing:*",
            "kms:DescribeKey",
        ],
    ),
    (
        "",
        "AmazonEKSServicePolicy",
        &["autoscaling:Describe*", "ec2:Describe*", "eks:*", "iam:ListAttachedRolePolicies", "logs:*"],
    ),
    (
        "",
        "AmazonEKSVPCResourceController",
        &["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface*", "ec2:Describe*"],
    ),
    ("", "AmazonEKSWorkerNodePolicy", &["ec2:Describe*", "eks:DescribeCluster", "eks-auth:AssumeRoleForPodIdentity"]),
    ("", "AmazonEKSWorkerNodeMinimalPolicy", &["eks-auth:AssumeRoleForPodIdentity"]),
    (
        "",
        "AmazonEKS_CNI_Policy",
        &[
            "ec2:AssignPrivateIpAddresses",
            "ec2:AttachNetworkInterface",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:Describe*",
            "ec2:CreateTags",
        ],
    ),
    ("", "AmazonEKSComputePolicy", &["ec2:*", "iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile"]),
    ("", "AmazonEKSBlockStoragePolicy", &["ec2:*Volume*", "ec2:*Snapshot*", "ec2:CreateTags"]),
    ("", "AmazonEKSNetworkingPolicy", &["ec2:*NetworkInterface*", "ec2:CreateTags"]),
    ("", "AmazonEKSLoadBalancingPolicy", &["elasticloadbalancing:*", "ec2:Describe*"]),
    (
        "",
        "AmazonEC2ContainerRegistryReadOnly",
        &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:Describe*", "ecr:Get*", "ecr:List*"],
    ),
    (
        "",
        "AmazonEC2ContainerRegistryPullOnly",
        &[
            "ecr:BatchGetImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchImportUpstreamImage",
        ],
    ),
    (
        "",
        "AmazonSSMManagedInstanceCore",
        &["ssm:*Association*", "ssm:GetParameter*", "ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*"],
    ),
    (
        "",
        "AmazonSSMManagedEC2InstanceDefaultPolicy",
        &["ssm:*Association*", "ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*"],
    ),
    ("", "AmazonSSMReadOnlyAccess", &["ssm:Describe*", "ssm:Get*", "ssm:List*"]),
    ("", "CloudWatchAgentServerPolicy", &["cloudwatch:PutMetricData", "logs:*", "ssm:GetParameter"]),
    (
        "service-role/",
        "AmazonEBSCSIDriverPolicy",
        &["ec2:*Snapshot*", "ec2:*Volume*", "ec2:Describe*", "ec2:CreateTags", "ec2:DeleteTags"],
    ),
    (
        "service-role/",
        "AmazonEBSCSIDriverPolicyV2",
        &["ec2:*Snapshot*", "ec2:*Volume*", "ec2:Describe*", "ec2:CreateTags", "ec2:DeleteTags"],
    ),
    ("service-role/", "AmazonEFSCSIDriverPolicy", &["elasticfilesystem:*", "ec2:DescribeAvailabilityZones"]),
    ("aws-service-role/", "AmazonEKSServiceRolePolicy", &["ec2:*", "eks:*", "logs:*", "iam:*Role*", "route53:*"]),
    ("aws-service-role/", "AWSServiceRoleForAmazonEKSNodegroup", &["ec2:*", "autoscaling:*", "iam:*", "eks:*"]),
    ("aws-service-role/", "AWSEC2SpotServiceRolePolicy", &["ec2:*"]),
    ("aws-service-role/", "AutoScalingServiceRolePolicy", &["ec2:*", "elasticloadbalancing:*", "sns:Publish"]),
];

fn row(arn: &str) -> Option<&'static (&'static str, &'static str, &'static [&'static str])> {
    let resource = ["aws", "aws-us-gov", "aws-cn"]
        .iter()
        .find_map(|partition| arn.strip_prefix(&format!("arn:{partition}:iam::aws:policy/")))?;
    POLICIES.iter().find(|(path, name, _)| resource.strip_prefix(path) == Some(name))
}

/// The document of a policy of AWS.
pub(super) fn document(arn: &str) -> Option<String> {
    row(arn).map(|(_, _, actions)| {
        serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
        })
        .to_string()
    })
}

/// The path of a policy of AWS.
pub(super) fn path(arn: &str) -> String {
    row(arn).map_or_else(|| "/".to_owned(), |(path, _, _)| format!("/{path}"))
}

/// An id made of the name: the same everywhere, as AWS's are.
pub(super) fn id(arn: &str) -> String {
    let letters: String = super::name_of(arn).to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("ANPA{letters:Z<17.17}")
}

/// All ARNs, in the commercial partition.
pub(super) fn arns() -> impl Iterator<Item = String> {
    POLICIES.iter().map(|(path, name, _)| format!("arn:aws:iam::aws:policy/{path}{name}"))
}
