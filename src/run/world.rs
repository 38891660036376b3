//! Opens AWS, the sandbox, or nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::{Halt, opening};
use crate::cloud::address::Own;
use crate::cloud::helm::{Helm, StandIn};
use crate::cloud::kubernetes::{Connection, Dial};
use crate::cloud::oidc::{Assume, Provider};
use crate::cloud::{self, Clock, Cloud, Store, strict};
use crate::config::Spec;
use crate::problem::{Exit, Problem};
use crate::sandbox::connector::Sandbox;
use crate::sandbox::{clock, file};
use crate::view::report::Mode;

/// Where live state is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// AWS, or whatever `AWS_ENDPOINT_URL` names.
    Live,
    /// AWS, by a role that this job's identity token lets us assume and by nothing else: the Action.
    Role(Box<Assume>),
    /// The simulated region in this file.
    Sandbox(PathBuf),
    /// Nowhere.
    Offline,
}

/// An open world.
#[derive(Debug)]
pub struct World {
    /// The clients.
    pub cloud: Cloud,
    /// What time it is in it.
    pub clock: Clock,
    /// As reports say it.
    pub mode: Mode,
    /// Where lock and records are kept; none without a state bucket.
    pub store: Option<Store>,
    /// The simulated region, if it is one.
    pub sandbox: Option<Sandbox>,
    /// The commit that is checked out, where an apply should write it down.
    pub commit: Option<String>,
}

impl World {
    /// A world over a simulated region that the caller holds: tests.
    #[must_use]
    pub fn simulated(sandbox: Sandbox, clock: Clock, spec: &Spec, store: Option<Store>) -> Self {
        let config = cloud::simulated(sandbox.clone(), clock, &spec.account, &spec.region, None);
        Self::over(Cloud::new(&config, &spec.account, &spec.region), sandbox, clock, spec, store)
    }

    /// The same, by a role instead of as the account's administrator: what [`Source::Role`] is to AWS.
    ///
    /// # Errors
    /// If there is no token, or the role refuses it.
    pub async fn simulated_role(
        sandbox: Sandbox,
        clock: Clock,
        spec: &Spec,
        store: Option<Store>,
        assume: &Assume,
    ) -> Result<Self, Halt> {
        let config = |provider| cloud::simulated(sandbox.clone(), clock, &spec.account, &spec.region, provider);
        let provider = Provider::new(assume.clone(), &config(None), clock);
        provider.open().await.map_err(|problem| Halt::new(Exit::Denied, problem))?;
        let config = config(Some(provider.shared())).into_builder();
        let config = config.identity_cache(strict::no_cache()).build();
        let mut cloud = Cloud::new(&config, &spec.account, &spec.region);
        cloud.signer = cloud.signer.masking(assume.runner.masking());
        Ok(Self::over(cloud, sandbox, clock, spec, store))
    }

    fn over(cloud: Cloud, sandbox: Sandbox, clock: Clock, spec: &Spec, store: Option<Store>) -> Self {
        let cloud = cloud.reaching(Dial::Sandbox(sandbox.clone()), Helm::StandIn(StandIn::KARPENTER));
        let store = store.or_else(|| bucket(spec, &cloud));
        // Of the addresses for documentation (RFC 5737): nobody's.
        let own = Own::Given(std::net::Ipv4Addr::new(203, 0, 113, 7));
        let opening = opening::of(spec, &cloud, store.as_ref(), clock, own);
        let cloud = Cloud { opening, ..cloud };
        Self { cloud, clock, mode: Mode::Sandbox, store, sandbox: Some(sandbox), commit: None }
    }
}

impl World {
    /// To be called when a run that changed something is over.
    ///
    /// # Errors
    /// When the sandbox file cannot be written.
    pub fn close(&self) -> Result<(), Halt> {
        let flushed = self.sandbox.as_ref().map_or(Ok(()), Sandbox::flush);
        flushed.map_err(|error| {
            let help = "make room on the disk, or name another file with --sandbox=FILE";
            Halt::new(Exit::Failed, Problem::error("sandbox-file", format!("cannot write it: {error}"), help))
        })
    }
}

fn bucket(spec: &Spec, cloud: &Cloud) -> Option<Store> {
    let bucket = spec.state.as_ref()?.bucket.clone();
    Some(Store::Bucket { client: cloud.s3.clone(), bucket, account: spec.account.clone() })
}

/// Opens a world for an environment. None is offline.
///
/// # Errors
/// No credentials, credentials of another account, a sandbox file in use.
pub async fn open(source: &Source, spec: &Spec) -> Result<Option<World>, Halt> {
    let world = match source {
        Source::Offline => return Ok(None),
        Source::Sandbox(path) => {
            // Clients of an earlier world have tasks that hold its file; they end the next time they are asked.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            sandbox(path, spec)?
        }
        Source::Live => live(spec).await?,
        Source::Role(assume) => role(assume, spec).await?,
    };
    if world.cloud.opening.is_some() {
        // Whose credentials these are is asked before anything else is.
        super::look::account(&world, spec).await?;
        opening::expired(&world).await;
    }
    Ok(Some(world))
}

fn sandbox(path: &std::path::Path, spec: &Spec) -> Result<World, Halt> {
    let refuse = |error: file::Error| {
        let help = "wait for the other process, name another file with --sandbox=FILE, or run rem-ci sandbox reset";
        Halt::new(Exit::Failed, Problem::error("sandbox-file", error.to_string(), help))
    };
    // The seed is the account's and the environment's, so that a fresh sandbox draws the same durations everywhere.
    let seed = spec
        .account
        .bytes()
        .chain(spec.name.bytes())
        .fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let (file, mut state) = file::File::open(path, seed).map_err(refuse)?;
    state.accounts.entry(spec.account.clone()).or_default();
    let time = clock::Clock::virtual_time(state.offset_s);
    let file = Arc::new(file);
    let sandbox = Sandbox::new(state, time.as_now(), Some(file.persist(time)));
    let millis = u64::try_from(time.now()).unwrap_or_default();
    let clock = Clock::starting(UNIX_EPOCH + Duration::from_millis(millis));
    let folder = path.parent().unwrap_or(std::path::Path::new(".")).join("state");
    Ok(World::simulated(sandbox, clock, spec, Some(Store::Folder(folder))))
}

async fn live(spec: &Spec) -> Result<World, Halt> {
    let config = cloud::live(&spec.region).await.map_err(|error| {
        let help = "sign in (aws sso login, AWS_PROFILE, …), or use --offline or --sandbox";
        Halt::new(Exit::Denied, Problem::error("no-credentials", error.to_string(), help))
    })?;
    Ok(real(Cloud::new(&config, &spec.account, &spec.region), spec))
}

/// R5 of the security rules: the job's identity token or nothing.
async fn role(assume: &Assume, spec: &Spec) -> Result<World, Halt> {
    let denied = |problem| Halt::new(Exit::Denied, problem);
    let foreign = |problem: Box<Problem>| Halt::new(Exit::Denied, *problem);
    let unsigned = strict::strict(&spec.region, None).map_err(foreign)?;
    let provider = Provider::new(assume.clone(), &unsigned, Clock::Wall);
    provider.open().await.map_err(denied)?;
    let config = strict::strict(&spec.region, Some(provider.shared())).map_err(foreign)?;
    let mut cloud = Cloud::new(&config, &spec.account, &spec.region);
    cloud.signer = cloud.signer.masking(assume.runner.masking());
    Ok(real(cloud, spec))
}

fn real(cloud: Cloud, spec: &Spec) -> World {
    let connection = Connection {
        connect: spec.connect,
        environment: spec.name.clone(),
        stack: crate::model::Identity::of(spec).stack,
    };
    let cloud = cloud.reaching(Dial::Live(connection), Helm::default());
    let store = bucket(spec, &cloud);
    let opening = opening::of(spec, &cloud, store.as_ref(), Clock::Wall, Own::Asked);
    let cloud = Cloud { opening, ..cloud };
    World { cloud, clock: Clock::Wall, mode: Mode::Live, store, sandbox: None, commit: None }
}
