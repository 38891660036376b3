//! One run at a time per environment.
//!
//! In the bucket: a conditional write with a lease that heartbeats renew. AWS cannot fence a write of ours, so the holder
//! itself stops in time: before every write the lease must be longer than the call may take, on a clock that counts
//! suspend. A rival takes over only after lease and longest call have passed by the bucket's own clock.
//!
//! In a folder (the sandbox): a lock of the operating system, which ends with the process.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::config::{LONGEST_CALL, LONGEST_TRY};
use super::store::{Store, Stored};
use crate::engine::wait::pause;
use crate::engine::{Class, Failure, Gate, LOCK_LOST};

/// How long a lock holds without a heartbeat.
pub const LEASE: Duration = Duration::from_mins(2);
/// Time between heartbeats.
pub const HEARTBEAT: Duration = Duration::from_secs(20);

/// Who holds a lock: the document in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `rem-ci/lock/v1`.
    pub format: String,
    /// What `rem-ci unlock --lock-id` must repeat.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// Who: a workflow run's address, or user and machine.
    pub run: String,
    /// The verb.
    pub verb: String,
    /// How often it has changed hands; for the audit trail only.
    pub epoch: u64,
    /// Counts heartbeats, so that every renewal is another document.
    pub beat: u64,
}

/// Why a lock cannot be had.
#[derive(Debug)]
pub enum Refusal {
    /// Somebody else has it; its age in seconds since the last heartbeat.
    Held(Box<Holder>, i64),
    /// The store does not answer.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A lock that is held.
#[derive(Debug)]
pub enum Lock {
    /// In a folder.
    Folder {
        /// Locked until it is dropped.
        file: File,
    },
    /// In a bucket.
    Bucket(Box<Lease>),
    /// None at all: `--no-lock`.
    Absent,
}

/// A lease in a bucket.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    key: String,
    holder: RefCell<Holder>,
    etag: RefCell<String>,
    term: Rc<Term>,
}

/// How long a lease still holds.
#[derive(Debug)]
struct Term {
    /// On the boot clock, when it ends.
    until: Cell<Duration>,
    lost: Cell<bool>,
    clock: Clock,
}

impl Term {
    fn longer_than(&self, time: Duration) -> bool {
        !self.lost.get() && self.until.get().saturating_sub(self.clock.boot()) > time
    }
}

tokio::task_local! {
    static TERM: Rc<Term>;
}

/// Whether a request that changes something may leave now. The gate asks before every operation; this, before each of its
/// requests: one operation may be several calls and tries, and the machine may have slept between two of them.
pub(super) fn may_write() -> bool {
    TERM.try_with(|term| term.longer_than(LONGEST_TRY)).unwrap_or(true)
}

/// The same for something that may take longer than a request: a child that writes for us.
pub(super) fn may_write_for(time: Duration) -> bool {
    TERM.try_with(|term| term.longer_than(time)).unwrap_or(true)
}

/// Where the lock of an environment is.
#[must_use]
pub fn lock_key(environment: &str) -> String {
    format!("locks/{environment}.json")
}

impl Lock {
    /// Takes the lock of an environment.
    ///
    /// # Errors
    /// If somebody else has it, or the store does not answer.
    pub async fn take(store: &Store, holder: Holder, clock: Clock) -> Result<Self, Refusal> {
        let key = lock_key(&holder.environment);
        match store {
            Store::Folder(folder) => take_folder(&folder.join(&key), &holder),
            Store::Bucket { .. } => {
                let lease = take_bucket(store, key, holder, clock).await?;
                Ok(Self::Bucket(Box::new(lease)))
            }
        }
    }

    /// Renews the lease for as long as it is polled.
    pub async fn beat(&self) {
        let Self::Bucket(lease) = self else { return std::future::pending().await };
        loop {
            pause(HEARTBEAT).await;
            lease.renew().await;
        }
    }

    /// Does work that may write only while the lease holds, down to the single request.
    pub async fn within<F: Future>(&self, work: F) -> F::Output {
        match self {
            Self::Bucket(lease) => TERM.scope(Rc::clone(&lease.term), work).await,
            Self::Folder { .. } | Self::Absent => work.await,
        }
    }

    /// Who holds the lock of an environment, and the seconds since the last heartbeat.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn holder(store: &Store, environment: &str) -> Result<Option<(Option<Holder>, i64)>, Failure> {
        let key = lock_key(environment);
        // The document in a folder outlives its holder: whether anybody has it, the operating system knows.
        if let Store::Folder(folder) = store
            && let Ok(file) = File::open(folder.join(&key))
            && file.try_lock().is_ok()
        {
            return Ok(None);
        }
        let stored = store.get(&key).await?;
        Ok(stored.map(|stored| (serde_json::from_slice(&stored.body).ok(), stored.now - stored.written)))
    }

    /// Lets go. What cannot be removed runs out by itself.
    ///
    /// # Errors
    /// If the bucket does not answer.
    pub async fn release(self) -> Result<(), Failure> {
        match self {
            Self::Folder { .. } | Self::Absent => Ok(()),
            Self::Bucket(lease) => {
                if lease.term.lost.get() {
                    return Ok(());
                }
                // Only what is still ours: a rival may have taken over.
                let there = lease.store.get(&lease.key).await?;
                match there {
                    Some(stored) if stored.etag == *lease.etag.borrow() => lease.store.delete(&lease.key).await,
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Gate for Lock {
    fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Folder { .. } | Self::Absent => Ok(()),
            Self::Bucket(lease) => {
                if lease.term.longer_than(LONGEST_CALL) {
                    return Ok(());
                }
                let text = "the lock's lease is too short for another write: somebody else may hold it by now";
                Err(Failure {
                    class: Class::Fatal,
                    call: "lock".to_owned(),
                    code: LOCK_LOST.to_owned(),
                    message: text.to_owned(),
                })
            }
        }
    }
}

fn take_folder(path: &std::path::Path, holder: &Holder) -> Result<Lock, Refusal> {
    use std::io::{Read as _, Seek as _, Write as _};
    let failed = |error: std::io::Error| Failure::fatal("lock", format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            file.write_all(&body(holder)).map_err(failed)?;
            Ok(Lock::Folder { file })
        }
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut text = Vec::new();
            let _ = file.read_to_end(&mut text);
            let other = serde_json::from_slice(&text)
                .unwrap_or_else(|_| Holder { run: "another process".to_owned(), ..holder.clone() });
            Err(Refusal::Held(Box::new(other), 0))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error).into()),
    }
}

fn body(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec_pretty(holder).unwrap_or_default()
}

async fn take_bucket(store: &Store, key: String, mut holder: Holder, clock: Clock) -> Result<Lease, Refusal> {
    // The lease counts from before the call: an answer that took long must not make it longer.
    let began = clock.boot();
    let mut etag = store.put(&key, body(&holder), Some("")).await?;
    if etag.is_none() {
        match store.get(&key).await? {
            None => etag = store.put(&key, body(&holder), Some("")).await?,
            Some(stored) => etag = take_over(store, &key, &mut holder, &stored).await?,
        }
    }
    let Some(etag) = etag else {
        return Err(Failure::fatal("lock", "somebody else took the lock in this moment: try again").into());
    };
    Ok(Lease {
        store: store.clone(),
        key,
        holder: RefCell::new(holder),
        etag: RefCell::new(etag),
        term: Rc::new(Term { until: Cell::new(began + LEASE), lost: Cell::new(false), clock }),
    })
}

async fn take_over(store: &Store, key: &str, mine: &mut Holder, stored: &Stored) -> Result<Option<String>, Refusal> {
    let other: Option<Holder> = serde_json::from_slice(&stored.body).ok();
    let age = stored.now - stored.written;
    let dead = i64::try_from((LEASE + LONGEST_CALL).as_secs()).unwrap_or(i64::MAX);
    if other.as_ref().is_some_and(|other| other.id == mine.id) {
        // The answer to our own write was lost.
        return Ok(Some(stored.etag.clone()));
    }
    if age <= dead {
        let other = other.unwrap_or_else(|| Holder { run: "an unreadable lock".to_owned(), ..mine.clone() });
        return Err(Refusal::Held(Box::new(other), age));
    }
    mine.epoch = other.map_or(0, |other| other.epoch) + 1;
    Ok(store.put(key, body(mine), Some(&stored.etag)).await?)
}

impl Lease {
    async fn renew(&self) {
        let began = self.term.clock.boot();
        // A lease that has run out is not revived: whoever slept through its end stops.
        if began >= self.term.until.get() {
            self.term.lost.set(true);
            return;
        }
        let holder = {
            let mut holder = self.holder.borrow_mut();
            holder.beat += 1;
            holder.clone()
        };
        let etag = self.etag.borrow().clone();
        match self.store.put(&self.key, body(&holder), Some(&etag)).await {
            Ok(Some(etag)) => {
                *self.etag.borrow_mut() = etag;
                self.term.until.set(began + LEASE);
            }
            Ok(None) => {
                // Either a rival has it, or it is ours and the answer to the last beat was lost.
                match self.store.get(&self.key).await {
                    Ok(Some(stored))
                        if serde_json::from_slice::<Holder>(&stored.body).is_ok_and(|there| there.id == holder.id) =>
                    {
                        *self.etag.borrow_mut() = stored.etag;
                    }
                    Ok(_) => self.term.lost.set(true),
                    Err(_) => {}
                }
            }
            // No answer: the lease runs down, and the gate closes in time.
            Err(_) => {}
        }
    }
}
