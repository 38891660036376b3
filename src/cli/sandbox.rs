//! `rem-ci sandbox serve|reset|show`

use std::path::{Path, PathBuf};

use super::{Common, Say};
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::sandbox::summary::summary;
use crate::sandbox::{file, serve};

const DEFAULT: &str = ".rem-ci/sandbox.json";

/// What to do with the sandbox.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Serve it on loopback, so that the aws CLI and kubectl work against it
    Serve(Serve),
    /// Forget everything in it
    Reset(State),
    /// Show what is in it
    Show(State),
}

/// Arguments of `sandbox serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub(super) port: u16,
    #[command(flatten)]
    state: State,
    /// Seconds of the sandbox for each second of yours
    #[arg(long, default_value_t = 1)]
    pub(super) speed: u32,
    /// The account that the printed keys belong to
    #[arg(long, default_value = "123456789012")]
    pub(super) account: String,
    /// The region that the printed lines name
    #[arg(long, default_value = "us-east-1")]
    pub(super) region: String,
}

/// Which sandbox.
#[derive(Debug, clap::Args)]
pub(super) struct State {
    /// The sandbox's file
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
}

impl State {
    fn path<'a>(&'a self, common: &'a Common) -> &'a Path {
        self.state.as_deref().or(common.sandbox.as_deref()).unwrap_or(Path::new(DEFAULT))
    }
}

fn refuse(error: &dyn std::error::Error) -> Halt {
    let title = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Halt::new(
        Exit::Failed,
        Problem::error("sandbox-file", title, "name another file with --state, or wait for the other process"),
    )
}

pub(super) async fn run(common: &Common, verb: &Verb, say: &Say) -> Result<Exit, Halt> {
    match verb {
        Verb::Serve(args) => {
            let options = serve::Options {
                port: args.port,
                state_file: args.state.path(common).to_owned(),
                speed: args.speed,
                account: args.account.clone(),
                region: args.region.clone(),
            };
            let stop = super::progress::signals();
            let ready = |_, lines: Vec<String>| {
                say.result(&(lines.join("\n") + "\n"));
            };
            serve::serve(options, ready, stop.stopped()).await.map_err(|error| refuse(&error))?;
            Ok(Exit::Done)
        }
        Verb::Reset(state) => {
            let path = state.path(common);
            file::File::reset(path).map_err(|error| refuse(&error))?;
            let records = path.parent().unwrap_or(Path::new(".")).join("state");
            let _ = std::fs::remove_dir_all(records);
            Ok(say.result(&format!("{} is empty\n", path.display())))
        }
        Verb::Show(state) => {
            let state = file::File::peek(state.path(common)).map_err(|error| refuse(&error))?;
            let services = summary(&state);
            let text = if say.format == super::Format::Json {
                format!("{:#}\n", serde_json::json!({ "format": "rem-ci/sandbox-summary/v1", "services": services }))
            } else {
                let lines = services.iter().map(|(service, things)| format!("{service}\n  {}\n", things.join("\n  ")));
                lines.collect()
            };
            Ok(say.result(&text))
        }
    }
}
