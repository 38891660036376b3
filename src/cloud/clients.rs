//! The SDK clients of one account and region, and the count of what goes through them.

use aws_types::SdkConfig;

use super::children::Programs;
use super::counting::Counting;
use super::flights::Flights;
use super::guarding::Guarding;
use super::helm::Helm;
use super::kubernetes::opening::Opening;
use super::kubernetes::token::Signer;
use super::kubernetes::{Dial, Doors};
use super::telling::Telling;
use crate::engine::Read;

/// Everything a kind's calls go through.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// 12 digits; checked against the credentials before any other call.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// EC2: network, launch templates.
    pub ec2: aws_sdk_ec2::Client,
    /// EKS.
    pub eks: aws_sdk_eks::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// Auto Scaling: the group EKS makes for a node group.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// Elastic Load Balancing, first generation: what Services of the cluster made.
    pub elb: aws_sdk_elasticloadbalancing::Client,
    /// Elastic Load Balancing, second generation.
    pub elbv2: aws_sdk_elasticloadbalancingv2::Client,
    /// Systems Manager: public parameters only.
    pub ssm: aws_sdk_ssm::Client,
    /// S3: the state bucket.
    pub s3: aws_sdk_s3::Client,
    /// EventBridge Scheduler: what closes an endpoint without us.
    pub scheduler: aws_sdk_scheduler::Client,
    /// Service Quotas: what a doctor asks for.
    pub quotas: aws_sdk_servicequotas::Client,
    /// Signs tokens for clusters.
    pub signer: Signer,
    /// Installs charts.
    pub helm: Helm,
    /// Whether this run may start programs for itself.
    pub programs: Programs,
    /// What the caller named with `--kubeconfig`: it takes the place of endpoint, CA and token from EKS.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// `connect: runner-cidr`: opens the endpoint to this machine.
    pub opening: Option<Opening>,
    /// DescribeCluster, by name: every kind inside a cluster asks whose it is.
    pub clusters: Flights<Read<Option<aws_sdk_eks::types::Cluster>>>,
    /// The clusters of an environment, by the names wanted: every kind inside a cluster asks which it is.
    pub homes: Flights<Read<Vec<aws_sdk_eks::types::Cluster>>>,
    /// How API servers are reached.
    pub dial: Dial,
    /// The ways in that are open.
    pub doors: Doors,
    /// DescribeSubnets, by environment: subnets, and route tables for what is attached.
    pub subnets: Flights<Read<Vec<aws_sdk_ec2::types::Subnet>>>,
    /// DescribeSecurityGroups, by environment: ours, and the cluster's own.
    pub security_groups: Flights<Read<Vec<aws_sdk_ec2::types::SecurityGroup>>>,
    /// DescribeNatGateways, by environment: NAT gateways, and addresses for what uses them.
    pub nat_gateways: Flights<Read<Vec<aws_sdk_ec2::types::NatGateway>>>,
}

/// One service's client: counted, and with a retry budget of its own. The SDK's default budget is one static per service
/// and process, which a long apply (or a test binary) exhausts; the engine has its own patience on top.
macro_rules! client {
    ($service:ident, $config:expr) => {{
        use $service::config::retry::{RetryPartition, TokenBucket};
        let partition = RetryPartition::custom("rem-ci").token_bucket(TokenBucket::unlimited()).build();
        let builder = $service::config::Builder::from($config).retry_partition(partition);
        let builder = builder.interceptor(Counting).interceptor(Guarding).interceptor(Telling);
        $service::Client::from_conf(builder.build())
    }};
}

impl Cloud {
    /// Clients that share one configuration (credentials, clock, retries, HTTP).
    #[must_use]
    pub fn new(config: &SdkConfig, account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            ec2: client!(aws_sdk_ec2, config),
            eks: client!(aws_sdk_eks, config),
            iam: client!(aws_sdk_iam, config),
            sqs: client!(aws_sdk_sqs, config),
            sts: client!(aws_sdk_sts, config),
            kms: client!(aws_sdk_kms, config),
            logs: client!(aws_sdk_cloudwatchlogs, config),
            events: client!(aws_sdk_eventbridge, config),
            autoscaling: client!(aws_sdk_autoscaling, config),
            elb: client!(aws_sdk_elasticloadbalancing, config),
            elbv2: client!(aws_sdk_elasticloadbalancingv2, config),
            ssm: client!(aws_sdk_ssm, config),
            s3: client!(aws_sdk_s3, config),
            scheduler: client!(aws_sdk_scheduler, config),
            quotas: client!(aws_sdk_servicequotas, config),
            opening: None,
            signer: Signer::new(config, region),
            helm: Helm::default(),
            programs: Programs::default(),
            kubeconfig: None,
            clusters: Flights::default(),
            homes: Flights::default(),
            dial: Dial::Nowhere,
            doors: Doors::default(),
            subnets: Flights::default(),
            security_groups: Flights::default(),
            nat_gateways: Flights::default(),
        }
    }

    /// With a way into clusters, and somebody to install charts there.
    #[must_use]
    pub fn reaching(mut self, dial: Dial, helm: Helm) -> Self {
        self.dial = dial;
        self.helm = helm;
        self
    }

    /// `aws`, `aws-us-gov` or `aws-cn`, by the region's name.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// An ARN of this account and region; `service` `iam` has no region.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let region = if service == "iam" { "" } else { self.region.as_str() };
        format!("arn:{}:{service}:{region}:{}:{resource}", self.partition(), self.account)
    }
}

/// `aws`, `aws-us-gov` or `aws-cn`, by a region's name.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
