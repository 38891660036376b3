//! All state of the simulated accounts, as it is written to the sandbox file (`rem-ci/sandbox/v1`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{aws, kube};

/// Milliseconds since 1970, on the sandbox's own clock.
pub type Millis = i64;

/// The whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// `rem-ci/sandbox/v1`.
    pub format: String,
    /// Every duration and id is drawn from it.
    pub seed: u64,
    /// Draws so far: makes every draw its own, and a resumed state continue the series.
    #[serde(default)]
    pub draws: u64,
    /// How far the sandbox's clock is ahead of the wall clock, in seconds. Only grows.
    pub offset_s: i64,
    /// By 12-digit id.
    pub accounts: BTreeMap<String, Account>,
    /// Faults to inject.
    #[serde(default)]
    pub faults: Vec<Rule>,
    /// What took how long and waited for what: the simulator's own view of the critical path.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Where clusters are served, if they are: what EKS says of their endpoints then.
    #[serde(skip)]
    pub served: Option<Served>,
}

/// The door for Kubernetes on loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// `https://127.0.0.1:6443`.
    pub url: String,
    /// Its certificate authority, PEM in base64.
    pub authority: String,
}

impl State {
    /// An empty region.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            format: "rem-ci/sandbox/v1".to_owned(),
            seed,
            draws: 0,
            offset_s: 0,
            accounts: BTreeMap::new(),
            faults: Vec::new(),
            spans: Vec::new(),
            served: None,
        }
    }
}

/// One account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// By region name.
    pub regions: BTreeMap<String, RegionState>,
    /// Global.
    pub iam: aws::iam::State,
}

/// One region of one account. A service's own state is a type of its own file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionState {
    /// EC2.
    pub ec2: aws::ec2::State,
    /// EKS.
    pub eks: aws::eks::State,
    /// Elastic Load Balancing.
    pub elb: aws::elb::State,
    /// Auto Scaling.
    pub autoscaling: aws::autoscaling::State,
    /// SQS.
    pub sqs: aws::sqs::State,
    /// EventBridge.
    pub events: aws::events::State,
    /// KMS.
    pub kms: aws::kms::State,
    /// CloudWatch Logs.
    pub logs: aws::logs::State,
    /// EventBridge Scheduler.
    pub scheduler: aws::scheduler::State,
    /// Systems Manager.
    pub ssm: aws::ssm::State,
    /// S3 (buckets belong to a region).
    pub s3: aws::s3::State,
    /// The insides of EKS clusters.
    pub kube: kube::State,
}

/// A fault to inject: at the `nth` matching call from when the rule was set (1 is the next; 0 is every one).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Service, or `*`.
    pub service: String,
    /// Operation, or `*`.
    pub operation: String,
    /// Which matching call, from 1; 0 means every one.
    pub nth: u64,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
    /// Matching calls seen so far.
    #[serde(default)]
    pub seen: u64,
}

/// What an injected fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Answers with this code (400) and has no effect.
    Error(String),
    /// Answers `AccessDenied` in the service's own spelling.
    Deny,
    /// Answers throttling in the service's own spelling.
    Throttle,
    /// Answers 500 with no effect.
    #[serde(rename = "500")]
    Internal,
    /// The connection breaks and the call has had no effect.
    CutBefore,
    /// The call has its effect, then the connection breaks.
    CutAfter,
    /// The answer's list is cut short and its page token is lost in the connection: the body ends early.
    Truncate,
    /// The answer takes so many milliseconds more.
    Slow(u64),
}

/// What took how long: recorded when a thing is made or begins to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The thing's id or name, unique within the account and region; `-` in front when it is its end.
    pub id: String,
    /// The ids it cannot start before.
    pub after: Vec<String>,
    /// When the call came.
    pub start: Millis,
    /// When it is ready or gone.
    pub ready: Millis,
}
