//! `rem-ci init`

mod text;

use std::path::{Path, PathBuf};

use super::{Say, apply};
use crate::config;
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::out::{self, Stream};
use crate::view::text::visible;

use text::{Answers, File};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Asks for what has no flag, in a terminal only. What is there already is left alone unless --force is given, but for the
environment's own file: if that is there, nothing is written. The file must pass `rem-ci check` before anything is.")]
pub(super) struct Args {
    /// The environment's name
    #[arg(long, default_value = "prod")]
    pub(super) name: String,
    /// The AWS account, 12 digits
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<String>,
    /// The AWS region
    #[arg(long, default_value = "us-east-1")]
    pub(super) region: String,
    /// Who owns the name in the account [default: the repository]
    #[arg(long)]
    pub(super) owner: Option<String>,
    /// The cluster's name [default: rem-NAME]
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// Kubernetes version
    #[arg(long, value_name = "VERSION", default_value = "1.36")]
    pub(super) kubernetes: String,
    /// Karpenter version
    #[arg(long, value_name = "VERSION", default_value = "1.15.1")]
    pub(super) karpenter: String,
    /// Availability zones
    #[arg(long, default_value = "3")]
    pub(super) zones: u8,
    /// The VPC's CIDR
    #[arg(long, default_value = "10.0.0.0/16")]
    pub(super) cidr: String,
    /// NAT gateways: perZone, single or none
    #[arg(long, value_name = "HOW", default_value = "perZone")]
    pub(super) nat: String,
    /// How to reach the cluster: ssm, direct or runner-cidr
    #[arg(long, value_name = "HOW", default_value = "ssm")]
    pub(super) connect: String,
    /// The GitHub repository, OWNER/NAME [default: that of the remote `origin`]
    #[arg(long, value_name = "OWNER/NAME")]
    pub(super) repository: Option<String>,
    /// Its default branch
    #[arg(long, default_value = "main")]
    pub(super) branch: String,
    /// The action that the workflows use, at a full commit SHA [default: as rem-ci's own workflows do]
    #[arg(long, value_name = "OWNER/NAME@SHA")]
    pub(super) action: Option<String>,
    /// Write no workflows
    #[arg(long)]
    pub(super) no_workflows: bool,
    /// Write over what is there
    #[arg(long)]
    pub(super) force: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// What becomes of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Replaced,
    Kept,
    Same,
}

pub(super) fn run(args: &Args, say: &Say) -> Result<Exit, Halt> {
    let answers = answers(args)?;
    let root = Path::new(".");
    let files = text::files(&answers, !args.no_workflows)?;
    let fates: Vec<(File, Fate)> =
        files.into_iter().map(|file| fate(root, file, args.force)).collect::<Result<_, _>>()?;
    let own = format!("environments/{}.yaml", answers.name);
    if fates.iter().any(|(file, fate)| file.path == own && *fate == Fate::Kept) {
        let title = format!("{own} is there already");
        let help = "edit it, or choose another --name, or pass --force to write it anew";
        return Err(Halt::new(Exit::Refused, Problem::error("init-exists", title, help)));
    }
    valid(root, &fates, &answers.name)?;
    let mut shown = String::new();
    for (file, fate) in &fates {
        let word = match fate {
            Fate::New => "new     ",
            Fate::Replaced => "replaced",
            Fate::Kept => "kept    ",
            Fate::Same => "as it is",
        };
        shown.extend(["  ", word, "  ", &file.path, "\n"]);
    }
    if !args.yes {
        say.aside(&shown);
        apply::confirmed("Write these? Only yes is yes: ", "pass --yes")?;
    }
    for (file, _) in fates.iter().filter(|(_, fate)| matches!(fate, Fate::New | Fate::Replaced)) {
        write(&root.join(&file.path), &file.text)?;
    }
    Ok(say.result(&(shown + &text::next(&answers, !args.no_workflows))))
}

/// What was given, then what was asked for; what is still missing is said.
fn answers(args: &Args) -> Result<Answers, Halt> {
    let found = config::origin(Path::new("."));
    let asks = !args.yes && out::is_terminal(Stream::Stderr) && out::is_terminal_in();
    let ask = |question: &str, default: Option<&str>| -> Option<String> {
        let shown = default.map_or(String::new(), |default| format!(" [{}]", visible(default)));
        let _ = out::aside(&format!("{question}{shown}: "));
        let answer = out::ask().ok()?.trim().to_owned();
        if answer.is_empty() { default.map(str::to_owned) } else { Some(answer) }
    };
    let missing = |flag: &str, what: &str| {
        let title = format!("{flag} is missing: {what}");
        Halt::new(Exit::Usage, Problem::error("usage", title, "give it, or run rem-ci init in a terminal, which asks"))
    };
    let (mut name, mut region) = (args.name.clone(), args.region.clone());
    let mut account = args.account.clone();
    let repository = args.repository.clone().or(found);
    let mut owner = args.owner.clone().or_else(|| repository.as_ref().map(|name| name.to_ascii_lowercase()));
    if asks {
        name = ask("Environment", Some(&name)).unwrap_or(name);
        if account.is_none() {
            account = ask("AWS account, 12 digits", None);
        }
        region = ask("AWS region", Some(&region)).unwrap_or(region);
        if args.owner.is_none() {
            owner = ask("Owner of the name, usually the repository", owner.as_deref());
        }
    }
    let account = account.ok_or_else(|| missing("--account", "which AWS account the environment is in"))?;
    let owner = owner.ok_or_else(|| missing("--owner", "who owns the name, usually OWNER/REPOSITORY"))?;
    let repository = match repository {
        Some(name) => name,
        None if args.no_workflows => owner.clone(),
        None if owner.split('/').count() == 2 => owner.clone(),
        None => return Err(missing("--repository", "the workflows name it, OWNER/NAME")),
    };
    let answers = Answers {
        cluster: args.cluster.clone().unwrap_or_else(|| format!("rem-{name}")),
        name,
        owner,
        account,
        region,
        kubernetes: args.kubernetes.clone(),
        karpenter: args.karpenter.clone(),
        zones: args.zones,
        cidr: args.cidr.clone(),
        nat: args.nat.clone(),
        connect: args.connect.clone(),
        repository,
        branch: args.branch.clone(),
        action: args.action.clone(),
    };
    answers.plain().map_err(|title| {
        Halt::new(Exit::Usage, Problem::error("usage", title, "rem-ci init --help says what each flag takes"))
    })?;
    Ok(answers)
}

fn fate(root: &Path, file: File, force: bool) -> Result<(File, Fate), Halt> {
    let path = root.join(&file.path);
    // Nothing is written through a link, nor onto what is no file.
    let parents = path.ancestors().skip(1).filter(|folder| *folder != root && !folder.as_os_str().is_empty());
    for folder in parents {
        if std::fs::symlink_metadata(folder).is_ok_and(|there| !there.is_dir()) {
            return Err(cannot(folder, "it is no folder"));
        }
    }
    let fate = match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Fate::New,
        Err(error) => return Err(cannot(&path, &error.to_string())),
        Ok(there) if !there.is_file() => return Err(cannot(&path, "it is no regular file")),
        Ok(_) => match std::fs::read_to_string(&path) {
            Ok(old) if old == file.text => Fate::Same,
            _ if force => Fate::Replaced,
            _ => Fate::Kept,
        },
    };
    Ok((file, fate))
}

/// What will be there must be valid, before any of it is.
fn valid(root: &Path, fates: &[(File, Fate)], name: &str) -> Result<(), Halt> {
    let folder = crate::cloud::temp::Folder::new()
        .map_err(|error| cannot(Path::new("a temporary folder"), &error.to_string()))?;
    let environments = folder.path().join("environments");
    std::fs::create_dir(&environments).map_err(|error| cannot(&environments, &error.to_string()))?;
    for (file, fate) in fates.iter().filter(|(file, _)| file.path.starts_with("environments/")) {
        let text = match fate {
            Fate::Kept => std::fs::read_to_string(root.join(&file.path)).unwrap_or_default(),
            _ => file.text.clone(),
        };
        let path = folder.path().join(&file.path);
        std::fs::write(&path, text).map_err(|error| cannot(&path, &error.to_string()))?;
    }
    let today = crate::cloud::Clock::Wall.today();
    match config::load(name, folder.path(), today) {
        Ok(loaded) if !loaded.findings.iter().any(Problem::stops) => Ok(()),
        Ok(loaded) => {
            let problems = loaded.findings.into_iter().filter(Problem::stops).collect();
            Err(Halt { exit: Exit::Refused, problems })
        }
        Err(problems) => Err(Halt { exit: Exit::Invalid, problems }),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Halt> {
    let failed = |error: std::io::Error| cannot(path, &error.to_string());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut draft = PathBuf::from(path).into_os_string();
    draft.push(format!(".{}.tmp", std::process::id()));
    std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path)).map_err(failed)
}

fn cannot(path: &Path, why: &str) -> Halt {
    let title = format!("cannot write {}: {why}", path.display());
    Halt::new(Exit::Failed, Problem::error("output-file", title, "run it in the folder of the repository"))
}
