//! Reads, plans, prices and lets the guards speak: what every verb begins with.

use std::time::Duration;

use rust_decimal::Decimal;

use super::record::{State, recorded};
use super::{Halt, Record, World};
use crate::cloud::Cloud;
use crate::config::{self, Loaded, Spec};
use crate::cost::spot::{self, Spot};
use crate::cost::{Bill, Book, Compared, Gathered, Line, LineClass, Rates, pack, usage};
use crate::engine::{
    Action, Address, CanonicalNode, Class, Facts, Failure, Fields, Graph, Owner, Plan, Resource as _, Snapshot, Step,
    Swept, UNREACHABLE, Value, estimate, read, tally,
};
use crate::guard::{self, Verb};
use crate::model::{self, Identity};
use crate::problem::{Exit, Problem};
use crate::resources::aws::access_entry::{AccessEntry, OPERATOR, administrator};
use crate::resources::{self, facts, k8s};
use crate::view::report::{Mode, Reads};

/// What a verb wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// What it is about to do.
    pub verb: Verb,
    /// The last run did not end well.
    pub after_incomplete: bool,
    /// `CODE:DIGEST`, from the command line.
    pub acknowledged: &'a [String],
    /// For calendars, where there is no world with a clock.
    pub today: jiff::civil::Date,
}

/// Everything that is known after a look.
#[derive(Debug)]
pub struct Looked {
    /// The environment.
    pub spec: Spec,
    /// Its names.
    pub id: Identity,
    /// For the engine.
    pub owner: Owner,
    /// What should be.
    pub graph: Graph<Cloud>,
    /// What is.
    pub snapshot: Snapshot,
    /// What would be done.
    pub plan: Plan,
    /// `sha256:…`.
    pub digest: String,
    /// `sha256:…`.
    pub input_digest: String,
    /// What the file and the guards have to say.
    pub findings: Vec<Problem>,
    /// What it costs.
    pub bill: Bill,
    /// What reading cost.
    pub reads: Reads,
    /// How long an apply would take, and along which addresses.
    pub estimate: (Duration, Vec<Address>),
    /// The cluster does not let us in, and nothing of ours can be inside: the entry that everything waits for is not made yet,
    /// or has gone again as the last thing of a destroy.
    pub nothing_inside: bool,
}

impl Looked {
    /// Whether a finding stops an apply.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.findings.iter().any(Problem::stops)
    }
}

/// Looks. Without a world nothing is live, and the plan says so.
///
/// # Errors
/// Credentials that are refused, or that belong to another account.
pub async fn look(loaded: &Loaded, world: Option<&World>, ask: Look<'_>) -> Result<Looked, Halt> {
    let Some(world) = world else {
        let snapshot = Snapshot { facts: facts::offline(&loaded.spec), ..Snapshot::default() };
        return Ok(Sight { snapshot, ..Sight::default() }.judged(loaded, model::build(&loaded.spec), ask));
    };
    let graph = model::build(&loaded.spec);
    let today = world.clock.today();
    // All reads at once are large, and every verb holds a look or two: they live on the heap.
    let reading = Box::pin(sight(world, &loaded.spec, &graph, ask.after_incomplete));
    let listing = listed(world, &loaded.spec.region, today);
    let spot = Box::pin(tally::tallied(saved(world, &loaded.spec, today)));
    let (sight, book, (spot, asked)) = futures_util::join!(reading, listing, spot);
    let mut sight = sight?;
    sight.reads.calls += asked.calls;
    match spot {
        Ok(spot) => sight.spot = spot,
        Err(failure) => {
            let title = format!("what spot costs now is not known: {failure}");
            let help =
                "allow ec2:DescribeSpotPriceHistory for this role, or declare cost.assumptions.spotSavingPercent";
            sight.unread.push(Problem::warning("price-list", title, help));
        }
    }
    match book {
        Ok(book) => sight.book = book,
        Err(why) => {
            let title = format!("no prices for {}: {why}", loaded.spec.region);
            let help = "allow pricing:GetProducts for this role, or run rem-ci prices refresh";
            sight.unread.push(Problem::warning("price-list", title, help));
        }
    }
    let shut_out = Box::pin(shut_out(world, &graph, &sight.snapshot)).await?;
    sight.empty = Box::pin(assume(world, &loaded.spec, ask.verb, shut_out, &mut sight.snapshot)).await?;
    let last = match &world.store {
        Some(store) => Record::read_any(store, &loaded.spec.name).await?,
        None => None,
    };
    let sight = Sight { last: last.map(|record| record.spec), ..sight };
    Ok(sight.judged(loaded, graph, Look { today: world.clock.today(), ..ask }))
}

/// Looks at a snapshot that was written down, as if it had just been read: pure.
#[must_use]
pub fn look_at(loaded: &Loaded, snapshot: Snapshot, ask: Look<'_>) -> Looked {
    let sight = Sight { snapshot, live: true, ..Sight::default() };
    sight.judged(loaded, model::build(&loaded.spec), ask)
}

/// The price list of a region that we have no table of, asked for while everything else is read.
async fn listed(world: &World, region: &str, today: jiff::civil::Date) -> Result<Option<Book>, String> {
    if world.mode != Mode::Live || !matches!(Book::of(region), Ok(None)) {
        return Ok(None);
    }
    let products = crate::cloud::prices::products(region).await?;
    let gathered = Gathered::from_products(region, &today.to_string(), &products).map_err(|error| error.to_string())?;
    gathered.judged(None).map_err(|error| error.to_string())?;
    Book::refreshed(region, gathered.table())
}

/// What spot saves now on the types that the declared workloads would run on. Nothing is asked where the file says what it saves, or
/// where nothing would run on spot.
async fn saved(world: &World, spec: &Spec, today: jiff::civil::Date) -> Result<Option<Spot>, Failure> {
    if spec.workloads.is_empty() || spec.cost.assumptions.spot_saving_percent.is_some() {
        return Ok(None);
    }
    let Ok(Some(book)) = Book::of(&spec.region) else { return Ok(None) };
    let none = Facts::default();
    let rates = Rates::new(Some(book), today, &spec.cost.assumptions, &none).less(&spec.cost.discount);
    let types: Vec<String> = spot::types(&pack::price(spec, &rates)).into_iter().collect();
    if types.is_empty() {
        return Ok(None);
    }
    let prices = crate::cloud::prices::spot(&world.cloud, &types, world.clock.millis()).await?;
    Ok(Spot::measured(&prices, book))
}

/// What a read gave.
#[derive(Default)]
struct Sight {
    snapshot: Snapshot,
    /// What could not be read of what AWS offers.
    unread: Vec<Problem>,
    reads: Reads,
    /// Prices that had to be asked for.
    book: Option<Book>,
    /// What spot saves now.
    spot: Option<Spot>,
    /// Whether AWS was asked.
    live: bool,
    /// Whether it was only the simulated region.
    sandbox: bool,
    /// What was applied last under this name.
    last: Option<Spec>,
    /// See [`Looked::nothing_inside`].
    empty: bool,
}

impl Sight {
    /// Plans, prices and lets the guards speak.
    fn judged(self, loaded: &Loaded, graph: Graph<Cloud>, ask: Look<'_>) -> Looked {
        let Self { snapshot, unread, reads, book, spot, live, sandbox, last, empty } = self;
        let spec = loaded.spec.clone();
        let id = Identity::of(&spec);
        let owner = owner(&spec);
        let plan = match ask.verb {
            Verb::Apply => Plan::make(&graph, &snapshot, &owner, &resources::about),
            Verb::Destroy => {
                Plan::destroy(&graph, &snapshot, &owner, &resources::about, &|address| kept(&spec, address))
            }
        };
        let bill = bill(&spec, &plan, (book.as_ref(), spot), ask.today, live);
        let table = Book::of(&spec.region).err().map(|why| {
            let title = format!("prices/ec2-{}.json is not used: {why}", spec.region);
            Problem::warning("price-table", title, "run rem-ci prices refresh, or delete it")
        });
        let case = guard::Case {
            spec: &spec,
            last: last.as_ref(),
            plan: &plan,
            bill: &bill,
            verb: ask.verb,
            today: ask.today,
            live,
            sandbox,
            place: &|path| loaded.places.at(path),
        };
        let mut acknowledged = spec.acknowledge.clone();
        acknowledged.extend(ask.acknowledged.iter().cloned());
        let mut findings = loaded.findings.clone();
        findings.extend(unread);
        findings.extend(table);
        findings.extend(guard::check(&case, &acknowledged));
        Looked {
            digest: plan.canonical().digest(),
            input_digest: config::input_digest(&spec),
            estimate: estimate(&plan, &resources::about),
            owner,
            id,
            graph,
            snapshot,
            plan,
            findings,
            bill,
            reads,
            spec,
            nothing_inside: empty,
        }
    }
}

fn owner(spec: &Spec) -> Owner {
    Owner { environment: spec.name.clone(), stack: Identity::of(spec).stack }
}

/// What `onDestroy` says stays.
#[must_use]
pub(super) fn kept(spec: &Spec, address: &Address) -> bool {
    use crate::config::spec::Keep;
    match address.kind() {
        "kms-key" => spec.on_destroy.kms_key == Keep::Keep,
        "log-group" => spec.on_destroy.log_group == Keep::Keep,
        _ => false,
    }
}

/// Reads everything: whose credentials these are first, then all kinds and all facts at once.
async fn sight(world: &World, spec: &Spec, graph: &Graph<Cloud>, after_incomplete: bool) -> Result<Sight, Halt> {
    let owner = owner(spec);
    let began = world.clock.time();
    let (caller, first) = tally::tallied(account(world, spec)).await;
    let caller = caller?;
    let sweeps = tally::tallied(read(&world.cloud, resources::KINDS, graph, &owner, after_incomplete));
    let operator = Address::keyed("cluster", AccessEntry::KIND.name, OPERATOR);
    let caller = graph.get(&operator).map(|_| caller.as_str());
    let offers = tally::tallied(facts::read(&world.cloud, spec, caller));
    let ((kinds, swept), (offered, asked)) = futures_util::join!(sweeps, offers);
    let unread = offered.unknown.iter().map(|(group, failure)| {
        let title = format!("{} could not be read: {failure}", format!("{group:?}").to_lowercase());
        Problem::warning("unread-facts", title, "allow the call for this role, or run again")
    });
    let unread = unread.chain(needed(graph, &kinds, &offered)).collect();
    let elapsed = world.clock.time().duration_since(began).unwrap_or_default();
    let reads = Reads {
        calls: first.calls + swept.calls + asked.calls,
        rounds: first.rounds + swept.rounds.max(asked.rounds),
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        kubernetes_calls: swept.inside,
    };
    let homes = spec.network.existing.iter().map(|existing| existing.vpc_id.clone()).collect();
    let snapshot = Snapshot { kinds, facts: offered.facts, homes };
    Ok(Sight { snapshot, unread, reads, live: true, sandbox: world.mode == Mode::Sandbox, ..Sight::default() })
}

/// An error for every fact that could not be read and that something needs which is not there yet.
fn needed(
    graph: &Graph<Cloud>,
    kinds: &std::collections::BTreeMap<String, Swept>,
    offered: &facts::FactsRead,
) -> Vec<Problem> {
    if offered.unknown.is_empty() {
        return Vec::new();
    }
    let mut known = offered.facts.clone();
    for swept in kinds.values() {
        if let Swept::Known(found) = swept {
            known.0.extend(found.iter().flat_map(|live| live.facts.clone()));
        }
    }
    let pending = |fields: &Fields| {
        fields.values().find_map(|value| match value {
            Value::Pending(fact) => Some(fact.clone()),
            _ => None,
        })
    };
    let nodes = graph.nodes().iter();
    nodes
        .filter_map(|node| {
            let fact = pending(&node.want(&known))?;
            let why = facts::Group::of(&fact).and_then(|group| offered.unknown.get(&group));
            let why = why.map(|failure| format!(": {failure}")).unwrap_or_default();
            let title = format!("{} needs {fact}, which could not be read{why}", node.address);
            Some(
                Problem::error("unread-facts", title, "allow the call for this role, or run again")
                    .about(&node.address),
            )
        })
        .collect()
}

/// Whether a cluster refuses us only because the entry that lets us in is not there: it is wanted, and nobody's live one
/// makes us an administrator. So it is when a run has ended between the cluster and its entry, at either end of its life.
async fn shut_out(world: &World, graph: &Graph<Cloud>, snapshot: &Snapshot) -> Result<bool, Halt> {
    let Some(Swept::Known(entries)) = snapshot.kinds.get(AccessEntry::KIND.name) else { return Ok(false) };
    if !snapshot.kinds.iter().any(|(kind, swept)| denied(kind, swept)) {
        return Ok(false);
    }
    let identity = world.cloud.sts.get_caller_identity().send().await.map_err(cloud_failed)?;
    let Some((_, caller)) = facts::caller(&world.cloud, identity.arn().unwrap_or_default()).await? else {
        return Ok(false);
    };
    // Whoever applied first stays the one who is let in: what is live overrules who asks now.
    let mut facts = snapshot.facts.clone();
    facts.0.extend(entries.iter().flat_map(|live| live.facts.clone()));
    let nodes = graph.nodes().iter().filter(|node| node.address.kind() == AccessEntry::KIND.name);
    let wanted = nodes.map(|node| node.want(&facts)).any(|want| administrator(&want) == Some(&*caller));
    Ok(wanted && !entries.iter().any(|live| administrator(&live.fields) == Some(&*caller)))
}

fn denied(kind: &str, swept: &Swept) -> bool {
    matches!(swept, Swept::Unknown(failure) if k8s::inside(kind) && failure.class == Class::Denied)
}

/// What is inside a cluster that does not answer, or does not let us in yet, is taken from the record of the last apply.
///
/// After one that ended well all that it wanted is there. While one was under way that had its entry still to make, what it
/// was to make is not there either: all of it needs the entry. A destroy takes the entry last. Without a record a cluster that
/// is silent stays unknown. Gives whether nothing of ours can be inside.
async fn assume(world: &World, spec: &Spec, verb: Verb, shut_out: bool, snapshot: &mut Snapshot) -> Result<bool, Halt> {
    let silent = |kind: &str, swept: &Swept| match swept {
        Swept::Unknown(failure) => k8s::inside(kind) && failure.code == UNREACHABLE && verb == Verb::Apply,
        Swept::Known(_) | Swept::Assumed(_) => false,
    };
    let asked = |kind: &str, swept: &Swept| silent(kind, swept) || (shut_out && denied(kind, swept));
    if !snapshot.kinds.iter().any(|(kind, swept)| asked(kind, swept)) {
        return Ok(false);
    }
    let record = recorded(world, spec).await?.filter(|record| record.plan.digest() == record.approval);
    let (state, nodes) = match record {
        Some(record) => (Some(record.state), record.plan.nodes),
        None => (None, Vec::new()),
    };
    let left: Vec<_> = match state {
        Some(State::Done) if verb == Verb::Apply => nodes.into_iter().filter(|node| !node.fields.is_empty()).collect(),
        Some(State::Applying) if shut_out => {
            let stood = |node: &CanonicalNode| !node.fields.is_empty() && node.action.as_deref() != Some("create");
            nodes.into_iter().filter(stood).collect()
        }
        Some(State::Destroying) if shut_out => Vec::new(),
        None if shut_out && verb == Verb::Apply => Vec::new(),
        _ => return Ok(false),
    };
    for (kind, swept) in &mut snapshot.kinds {
        if asked(kind, swept) {
            let here: Vec<_> = left.iter().filter(|node| node.kind == *kind).cloned().collect();
            let nothing = here.is_empty() && state != Some(State::Done);
            *swept = if nothing { Swept::Known(Vec::new()) } else { Swept::Assumed(here) };
        }
    }
    snapshot.facts.0.extend(left.iter().flat_map(k8s::remembered));
    Ok(shut_out && left.is_empty())
}

/// Asks whose credentials these are, before any other call; gives the ARN.
///
/// # Errors
/// When they are refused, or belong to another account than the file says.
pub async fn account(world: &World, spec: &Spec) -> Result<String, Halt> {
    let identity = world.cloud.sts.get_caller_identity().send().await;
    let identity = identity.map_err(cloud_failed)?;
    let theirs = identity.account().unwrap_or_default();
    if theirs == spec.account {
        return Ok(identity.arn().unwrap_or_default().to_owned());
    }
    let title = format!("these credentials belong to account {theirs}, the file says {}", spec.account);
    let help = "use the credentials of that account, or correct `account` in the file";
    Err(Halt::new(Exit::Refused, Problem::error("wrong-account", title, help)))
}

fn cloud_failed<E>(
    error: aws_smithy_runtime_api::client::result::SdkError<E, aws_smithy_runtime_api::http::Response>,
) -> Halt
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    crate::cloud::failed("sts:GetCallerIdentity")(error).into()
}

/// What the environment costs as it is and as it will be.
fn bill(
    spec: &Spec,
    plan: &Plan,
    (book, spot): (Option<&Book>, Option<Spot>),
    today: jiff::civil::Date,
    live: bool,
) -> Bill {
    let assumptions = &spec.cost.assumptions;
    let book = book.or_else(|| Book::of(&spec.region).unwrap_or_else(|_| Book::embedded(&spec.region)));
    let rates = Rates { spot, ..Rates::new(book, today, assumptions, &plan.facts).less(&spec.cost.discount) };
    let pools = pack::price(spec, &rates);
    let side = |fields: &dyn Fn(&Step) -> Option<Fields>| {
        let present: Vec<(Address, Fields)> =
            plan.steps.iter().filter_map(|step| Some((step.address.clone(), fields(step)?))).collect();
        let mut lines: Vec<(Address, Vec<Line>)> = present
            .iter()
            .filter_map(|(address, fields)| {
                let kind = resources::kind_of(address.kind())?;
                Some((address.clone(), kind.cost(fields, &rates)))
            })
            .collect();
        multiply_volumes(&mut lines, &present);
        let there = usage::Present::of(spec, present.iter().map(|(address, _)| address));
        lines.extend(usage::environment(spec, there, &rates, &pools));
        lines
    };
    let before = side(&|step| step.live.as_ref().map(|live| live.fields.clone()));
    let after = side(&|step| match step.action {
        Action::Delete => None,
        Action::Unknown => step.live.as_ref().map(|live| live.fields.clone()),
        // What a destroy keeps is wanted by nobody, and costs what it did.
        Action::Keep => step.want.clone().or_else(|| step.live.as_ref().map(|live| live.fields.clone())),
        _ => step.want.clone(),
    });
    let mut bill = Bill::compute(&before, &after, &rates);
    if live {
        bill.compared = Compared::Live;
    }
    if bill.entries.iter().any(|entry| entry.class == LineClass::NodePool && entry.after.is_some()) {
        let gpu = |name: &str| rates.book.and_then(|book| book.instance(name)).is_some_and(|price| price.gpu);
        bill.gpu = pools.pools.iter().flat_map(|pool| &pool.nodes).any(|node| gpu(&node.instance_type));
        bill.pools = pools;
    }
    bill
}

/// A launch template says what one node's volume is, its node group how many there are: the template's lines count once
/// for each node.
fn multiply_volumes(lines: &mut [(Address, Vec<Line>)], present: &[(Address, Fields)]) {
    let group = present.iter().find(|(address, _)| address.kind() == "node-group");
    let count = group.and_then(|(_, fields)| fields.get("size")?.get("desired")?.as_text()?.parse::<Decimal>().ok());
    for (_, lines) in lines.iter_mut().filter(|(address, _)| address.kind() == "launch-template") {
        for line in lines {
            line.quantity = line.quantity.map(|quantity| quantity * count.unwrap_or_default());
        }
    }
}
