//! The command line. One verb per file, thin: arguments in, a call into `run`, a view out.
//!
//! To add a verb: copy the file of a similar one, enter it in [`Verb`] and in [`dispatch`]; the snapshot of the help text
//! and README's table want it too.

mod action;
mod apply;
mod args;
mod bootstrap;
mod changed;
mod check;
mod cost;
mod destroy;
mod diagnose;
mod doctor;
mod drift;
mod explain;
mod files;
mod graph;
mod harden;
mod init;
mod kubeconfig;
mod output;
mod pin;
mod plan;
mod priced;
mod prices;
mod progress;
mod sandbox;
mod say;
mod status;
mod token;
mod unlock;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _, Subcommand};

pub use args::{Color, Common, Format};
pub use explain::codes;
pub use harden::harden;
use say::Say;

use crate::engine::calls::{self, Call};
use crate::problem::Exit;
use crate::run::{Halt, Source};
use crate::view::{self, out};

/// Plan, price, apply, verify and destroy production EKS clusters with Karpenter, from one YAML per environment.
#[derive(Debug, clap::Parser)]
#[command(name = "rem-ci", version, max_term_width = 120, after_help = AFTER)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const AFTER: &str = "\
ENV is a name (prod = environments/prod.yaml) or a path.
Without credentials, plan, cost and check fall back to --offline.

Exit codes:
    0  done
    1  failed
    2  changes present (only with --detailed-exitcode)
    3  invalid configuration
    4  refused by a guard, or unconfirmed
    5  the plan differs from the approved one
    6  locked by another run
    7  incomplete: run again to go on
    8  applied, but the verification failed
    9  not authenticated, or not permitted
   64  usage
  130  interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what would change and what it costs
    Plan(plan::Args),
    /// Bring an environment to its file, then verify it
    Apply(apply::Args),
    /// Prove that what was applied works
    Verify(verify::Args),
    /// Show how an environment is right now: nodes, pools, what waits, what it costs
    Status(status::Args),
    /// Say why something does not work, the likeliest cause first
    Diagnose(diagnose::Args),
    /// End an environment
    Destroy(destroy::Args),
    /// Show what moved without us since the last apply
    Drift(drift::Args),
    /// Show what environments cost a month
    Cost(cost::Args),
    /// Price tables: refresh, show
    #[command(subcommand)]
    Prices(prices::Verb),
    /// Check environment files
    Check(check::Args),
    /// Say whether credentials, roles, gates, quotas and programs fit what an environment needs
    Doctor(doctor::Args),
    /// Write an environment's file and the workflows for GitHub
    Init(init::Args),
    /// Print names and ids that others build upon
    Output(output::Args),
    /// Draw an environment's topology
    Graph(graph::Args),
    /// Write a kubeconfig for an environment's cluster
    Kubeconfig(kubeconfig::Args),
    /// Make roles, trust, state bucket and GitHub environments for an environment's jobs
    Bootstrap(bootstrap::Args),
    /// Pin Karpenter's chart: check its signature, write its digest into the file
    Pin(pin::Args),
    /// Print a token for an environment's cluster, as kubectl's exec plugins do
    Token(token::Args),
    /// Take the lock away from a run that is dead
    Unlock(unlock::Args),
    /// Do what a GitHub event asks for: what action.yml starts
    Action,
    /// List the environments that a change touches
    Changed(changed::Args),
    /// The simulated AWS region: serve, reset, show
    #[command(subcommand)]
    Sandbox(sandbox::Verb),
    /// Write an environment file from a Pulumi stack file
    ImportConfig(files::Import),
    /// Print the JSON Schema of environment files
    Schema,
    /// Explain a code or a kind of resource
    Explain(explain::Args),
    /// Print shell completions
    Completions(files::Completions),
    /// Print the manual page
    Man,
}

/// Parses the command line, runs the verb, and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let say = Say::new(&cli.common);
    if cli.common.csv() && !matches!(cli.verb, Verb::Cost(_)) {
        Say::trouble("`--format csv` is for `cost` alone");
        return Exit::Usage.into();
    }
    let source = cli.common.source();
    // In the sandbox time is virtual: the clock jumps to the next thing that is due.
    let paused = matches!(source, Source::Sandbox(_)) && !matches!(cli.verb, Verb::Sandbox(_) | Verb::Pin(_));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            Say::trouble(&error.to_string());
            return Exit::Failed.into();
        }
    };
    let work = async {
        let verb = async { dispatch(&cli, &say).await.unwrap_or_else(|halt| say.halt(&halt)) };
        let exit = if say.verbose {
            let listener = |call: &Call| drop(out::aside(&view::calls::line(call)));
            calls::heard(std::rc::Rc::new(listener), verb).await
        } else {
            verb.await
        };
        crate::cloud::kubernetes::tunnel::close_all().await;
        exit
    };
    let exit = runtime.block_on(work);
    exit.into()
}

async fn dispatch(cli: &Cli, say: &Say) -> Result<Exit, Halt> {
    let common = &cli.common;
    match &cli.verb {
        Verb::Plan(args) => plan::run(common, args, say).await,
        Verb::Apply(args) => apply::run(common, args, say).await,
        Verb::Verify(args) => verify::run(common, args, say).await,
        Verb::Status(args) => status::run(common, args, say).await,
        Verb::Diagnose(args) => diagnose::run(common, args, say).await,
        Verb::Destroy(args) => destroy::run(common, args, say).await,
        Verb::Drift(args) => drift::run(common, args, say).await,
        Verb::Cost(args) => cost::run(common, args, say).await,
        Verb::Prices(verb) => prices::run(common, verb, say).await,
        Verb::Check(args) => Ok(check::run(args, say)),
        Verb::Doctor(args) => doctor::run(common, args, say).await,
        Verb::Init(args) => init::run(args, say),
        Verb::Output(args) => output::run(common, args, say).await,
        Verb::Graph(args) => graph::run(args, say),
        Verb::Kubeconfig(args) => kubeconfig::run(common, args, say).await,
        Verb::Bootstrap(args) => bootstrap::run(common, args, say).await,
        Verb::Pin(args) => pin::run(args, say).await,
        Verb::Token(args) => token::run(common, args, say).await,
        Verb::Unlock(args) => unlock::run(common, args, say).await,
        Verb::Action => action::run(common).await,
        Verb::Changed(args) => changed::run(args, say),
        Verb::Sandbox(verb) => sandbox::run(common, verb, say).await,
        Verb::ImportConfig(args) => files::import(args, say),
        Verb::Schema => Ok(say.result(&crate::config::schema())),
        Verb::Explain(args) => explain::run(args, say),
        Verb::Completions(args) => Ok(files::completions(args, &mut Cli::command(), say)),
        Verb::Man => Ok(files::man(Cli::command(), say)),
    }
}

/// The whole command line's help, verb by verb: one snapshot holds it.
#[must_use]
pub fn reference() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut text = command.render_long_help().to_string();
    for verb in command.get_subcommands_mut() {
        describe(verb, "##", &mut text);
    }
    text
}

fn describe(verb: &mut clap::Command, heading: &str, text: &mut String) {
    let help = verb.render_long_help().to_string();
    text.extend(["\n\n", heading, " ", verb.get_name(), "\n\n", &help]);
    for inner in verb.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
        describe(inner, "###", text);
    }
}
