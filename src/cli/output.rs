//! `rem-ci output ENV [NAME]`

use super::{Common, Format, Say, plan};
use crate::problem::{Exit, Problem};
use crate::run::{Halt, outputs};
use crate::view::{human, json, markdown};

/// Arguments of `output`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// One output: printed bare
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let (looked, _) = plan::one(common, &args.environment, false, &super::priced::Read::default(), say).await?;
    let report = outputs(&looked);
    if let Some(name) = &args.name {
        let Some(value) = report.outputs.get(name) else {
            let names: Vec<_> = report.outputs.keys().cloned().collect();
            let help = if names.is_empty() {
                "nothing is applied yet".to_owned()
            } else {
                format!("one of {}", names.join(", "))
            };
            return Err(Halt::new(
                Exit::Failed,
                Problem::error("no-output", format!("no output is called {name}"), help),
            ));
        };
        return Ok(say.result(&human::output_value(value)));
    }
    Ok(say.result(&match say.format {
        Format::Human => human::outputs(&report),
        Format::Json => json::outputs(&report),
        Format::Markdown => markdown::outputs(&report),
    }))
}
