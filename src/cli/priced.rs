//! What a bill is made from beside the file and AWS: pods that run, and the base to compare with.

use std::path::{Path, PathBuf};

use super::Common;
use crate::config::{Commit, Loaded, files, load_from};
use crate::cost;
use crate::problem::{Exit, Problem};
use crate::run::{Halt, Looked, against};
use crate::view::out;

/// Arguments of verbs that print a bill.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Inputs {
    /// Compare the cost with the file as another commit has it, or with another file
    #[arg(long, value_name = "REF|FILE")]
    pub(super) base: Option<String>,
    /// Price the pods of `kubectl get pods -A -o json` instead of the file's workloads; - reads stdin
    #[arg(long, value_name = "FILE|-")]
    pub(super) workloads: Option<PathBuf>,
}

/// The same, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    base: Option<String>,
    running: Option<cost::Running>,
}

impl Inputs {
    /// Reads the pods, once for all environments.
    pub(super) fn read(&self) -> Result<Read, Halt> {
        let running = self.workloads.as_deref().map(pods).transpose()?;
        Ok(Read { base: self.base.clone(), running })
    }
}

fn pods(file: &Path) -> Result<cost::Running, Halt> {
    let bad = |why: String| {
        let title = format!("cannot read pods from {}: {why}", file.display());
        let help = "give the output of `kubectl get pods -A -o json`";
        Halt::new(Exit::Invalid, Problem::error("workloads-file", title, help))
    };
    let text = if file == Path::new("-") { out::input() } else { std::fs::read_to_string(file) };
    cost::running(&text.map_err(|error| bad(error.to_string()))?).map_err(bad)
}

impl Read {
    /// Puts what runs in the place of what is declared.
    pub(super) fn replace(&self, loaded: &mut Loaded) {
        if let Some(running) = &self.running {
            loaded.spec.workloads = running.workloads.clone();
        }
    }

    /// Sets the bill against the base's.
    pub(super) async fn compare(&self, looked: &mut Looked, loaded: &Loaded, environment: &str) -> Result<(), Halt> {
        let Some(base) = &self.base else { return Ok(()) };
        let today = crate::cloud::Clock::Wall.today();
        let mut old = Self::base_of(base, environment)?;
        if let Some(old) = &mut old {
            self.replace(old);
        }
        against(looked, loaded, old.as_ref(), base, today).await
    }

    /// The environment as the base has it; `None` where it has none of that name.
    fn base_of(base: &str, environment: &str) -> Result<Option<Loaded>, Halt> {
        let invalid = |problems: Vec<Problem>| Halt { exit: Exit::Invalid, problems };
        if Path::new(base).extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            return Common::load(base).map(Some);
        }
        let argument = files::argument(environment, Path::new(".")).map_err(|problem| invalid(vec![*problem]))?;
        let commit = Commit::open(&argument.folder, base).map_err(|problem| invalid(vec![*problem]))?;
        match load_from(&commit, &argument.file, crate::cloud::Clock::Wall.today()) {
            Ok(loaded) => Ok(Some(loaded)),
            Err(problems)
                if problems.len() == 1 && problems[0].code == "file-not-found" && problems[0].place.is_none() =>
            {
                Ok(None)
            }
            Err(problems) => Err(invalid(problems)),
        }
    }
}
