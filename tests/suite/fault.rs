//! What the tests of faults share: an environment with a state bucket, a film of a run, and what a region holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rem_ci::config::{self, Loaded};
use rem_ci::engine::Plan;
use rem_ci::run::{Record, World};
use rem_ci::sandbox::region::mutates;
use rem_ci::sandbox::state::{Action, Rule, State};
use rem_ci::sandbox::wire;
use serde_json::Value as Json;

use crate::common::{Region, environment};

/// The state bucket of [`with_bucket`].
pub(crate) const BUCKET: &str = "acme-rem-ci-state";

/// An environment with a state bucket: its lock and records are in the simulated S3.
pub(crate) fn with_bucket(name: &str) -> Loaded {
    let mut loaded = environment(name);
    loaded.spec.state = Some(config::spec::State { bucket: BUCKET.to_owned() });
    loaded
}

/// A world whose store is the environment's bucket.
pub(crate) fn bucket_world(region: &Region, loaded: &Loaded) -> World {
    World::simulated(region.sandbox.clone(), region.clock, &loaded.spec, None)
}

/// An empty region with the state bucket in it.
pub(crate) async fn bucket_region(seed: u64, loaded: &Loaded) -> Region {
    let region = Region::new(seed, &loaded.spec.account);
    let world = bucket_world(&region, loaded);
    world.cloud.s3.create_bucket().bucket(BUCKET).send().await.expect("a bucket");
    region
}

/// The state of a region as its file would hold it.
pub(crate) fn written(region: &Region) -> Vec<u8> {
    region.sandbox.with(|state| serde_json::to_vec(state).expect("a state is JSON"))
}

/// A region as a later process finds it, so long after noon.
pub(crate) fn reopened(file: &[u8], later: Duration) -> Region {
    Region::over(serde_json::from_slice(file).expect("the state reads what it wrote"), later)
}

/// One call of a run.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Signing name.
    pub(crate) service: String,
    /// As the API reference spells it.
    pub(crate) operation: String,
    /// Since noon.
    pub(crate) at: Duration,
    /// Whether its name says that it changes something.
    pub(crate) mutates: bool,
}

/// A region as it stands between two calls: what a process killed there leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The state as the file holds it.
    pub(crate) file: Vec<u8>,
    /// Since noon.
    pub(crate) at: Duration,
    /// The calls that stand before or after this state: `(first, last)`; those within it changed nothing.
    pub(crate) calls: (usize, usize),
}

/// A run as it was seen: every call, and every state between calls.
#[derive(Debug, Default)]
pub(crate) struct Film {
    pub(crate) calls: Vec<Seen>,
    pub(crate) moments: Vec<Moment>,
    draws: u64,
}

impl Film {
    /// Takes the state between the last call and the next. Where the last call only read and nothing was drawn, it differs
    /// from the one before by what time alone does, which a reopened region does again by itself: the same moment.
    fn take(&mut self, state: &State, at: Duration) {
        let here = self.calls.len();
        let same = state.draws == self.draws && self.calls.last().is_some_and(|call| !call.mutates);
        self.draws = state.draws;
        match self.moments.last_mut() {
            Some(last) if same => last.calls.1 = here,
            _ => {
                let file = serde_json::to_vec(state).expect("a state is JSON");
                self.moments.push(Moment { file, at, calls: (here, here) });
            }
        }
    }
}

/// Films every call that a region answers from now on. Cut before its effect, call `n` leaves the state that was taken
/// before it; cut after its effect, the one taken before call `n + 1`. [`end`] takes the last.
pub(crate) fn filmed(mut region: Region, since: Duration) -> (Region, Arc<Mutex<Film>>) {
    let film = Arc::new(Mutex::new(Film::default()));
    let (shared, clock, mine) = (region.sandbox.state.clone(), region.clock, film.clone());
    region.sandbox = region.sandbox.record(Arc::new(move |request| {
        let call = wire::parse(request).expect("every call is understood");
        let at = since + clock.boot();
        let mut film = mine.lock().expect("a film");
        film.take(&shared.lock().expect("a state"), at);
        let mutates = mutates(&call.operation);
        film.calls.push(Seen { service: call.service, operation: call.operation, at, mutates });
    }));
    (region, film)
}

/// Ends a film.
pub(crate) fn end(region: &Region, film: &Arc<Mutex<Film>>, since: Duration) -> Film {
    let mut film = std::mem::take(&mut *film.lock().expect("a film"));
    region.sandbox.with(|state| film.take(state, since + region.clock.boot()));
    film
}

/// A fault of every call, or of the `nth`.
pub(crate) fn fault(service: &str, operation: &str, nth: u64, action: Action) -> Rule {
    Rule { service: service.to_owned(), operation: operation.to_owned(), nth, action, seen: 0 }
}

/// Sets the faults of a region; none takes them away.
pub(crate) fn set_faults(region: &Region, faults: Vec<Rule>) {
    region.sandbox.with(|state| state.faults = faults);
}

/// How many things a region holds: by their address tags with the stack, and by every collection of every service.
/// Sessions, documents in buckets and what is merely due are left out.
pub(crate) fn census(state: &State) -> BTreeMap<String, usize> {
    let json = serde_json::to_value(state).expect("a state is JSON");
    let mut counts = BTreeMap::new();
    count_addresses(&json["accounts"], &mut counts);
    for (id, account) in json["accounts"].as_object().into_iter().flatten() {
        let regions = account["regions"].as_object().into_iter().flatten();
        let services = regions.flat_map(|(_, region)| region.as_object().into_iter().flatten());
        for (service, held) in services.chain(std::iter::once((&"iam".to_owned(), &account["iam"]))) {
            for (collection, items) in held.as_object().into_iter().flatten() {
                let size = items.as_object().map(serde_json::Map::len).or_else(|| items.as_array().map(Vec::len));
                let passing = matches!(
                    (service.as_str(), collection.as_str()),
                    ("eks", "due") | ("s3", _) | ("iam", "sessions") | ("sqs", "deleted") | ("ec2", "tokens")
                );
                if let Some(size) = size.filter(|_| !passing) {
                    *counts.entry(format!("{id} {service} {collection}")).or_default() += size;
                }
            }
        }
    }
    counts
}

fn count_addresses(json: &Json, counts: &mut BTreeMap<String, usize>) {
    match json {
        Json::Object(map) => {
            if let Some(address) = map.get("tags").and_then(|tags| tags.get("rem-ci:resource")).and_then(Json::as_str) {
                let stack = map["tags"]["rem-ci:stack"].as_str().unwrap_or("no stack");
                *counts.entry(format!("{stack} {address}")).or_default() += 1;
            }
            map.values().for_each(|value| count_addresses(value, counts));
        }
        Json::Array(items) => items.iter().for_each(|value| count_addresses(value, counts)),
        _ => {}
    }
}

/// What of a census is not as in another.
pub(crate) fn differences(have: &BTreeMap<String, usize>, want: &BTreeMap<String, usize>) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = have.keys().chain(want.keys()).collect();
    let count = |census: &BTreeMap<String, usize>, key: &String| census.get(key).copied().unwrap_or_default();
    let differs = keys.into_iter().filter(|key| count(have, key) != count(want, key));
    differs.map(|key| format!("{key}: {} instead of {}", count(have, key), count(want, key))).collect()
}

/// The rows of a plan that are anything but kept, and whatever else it found.
pub(crate) fn moved(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| step.action.word() != "keep");
    let steps = steps.map(|step| {
        let fields: Vec<&str> = step.changes.iter().map(|change| change.field.as_str()).collect();
        format!("{} {} {:?} {}", step.action.word(), step.address, step.reason, fields.join(","))
    });
    let twins = plan.sorted.twins.iter().map(|(address, live)| format!("twin {address} {}", live.id));
    let strays = plan.sorted.strays.iter().map(|(kind, live)| format!("stray {kind} {}", live.id));
    steps.chain(twins).chain(strays).collect()
}

/// Whether the lock's object is there.
pub(crate) async fn locked(world: &World, loaded: &Loaded) -> bool {
    let store = world.store.as_ref().expect("a store");
    store.get(&rem_ci::cloud::lock_key(&loaded.spec.name)).await.expect("the store answers").is_some()
}

/// The environment's record.
pub(crate) async fn record(world: &World, loaded: &Loaded) -> Option<Record> {
    rem_ci::run::recorded(world, &loaded.spec).await.expect("the store answers")
}

/// The failed operations of a run.
pub(crate) fn failures(outcome: &rem_ci::engine::Outcome) -> Vec<String> {
    let failed = outcome.reports.iter().filter_map(|report| {
        report.error.as_ref().map(|error| format!("{} {}: {error}", report.action, report.address))
    });
    let skipped = outcome.skipped.iter().map(|address| format!("skipped {address}"));
    failed.chain(skipped).collect()
}

/// How many items of a long list are tried by default: all of them take tens of minutes on two processors.
/// `REM_CI_THOROUGH=1 cargo test` tries every one.
const SAMPLE: usize = 10;

/// Runs `work` for the items over as many threads as there are processors; gives what is wrong with each, by item. Of a long
/// list it takes an even sample, unless `REM_CI_THOROUGH` is set. Says what is wrong at once too.
pub(crate) fn each<T: Sync>(items: &[T], work: impl Fn(usize, &T) -> Vec<String> + Sync) -> Vec<Vec<String>> {
    let thorough = rem_ci::cloud::env("REM_CI_THOROUGH").is_some();
    let stride = if thorough { 1 } else { items.len().div_ceil(SAMPLE).max(1) };
    let next = std::sync::atomic::AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let done: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let at = next.fetch_add(stride, std::sync::atomic::Ordering::SeqCst);
                        let Some(item) = items.get(at) else { return mine };
                        let wrong = work(at, item);
                        if !wrong.is_empty() {
                            tell(at, items.len(), &wrong);
                        }
                        mine.push((at, wrong));
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker ends")).collect()
    });
    let mut all = vec![Vec::new(); items.len()];
    for (at, wrong) in done {
        all[at] = wrong;
    }
    all
}

#[expect(clippy::print_stderr, reason = "a run of minutes says at once what it found")]
fn tell(at: usize, of: usize, wrong: &[String]) {
    eprintln!("{at} of {of}: {wrong:#?}");
}
