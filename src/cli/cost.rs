//! `rem-ci cost ENV...`

use super::{Common, Format, Say, plan};
use crate::problem::Exit;
use crate::run::Halt;
use crate::view::out::Stream;
use crate::view::{human, json, markdown};

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environments: names or paths
    #[arg(required = true, value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Ask no AWS at all
    #[arg(long)]
    pub(super) offline: bool,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let looks = plan::all(common, &args.environments, args.offline, say).await?;
    let exit = plan::exit(&looks, false);
    let reports: Vec<_> = looks.into_iter().map(|seen| seen.report).collect();
    let text = match say.format {
        Format::Human => {
            let style = say.style(Stream::Stdout);
            reports.iter().map(|report| human::cost(report, style)).collect::<Vec<_>>().join("\n")
        }
        Format::Json => json::costs(&reports),
        Format::Markdown => markdown::costs(&reports),
    };
    say.result(&text);
    Ok(exit)
}
