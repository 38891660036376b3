//! `rem-ci changed [--matrix]`

use std::path::Path;

use super::{Say, action};
use crate::action::changed::json;
use crate::action::touched::{self, Touched};
use crate::cloud::{Clock, env};
use crate::config::Git;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// Arguments of `changed`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON that a workflow's `strategy.matrix` takes, one job an environment
    #[arg(long)]
    pub(super) matrix: bool,
    /// Compare with this commit [default: what the event says came before, else where the branch left the default branch]
    #[arg(long, value_name = "REF")]
    pub(super) base: Option<String>,
    /// Put environments of one account and region into one job where there are more than 256: for plans
    #[arg(long, requires = "matrix")]
    pub(super) group: bool,
}

#[expect(clippy::boxed_local, reason = "errors come boxed")]
fn invalid(problem: Box<Problem>) -> Halt {
    Halt::new(Exit::Invalid, *problem)
}

pub(super) fn run(args: &Args, say: &Say) -> Result<Exit, Halt> {
    let git = Git::new(Path::new("."));
    let touched = touched(args, &git)?;
    let orphans: Vec<Problem> = touched.orphaned.iter().map(|name| touched::orphan(name)).collect();
    if !orphans.is_empty() {
        let style = say.style(crate::view::out::Stream::Stderr);
        say.aside(&crate::view::errors::problems(&orphans, style));
    }
    if args.matrix {
        return Ok(say.result(&format!("{}\n", json(&touched, args.group)?)));
    }
    let names: Vec<_> = touched.environments.iter().map(|found| found.name.as_str()).collect();
    Ok(say.result(&names.iter().flat_map(|name| [*name, "\n"]).collect::<String>()))
}

fn touched(args: &Args, git: &Git) -> Result<Touched, Halt> {
    let today = Clock::Wall.today();
    if args.base.is_none() && env("GITHUB_EVENT_PATH").is_some_and(|path| !path.is_empty()) {
        let happened = action::happened(&|name| env(name))?;
        return crate::action::changed::touched(git, &happened, &[], today);
    }
    let head = commit(git, "HEAD")?;
    let base = match &args.base {
        Some(base) => commit(git, base)?,
        None => fork(git, &head)?,
    };
    touched::between(git, &base, &head, today).map_err(invalid)
}

fn commit(git: &Git, name: &str) -> Result<String, Halt> {
    git.commit(name).map_err(invalid)?.ok_or_else(|| {
        let title = format!("`{name}` is no commit that git knows here");
        Halt::new(Exit::Usage, Problem::error("usage", title, "name a branch, tag or commit with --base"))
    })
}

/// Where this branch left the default branch.
fn fork(git: &Git, head: &str) -> Result<String, Halt> {
    for branch in ["origin/HEAD", "origin/main", "origin/master", "main", "master"] {
        if let Some(tip) = git.commit(branch).map_err(invalid)?
            && let Some(fork) = git.fork_point(&tip, head).map_err(invalid)?
        {
            return Ok(fork);
        }
    }
    commit(git, "HEAD^1")
}
