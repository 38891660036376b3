//! `rem-ci cost ENV...`

use super::priced::Inputs;
use super::{Common, Format, Say, plan};
use crate::problem::Exit;
use crate::run::Halt;
use crate::view::out::Stream;
use crate::view::{By, csv, human, json, markdown};

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environments: names or paths
    #[arg(required = true, value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Ask no AWS at all
    #[arg(long)]
    pub(super) offline: bool,
    #[command(flatten)]
    pub(super) inputs: Inputs,
    /// Add up by pool, component or environment
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) by: Option<By>,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let inputs = args.inputs.read()?;
    let looks = plan::all(common, &args.environments, args.offline, &inputs, say).await?;
    let exit = plan::exit(&looks, false);
    let reports: Vec<_> = looks.into_iter().map(|seen| seen.report).collect();
    let text = match say.format {
        _ if common.csv() => csv::costs(&reports),
        Format::Human => {
            let style = say.style(Stream::Stdout);
            match args.by {
                Some(by) => human::groups(&reports, by, style),
                None => reports.iter().map(|report| human::cost(report, style)).collect::<Vec<_>>().join("\n"),
            }
        }
        Format::Json => json::costs(&reports, args.by),
        Format::Markdown => markdown::costs(&reports, args.by),
    };
    say.result(&text);
    Ok(exit)
}
