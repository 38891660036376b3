//! `rem-ci doctor [ENV...]`

use super::{Common, Format, Say, bootstrap};
use crate::bootstrap::Repository;
use crate::cloud;
use crate::config::{self, Loaded};
use crate::doctor::{self, Asked, Hub};
use crate::github::Client;
use crate::problem::{Exit, Problem};
use crate::run::{Halt, Source};
use crate::view::doctor as views;
use crate::view::out::Stream;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Asks whether credentials, roles, permissions, GitHub environments, quotas, versions and programs fit what the environment's
jobs need, and says of each what was seen and what to do. It changes nothing. GitHub is asked if there is a GITHUB_TOKEN.
Ends with 8 if something is wrong; what could not be asked is not.")]
pub(super) struct Args {
    /// Environments: names or paths [default: all of environments/]
    #[arg(value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Ask nobody: only what this machine and the file say
    #[arg(long)]
    pub(super) offline: bool,
    #[command(flatten)]
    pub(super) repository: bootstrap::RepositoryArgs,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let mut names = args.environments.clone();
    if names.is_empty() {
        names = shipped()?;
    }
    let client = client(common, args)?;
    let repository = Box::pin(repository(args, client.as_ref())).await;
    let mut reports = Vec::new();
    for name in &names {
        let loaded = Common::load(name)?;
        reports.push((
            loaded.spec.name.clone(),
            Box::pin(one(common, args, say, &loaded, &repository, client.as_ref())).await?,
        ));
    }
    match say.format {
        Format::Human => say.result(&views::human(&reports, say.style(Stream::Stdout))),
        Format::Json => say.result(&views::json(&reports)),
        Format::Markdown => say.result(&views::markdown(&reports)),
    };
    let wrong = reports.iter().flat_map(|(_, found)| found).any(|one| one.state == doctor::State::Wrong);
    Ok(if wrong { Exit::Unverified } else { Exit::Done })
}

async fn one(
    common: &Common,
    args: &Args,
    say: &Say,
    loaded: &Loaded,
    repository: &Asked<Repository>,
    client: Option<&Client>,
) -> Result<Vec<doctor::Finding>, Halt> {
    let branch = repository.as_ref().map_or("main", |repository| &repository.default_branch);
    let hub: Asked<Hub> = match client {
        Some(client) => Ok(Box::pin(doctor::hub(client, &loaded.spec, branch)).await),
        None if args.offline => Err("GitHub was not asked".to_owned()),
        None => Err("GitHub was not asked: there is no GITHUB_TOKEN, or no repository to ask about".to_owned()),
    };
    // Without credentials it says what it could not ask, as one of its findings.
    let world = common.world_or_offline(loaded, args.offline, say).await?;
    let facts = match &world {
        Some(world) => Box::pin(doctor::read(loaded, world, repository.clone(), hub)).await,
        None => doctor::offline(loaded, repository.clone(), hub),
    };
    Ok(doctor::diagnose(&facts))
}

/// All environments beneath `environments/`.
fn shipped() -> Result<Vec<String>, Halt> {
    let folder = std::path::Path::new("environments");
    let listed = std::fs::read_dir(folder).map_err(|error| {
        let title = format!("environments/ cannot be read: {error}");
        Halt::new(Exit::Invalid, Problem::error("file-not-readable", title, "name an environment"))
    })?;
    let today = cloud::Clock::Wall.today();
    let root = std::path::Path::new(".");
    let stems = listed.filter_map(|entry| {
        let path = entry.ok()?.path();
        (path.extension()? == "yaml").then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
    });
    // A fragment has no name of its own and is no environment.
    let fragment = |name: &String| {
        config::load(name, root, today).is_err_and(|problems| problems.iter().any(|one| one.code == "fragment"))
    };
    let mut names: Vec<String> = stems.filter(|name| !fragment(name)).collect();
    names.sort();
    Ok(names)
}

fn full(args: &Args) -> Option<String> {
    let named = args.repository.full_name.clone().or_else(|| cloud::env("GITHUB_REPOSITORY"));
    named.or_else(|| config::origin(std::path::Path::new(".")))
}

fn client(common: &Common, args: &Args) -> Result<Option<Client>, Halt> {
    // The simulated region has no GitHub beside it, and its clock jumps.
    if args.offline || matches!(common.source(), Source::Sandbox(_)) {
        return Ok(None);
    }
    bootstrap::client(&full(args).unwrap_or_default())
}

async fn repository(args: &Args, client: Option<&Client>) -> Asked<Repository> {
    let number = |flag: Option<u64>, name: &str| flag.or_else(|| cloud::env(name)?.parse().ok());
    let name = full(args).ok_or("it is not known whose jobs are trusted: pass --repository OWNER/NAME")?;
    let mut id = number(args.repository.id, "GITHUB_REPOSITORY_ID");
    let mut owner = number(args.repository.owner_id, "GITHUB_REPOSITORY_OWNER_ID");
    let mut branch = args.repository.default_branch.clone();
    if let (Some(client), true) = (client, id.is_none() || owner.is_none() || branch.is_none()) {
        let found = client.repository().await.map_err(|error| error.to_string())?;
        id = id.or(Some(found.id));
        owner = owner.or(Some(found.owner.id));
        branch = branch.or(Some(found.default_branch));
    }
    Repository::new(&name, id, owner, branch.as_deref().unwrap_or("main")).map_err(|halt| {
        let problem = halt.problems.into_iter().next();
        problem.map_or_else(String::new, |problem| format!("{}: {}", problem.title, problem.help))
    })
}
