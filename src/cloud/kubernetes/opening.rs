//! `connect: runner-cidr`: the endpoint is opened to this machine's own address for the time of an apply or a destroy.
//!
//! What is opened is closed, whatever becomes of this process. Before anything is opened, an intent with an expiry is
//! written into the state store, and a one-time schedule at AWS is made that puts the endpoint back without us. Then flag and
//! addresses change in one call, since a public endpoint with an empty list is open to the world. The run closes at its end,
//! every later run closes what it finds expired, and the schedule closes the rest within the hour.
//!
//! Shared addresses of hosted runners admit whoever has them next for that time: `connect: ssm` opens nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_eks::types::{Cluster, ClusterStatus, UpdateStatus, VpcConfigRequest};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::cloud::address::Own;
use crate::cloud::store::Store;
use crate::cloud::{Clock, Cloud, failed, gone_is_none, partition, run_name};
use crate::engine::wait::{next_try, pause};
use crate::engine::{Class, Failure, UNREACHABLE};

/// What this needs of IAM, besides what the kinds say.
pub const ACTIONS: &[&str] = &[
    "eks:DescribeCluster",
    "eks:DescribeUpdate",
    "eks:UpdateClusterConfig",
    "iam:GetRole",
    "iam:PassRole",
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
];

/// The schedule closes so long after the opening; with its own delay and the update's time that is within the hour.
const OPEN: Duration = Duration::from_mins(50);

/// An update of the endpoint takes two to three minutes; another update may be running before it.
const PATIENCE: Duration = Duration::from_mins(15);

/// Between two looks at an update.
const LOOK: Duration = Duration::from_secs(5);

/// How an endpoint can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// From the internet.
    pub public: bool,
    /// From inside the VPC.
    pub private: bool,
    /// From where in the internet; sorted.
    pub cidrs: Vec<String>,
}

/// What is about to be opened, so that any run can close it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// `rem-ci/opening/v1`
    pub format: String,
    /// The cluster's name in EKS.
    pub cluster: String,
    /// `203.0.113.7/32`
    pub address: String,
    /// What it was and is to be again.
    pub before: Reach,
    /// When the schedule closes, milliseconds since 1970.
    pub until: i64,
    /// The schedule's name.
    pub schedule: String,
    /// Who opens.
    pub run: String,
}

/// Where intents are.
#[must_use]
pub fn key(environment: &str) -> String {
    format!("openings/{environment}.json")
}

impl Intent {
    /// What is to be again: what is now, less the address that we let in. Whatever others have changed meanwhile, the cluster's
    /// own kind among them, stays.
    fn closed(&self, now: &Reach) -> Reach {
        if !now.public || !now.cidrs.contains(&self.address) {
            return now.clone();
        }
        let cidrs: Vec<_> = now.cidrs.iter().filter(|cidr| **cidr != self.address).cloned().collect();
        if cidrs.is_empty() {
            // An empty list would be the world.
            Reach { private: now.private || !self.before.public, ..self.before.clone() }
        } else {
            Reach { cidrs, ..now.clone() }
        }
    }
}

impl Reach {
    fn of(cluster: &Cluster) -> Self {
        let Some(vpc) = cluster.resources_vpc_config() else { return Self::default() };
        let mut cidrs = vpc.public_access_cidrs().to_vec();
        cidrs.sort();
        Self { public: vpc.endpoint_public_access(), private: vpc.endpoint_private_access(), cidrs }
    }

    fn admits(&self, address: &str) -> bool {
        let whole = |cidr: &String| cidr == address || cidr == "0.0.0.0/0";
        self.public && (self.cidrs.is_empty() || self.cidrs.iter().any(whole))
    }

    /// With one address more: to those that are in already, never in their place. While it is closed, its list admits
    /// nobody, whatever it says: none of that is opened.
    fn with(&self, address: &str) -> Self {
        let mut cidrs = if self.public { self.cidrs.clone() } else { Vec::new() };
        cidrs.push(address.to_owned());
        cidrs.sort();
        cidrs.dedup();
        Self { public: true, private: self.private, cidrs }
    }

    /// As a request. A public endpoint always says from where; a list that was empty stays as it is behind a closed door,
    /// because to send an empty one is to name the world.
    fn request(&self) -> Option<VpcConfigRequest> {
        let builder = VpcConfigRequest::builder();
        let builder = builder.endpoint_public_access(self.public).endpoint_private_access(self.private);
        match (self.public, self.cidrs.is_empty()) {
            (true, true) => None,
            (_, true) => Some(builder.build()),
            (_, false) => Some(builder.set_public_access_cidrs(Some(self.cidrs.clone())).build()),
        }
    }

    /// The same as the input of a schedule: the SDK's spelling, which the scheduler insists on.
    fn input(&self, cluster: &str) -> String {
        let mut vpc = serde_json::json!({
            "EndpointPublicAccess": self.public,
            "EndpointPrivateAccess": self.private,
        });
        if !self.cidrs.is_empty() {
            vpc["PublicAccessCidrs"] = serde_json::json!(self.cidrs);
        }
        serde_json::json!({ "Name": cluster, "ResourcesVpcConfig": vpc }).to_string()
    }
}

/// The one who opens and closes, for one environment.
#[derive(Clone, Debug)]
pub struct Opening(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    eks: aws_sdk_eks::Client,
    scheduler: aws_sdk_scheduler::Client,
    iam: aws_sdk_iam::Client,
    region: String,
    store: Store,
    clock: Clock,
    ask: Ask,
    permitted: AtomicBool,
    opened: Mutex<bool>,
}

/// What is opened, and how.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The environment's name.
    pub environment: String,
    /// The cluster's name in EKS.
    pub cluster: String,
    /// ARN of the role that the schedule closes with.
    pub role: String,
    /// The schedule's name, 64 characters at most.
    pub schedule: String,
    /// The address to let in.
    pub own: Own,
}

fn trouble(message: impl Into<String>) -> Failure {
    Failure::fatal("runner-cidr", message)
}

impl Opening {
    /// Opens nothing yet, and nothing at all before it is [permitted](Self::permit).
    #[must_use]
    pub fn new(cloud: &Cloud, store: Store, clock: Clock, ask: Ask) -> Self {
        Self(Arc::new(Inner {
            eks: cloud.eks.clone(),
            scheduler: cloud.scheduler.clone(),
            iam: cloud.iam.clone(),
            region: cloud.region.clone(),
            store,
            clock,
            ask,
            permitted: AtomicBool::new(false),
            opened: Mutex::new(false),
        }))
    }

    /// This run is one that may open: an apply or a destroy that holds the environment's lock.
    pub fn permit(&self) {
        self.0.permitted.store(true, Ordering::SeqCst);
    }

    /// Whether it was.
    #[must_use]
    pub fn permitted(&self) -> bool {
        self.0.permitted.load(Ordering::SeqCst)
    }

    /// Lets this machine in, if this run may; once in a run.
    ///
    /// # Errors
    /// If the address makes no sense, or intent, schedule or update cannot be made: then nothing is open.
    pub async fn open(&self) -> Result<(), Failure> {
        if !self.permitted() {
            return Ok(());
        }
        let mut opened = self.0.opened.lock().await;
        if *opened {
            return Ok(());
        }
        // We hold the lock: whoever left this behind is dead.
        self.0.put_back(true).await?;
        self.0.let_in().await?;
        *opened = true;
        Ok(())
    }

    /// Puts the endpoint back, if an intent says that it may be open. With `wait`, until it is back; without, the update is
    /// only begun, and the intent stays for the next run.
    ///
    /// # Errors
    /// If it cannot: the schedule will.
    pub async fn close(&self, wait: bool) -> Result<(), Failure> {
        let mut opened = self.0.opened.lock().await;
        self.0.put_back(wait).await?;
        *opened = false;
        Ok(())
    }

    /// Puts the endpoint back if what an earlier run opened has expired. Whether it had.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn close_expired(&self) -> Result<bool, Failure> {
        let intent = self.0.intent().await?;
        if intent.is_none_or(|intent| intent.until > self.0.clock.millis()) {
            return Ok(false);
        }
        self.0.put_back(true).await?;
        Ok(true)
    }
}

impl Inner {
    fn key(&self) -> String {
        key(&self.ask.environment)
    }

    async fn intent(&self) -> Result<Option<Intent>, Failure> {
        let Some(stored) = self.store.get(&self.key()).await? else { return Ok(None) };
        let read = serde_json::from_slice(&stored.body);
        read.map(Some).map_err(|error| trouble(format!("{} cannot be read: {error}", self.key())))
    }

    async fn cluster(&self) -> Result<Option<Cluster>, Failure> {
        let call = self.eks.describe_cluster().name(&self.ask.cluster).send().await;
        let answer = gone_is_none(call.map_err(failed("eks:DescribeCluster")))?;
        Ok(answer.and_then(|answer| answer.cluster))
    }

    async fn let_in(&self) -> Result<(), Failure> {
        let Some(cluster) = self.cluster().await? else { return Err(trouble("there is no cluster to reach")) };
        let before = Reach::of(&cluster);
        let address = format!("{}/32", self.ask.own.address().await?);
        if before.admits(&address) {
            return Ok(());
        }
        self.closer().await?;
        let until = self.clock.millis() + i64::try_from(OPEN.as_millis()).unwrap_or_default();
        let intent = Intent {
            format: "rem-ci/opening/v1".to_owned(),
            cluster: self.ask.cluster.clone(),
            address: address.clone(),
            before: before.clone(),
            until,
            schedule: self.ask.schedule.clone(),
            run: run_name(),
        };
        let body = serde_json::to_vec_pretty(&intent).unwrap_or_default();
        if self.store.put(&self.key(), body, Some("")).await?.is_none() {
            return Err(trouble("another run opens the endpoint at this moment"));
        }
        if let Err(failure) = self.schedule(&intent).await {
            // Nothing is open: nothing is to be closed.
            self.forget(&intent).await?;
            return Err(failure);
        }
        self.update(&before.with(&address), true).await
    }

    /// The role of the schedule is there. A run that has yet to make it cannot look inside; it can once it has made it.
    async fn closer(&self) -> Result<(), Failure> {
        let name = self.ask.role.rsplit('/').next().unwrap_or_default();
        let call = self.iam.get_role().role_name(name).send().await.map_err(failed("iam:GetRole"));
        if gone_is_none(call)?.is_some() {
            return Ok(());
        }
        let message = format!("the endpoint is not opened: {name}, which would close it again, is not there yet");
        let call = "runner-cidr".to_owned();
        Err(Failure { class: Class::Unknown, call, code: UNREACHABLE.to_owned(), message })
    }

    /// Makes the schedule that closes without us.
    async fn schedule(&self, intent: &Intent) -> Result<(), Failure> {
        let at = jiff::Timestamp::from_millisecond(intent.until).unwrap_or_default();
        let retry = RetryPolicy::builder().maximum_event_age_in_seconds(7200).maximum_retry_attempts(100).build();
        let arn = format!("arn:{}:scheduler:::aws-sdk:eks:updateClusterConfig", partition(&self.region));
        let target = Target::builder()
            .arn(arn)
            .role_arn(&self.ask.role)
            .input(intent.before.input(&intent.cluster))
            .retry_policy(retry)
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
        let window = window.map_err(|error| trouble(error.to_string()))?;
        let mut tries = 0;
        loop {
            let call = self
                .scheduler
                .create_schedule()
                .name(&intent.schedule)
                .description(format!("Closes the endpoint of {} again.", intent.cluster))
                .schedule_expression(at.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string())
                .schedule_expression_timezone("UTC")
                .flexible_time_window(window.clone())
                .action_after_completion(ActionAfterCompletion::Delete)
                .target(target.clone());
            match call.send().await.map_err(failed("scheduler:CreateSchedule")) {
                Ok(_) => return Ok(()),
                // Left behind by a run that is dead: its time and its aim may be others.
                Err(failure) if failure.code == "ConflictException" && tries == 0 => self.unschedule(intent).await?,
                // A role that was made in this run is not known everywhere at once.
                Err(failure) if failure.message.contains("assume the role") && tries < 12 => {
                    pause(next_try(Class::Passing, tries)).await;
                }
                Err(failure) => return Err(failure),
            }
            tries += 1;
        }
    }

    async fn unschedule(&self, intent: &Intent) -> Result<(), Failure> {
        let call = self.scheduler.delete_schedule().name(&intent.schedule).send().await;
        gone_is_none(call.map_err(failed("scheduler:DeleteSchedule")))?;
        Ok(())
    }

    /// Flag and addresses in one call. Another update may have to end first.
    async fn update(&self, wanted: &Reach, wait: bool) -> Result<(), Failure> {
        let Some(request) = wanted.request() else {
            return Err(trouble(
                "the endpoint would be open to the world: its list of addresses is empty; set it by hand",
            ));
        };
        let began = self.clock.boot();
        let late = || self.clock.boot().saturating_sub(began) > PATIENCE;
        let mut tries = 0;
        let update = loop {
            let call = self.eks.update_cluster_config().name(&self.ask.cluster).resources_vpc_config(request.clone());
            match call.send().await.map_err(failed("eks:UpdateClusterConfig")) {
                Ok(answer) => break answer.update.and_then(|update| update.id).unwrap_or_default(),
                // The answer to the call before was lost, or the schedule was quicker.
                Err(failure) if failure.message.contains("already at the desired configuration") => return Ok(()),
                Err(failure)
                    if matches!(failure.class, Class::Passing | Class::Throttled | Class::Unknown) && !late() =>
                {
                    // An update whose answer was lost is under way: that is what we wait for.
                    if self.cluster().await?.is_some_and(|cluster| Reach::of(&cluster) == *wanted) {
                        return Ok(());
                    }
                    tries += 1;
                    pause(next_try(failure.class, tries)).await;
                }
                Err(failure) => return Err(failure),
            }
        };
        if !wait {
            return Ok(());
        }
        loop {
            let call = self.eks.describe_update().name(&self.ask.cluster).update_id(&update).send().await;
            let answer = call.map_err(failed("eks:DescribeUpdate"))?;
            match answer.update.and_then(|update| update.status) {
                Some(UpdateStatus::Successful) => return Ok(()),
                Some(UpdateStatus::InProgress) | None if !late() => pause(LOOK).await,
                status => {
                    let status = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
                    return Err(trouble(format!(
                        "the update of the endpoint is {status} after {} s",
                        PATIENCE.as_secs()
                    )));
                }
            }
        }
    }

    async fn put_back(&self, wait: bool) -> Result<(), Failure> {
        let Some(intent) = self.intent().await? else { return Ok(()) };
        let cluster = self.cluster().await?;
        let deleting = cluster.as_ref().is_some_and(|cluster| cluster.status() == Some(&ClusterStatus::Deleting));
        if let Some(cluster) = cluster.filter(|_| !deleting) {
            let mut now = Reach::of(&cluster);
            if cluster.status() == Some(&ClusterStatus::Updating) {
                // The opening may still be under way, and does not show before its end.
                now = now.with(&intent.address);
            }
            let closed = intent.closed(&now);
            if now != closed {
                self.update(&closed, wait).await?;
                if !wait {
                    return Ok(());
                }
            }
        }
        self.forget(&intent).await
    }

    /// The endpoint is as it was: neither schedule nor intent is needed any more.
    async fn forget(&self, intent: &Intent) -> Result<(), Failure> {
        self.unschedule(intent).await?;
        self.store.delete(&self.key()).await
    }
}
