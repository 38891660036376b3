//! The central trait: what one kind of resource says of itself, and the few calls it can make.
//!
//! A kind never waits, diffs, retries or prints: the engine does. So a kind is a handful of short functions over
//! [`Fields`] and one API. Kinds hold no live state; [`Live`] carries all that a read gives, as plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::value::{Address, Fields, Value};
use crate::cost::{Line, Rates};

/// What a change of a field does to the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changed by a call, nothing else happens.
    InPlace,
    /// Changed by a call, after which nodes are replaced gradually.
    Rolls,
    /// Only a new resource can have the new value.
    Replace(Order),
    /// Cannot be changed once it is set; the text says what to do instead.
    Fixed(&'static str),
}

/// Which of the two steps of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The old one goes first: its name, address or CIDR is needed again.
    DeleteFirst,
    /// The new one comes first.
    CreateFirst,
}

/// One field of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Key in [`Fields`].
    pub name: &'static str,
    /// What a change of it does.
    pub effect: Effect,
    /// One line for `rem-ci explain KIND`.
    pub docs: &'static str,
    /// Never shown to people: values are masked in every view.
    pub sensitive: bool,
}

impl Field {
    /// A field that a call changes.
    #[must_use]
    pub const fn in_place(name: &'static str, docs: &'static str) -> Self {
        Self { name, effect: Effect::InPlace, docs, sensitive: false }
    }

    /// A field whose change rolls nodes.
    #[must_use]
    pub const fn rolls(name: &'static str, docs: &'static str) -> Self {
        Self { name, effect: Effect::Rolls, docs, sensitive: false }
    }

    /// A field that only a new resource can change.
    #[must_use]
    pub const fn replaces(name: &'static str, order: Order, docs: &'static str) -> Self {
        Self { name, effect: Effect::Replace(order), docs, sensitive: false }
    }

    /// A field that nothing can change.
    #[must_use]
    pub const fn fixed(name: &'static str, help: &'static str, docs: &'static str) -> Self {
        Self { name, effect: Effect::Fixed(help), docs, sensitive: false }
    }
}

/// How long a kind usually takes, for the estimate and for polling. Measured values with their source stand beside each
/// use; the simulated region draws its own and knows nothing of these.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Usual time from the create or update call to ready. Zero: ready when the call returns.
    pub create: Duration,
    /// Usual time of an update.
    pub update: Duration,
    /// Usual time from the delete call to gone.
    pub delete: Duration,
    /// After this a wait is given up and the run ends as incomplete.
    pub at_most: Duration,
}

impl Patience {
    /// For kinds whose calls take effect when they return. Waits five minutes at most.
    pub const INSTANT: Self = Self::secs(0, 0, 0, 300);

    /// From whole seconds.
    #[must_use]
    pub const fn secs(create: u64, update: u64, delete: u64, at_most: u64) -> Self {
        Self {
            create: Duration::from_secs(create),
            update: Duration::from_secs(update),
            delete: Duration::from_secs(delete),
            at_most: Duration::from_secs(at_most),
        }
    }
}

/// Who makes and who deletes a kind's resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// We create, own and delete it.
    Owned,
    /// As `Owned`, but one that stands under our name without our tags is taken over without asking (the log group,
    /// which EKS makes when it comes first).
    OwnedOrAdopted,
    /// Made and deleted by AWS along with another resource of ours: we set fields on it, never create or delete it.
    Child,
    /// Shared by the whole account: created where missing, never deleted.
    Shared,
}

/// All that can be said of a kind without an instance. `rem-ci explain KIND` prints it, the IAM policies are made from
/// its `actions`, the conformance test goes over its `fields`.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Second part of its addresses: `nat-gateway`.
    pub name: &'static str,
    /// For people: `NAT gateway`.
    pub noun: &'static str,
    /// Every IAM action its calls need, `service:Action`, with those that AWS checks along the way (`iam:PassRole`).
    pub actions: &'static [&'static str],
    /// Every field it may want or have.
    pub fields: &'static [Field],
    /// Higher is deleted earlier where no edge says anything: orphans whose configuration is gone.
    pub rank: u16,
    /// See [`Custody`].
    pub custody: Custody,
    /// See [`Patience`].
    pub patience: Patience,
    /// A few sentences and the AWS page the facts are from.
    pub docs: &'static str,
}

impl Kind {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// Whether a live resource can be built upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ready {
    /// It can.
    Yes,
    /// Not yet, with AWS's word for it: `CREATING`.
    NotYet(String),
    /// It is on its way out: wait until it is gone.
    Leaving(String),
    /// It never will: a replace or a refusal.
    Never(String),
}

/// One live resource as a read gave it: plain data, so that worlds can be written down as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// What [`Resource::read`] and [`Resource::delete`] take: an id, a name or an ARN.
    pub id: String,
    /// All its tags, ours among them.
    pub tags: BTreeMap<String, String>,
    /// Where a read found it by *name* rather than by tag: the address whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_for: Option<Address>,
    /// The id of the VPC it is in, where it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// Things not ours that hang on it and would be hurt by a delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<String>,
    /// Its fields, by the names of [`Kind::fields`], with live ids; tags without ours.
    pub fields: Fields,
    /// Attributes that others may refer to: `id`, `arn`, `endpoint`.
    pub names: BTreeMap<String, String>,
    /// Choices that were made when it was created and stay until an edit moves them: see [`Facts`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// See [`Ready`].
    pub ready: Ready,
}

impl Live {
    /// A ready resource with an id and nothing else; the rest is filled in by the kind.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            names: BTreeMap::from([("id".to_owned(), id.clone())]),
            id,
            tags: BTreeMap::new(),
            stands_for: None,
            inside: None,
            attached: Vec::new(),
            fields: Fields::new(),
            facts: BTreeMap::new(),
            ready: Ready::Yes,
        }
    }

    /// Its tags without those that say whose it is and without AWS's own (`aws:…`): the `tags` field.
    #[must_use]
    pub fn free_tags(&self) -> Value {
        Value::tags(
            self.tags
                .iter()
                .filter(|(key, _)| !key.starts_with("rem-ci:") && !key.starts_with("aws:"))
                .map(|(key, value)| (key.clone(), value)),
        )
    }

    /// The plain text of a field, or nothing.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_text).unwrap_or_default()
    }

    /// An attribute others may refer to, or nothing.
    #[must_use]
    pub fn name(&self, attr: &str) -> &str {
        self.names.get(attr).map_or("", String::as_str)
    }
}

/// What the plan knows besides the resources themselves: zones, add-on versions, version calendars, AMIs. Read from AWS
/// once a run, and overruled by [`Live::facts`] of what exists, which is how a choice made at creation stays.
///
/// Keys: `zone/N` (AZ id), `addon/NAME/default`, `addon/NAME/latest`, `addon/NAME/version` (live), and others that
/// `resources::facts` documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(pub BTreeMap<String, String>);

impl Facts {
    /// The fact's text, if known.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The first of `keys` that is known, as a value; else pending under the last key's name.
    #[must_use]
    pub fn first(&self, keys: &[&str]) -> Value {
        keys.iter()
            .find_map(|key| self.get(key))
            .map_or_else(|| Value::Pending(keys.last().copied().unwrap_or_default().to_owned()), Value::text)
    }
}

/// What a sweep is about: the environment, and the desired resources of the kind at hand.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The environment's name.
    pub environment: String,
    /// 16 hex digits, see DESIGN 3a.
    pub stack: String,
    /// Desired resources of this kind: for those that are found by name. Empty when the configuration is gone.
    pub wanted: Vec<(Address, Fields)>,
    /// Desired resources of all kinds, in a sweep of the whole environment; else nothing.
    pub everything: Arc<Vec<(Address, Fields)>>,
    /// True on a run that follows an incomplete one: look harder for what an unknown outcome may have left behind.
    pub after_incomplete: bool,
}

/// Tag that names the environment.
pub const TAG_ENVIRONMENT: &str = "rem-ci:environment";
/// Tag that holds the address.
pub const TAG_RESOURCE: &str = "rem-ci:resource";
/// Tag that holds the stack id.
pub const TAG_STACK: &str = "rem-ci:stack";

/// What a mutating call is given besides its values.
#[derive(Clone, Debug)]
pub struct Cx {
    /// The resource at hand.
    pub address: Address,
    /// The environment's name.
    pub environment: String,
    /// 16 hex digits.
    pub stack: String,
    /// Derived from stack, address and approval digest: equal for every try of one approved create.
    pub token: String,
}

impl Cx {
    /// The three tags that make a thing ours.
    #[must_use]
    pub fn ownership(&self) -> [(String, String); 3] {
        [
            (TAG_ENVIRONMENT.to_owned(), self.environment.clone()),
            (TAG_RESOURCE.to_owned(), self.address.to_string()),
            (TAG_STACK.to_owned(), self.stack.clone()),
        ]
    }

    /// The `tags` field of `want` with the ownership tags added.
    #[must_use]
    pub fn all_tags(&self, want: &Fields) -> BTreeMap<String, String> {
        let free = want.get("tags").into_iter().flat_map(Value::text_entries);
        free.map(|(key, value)| (key.to_owned(), value.to_owned())).chain(self.ownership()).collect()
    }
}

/// One field's difference. `after` is symbolic where the desired value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field's name.
    pub field: String,
    /// Live value, if the field is there.
    pub before: Option<Value>,
    /// Desired value; none removes the field.
    pub after: Option<Value>,
}

/// The outcome of a read.
pub type Read<T> = Result<T, Failure>;

/// One kind of resource. An `impl` lives in a file of its own under `resources/`; `Self` is one desired instance.
///
/// All calls are idempotent by contract: a create under the same [`Cx::token`] or name gives the same thing again, a
/// delete of what is gone is fine, an update may be repeated.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a kind of resource",
    note = "CONTRIBUTING.md, \"How to add a kind\", has the file to copy and the list to enter it in"
)]
#[expect(async_fn_in_trait, reason = "the executor is one task; futures never move between threads")]
pub trait Resource: fmt::Debug + Send + Sync + 'static {
    /// What the calls go through: the AWS clients, or a toy in the engine's own tests.
    type World;

    /// What can be said without an instance.
    const KIND: Kind;

    /// Where it stands in the environment.
    fn address(&self) -> Address;

    /// What should be. Edges are found in it: a reference to another resource is a need.
    fn want(&self, facts: &Facts) -> Fields;

    /// Order-only needs that no value shows: "not before the queue exists".
    fn after(&self) -> Vec<Address> {
        Vec::new()
    }

    /// What must still stand while this one ends, because it does the work: Karpenter, while a pool's nodes drain. Of how
    /// this one is made it says nothing.
    fn leans(&self) -> Vec<Address> {
        Vec::new()
    }

    /// Where it stood before it was renamed. What still stands there ends once this one is ready.
    fn formerly(&self) -> Option<Address> {
        None
    }

    /// Whether a change can be what makes a resource ready that is not: then it is made at once. Most APIs take no change
    /// before a resource is ready; Kubernetes takes any.
    fn mends() -> bool {
        false
    }

    /// The attributes of [`Live::names`] that these changes will give another value: an update of a launch template makes a
    /// new version. Whoever refers to one of them sees "known after apply"; and all that need this resource wait for it.
    fn moves(_changes: &[Change]) -> &'static [&'static str] {
        &[]
    }

    /// Monthly cost of a resource with these fields, desired or live.
    fn cost(_fields: &Fields, _rates: &Rates) -> Vec<Line> {
        Vec::new()
    }

    /// All of this kind in the environment, with as few calls as the API allows, every page.
    async fn sweep(world: &Self::World, scope: &Scope) -> Read<Vec<Live>>;

    /// One, by [`Live::id`]. Used for waiting; must not depend on an index that lags.
    async fn read(world: &Self::World, scope: &Scope, id: &str) -> Read<Option<Live>>;

    /// Makes it, tagged in the same call. Gives the id. All values in `want` are resolved.
    async fn create(world: &Self::World, cx: &Cx, want: &Fields) -> Result<String, Failure>;

    /// Brings the changed fields to `want` (resolved). One call after the other where AWS takes one at a time.
    async fn update(
        world: &Self::World,
        cx: &Cx,
        live: &Live,
        want: &Fields,
        changes: &[Change],
    ) -> Result<(), Failure>;

    /// Starts its end.
    async fn delete(world: &Self::World, cx: &Cx, live: &Live) -> Result<(), Failure>;
}

/// A kind without its type: what the engine's tables hold.
pub trait AnyKind<W>: fmt::Debug + Send + Sync {
    /// See [`Resource::KIND`].
    fn kind(&self) -> &'static Kind;
    /// See [`Resource::mends`].
    fn mends(&self) -> bool;
    /// See [`Resource::moves`].
    fn moves(&self, changes: &[Change]) -> &'static [&'static str];
    /// See [`Resource::cost`].
    fn cost(&self, fields: &Fields, rates: &Rates) -> Vec<Line>;
    /// See [`Resource::sweep`].
    fn sweep<'a>(&self, world: &'a W, scope: &'a Scope) -> LocalBoxFuture<'a, Read<Vec<Live>>>;
    /// See [`Resource::read`].
    fn read<'a>(&self, world: &'a W, scope: &'a Scope, id: &'a str) -> LocalBoxFuture<'a, Read<Option<Live>>>;
    /// See [`Resource::create`].
    fn create<'a>(&self, world: &'a W, cx: &'a Cx, want: &'a Fields) -> LocalBoxFuture<'a, Result<String, Failure>>;
    /// See [`Resource::update`].
    fn update<'a>(
        &self,
        world: &'a W,
        cx: &'a Cx,
        live: &'a Live,
        want: &'a Fields,
        changes: &'a [Change],
    ) -> LocalBoxFuture<'a, Result<(), Failure>>;
    /// See [`Resource::delete`].
    fn delete<'a>(&self, world: &'a W, cx: &'a Cx, live: &'a Live) -> LocalBoxFuture<'a, Result<(), Failure>>;
}

struct Of<K>(PhantomData<fn() -> K>);

impl<K: Resource> fmt::Debug for Of<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(K::KIND.name)
    }
}

/// A row of the catalogue.
#[must_use]
pub const fn kind<K: Resource>() -> &'static dyn AnyKind<K::World> {
    &Of::<K>(PhantomData)
}

impl<K: Resource> AnyKind<K::World> for Of<K> {
    fn kind(&self) -> &'static Kind {
        &K::KIND
    }
    fn mends(&self) -> bool {
        K::mends()
    }
    fn moves(&self, changes: &[Change]) -> &'static [&'static str] {
        K::moves(changes)
    }
    fn cost(&self, fields: &Fields, rates: &Rates) -> Vec<Line> {
        K::cost(fields, rates)
    }
    fn sweep<'a>(&self, world: &'a K::World, scope: &'a Scope) -> LocalBoxFuture<'a, Read<Vec<Live>>> {
        Box::pin(K::sweep(world, scope))
    }
    fn read<'a>(&self, world: &'a K::World, scope: &'a Scope, id: &'a str) -> LocalBoxFuture<'a, Read<Option<Live>>> {
        Box::pin(K::read(world, scope, id))
    }
    fn create<'a>(
        &self,
        world: &'a K::World,
        cx: &'a Cx,
        want: &'a Fields,
    ) -> LocalBoxFuture<'a, Result<String, Failure>> {
        Box::pin(K::create(world, cx, want))
    }
    fn update<'a>(
        &self,
        world: &'a K::World,
        cx: &'a Cx,
        live: &'a Live,
        want: &'a Fields,
        changes: &'a [Change],
    ) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(K::update(world, cx, live, want, changes))
    }
    fn delete<'a>(&self, world: &'a K::World, cx: &'a Cx, live: &'a Live) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(K::delete(world, cx, live))
    }
}
