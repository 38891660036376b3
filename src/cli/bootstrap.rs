//! `rem-ci bootstrap ENV...`

use std::path::PathBuf;

use super::{Common, Format, Say, apply, progress};
use crate::bootstrap::{self, Repository, Wish, gates};
use crate::cloud;
use crate::config::Loaded;
use crate::engine::Event;
use crate::github::{Client, Repo, Server};
use crate::model::access::Access;
use crate::problem::{Exit, Problem};
use crate::run::{Halt, Source, apply_report, plan_report};
use crate::view::out::Stream;
use crate::view::{human, json, markdown, text};

/// Whose jobs: the flags that `bootstrap` and `doctor` share.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct RepositoryArgs {
    /// The repository whose jobs are trusted [default: GITHUB_REPOSITORY; for doctor else that of the remote `origin`]
    #[arg(long = "repository", value_name = "OWNER/NAME")]
    pub(super) full_name: Option<String>,
    /// Its number [default: GITHUB_REPOSITORY_ID, else as GitHub says]
    #[arg(long = "repository-id", value_name = "NUMBER")]
    pub(super) id: Option<u64>,
    /// Its owner's number [default: GITHUB_REPOSITORY_OWNER_ID, else as GitHub says]
    #[arg(long, value_name = "NUMBER")]
    pub(super) owner_id: Option<u64>,
    /// Its default branch, whose workflows are trusted, and from which applies and destroys run [default: as GitHub says, else
    /// main]
    #[arg(long, value_name = "BRANCH")]
    pub(super) default_branch: Option<String>,
}

/// Arguments of `bootstrap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Makes, in each environment's own account, what its jobs on GitHub need: GitHub's OIDC provider, a role for plans, one for
applies and, when asked, one for destroys; the boundary of the roles that those make; the bucket for lock, records and
approvals; and the GitHub environments with their rules. Then it writes `state` and `roles` into the environment's file.
Run it again after a change of the file or of rem-ci: it shows what differs, and repairs it.")]
pub(super) struct Args {
    /// Environments: names or paths
    #[arg(value_name = "ENV", required = true)]
    pub(super) environments: Vec<String>,
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    /// Who lets applies and destroys through: a login, or team:SLUG
    #[arg(long = "reviewer", visible_alias = "reviewers", value_name = "NAME", value_delimiter = ',')]
    pub(super) reviewers: Vec<String>,
    /// Make a role that may end the environment, too
    #[arg(long)]
    pub(super) destroy_role: bool,
    /// A principal besides the jobs that may lock and apply: a person's role
    #[arg(long = "operator", value_name = "ARN")]
    pub(super) operators: Vec<String>,
    /// The GitHub environments have been made by hand, with their rules
    #[arg(long)]
    pub(super) gates_exist: bool,
    /// Print policies and commands, and call nothing
    #[arg(long)]
    pub(super) print: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

impl Args {
    /// Which repository: by the flags, else as a runner names its own, else as GitHub says where there is a token.
    async fn repository(&self) -> Result<Repository, Halt> {
        let number = |flag: Option<u64>, name: &str| flag.or_else(|| cloud::env(name)?.parse().ok());
        let given = &self.repository;
        let full = given.full_name.clone().or_else(|| cloud::env("GITHUB_REPOSITORY")).unwrap_or_default();
        let mut id = number(given.id, "GITHUB_REPOSITORY_ID");
        let mut owner = number(given.owner_id, "GITHUB_REPOSITORY_OWNER_ID");
        let mut branch = given.default_branch.clone();
        if (id.is_none() || owner.is_none() || branch.is_none())
            && !self.print
            && let Some(client) = client(&full)?
        {
            let found = bootstrap::github::identify(&client).await?;
            id = id.or(Some(found.0));
            owner = owner.or(Some(found.1));
            branch = branch.or(Some(found.2));
        }
        Repository::new(&full, id, owner, branch.as_deref().unwrap_or("main"))
    }

    fn wish(&self, loaded: &Loaded) -> Result<Wish, Halt> {
        let odd = self.reviewers.iter().find(|reviewer| !gates::is_reviewer(reviewer));
        let odd = odd.or_else(|| self.operators.iter().find(|arn| !is_principal(arn, &loaded.spec.account)));
        if let Some(odd) = odd {
            let title = format!("`{}` names nobody", text::visible(odd));
            let help = "a reviewer is a login or team:SLUG; an operator is the ARN of a role or user of this account";
            return Err(Halt::new(Exit::Usage, Problem::error("usage", title, help)));
        }
        let wish =
            Wish { destroy: self.destroy_role, operators: self.operators.clone(), reviewers: self.reviewers.clone() };
        Ok(wish.of(&loaded.spec))
    }
}

/// Whether an ARN names one role or user of the account: a pattern would let in whoever fits it.
fn is_principal(arn: &str, account: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let [_, _, "iam", "", theirs, resource] = parts.as_slice() else { return false };
    *theirs == account
        && (resource.starts_with("role/") || resource.starts_with("user/"))
        && !resource.contains(['*', '?', '$'])
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let repository = args.repository().await?;
    for environment in &args.environments {
        let loaded = Common::load(environment)?;
        let wish = args.wish(&loaded)?;
        if args.print {
            let printed = bootstrap::print(&loaded.spec, &repository, &wish);
            let exit = match say.format {
                Format::Json => say.result(&format!("{:#}\n", printed.json(&loaded.spec.name))),
                Format::Human | Format::Markdown => say.result(&printed.text()),
            };
            if exit != Exit::Done {
                return Ok(exit);
            }
            continue;
        }
        let exit = one(common, args, say, &loaded, &repository, &wish).await?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

/// One environment, in its own account.
async fn one(
    common: &Common,
    args: &Args,
    say: &Say,
    loaded: &Loaded,
    repository: &Repository,
    wish: &Wish,
) -> Result<Exit, Halt> {
    let world = common.harmless(loaded).await?;
    let looked = bootstrap::look(loaded, &world, repository, wish).await?;
    let report = plan_report(&looked, world.mode);
    let shown = human::plan_without_money(&report, say.style(Stream::Stderr));
    if say.format == Format::Human {
        say.result(&shown);
    } else {
        say.aside(&shown);
    }
    if looked.refused() {
        return Err(Halt {
            exit: Exit::Refused,
            problems: looked.findings.into_iter().filter(Problem::stops).collect(),
        });
    }
    let changes = looked.plan.changes();
    if changes && !args.yes {
        apply::confirmed("Do this? Only yes is yes: ", "pass --yes")?;
    }
    // Before the roles that trust them.
    gated(common, args, say, repository, wish, &loaded.spec.name).await?;
    if changes {
        let board = progress::start(say, "bootstrap", &looked);
        let stop = progress::signals();
        let sink = |event: &Event| board.event(event);
        let applied = board.during(world.mode, Box::pin(bootstrap::apply(&world, looked, &sink, &stop))).await;
        board.finish();
        let applied = applied?;
        let problems = apply::problems(&applied.outcome, &loaded.spec.name, "bootstrap");
        let report = apply_report("bootstrap", &applied, problems);
        let exit = applied.exit();
        match say.format {
            Format::Human => say.result(&human::apply(&report, say.style(Stream::Stdout))),
            Format::Json => say.result(&json::apply(&report)),
            Format::Markdown => say.result(&markdown::applied(&report, None, markdown::SUMMARY_LIMIT)),
        };
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    write(say, loaded, wish)
}

/// A client of the repository, where there is a token.
pub(super) fn client(full: &str) -> Result<Option<Client>, Halt> {
    let Some(repo) = Repo::parse(full) else { return Ok(None) };
    if cloud::env("GITHUB_TOKEN").is_none_or(|token| token.is_empty()) {
        return Ok(None);
    }
    let made = Server::of(cloud::env).and_then(|server| Client::new(server, repo, cloud::Clock::Wall));
    made.map(Some).map_err(|error| {
        let help = "check GITHUB_API_URL and GITHUB_SERVER_URL, or unset GITHUB_TOKEN";
        Halt::new(Exit::Denied, Problem::error("bootstrap-gates", error.to_string(), help))
    })
}

/// Makes the GitHub environments, or is told that they are there. The simulated region has no GitHub beside it.
async fn gated(
    common: &Common,
    args: &Args,
    say: &Say,
    repository: &Repository,
    wish: &Wish,
    environment: &str,
) -> Result<(), Halt> {
    let gates = gates::gates(environment, repository, wish);
    if args.gates_exist || matches!(common.source(), Source::Sandbox(_)) {
        return Ok(());
    }
    if let Some(client) = client(&repository.full())? {
        for line in bootstrap::github::make(&client, &gates).await? {
            say.aside(&format!("{line}\n"));
        }
        return Ok(());
    }
    let commands = gates.iter().flat_map(|gate| gate.commands(repository)).collect::<Vec<_>>().join("\n");
    let title = "the GitHub environments that the roles would trust may not exist: whoever names one first makes it without rules";
    let help = format!("set GITHUB_TOKEN; or run these, then pass --gates-exist:\n{commands}");
    Err(Halt::new(Exit::Refused, Problem::error("bootstrap-gates", title, help)))
}

/// Writes the names into the environment's own file.
fn write(say: &Say, loaded: &Loaded, wish: &Wish) -> Result<Exit, Halt> {
    let access = Access::of(&loaded.spec);
    let by_hand = || {
        let title = "the place for `state` and `roles` cannot be told from the file's text";
        let help = format!("write them by hand: {}", bootstrap::by_hand(&access, wish));
        Halt::new(Exit::Failed, Problem::error("bootstrap-write", title, help))
    };
    let file = loaded.files.first().cloned().unwrap_or_default();
    let edits = bootstrap::edits(&loaded.places, &file, &access, wish).map_err(|_| by_hand())?;
    if edits.is_empty() {
        return Ok(Exit::Done);
    }
    let path = PathBuf::from(&file);
    let cannot = |error: std::io::Error| {
        let title = format!("cannot edit {}: {error}", path.display());
        let help = format!("write it by hand: {}", bootstrap::by_hand(&access, wish));
        Halt::new(Exit::Failed, Problem::error("bootstrap-write", title, help))
    };
    let old = std::fs::read_to_string(&path).map_err(cannot)?;
    let new = bootstrap::applied(&edits, &old).ok_or_else(by_hand)?;
    replace(&path, &new).map_err(cannot)?;
    // What was written must say just that, and nothing else may have moved.
    let wanted = bootstrap::named(&loaded.spec, &access, wish);
    if Common::load(&file).is_ok_and(|again| again.spec == wanted) {
        for edit in &edits {
            for line in edit.new.lines() {
                say.aside(&format!("{}: + {}\n", text::visible(&file), text::visible(line)));
            }
        }
        return Ok(Exit::Done);
    }
    replace(&path, &old).map_err(cannot)?;
    Err(by_hand())
}

fn replace(path: &std::path::Path, content: &str) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mode = std::fs::metadata(path)?.permissions();
    let written = std::fs::write(&draft, content)
        .and_then(|()| std::fs::set_permissions(&draft, mode))
        .and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}
