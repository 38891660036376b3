//! The engine's events on the progress board, and signals on the engine's stop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use super::Say;
use crate::cloud::Clock;
use crate::engine::{Address, Event, Happening, Stop};
use crate::run::Looked;
use crate::view::Untrusted;
use crate::view::out::{Progress, Stream};
use crate::view::progress::{Board as View, ProgressEvent};
use crate::view::report::{Action, Mode};

/// A board that takes the engine's events.
pub(super) struct Board {
    progress: RefCell<Progress>,
    /// When each resource was started, how long it usually takes, and how often it was tried.
    started: RefCell<BTreeMap<Address, (Duration, Duration, u32)>>,
    /// The last event's time since the run began, and when that was.
    last: Cell<Option<(Duration, Duration)>>,
}

/// An empty board for a run of this plan.
pub(super) fn start(say: &Say, verb: &'static str, looked: &Looked) -> Board {
    let total = looked.plan.steps.iter().filter(|step| step.action.changes()).count();
    let changing = looked.plan.steps.iter().filter(|step| step.action.changes()).map(|step| &step.address);
    let view = View::new(verb, &looked.spec.name, total, looked.estimate.0).with_room_for(changing);
    let progress = Progress::new(view, say.style(Stream::Stderr), say.quiet, !say.verbose);
    Board { progress: RefCell::new(progress), started: RefCell::new(BTreeMap::new()), last: Cell::new(None) }
}

impl Board {
    pub(super) fn event(&self, event: &Event) {
        let address = event.address.clone();
        let mut started = self.started.borrow_mut();
        let (since, usual, tries) = started.get(&address).copied().unwrap_or_default();
        let shown = match &event.what {
            Happening::Started { action, usual } => {
                started.insert(address.clone(), (event.at, *usual, 1));
                ProgressEvent::Started { address, action: action_of(action), usual: *usual }
            }
            Happening::Waiting { status } => {
                let elapsed = event.at.saturating_sub(since);
                ProgressEvent::Waiting { address, status: Untrusted::new(status), elapsed, usual }
            }
            Happening::Retrying { why, pause } => {
                started.insert(address.clone(), (since, usual, tries + 1));
                let why = Untrusted::new(why.to_string());
                ProgressEvent::Retrying { address, why, after: *pause, attempt: tries + 1 }
            }
            Happening::Done { took } => ProgressEvent::Ready { address, took: *took },
            Happening::Failed { why } => ProgressEvent::Failed { address, error: Untrusted::new(why.to_string()) },
        };
        self.last.set(Some((event.at, Clock::Wall.boot())));
        self.progress.borrow_mut().event(event.at, &shown);
    }

    /// Runs the work with the board going on beside it, so that nobody looks at a still picture for nine minutes. Not where
    /// time is virtual: there nine minutes are nothing.
    pub(super) async fn during<T>(&self, mode: Mode, work: impl Future<Output = T>) -> T {
        if mode == Mode::Sandbox {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = crate::engine::wait::pause(Duration::from_secs(1)) => {}
            }
            if let Some((at, since)) = self.last.get() {
                self.progress.borrow_mut().tick(at + Clock::Wall.boot().saturating_sub(since));
            }
        }
    }

    pub(super) fn finish(&self) {
        self.progress.borrow().finish();
    }
}

fn action_of(word: &str) -> Action {
    match word {
        "create" => Action::Create,
        "roll" => Action::Roll,
        "delete" => Action::Delete,
        "settle" => Action::Settle,
        _ => Action::Update,
    }
}

/// A stop that SIGINT and SIGTERM tell: calls in flight end, nothing new begins. A second signal ends the process at once.
pub(super) fn signals() -> Stop {
    let stop = Stop::default();
    let told = stop.clone();
    let listen = async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        told.tell();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Whoever asks twice does not want to wait. What is half-made is found by the next run; a lease runs out.
        #[expect(clippy::exit, reason = "the one place, on a second signal")]
        std::process::exit(i32::from(crate::problem::Exit::Interrupted as u8));
    };
    crate::engine::wait::beside(listen);
    stop
}
