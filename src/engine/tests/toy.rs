//! A toy kind over a world of its own: creates that take time, indexes that lag, and faults at any call.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proptest::test_runner::TestCaseError;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cost::{Line, Rates};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Ref,
    Resource, Scope, TAG_STACK, Value,
};

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The caller never hears again; the test ends the run.
    Kill { after: bool },
    /// The connection breaks.
    Cut { after: bool },
    /// Not permitted.
    Deny,
}

#[derive(Clone, Debug)]
struct Thing {
    tags: BTreeMap<String, String>,
    fields: Fields,
    made: Instant,
    ready: Instant,
    gone: Option<Instant>,
    broken: bool,
}

#[derive(Debug, Default)]
pub(super) struct World {
    things: RefCell<BTreeMap<String, Thing>>,
    past: RefCell<BTreeMap<String, (Instant, Instant)>>,
    ends: RefCell<BTreeMap<String, (Instant, Instant)>>,
    calls: Cell<usize>,
    next: Cell<usize>,
    fault: Cell<Option<(usize, Fault)>>,
    refused: Cell<Option<usize>>,
    pub(super) killed: Rc<Notify>,
}

impl World {
    pub(super) fn fault(&self, at: usize, fault: Fault) {
        self.fault.set(Some((at, fault)));
    }
    pub(super) fn heal(&self) {
        self.fault.set(None);
    }
    pub(super) fn refuse(&self, index: usize) {
        self.refused.set(Some(index));
    }
    pub(super) fn calls(&self) -> usize {
        self.calls.get()
    }
    pub(super) fn is_empty(&self) -> bool {
        self.alive().is_empty()
    }
    pub(super) fn has(&self, index: usize) -> bool {
        self.alive().iter().any(|(_, thing)| thing.tags.get("rem-ci:resource") == Some(&format!("toy/toy/{index}")))
    }
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.alive().iter().any(|(other, _)| other == id)
    }
    pub(super) fn twins(&self) -> bool {
        let all: Vec<_> = self.alive().into_iter().map(|(_, thing)| thing.tags["rem-ci:resource"].clone()).collect();
        all.len() != all.iter().collect::<std::collections::BTreeSet<_>>().len()
    }
    pub(super) fn fail_forever(&self, index: usize) {
        let address = format!("toy/toy/{index}");
        for thing in self.things.borrow_mut().values_mut().filter(|thing| thing.tags["rem-ci:resource"] == address) {
            thing.broken = true;
        }
    }
    /// A thing that copies our tags but for the stack.
    pub(super) fn plant(&self, id: &str, stack: &str) {
        let some = self.things.borrow().values().next().cloned();
        let mut thing = some.expect("something to copy");
        thing.tags.insert(TAG_STACK.to_owned(), stack.to_owned());
        self.things.borrow_mut().insert(id.to_owned(), thing);
    }

    fn alive(&self) -> Vec<(String, Thing)> {
        let now = Instant::now();
        let things = self.things.borrow();
        let alive = things.iter().filter(|(_, thing)| thing.gone.is_none_or(|gone| gone > now));
        alive.map(|(id, thing)| (id.clone(), thing.clone())).collect()
    }

    /// Nothing began before what it needs was ready.
    pub(super) fn check_order(&self, needs: &[Vec<usize>]) -> Result<(), TestCaseError> {
        let past = self.past.borrow();
        for (index, needs) in needs.iter().enumerate() {
            for need in needs {
                let (began, ready) = (past[&format!("toy/toy/{index}")].0, past[&format!("toy/toy/{need}")].1);
                proptest::prop_assert!(began >= ready, "toy {index} began before {need} was ready");
            }
        }
        Ok(())
    }

    /// Nothing began to end before all that needs it was gone.
    pub(super) fn check_end_order(&self, needs: &[Vec<usize>]) -> Result<(), TestCaseError> {
        let ends = self.ends.borrow();
        for (index, needs) in needs.iter().enumerate() {
            for need in needs {
                let (began, gone) = (ends[&format!("toy/toy/{need}")].0, ends[&format!("toy/toy/{index}")].1);
                proptest::prop_assert!(began >= gone, "toy {need} began to end before {index} was gone");
            }
        }
        Ok(())
    }

    /// Every call goes through here: time passes, and the fault comes if it is its turn.
    async fn call<T>(&self, effect: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let at = self.calls.get();
        self.calls.set(at + 1);
        #[expect(clippy::disallowed_methods, reason = "a toy answer takes toy time")]
        tokio::time::sleep(Duration::from_millis(20)).await;
        match self.fault.get().filter(|(when, _)| *when == at) {
            None => effect(),
            Some((_, Fault::Deny)) => Err(Failure { class: Class::Denied, ..Failure::fatal("toy", "denied") }),
            Some((_, Fault::Cut { after })) => {
                let _ = after.then(effect);
                Err(Failure { class: Class::Unknown, ..Failure::fatal("toy", "cut") })
            }
            Some((_, Fault::Kill { after })) => {
                let _ = after.then(effect);
                self.killed.notify_one();
                std::future::pending().await
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Toy {
    pub(super) index: usize,
    pub(super) needs: Vec<Ref<Toy>>,
    pub(super) size: u8,
    pub(super) leans: Vec<usize>,
    pub(super) was: Option<usize>,
}

impl Toy {
    pub(super) fn at(index: usize) -> Address {
        Address::keyed("toy", "toy", &index.to_string())
    }
}

fn live(id: &str, thing: &Thing) -> Live {
    let now = Instant::now();
    let ready = match thing {
        Thing { gone: Some(_), .. } => Ready::Leaving("ENDING".to_owned()),
        Thing { broken: true, .. } => Ready::Never("BROKEN".to_owned()),
        Thing { ready, .. } if *ready > now => Ready::NotYet("MAKING".to_owned()),
        _ => Ready::Yes,
    };
    Live { tags: thing.tags.clone(), fields: thing.fields.clone(), ready, ..Live::new(id) }
}

impl Resource for Toy {
    type World = World;
    const KIND: Kind = Kind {
        name: "toy",
        noun: "toy",
        actions: &[],
        fields: &[
            Field::in_place("size", "how big"),
            Field::replaces("needs", Order::DeleteFirst, "ids of what it stands on"),
        ],
        rank: 1,
        custody: Custody::Owned,
        patience: Patience::secs(3, 1, 2, 600),
        docs: "A toy.",
    };

    fn address(&self) -> Address {
        Self::at(self.index)
    }
    fn leans(&self) -> Vec<Address> {
        self.leans.iter().copied().map(Self::at).collect()
    }
    fn formerly(&self) -> Option<Address> {
        self.was.map(Self::at)
    }
    fn want(&self, _: &Facts) -> Fields {
        let needs = Value::set(self.needs.iter().map(|need| need.attr("id")));
        Fields::from([("size".to_owned(), Value::text(self.size)), ("needs".to_owned(), needs)])
    }
    fn cost(_: &Fields, _: &Rates) -> Vec<Line> {
        Vec::new()
    }
    async fn sweep(world: &World, _: &Scope) -> Read<Vec<Live>> {
        world
            .call(|| {
                // The index lags by a second.
                let lag = Duration::from_secs(1);
                let seen = world.alive().into_iter().filter(|(_, thing)| thing.made.elapsed() > lag);
                Ok(seen.map(|(id, thing)| live(&id, &thing)).collect())
            })
            .await
    }
    async fn read(world: &World, _: &Scope, id: &str) -> Read<Option<Live>> {
        world.call(|| Ok(world.alive().iter().find(|(other, _)| other == id).map(|(id, thing)| live(id, thing)))).await
    }
    async fn create(world: &World, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let index: usize = cx.address.key().and_then(|key| key.parse().ok()).unwrap_or_default();
        if world.refused.get() == Some(index) {
            return Err(Failure::fatal("toy:Create", "refused"));
        }
        world
            .call(|| {
                let id = format!("t-{}", world.next.replace(world.next.get() + 1));
                let made = Instant::now();
                let ready = made + Duration::from_secs(1 + index as u64);
                let tags = cx.all_tags(want);
                let thing = Thing { tags, fields: want.clone(), made, ready, gone: None, broken: false };
                world.things.borrow_mut().insert(id.clone(), thing);
                world.past.borrow_mut().insert(cx.address.to_string(), (made, ready));
                Ok(id)
            })
            .await
    }
    async fn update(world: &World, _: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        world
            .call(|| {
                let mut things = world.things.borrow_mut();
                let thing = things.get_mut(&live.id).ok_or_else(|| Failure::fatal("toy:Update", "gone"))?;
                for change in changes {
                    thing.fields.insert(change.field.clone(), want[&change.field].clone());
                }
                Ok(())
            })
            .await
    }
    async fn delete(world: &World, cx: &Cx, live: &Live) -> Result<(), Failure> {
        world
            .call(|| {
                let began = Instant::now();
                let gone = began + Duration::from_secs(2);
                if let Some(thing) = world.things.borrow_mut().get_mut(&live.id) {
                    thing.gone.get_or_insert(gone);
                }
                world.ends.borrow_mut().insert(cx.address.to_string(), (began, gone));
                Ok(())
            })
            .await
    }
}
