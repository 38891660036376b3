//! A region in virtual time, an environment of the repository, and the runs over them.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use jiff::civil::{Date, date};
use rem_ci::cloud::{Clock, Store};
use rem_ci::config::{self, Loaded};
use rem_ci::engine::{Event, Stop};
use rem_ci::guard::Verb;
use rem_ci::run::{self, Applied, Approval, Halt, Look, Looked, Wishes, World};
use rem_ci::sandbox::connector::Sandbox;
use rem_ci::sandbox::state::State;

/// The day on which all tests take place.
pub(crate) fn today() -> Date {
    date(2026, 11, 24)
}

/// Runs a future on a paused clock.
pub(crate) fn virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

/// An environment shipped in `environments/`.
pub(crate) fn environment(name: &str) -> Loaded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    config::load(name, root, today()).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"))
}

/// A region and its clock; keep it to look into it, or to open several worlds over it.
pub(crate) struct Region {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    /// Holds records; removed with the region.
    pub(crate) folder: tempfile::TempDir,
}

impl Region {
    /// An empty region on the tests' day, noon. Must be made inside [`virtual_time`].
    pub(crate) fn new(seed: u64, account: &str) -> Self {
        let mut state = State::new(seed);
        state.accounts.entry(account.to_owned()).or_default();
        Self::over(state, Duration::ZERO)
    }

    /// A region over a state, so long after noon.
    pub(crate) fn over(state: State, later: Duration) -> Self {
        let noon = today().at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).expect("noon").timestamp();
        let epoch = UNIX_EPOCH + Duration::from_millis(noon.as_millisecond().unsigned_abs()) + later;
        let clock = Clock::starting(epoch);
        let sandbox = Sandbox::new(state, std::sync::Arc::new(move || clock.millis()), None);
        Self { sandbox, clock, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A world of an environment over this region.
    pub(crate) fn world(&self, loaded: &Loaded) -> World {
        let store = Store::Folder(self.folder.path().to_owned());
        World::simulated(self.sandbox.clone(), self.clock, &loaded.spec, Some(store))
    }
}

/// Looks at an environment.
pub(crate) async fn look(loaded: &Loaded, world: &World) -> Result<Looked, Halt> {
    let record = run::recorded(world, &loaded.spec).await?;
    let after_incomplete = record.is_some_and(|record| record.incomplete());
    let ask = Look { verb: Verb::Apply, after_incomplete, acknowledged: &[], today: today() };
    run::look(loaded, Some(world), ask).await
}

/// Approves whatever is planned now.
pub(crate) fn approval(looked: &Looked) -> Approval {
    Approval {
        digest: looked.digest.clone(),
        plan: Some(looked.plan.canonical()),
        acknowledged: Vec::new(),
        no_lock: false,
        only: None,
    }
}

/// Plans and applies.
pub(crate) async fn apply(loaded: &Loaded, world: &World) -> Result<Applied, Halt> {
    Box::pin(apply_with(loaded, world, &|_| {})).await
}

/// Plans and applies, telling of every event.
pub(crate) async fn apply_with(loaded: &Loaded, world: &World, sink: &dyn Fn(&Event)) -> Result<Applied, Halt> {
    let looked = Box::pin(look(loaded, world)).await?;
    Box::pin(run::apply(loaded, world, &approval(&looked), sink, &Stop::default())).await
}

/// Destroys, as if the name had been typed.
pub(crate) async fn destroy(loaded: &Loaded, world: &World) -> Result<run::Destroyed, Halt> {
    let nothing = Approval { digest: String::new(), plan: None, acknowledged: Vec::new(), no_lock: false, only: None };
    Box::pin(run::destroy(loaded, world, &nothing, Wishes::default(), &|_| {}, &Stop::default())).await
}
