//! `rem-ci unlock ENV --lock-id ID`

use super::{Common, Say};
use crate::cloud::{Lock, Store, lock_key};
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// Arguments of `unlock`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// The id that the refusal named; without it the lock is only shown
    #[arg(long, value_name = "ID")]
    pub(super) lock_id: Option<String>,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let Some(store) = &world.store else {
        let help = "there is no lock to take away";
        return Err(Halt::new(Exit::Failed, Problem::error("no-lock", "the environment has no state bucket", help)));
    };
    let key = lock_key(&loaded.spec.name);
    let Some((holder, age)) = Lock::holder(store, &loaded.spec.name).await? else {
        return Ok(say.result("nobody holds the lock\n"));
    };
    let id = holder.as_ref().map(|holder| holder.id.clone()).unwrap_or_default();
    let who = holder.map_or_else(|| "unreadable".to_owned(), |holder| format!("{} ({})", holder.run, holder.verb));
    if let Store::Folder(_) = store {
        let title = format!("{who} holds the lock");
        let help = "it is the system's and ends with that process; there is nothing to take away";
        return Err(Halt::new(Exit::Locked, Problem::error("locked", title, help)));
    }
    if args.lock_id.as_deref() == Some(&id) && !id.is_empty() {
        store.delete(&key).await?;
        say.result(&format!("lock {id} of {who} removed\n"));
        return Ok(Exit::Done);
    }
    let title = format!("lock {id} is held by {who}, last heartbeat {age} s ago");
    let help = format!("make sure that run is dead, then: rem-ci unlock {} --lock-id {id}", args.environment);
    Err(Halt::new(Exit::Locked, Problem::error("locked", title, help)))
}
