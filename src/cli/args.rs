//! Options that every verb takes, and what they add up to.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::config::{self, Loaded};
use crate::problem::{Exit, Problem};
use crate::run::{Halt, Source, World, open};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    #[default]
    Human,
    /// For a comment or a job summary.
    Markdown,
    /// Versioned, for scripts.
    Json,
}

/// What `--format` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a terminal.
    #[default]
    Human,
    /// For a comment or a job summary.
    Markdown,
    /// Versioned, for scripts.
    Json,
    /// For spreadsheets; `cost` alone.
    Csv,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Options that every verb takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// How results are printed; csv is for cost alone
    #[arg(long, global = true, value_enum, default_value = "human")]
    pub format: Output,
    /// Use the simulated AWS region kept in FILE [default file: .rem-ci/sandbox.json]
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = ".rem-ci/sandbox.json")]
    pub sandbox: Option<PathBuf>,
    /// Reach the cluster by the current context of FILE instead of by EKS's endpoint and a token of ours
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Color,
    /// Print results and problems only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print every request to stderr: service, operation, status, milliseconds, try
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

impl Common {
    /// How results are printed; csv is another text of the one verb that knows it.
    #[must_use]
    pub const fn shape(&self) -> Format {
        match self.format {
            Output::Human | Output::Csv => Format::Human,
            Output::Markdown => Format::Markdown,
            Output::Json => Format::Json,
        }
    }

    /// Whether `--format csv` was given.
    #[must_use]
    pub fn csv(&self) -> bool {
        self.format == Output::Csv
    }

    /// Where live state is from, `--offline` apart.
    #[must_use]
    pub fn source(&self) -> Source {
        self.sandbox.clone().map_or(Source::Live, Source::Sandbox)
    }

    /// Loads one environment file; its warnings come along in it.
    pub(super) fn load(environment: &str) -> Result<Loaded, Halt> {
        // Files are judged by the wall clock: what time a sandbox thinks it is has no say in whether a waiver has run out.
        let today = crate::cloud::Clock::Wall.today();
        let root = std::path::Path::new(".");
        config::load(environment, root, today).map_err(|problems| Halt { exit: Exit::Invalid, problems })
    }

    async fn open(&self, loaded: &Loaded) -> Result<Option<World>, Halt> {
        let mut world = open(&self.source(), &loaded.spec).await?;
        if let Some(world) = &mut world {
            world.cloud.kubeconfig.clone_from(&self.kubeconfig);
        }
        Ok(world)
    }

    /// Opens the world of a verb that needs one, and that may start programs to get into the cluster.
    pub(super) async fn world(&self, loaded: &Loaded) -> Result<World, Halt> {
        let world = self.harmless(loaded).await?;
        world.cloud.programs.permit();
        Ok(world)
    }

    /// Opens the world of a verb that needs one and only looks.
    pub(super) async fn harmless(&self, loaded: &Loaded) -> Result<World, Halt> {
        let world = self.open(loaded).await?;
        world.ok_or_else(|| {
            let problem = Problem::error("no-credentials", "this verb needs AWS", "sign in, or use --sandbox");
            Halt::new(Exit::Denied, problem)
        })
    }

    /// Opens the world of a verb that can do without: no credentials mean offline, which is said in one line.
    pub(super) async fn world_or_offline(
        &self,
        loaded: &Loaded,
        offline: bool,
        say: &super::Say,
    ) -> Result<Option<World>, Halt> {
        if offline {
            return Ok(None);
        }
        match self.open(loaded).await {
            Err(halt) if halt.problems.iter().any(|problem| problem.code == "no-credentials") => {
                say.aside(
                    "no AWS credentials: planning offline, everything is taken as absent (--sandbox simulates AWS)\n",
                );
                Ok(None)
            }
            opened => opened,
        }
    }
}
