//! One operation from its first call to its end: create, update until nothing differs, wait until ready, delete, wait
//! until gone. All waiting and all retrying is here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::apply::{Gate, Stop};
use super::event::{Event, Happening};
use super::failure::{Class, Failure};
use super::kind::{AnyKind, Change, Custody, Cx, Effect, Kind, Live, Ready, Scope};
use super::ops::{Half, Op};
use super::plan::{Action, Plan, Step, diff};
use super::snapshot::Owner;
use super::value::{Address, Fields};
use super::wait::{LOST_WINDOW, next_look, next_try, pause, usual};

/// What every operation of a run shares.
pub(super) struct Run<'a, W: 'static> {
    pub(super) world: &'a W,
    pub(super) kind_of: &'a dyn Fn(&str) -> Option<&'static dyn AnyKind<W>>,
    pub(super) owner: &'a Owner,
    pub(super) plan: &'a Plan,
    /// What tokens are made of besides stack and address.
    pub(super) approval: &'a str,
    pub(super) gate: &'a dyn Gate,
    pub(super) sink: &'a dyn Fn(&Event),
    pub(super) stop: &'a Stop,
    pub(super) began: Instant,
    /// Attributes of everything that is there, as the run goes on.
    pub(super) names: RefCell<BTreeMap<Address, BTreeMap<String, String>>>,
}

/// Why an operation did not come to its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// It failed.
    Failed(Failure),
    /// The run was told to stop.
    Stopped,
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// One operation at work.
struct Work<'a, W: 'static> {
    run: &'a Run<'a, W>,
    step: &'a Step,
    kind: &'static dyn AnyKind<W>,
    about: &'static Kind,
    cx: Cx,
    usual: Duration,
    began: Instant,
}

impl<W> Run<'_, W> {
    pub(super) fn emit(&self, address: &Address, what: Happening) {
        (self.sink)(&Event { at: self.began.elapsed(), address: address.clone(), what });
    }

    /// Does one operation.
    pub(super) async fn operate(&self, op: Op) -> Result<(), Halt> {
        // It was due before the run was told to stop, but has not begun.
        if self.stop.is_told() {
            return Err(Halt::Stopped);
        }
        let step = &self.plan.steps[op.step];
        let Some(kind) = (self.kind_of)(&step.kind) else {
            return Err(Failure::fatal("apply", format!("no kind is called {}", step.kind)).into());
        };
        let about = kind.kind();
        let word = match op.half {
            Half::Drop => "delete",
            Half::Make if matches!(step.action, Action::Replace(_)) => "create",
            Half::Make => step.action.word(),
        };
        let work = Work {
            run: self,
            step,
            kind,
            about,
            cx: Cx {
                address: step.address.clone(),
                environment: self.owner.environment.clone(),
                stack: self.owner.stack.clone(),
                token: token(&self.owner.stack, &step.address, self.approval),
            },
            usual: usual(&about.patience, word),
            began: Instant::now(),
        };
        self.emit(&step.address, Happening::Started { action: word, usual: work.usual });
        let ended = match (op.half, &step.action) {
            (Half::Drop, _) => work.end().await,
            (Half::Make, Action::Create | Action::Replace(_)) => work.create().await,
            (Half::Make, Action::Settle) => work.wait().await,
            (Half::Make, _) => work.change().await,
        };
        match &ended {
            Ok(()) => self.emit(&step.address, Happening::Done { took: work.began.elapsed() }),
            Err(Halt::Failed(why)) => self.emit(&step.address, Happening::Failed { why: why.clone() }),
            Err(Halt::Stopped) => {}
        }
        ended
    }

    fn look(&self, address: &Address, attr: &str) -> Option<String> {
        self.names.borrow().get(address).and_then(|names| names.get(attr)).cloned()
    }
}

/// 32 hex digits that are equal for every try of one approved create.
fn token(stack: &str, address: &Address, approval: &str) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(&Sha256::digest(format!("rem-ci/token/1\n{stack}\n{address}\n{approval}\n").as_bytes())[..16])
}

impl<W> Work<'_, W> {
    fn late(&self) -> bool {
        self.began.elapsed() > self.about.patience.at_most
    }

    /// The desired fields with every reference filled in.
    fn resolved(&self) -> Result<Fields, Failure> {
        let look = |address: &Address, attr: &str| self.run.look(address, attr);
        let want = self.step.want.iter().flatten();
        want.map(|(name, value)| match value.resolve(&look) {
            Ok(value) => Ok((name.clone(), value)),
            Err(missing) => {
                let why = format!("{}: {name} needs {missing}, which is not known", self.step.address);
                Err(Failure::fatal("apply", why))
            }
        })
        .collect()
    }

    fn scope(&self, want: Option<&Fields>) -> Scope {
        Scope {
            environment: self.run.owner.environment.clone(),
            stack: self.run.owner.stack.clone(),
            wanted: want.map(|want| (self.step.address.clone(), want.clone())).into_iter().collect(),
            everything: Arc::default(),
            after_incomplete: true,
        }
    }

    /// Lets time pass, or stops.
    async fn rest(&self, time: Duration) -> Result<(), Halt> {
        tokio::select! {
            () = self.run.stop.stopped() => Err(Halt::Stopped),
            () = pause(time) => Ok(()),
        }
    }

    /// Whether to try again after this failure; waits if so.
    async fn again(&self, why: Failure, tries: &mut u32) -> Result<(), Halt> {
        let passing = matches!(why.class, Class::Passing | Class::Throttled | Class::Unknown);
        if !passing || self.late() {
            return Err(why.into());
        }
        let time = next_try(why.class, *tries);
        *tries += 1;
        self.run.emit(&self.step.address, Happening::Retrying { why, pause: time });
        self.rest(time).await
    }

    fn know(&self, live: &Live) {
        self.run.names.borrow_mut().insert(self.step.address.clone(), live.names.clone());
    }

    /// What a sweep finds at this address, and whether it is ours.
    async fn find(&self, want: &Fields) -> Result<Option<(Live, bool)>, Halt> {
        let scope = self.scope(Some(want));
        let mut tries = 0;
        loop {
            match self.kind.sweep(self.run.world, &scope).await {
                Ok(found) => {
                    let here = self.step.address.to_string();
                    let ours = found.iter().find(|live| {
                        let tag = |key: &str| live.tags.get(key).map(String::as_str);
                        tag(super::TAG_RESOURCE) == Some(&here)
                            && tag(super::TAG_STACK) == Some(&scope.stack)
                            && !matches!(live.ready, Ready::Leaving(_) | Ready::Never(_))
                    });
                    let standing = || found.iter().find(|live| live.stands_for.as_ref() == Some(&self.step.address));
                    let custody = self.about.custody;
                    return Ok(ours
                        .map(|live| (live.clone(), true))
                        .or_else(|| standing().map(|live| (live.clone(), custody != Custody::Owned))));
                }
                Err(why) => self.again(why, &mut tries).await?,
            }
        }
    }

    async fn create(&self) -> Result<(), Halt> {
        let want = self.resolved()?;
        if self.about.custody == Custody::Child {
            return self.appear(&want).await;
        }
        let mut tries = 0;
        let id = loop {
            self.run.gate.check()?;
            match self.kind.create(self.run.world, &self.cx, &want).await {
                Ok(id) => break id,
                Err(why) if matches!(why.class, Class::Unknown | Class::Exists) => {
                    // The answer was lost, or it was there already: look before trying again. Indexes lag, so an unknown
                    // outcome is looked for until it must have shown.
                    let mut found = self.find(&want).await?;
                    let lost = Instant::now();
                    while found.is_none() && why.class == Class::Unknown && lost.elapsed() < LOST_WINDOW {
                        self.again(why.clone(), &mut tries).await?;
                        found = self.find(&want).await?;
                    }
                    match found {
                        Some((live, true)) => break live.id,
                        Some((_, false)) => {
                            let text = format!("{} exists and is not ours", self.step.address);
                            return Err(Failure { class: Class::Exists, message: text, ..why }.into());
                        }
                        None if why.class == Class::Unknown => {}
                        None => self.again(Failure { class: Class::Passing, ..why }, &mut tries).await?,
                    }
                }
                Err(why) => self.again(why, &mut tries).await?,
            }
        };
        let live = self.settle(&id, Some(&want)).await?;
        self.know(&live);
        self.converge(live, &want).await
    }

    /// Waits for what AWS makes along with another resource, then sets our fields on it.
    async fn appear(&self, want: &Fields) -> Result<(), Halt> {
        let live = loop {
            if let Some((live, true)) = self.find(want).await? {
                break live;
            }
            if self.late() {
                return Err(Failure::fatal("apply", format!("{} did not appear", self.step.address)).into());
            }
            self.rest(next_look(self.usual, self.began.elapsed())).await?;
        };
        self.know(&live);
        self.converge(live, want).await
    }

    /// Waits until it is ready, and changes nothing: nothing else was approved.
    async fn wait(&self) -> Result<(), Halt> {
        let Some(live) = &self.step.live else {
            return Err(Failure::fatal("apply", format!("{} is not there", self.step.address)).into());
        };
        let live = self.settle(&live.id, self.step.want.as_ref()).await?;
        self.know(&live);
        Ok(())
    }

    /// Brings a live resource to what is wanted, and waits until it is ready.
    async fn change(&self) -> Result<(), Halt> {
        let want = self.resolved()?;
        let Some(live) = &self.step.live else {
            return Err(Failure::fatal("apply", format!("{} is not there", self.step.address)).into());
        };
        let live = if self.kind.mends() { live.clone() } else { self.settle(&live.id, Some(&want)).await? };
        self.converge(live, &want).await
    }

    /// Updates until nothing differs. A kind may bring about only a part in one call (EKS takes one update at a time);
    /// reads may lag behind an update, so a difference that stays is looked at again before it is called again.
    async fn converge(&self, mut live: Live, want: &Fields) -> Result<(), Halt> {
        const LOOKS: u32 = 6;
        const UPDATES: u32 = 12;
        let nothing = |_: &Address, _: &str| None;
        let mut updates = 0;
        let mut tries = 0;
        loop {
            self.know(&live);
            let mut changes = diff(want, &live.fields, &nothing);
            changes.retain(|change| self.repairable(change));
            if changes.is_empty() {
                return Ok(());
            }
            if updates == UPDATES {
                let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
                let text =
                    format!("{}: {} stay as they are after {UPDATES} updates", self.step.address, fields.join(", "));
                return Err(Failure::fatal("apply", text).into());
            }
            self.run.gate.check()?;
            match self.kind.update(self.run.world, &self.cx, &live, want, &changes).await {
                Ok(()) => updates += 1,
                Err(why) => {
                    self.again(why, &mut tries).await?;
                    live = self.settle(&live.id, Some(want)).await?;
                    continue;
                }
            }
            for look in 0..LOOKS {
                live = self.settle(&live.id, Some(want)).await?;
                let now = diff(want, &live.fields, &nothing);
                if !changes.iter().all(|change| now.iter().any(|other| other.field == change.field))
                    || look + 1 == LOOKS
                {
                    break;
                }
                self.rest(Duration::from_millis(500) * (look + 1)).await?;
            }
        }
    }

    fn repairable(&self, change: &Change) -> bool {
        match self.about.field(&change.field).map(|field| field.effect) {
            Some(Effect::Fixed(_)) => change.before.is_none(),
            Some(Effect::Replace(_)) => false,
            _ => true,
        }
    }

    /// Polls until ready.
    async fn settle(&self, id: &str, want: Option<&Fields>) -> Result<Live, Halt> {
        let scope = self.scope(want);
        let mut tries = 0;
        let mut status = String::new();
        let waiting_since = Instant::now();
        loop {
            match self.kind.read(self.run.world, &scope, id).await {
                Ok(Some(live)) => match live.ready.clone() {
                    Ready::Yes => return Ok(live),
                    Ready::Never(why) => {
                        return Err(Failure::fatal("apply", format!("{} came to {why}", self.step.address)).into());
                    }
                    Ready::NotYet(now) | Ready::Leaving(now) => {
                        if now != status {
                            status.clone_from(&now);
                            self.run.emit(&self.step.address, Happening::Waiting { status: now });
                        }
                    }
                },
                // Just made, and not yet everywhere.
                Ok(None) if self.began.elapsed() < Duration::from_mins(1) => {}
                Ok(None) => return Err(Failure::fatal("apply", format!("{} is gone", self.step.address)).into()),
                Err(why) => {
                    self.again(why, &mut tries).await?;
                    continue;
                }
            }
            if self.late() {
                let text = format!("{} is still {status} after {:?}", self.step.address, self.began.elapsed());
                return Err(Failure { class: Class::Passing, ..Failure::fatal("apply", text) }.into());
            }
            self.rest(next_look(self.usual, waiting_since.elapsed())).await?;
        }
    }

    /// Deletes and polls until gone.
    async fn end(&self) -> Result<(), Halt> {
        let Some(live) = &self.step.live else { return Ok(()) };
        let scope = self.scope(None);
        let mut tries = 0;
        if !matches!(live.ready, Ready::Leaving(_)) {
            loop {
                self.run.gate.check()?;
                match self.kind.delete(self.run.world, &self.cx, live).await {
                    Ok(()) => break,
                    Err(why) if why.class == Class::Gone => break,
                    Err(why) => self.again(why, &mut tries).await?,
                }
            }
        }
        let mut status = String::new();
        let waiting_since = Instant::now();
        loop {
            match self.kind.read(self.run.world, &scope, &live.id).await {
                Ok(None) => return Ok(()),
                Ok(Some(now)) => {
                    if let Ready::Never(why) = &now.ready {
                        return Err(Failure::fatal("apply", format!("{} came to {why}", self.step.address)).into());
                    }
                    if let Ready::Leaving(word) | Ready::NotYet(word) = &now.ready
                        && *word != status
                    {
                        status.clone_from(word);
                        self.run.emit(&self.step.address, Happening::Waiting { status: word.clone() });
                    }
                }
                Err(why) => {
                    self.again(why, &mut tries).await?;
                    continue;
                }
            }
            if self.late() {
                let text = format!("{} is still there after {:?}", self.step.address, self.began.elapsed());
                return Err(Failure { class: Class::Passing, ..Failure::fatal("apply", text) }.into());
            }
            self.rest(next_look(self.usual, waiting_since.elapsed())).await?;
        }
    }
}
