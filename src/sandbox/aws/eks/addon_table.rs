//! The add-ons EKS offers here, with versions for Kubernetes 1.31 to 1.36. Names, types, owners and how a version is
//! written follow the user guide's "Amazon EKS add-ons"; the numbers are those of late 2026 as far as they could be
//! told, and steps of them before. What matters to a client is the shape: several versions, one default for each
//! Kubernetes version, kube-proxy's bound to Kubernetes's.

/// One add-on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) publisher: &'static str,
    pub(super) owner: &'static str,
    pub(super) namespace: &'static str,
    /// Whether it runs replicas that need nodes before it can be healthy; DaemonSets are healthy with no node.
    pub(super) replicas: bool,
    pub(super) needs_iam: bool,
    /// Service account and managed policy that its documentation recommends.
    pub(super) identity: Option<(&'static str, &'static str)>,
    /// Newest first: version, first and last minor of Kubernetes.
    pub(super) versions: &'static [(&'static str, u32, u32)],
}

const fn row(
    name: &'static str,
    kind: &'static str,
    owner: &'static str,
    namespace: &'static str,
    replicas: bool,
    identity: Option<(&'static str, &'static str)>,
    versions: &'static [(&'static str, u32, u32)],
) -> Row {
    // Community add-ons are built by AWS but owned by the community.
    Row { name, kind, publisher: "eks", owner, namespace, replicas, needs_iam: identity.is_some(), identity, versions }
}

const SYSTEM: &str = "kube-system";

/// All add-ons.
pub(super) const ADDONS: &[Row] = &[
    row(
        "vpc-cni",
        "networking",
        "aws",
        SYSTEM,
        false,
        Some(("aws-node", "AmazonEKS_CNI_Policy")),
        &[
            ("v1.21.2-eksbuild.1", 31, 36),
            ("v1.21.1-eksbuild.3", 31, 36),
            ("v1.20.5-eksbuild.1", 31, 35),
            ("v1.20.4-eksbuild.2", 31, 34),
            ("v1.19.6-eksbuild.7", 31, 33),
        ],
    ),
    row(
        "kube-proxy",
        "networking",
        "aws",
        SYSTEM,
        false,
        None,
        &[
            ("v1.36.3-eksbuild.2", 36, 36),
            ("v1.36.0-eksbuild.2", 36, 36),
            ("v1.35.6-eksbuild.2", 35, 35),
            ("v1.35.3-eksbuild.2", 35, 35),
            ("v1.34.9-eksbuild.2", 34, 34),
            ("v1.34.6-eksbuild.2", 34, 34),
            ("v1.33.11-eksbuild.2", 33, 33),
            ("v1.33.10-eksbuild.2", 33, 33),
            ("v1.32.13-eksbuild.2", 32, 32),
            ("v1.32.11-eksbuild.2", 32, 32),
            ("v1.31.14-eksbuild.2", 31, 31),
            ("v1.31.13-eksbuild.2", 31, 31),
        ],
    ),
    row(
        "coredns",
        "networking",
        "aws",
        SYSTEM,
        true,
        None,
        &[
            ("v1.13.2-eksbuild.4", 33, 36),
            ("v1.13.2-eksbuild.1", 33, 36),
            ("v1.12.4-eksbuild.10", 32, 35),
            ("v1.12.4-eksbuild.1", 32, 34),
            ("v1.11.4-eksbuild.28", 31, 34),
            ("v1.11.4-eksbuild.24", 31, 33),
        ],
    ),
    row(
        "eks-pod-identity-agent",
        "security",
        "aws",
        SYSTEM,
        false,
        None,
        &[
            ("v1.3.10-eksbuild.3", 31, 36),
            ("v1.3.10-eksbuild.2", 31, 36),
            ("v1.3.9-eksbuild.5", 31, 35),
            ("v1.3.8-eksbuild.2", 31, 34),
        ],
    ),
    row(
        "aws-ebs-csi-driver",
        "storage",
        "aws",
        SYSTEM,
        true,
        Some(("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy")),
        &[
            ("v1.57.1-eksbuild.1", 31, 36),
            ("v1.56.0-eksbuild.1", 31, 36),
            ("v1.54.0-eksbuild.1", 31, 35),
            ("v1.50.1-eksbuild.1", 31, 34),
        ],
    ),
    row(
        "aws-efs-csi-driver",
        "storage",
        "aws",
        SYSTEM,
        true,
        Some(("efs-csi-controller-sa", "service-role/AmazonEFSCSIDriverPolicy")),
        &[("v2.3.0-eksbuild.1", 31, 36), ("v2.1.15-eksbuild.1", 31, 36)],
    ),
    row(
        "aws-mountpoint-s3-csi-driver",
        "storage",
        "aws",
        SYSTEM,
        false,
        Some(("s3-csi-driver-sa", "AmazonS3FullAccess")),
        &[("v2.3.0-eksbuild.1", 31, 36), ("v2.2.2-eksbuild.1", 31, 36)],
    ),
    row(
        "snapshot-controller",
        "storage",
        "aws",
        SYSTEM,
        true,
        None,
        &[("v8.4.0-eksbuild.1", 31, 36), ("v8.3.0-eksbuild.1", 31, 36)],
    ),
    row(
        "amazon-cloudwatch-observability",
        "observability",
        "aws",
        "amazon-cloudwatch",
        true,
        Some(("cloudwatch-agent", "CloudWatchAgentServerPolicy")),
        &[("v5.1.0-eksbuild.1", 31, 36), ("v4.8.0-eksbuild.1", 31, 36)],
    ),
    row(
        "adot",
        "observability",
        "aws",
        "opentelemetry-operator-system",
        true,
        None,
        &[("v0.141.0-eksbuild.1", 31, 36), ("v0.138.0-eksbuild.1", 31, 36)],
    ),
    row(
        "aws-guardduty-agent",
        "security",
        "aws",
        "amazon-guardduty",
        false,
        None,
        &[("v1.12.1-eksbuild.2", 31, 36), ("v1.11.0-eksbuild.4", 31, 36)],
    ),
    row(
        "eks-node-monitoring-agent",
        "observability",
        "aws",
        SYSTEM,
        false,
        None,
        &[("v1.5.1-eksbuild.1", 31, 36), ("v1.4.3-eksbuild.1", 31, 36)],
    ),
    row(
        "aws-network-flow-monitoring-agent",
        "observability",
        "aws",
        "amazon-network-flow-monitor",
        false,
        None,
        &[("v1.1.3-eksbuild.1", 31, 36), ("v1.1.2-eksbuild.1", 31, 36)],
    ),
    row(
        "metrics-server",
        "observability",
        "community",
        SYSTEM,
        true,
        None,
        &[("v0.8.1-eksbuild.2", 31, 36), ("v0.8.0-eksbuild.6", 31, 36), ("v0.7.2-eksbuild.4", 31, 34)],
    ),
    row(
        "kube-state-metrics",
        "observability",
        "community",
        "kube-state-metrics",
        true,
        None,
        &[("v2.18.0-eksbuild.1", 31, 36), ("v2.17.0-eksbuild.4", 31, 36)],
    ),
    row(
        "prometheus-node-exporter",
        "observability",
        "community",
        "prometheus-node-exporter",
        false,
        None,
        &[("v1.10.2-eksbuild.6", 31, 36), ("v1.9.1-eksbuild.5", 31, 36)],
    ),
    row(
        "cert-manager",
        "security",
        "community",
        "cert-manager",
        true,
        None,
        &[("v1.19.2-eksbuild.1", 31, 36), ("v1.18.2-eksbuild.2", 31, 36)],
    ),
    row(
        "external-dns",
        "networking",
        "community",
        "external-dns",
        true,
        Some(("external-dns", "AmazonRoute53FullAccess")),
        &[("v0.20.0-eksbuild.1", 31, 36), ("v0.19.0-eksbuild.2", 31, 36)],
    ),
];

impl Row {
    /// Versions for a minor of Kubernetes, newest first.
    pub(super) fn of(&self, minor: u32) -> impl Iterator<Item = &'static str> {
        let range = move |row: &&(&'static str, u32, u32)| (row.1..=row.2).contains(&minor);
        self.versions.iter().filter(range).map(|row| row.0)
    }

    /// The default for a minor: the one before the newest where there are two, as EKS lets a version settle first.
    pub(super) fn default(&self, minor: u32) -> Option<&'static str> {
        self.of(minor).nth(1).or_else(|| self.of(minor).next())
    }
}

/// An add-on by name.
pub(super) fn row_of(name: &str) -> Option<&'static Row> {
    ADDONS.iter().find(|row| row.name == name)
}
