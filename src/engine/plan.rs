//! The plan: pure data, so complete that applying it makes no choices.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::graph::Graph;
use super::kind::{Change, Custody, Effect, Facts, Kind, Live, Order, Ready};
use super::snapshot::{Owner, Snapshot, Sorted, sort};
use super::value::{Address, Fields, Value};

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    Keep,
    /// It is there but not ready: waited for before anything builds on it.
    Settle,
    /// Changed in place.
    Update,
    /// Changed in place, after which nodes are replaced gradually.
    Roll,
    /// A new one in its stead.
    Replace(Order),
    /// Made.
    Create,
    /// Ended.
    Delete,
    /// Could not be read, or needs something that could not: left alone.
    Unknown,
}

impl Action {
    /// The word in JSON and in every view.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Settle => "settle",
            Self::Update => "update",
            Self::Roll => "roll",
            Self::Replace(_) => "replace",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Unknown => "unknown",
        }
    }

    /// Whether applying it makes a call that changes something.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !matches!(self, Self::Keep | Self::Settle | Self::Unknown)
    }

    /// How far it goes, for `new ⊑ approved`.
    const fn strength(&self) -> u8 {
        match self {
            Self::Keep | Self::Settle | Self::Unknown => 0,
            Self::Update => 1,
            Self::Roll => 2,
            Self::Replace(_) => 3,
            Self::Create | Self::Delete => 4,
        }
    }
}

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where it stands.
    pub address: Address,
    /// The kind's name.
    pub kind: String,
    /// See [`Action`].
    pub action: Action,
    /// Why, where the fields do not say it: `CREATE_FAILED`, `no longer in the configuration`.
    pub reason: Option<String>,
    /// What differs, for update, roll and replace.
    pub changes: Vec<Change>,
    /// What should be; none for deletes.
    pub want: Option<Fields>,
    /// What is.
    pub live: Option<Live>,
    /// The addresses it waits for.
    pub needs: Vec<Address>,
    /// Attributes that the changes give another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<String>,
    /// Not in the graph: in what order it ends, only its kind's rank says.
    #[serde(default)]
    pub orphan: bool,
    /// The addresses that must stand until it has ended: see [`Resource::leans`](super::Resource::leans).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leans: Vec<Address>,
    /// Who has its place under another name: it ends once that one is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heir: Option<Address>,
    /// What is live could not be asked and is taken from the record of the last apply.
    #[serde(default)]
    pub assumed: bool,
}

/// A difference that nothing can bring about: an error with help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// The resource.
    pub address: Address,
    /// The field that cannot change.
    pub field: String,
    /// What to do instead.
    pub help: &'static str,
}

/// What should be done to bring an environment to its configuration.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Needs first; deletes of what is no longer wanted at the end.
    pub steps: Vec<Step>,
    /// Differences that cannot be brought about.
    pub impossible: Vec<Impossible>,
    /// Whose everything is.
    pub sorted: Sorted,
    /// The facts the plan was made with.
    pub facts: Facts,
}

/// A field's two sides compared. `look` resolves what the desired side refers to.
fn differs(want: Option<&Value>, have: Option<&Value>, look: &dyn Fn(&Address, &str) -> Option<String>) -> bool {
    match (want, have) {
        (None, None) => false,
        (Some(want), Some(have)) => match want.resolve(look) {
            Ok(text) => normal(&text) != normal(have),
            Err(_) => true,
        },
        _ => true,
    }
}

/// Lists and maps compare as they are, but an empty one is as good as none inside a map.
fn normal(value: &Value) -> Value {
    match value {
        Value::Set(items) => Value::set(items.iter().map(normal)),
        Value::List(items) => Value::List(items.iter().map(normal).collect()),
        Value::Map(entries) => Value::Map(entries.iter().map(|(key, value)| (key.clone(), normal(value))).collect()),
        other => other.clone(),
    }
}

/// All fields in which `have` is not what `want` says.
#[must_use]
pub fn diff(want: &Fields, have: &Fields, look: &dyn Fn(&Address, &str) -> Option<String>) -> Vec<Change> {
    let names: BTreeSet<&String> = want.keys().chain(have.keys()).collect();
    names
        .into_iter()
        .filter(|name| differs(want.get(*name), have.get(*name), look))
        .map(|name| Change { field: name.clone(), before: have.get(name).cloned(), after: want.get(name).cloned() })
        .collect()
}

/// The action that these changes of a kind's fields amount to, and those that cannot be.
fn amount(kind: &Kind, changes: &[Change]) -> (Action, Vec<(String, &'static str)>) {
    let mut action = Action::Keep;
    let mut impossible = Vec::new();
    for change in changes {
        let next = match kind.field(&change.field).map(|field| field.effect) {
            Some(Effect::Fixed(help)) if change.before.is_some() => {
                impossible.push((change.field.clone(), help));
                continue;
            }
            Some(Effect::Rolls) => Action::Roll,
            Some(Effect::Replace(order)) => Action::Replace(order),
            Some(Effect::InPlace | Effect::Fixed(_)) | None => Action::Update,
        };
        // Of two orders the one that frees the name first is the safe one.
        let stronger = next.strength() > action.strength()
            || (next.strength() == action.strength() && next == Action::Replace(Order::DeleteFirst));
        if stronger {
            action = next;
        }
    }
    (action, impossible)
}

impl Plan {
    /// Compares what should be with what is.
    #[must_use]
    pub fn make<W>(
        graph: &Graph<W>,
        snapshot: &Snapshot,
        owner: &Owner,
        kind_of: &dyn Fn(&str) -> Option<&'static Kind>,
    ) -> Self {
        let sorted = sort(snapshot, owner, kind_of);
        let mut facts = snapshot.facts.clone();
        for live in sorted.owned.values() {
            facts.0.extend(live.facts.clone());
        }
        let mut names: BTreeMap<&Address, BTreeMap<String, String>> = BTreeMap::new();
        let mut steps: Vec<Step> = Vec::new();
        let mut impossible = Vec::new();
        // Ids of what ends before its successor is made.
        let mut ending: BTreeSet<&str> = BTreeSet::new();
        for node in graph.nodes() {
            let kind = node.kind.kind();
            let want = node.want(&facts);
            let anew = kind.custody == Custody::Child
                && node.needs.iter().any(|index| matches!(steps[*index].action, Action::Replace(_)));
            // AWS makes it anew along with its parent.
            let live = sorted.owned.get(&node.address).filter(|_| !anew);
            let needs: Vec<Address> = node.needs.iter().map(|index| graph.nodes()[*index].address.clone()).collect();
            let blind = sorted.unknown.get(kind.name).map(ToString::to_string).or_else(|| {
                let need = node.needs.iter().find(|index| steps[**index].action == Action::Unknown)?;
                Some(format!("needs {}, which could not be read", graph.nodes()[*need].address))
            });
            let look = |address: &Address, attr: &str| names.get(address).and_then(|names| names.get(attr)).cloned();
            let assumed = sorted.assumed.contains_key(kind.name);
            let recorded = sorted.assumed.get(kind.name).and_then(|nodes| nodes.get(&node.address));
            let mut impossibles = |fixed: Vec<(String, &'static str)>| {
                impossible.extend(fixed.into_iter().map(|(field, help)| Impossible {
                    address: node.address.clone(),
                    field,
                    help,
                }));
            };
            let (action, reason, changes) = match (blind, live) {
                (Some(why), _) => (Action::Unknown, Some(why), Vec::new()),
                (None, None) if recorded.is_some() => {
                    let changes = recorded.map(|node| node.differs(&want)).unwrap_or_default();
                    let (action, fixed) = amount(kind, &changes);
                    impossibles(fixed);
                    (action, None, changes)
                }
                (None, None) => (Action::Create, None, Vec::new()),
                (None, Some(live)) => {
                    let changes = diff(&want, &live.fields, &look);
                    let (action, fixed) = amount(kind, &changes);
                    // What is inside something that ends first cannot be moved over in time, whatever its fields say.
                    let homeless = live.inside.as_deref().is_some_and(|home| ending.contains(home));
                    let action = match action {
                        _ if homeless && kind.custody == Custody::Owned => Action::Replace(Order::DeleteFirst),
                        action => action,
                    };
                    impossibles(fixed);
                    match &live.ready {
                        Ready::Never(why) => (Action::Replace(Order::DeleteFirst), Some(why.clone()), changes),
                        Ready::Leaving(why) => (Action::Replace(Order::DeleteFirst), Some(why.clone()), changes),
                        Ready::NotYet(why) if action == Action::Keep => (Action::Settle, Some(why.clone()), Vec::new()),
                        Ready::Yes | Ready::NotYet(_) => (action, None, changes),
                    }
                }
            };
            // What is about to be made anew has no attributes yet: whoever refers to it sees "known after apply",
            // and its own effects decide what that means. Cascades need no other code.
            let moves = match action {
                Action::Update | Action::Roll => node.kind.moves(&changes),
                _ => &[],
            };
            if let Some(live) = live
                && matches!(action, Action::Keep | Action::Settle | Action::Update | Action::Roll)
            {
                let mut known = live.names.clone();
                known.retain(|attr, _| !moves.contains(&attr.as_str()));
                names.insert(&node.address, known);
            }
            if let (Some(live), Action::Replace(Order::DeleteFirst)) = (live, &action) {
                ending.insert(&live.id);
            }
            steps.push(Step {
                address: node.address.clone(),
                kind: kind.name.to_owned(),
                action,
                reason,
                changes,
                want: Some(want),
                live: live.cloned(),
                needs,
                moves: moves.iter().map(ToString::to_string).collect(),
                orphan: false,
                leans: node.leans.clone(),
                heir: None,
                assumed,
            });
        }
        steps.extend(unwanted(graph, &sorted, kind_of));
        renamed(graph, &mut steps);
        Self { steps, impossible, sorted, facts }
    }

    /// The plan that ends everything of an environment but what `keep` says stays.
    #[must_use]
    pub fn destroy<W>(
        graph: &Graph<W>,
        snapshot: &Snapshot,
        owner: &Owner,
        kind_of: &dyn Fn(&str) -> Option<&'static Kind>,
        keep: &dyn Fn(&Address) -> bool,
    ) -> Self {
        let sorted = sort(snapshot, owner, kind_of);
        let steps = sorted.owned.iter().map(|(address, live)| {
            let custody = kind_of(address.kind()).map_or(Custody::Child, |kind| kind.custody);
            let (action, reason) = match custody {
                Custody::Child => (Action::Keep, Some("goes with its parent".to_owned())),
                Custody::Shared => (Action::Keep, Some("shared by the account".to_owned())),
                _ if keep(address) => (Action::Keep, Some("kept: onDestroy".to_owned())),
                _ => (Action::Delete, None),
            };
            let needs = graph.get(address).map(|node| &node.needs).into_iter().flatten();
            Step {
                address: address.clone(),
                kind: address.kind().to_owned(),
                action,
                reason,
                changes: Vec::new(),
                want: None,
                live: Some(live.clone()),
                needs: needs.map(|index| graph.nodes()[*index].address.clone()).collect(),
                moves: Vec::new(),
                orphan: graph.get(address).is_none(),
                leans: graph.get(address).map(|node| node.leans.clone()).unwrap_or_default(),
                heir: None,
                assumed: false,
            }
        });
        let mut steps: Vec<Step> = steps.collect();
        steps.extend(twins(&sorted));
        steps.extend(sorted.unknown.iter().map(|(kind, failure)| blind(kind, failure)));
        Self { steps, impossible: Vec::new(), sorted, facts: snapshot.facts.clone() }
    }

    /// How many steps have each action's word.
    #[must_use]
    pub fn summary(&self) -> BTreeMap<&'static str, usize> {
        let words = ["create", "update", "roll", "replace", "delete", "settle", "keep", "unknown"];
        let mut summary: BTreeMap<_, _> = words.into_iter().map(|word| (word, 0)).collect();
        for step in &self.steps {
            *summary.entry(step.action.word()).or_default() += 1;
        }
        summary
    }

    /// Whether an apply would change anything.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.steps.iter().any(|step| step.action.changes())
    }

    /// The row at an address.
    #[must_use]
    pub fn step(&self, address: &Address) -> Option<&Step> {
        self.steps.iter().find(|step| step.address == *address)
    }

    /// The plan as it is hashed, stored and compared: every desired value, no ids, no times, nothing of before.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        let mut nodes: Vec<CanonicalNode> = self.steps.iter().map(CanonicalNode::of).collect();
        nodes.sort_by(|one, other| one.address.cmp(&other.address));
        Canonical { nodes }
    }
}

/// A row about something that is not in the graph; who makes it says the rest.
fn blank(address: &Address) -> Step {
    Step {
        address: address.clone(),
        kind: address.kind().to_owned(),
        action: Action::Unknown,
        reason: None,
        changes: Vec::new(),
        want: None,
        live: None,
        needs: Vec::new(),
        moves: Vec::new(),
        orphan: true,
        leans: Vec::new(),
        heir: None,
        assumed: false,
    }
}

fn blind(kind: &str, failure: &super::Failure) -> Step {
    Step { reason: Some(failure.to_string()), ..blank(&Address::single("unknown", kind)) }
}

/// Deletes of what is ours and no longer wanted, and of twins; kinds that could not be read and have nothing wanted show
/// as unknown.
fn unwanted<W>(graph: &Graph<W>, sorted: &Sorted, kind_of: &dyn Fn(&str) -> Option<&'static Kind>) -> Vec<Step> {
    let gone = sorted.owned.iter().filter(|(address, _)| graph.get(address).is_none());
    let mut steps: Vec<Step> = gone
        .filter(|(address, _)| {
            kind_of(address.kind()).is_some_and(|kind| matches!(kind.custody, Custody::Owned | Custody::OwnedOrAdopted))
        })
        .map(|(address, live)| drop_step(address, live, "no longer in the configuration"))
        .collect();
    let remembered = sorted.assumed.values().flatten().filter(|(address, _)| graph.get(address).is_none());
    steps.extend(remembered.map(|(address, node)| Step {
        kind: node.kind.clone(),
        action: Action::Delete,
        reason: Some("no longer in the configuration".to_owned()),
        assumed: true,
        ..blank(address)
    }));
    steps.extend(twins(sorted));
    let wanted: BTreeSet<&str> = graph.nodes().iter().map(|node| node.kind.kind().name).collect();
    let blind_kinds = sorted.unknown.iter().filter(|(kind, _)| !wanted.contains(kind.as_str()));
    steps.extend(blind_kinds.map(|(kind, failure)| blind(kind, failure)));
    steps
}

/// Marks what was renamed: both rows say so, and the old one has an heir.
fn renamed<W>(graph: &Graph<W>, steps: &mut [Step]) {
    for node in graph.nodes() {
        let Some(old) = &node.formerly else { continue };
        let Some(leaving) = steps.iter_mut().find(|step| step.address == *old && step.action == Action::Delete) else {
            continue;
        };
        leaving.heir = Some(node.address.clone());
        leaving.reason = Some(format!("moved to {}", node.address));
        if let Some(heir) = steps.iter_mut().find(|step| step.address == node.address) {
            heir.reason.get_or_insert_with(|| format!("moved from {old}"));
        }
    }
}

fn twins(sorted: &Sorted) -> Vec<Step> {
    let idle = sorted.twins.iter().filter(|(_, live)| live.attached.is_empty());
    idle.map(|(address, live)| drop_step(address, live, "a twin, left by a create whose answer was lost")).collect()
}

fn drop_step(address: &Address, live: &Live, reason: &str) -> Step {
    let (action, reason) = if live.attached.is_empty() {
        (Action::Delete, reason.to_owned())
    } else {
        (Action::Unknown, format!("{reason}, but in use by {}", live.attached.join(", ")))
    };
    Step { action, reason: Some(reason), live: Some(live.clone()), ..blank(address) }
}

/// One node of [`Canonical`]. Its fields stand in the order of their names: that is how they are hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanonicalNode {
    /// The action's word; none for keep and settle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Where it stands.
    pub address: Address,
    /// Planned from the record of the last apply, for what is live could not be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
    /// Names of the fields that change, for update, roll and replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Every desired field, symbolic.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// The kind's name.
    pub kind: String,
}

impl CanonicalNode {
    fn of(step: &Step) -> Self {
        let fields = step.want.iter().flatten().map(|(name, value)| (name.clone(), value.to_json()));
        Self {
            address: step.address.clone(),
            kind: step.kind.clone(),
            action: (!matches!(step.action, Action::Keep | Action::Settle)).then(|| step.action.word().to_owned()),
            changed: step.changes.iter().map(|change| change.field.clone()).collect(),
            fields: fields.collect(),
            assumed: step.assumed,
        }
    }

    /// In what a desired resource is another than the one that was applied under this row. Both sides are symbolic.
    fn differs(&self, want: &Fields) -> Vec<Change> {
        let names: BTreeSet<&String> = want.keys().chain(self.fields.keys()).collect();
        let other = |name: &&String| want.get(*name).map(Value::to_json).as_ref() != self.fields.get(*name);
        let change = |name: &String| Change {
            field: name.clone(),
            before: self.fields.get(name).map(Value::from_json),
            after: want.get(name).cloned(),
        };
        names.into_iter().filter(other).map(change).collect()
    }

    fn strength(&self) -> u8 {
        match self.action.as_deref() {
            Some("update") => 1,
            Some("roll") => 2,
            Some("replace") => 3,
            Some("create" | "delete") => 4,
            _ => 0,
        }
    }
}

/// The canonical plan. Stored beside an approval, and believed only if it hashes to the approved digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canonical {
    /// By address.
    pub nodes: Vec<CanonicalNode>,
}

impl Canonical {
    /// `sha256:` and 64 hex digits over the canonical JSON (RFC 8785: sorted keys, no white space, no numbers).
    #[must_use]
    pub fn digest(&self) -> String {
        // As declared, fields and nodes come in the order that RFC 8785 asks for.
        let text = serde_json::to_string(self).unwrap_or_else(|error| unreachable!("a plan is JSON: {error}"));
        let hash = Sha256::new_with_prefix("rem-ci/plan/1\n").chain_update(text);
        format!("sha256:{}", hex::encode(hash.finalize()))
    }

    /// `self ⊑ approved`: nothing here goes further than what was approved. The reasons why not, one a line.
    #[must_use]
    pub fn beyond(&self, approved: &Self) -> Vec<String> {
        let by_address: BTreeMap<&Address, &CanonicalNode> =
            approved.nodes.iter().map(|node| (&node.address, node)).collect();
        let mut reasons = Vec::new();
        for node in self.nodes.iter().filter(|node| node.strength() > 0) {
            let action = node.action.as_deref().unwrap_or_default();
            let address = &node.address;
            let Some(allowed) = by_address.get(address).filter(|allowed| allowed.strength() > 0) else {
                reasons.push(format!("{address}: {action} was not approved"));
                continue;
            };
            let approved_action = allowed.action.as_deref().unwrap_or_default();
            if matches!(action, "create" | "delete" | "replace") {
                if action != approved_action {
                    reasons.push(format!("{address}: {approved_action} was approved, now it is {action}"));
                } else if node.fields != allowed.fields || (action == "replace" && node.changed != allowed.changed) {
                    reasons.push(format!("{address}: {action} with other values than approved"));
                }
                continue;
            }
            // A create that was approved and cut short shows as an update to the same values.
            let resumed = approved_action == "create" || approved_action == "replace";
            if node.strength() > allowed.strength() {
                reasons.push(format!("{address}: {approved_action} was approved, now it is {action}"));
            }
            for field in &node.changed {
                if !resumed && !allowed.changed.contains(field) {
                    reasons.push(format!("{address}: a change of {field} was not approved"));
                } else if node.fields.get(field) != allowed.fields.get(field) {
                    reasons.push(format!("{address}: {field} would become something else than approved"));
                }
            }
        }
        reasons
    }
}

/// What an acknowledgement must repeat: 12 hex digits over code, address, action and changed fields, so that unrelated
/// edits do not void it.
#[must_use]
pub fn acknowledgement(code: &str, step: &Step) -> String {
    let fields: Vec<&str> = step.changes.iter().map(|change| change.field.as_str()).collect();
    let text = format!("rem-ci/ack/1\n{code}\n{}\n{}\n{}\n", step.address, step.action.word(), fields.join(","));
    hex::encode(&Sha256::digest(text.as_bytes())[..6])
}
