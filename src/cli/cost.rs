//! `rem-ci cost ENV...`

use super::priced::Inputs;
use super::{Common, Format, Say, plan};
use crate::cloud::{self, Clock};
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::out::Stream;
use crate::view::report::PlanReport;
use crate::view::{By, actual, csv, human, json, markdown};

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
    /// Put what AWS billed last month beside it, from Cost Explorer
    #[arg(long, conflicts_with = "offline")]
    pub(super) actual: bool,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let inputs = args.inputs.read()?;
    let looks = plan::all(common, &args.environments, args.offline, &inputs, say).await?;
    let exit = plan::exit(&looks, false);
    let names: Vec<String> = looks.iter().map(|seen| seen.spec.name.clone()).collect();
    let reports: Vec<_> = looks.into_iter().map(|seen| seen.report).collect();
    let actual = if args.actual { billed(common, &names, &reports).await? } else { Vec::new() };
    let text = match say.format {
        _ if common.csv() => csv::costs(&reports),
        Format::Human => {
            let style = say.style(Stream::Stdout);
            let table = match args.by {
                Some(by) => human::groups(&reports, by, style),
                None => reports.iter().map(|report| human::cost(report, style)).collect::<Vec<_>>().join("\n"),
            };
            table + &actual::human(&actual)
        }
        Format::Json => json::costs(&reports, args.by, &actual),
        Format::Markdown => markdown::costs(&reports, args.by) + &actual::markdown(&actual),
    };
    say.result(&text);
    Ok(exit)
}

/// Last month's bill of each environment, by our tag.
async fn billed(common: &Common, names: &[String], reports: &[PlanReport]) -> Result<Vec<actual::Actual>, Halt> {
    let failed = |title: String| {
        let help =
            "activate the cost allocation tag rem-ci:environment, allow ce:GetCostAndUsage, or leave out --actual";
        Halt::new(Exit::Failed, Problem::error("actual-cost", title, help))
    };
    if common.sandbox.is_some() {
        return Err(failed("the sandbox has no bills".to_owned()));
    }
    let to = Clock::Wall.today().first_of_month();
    let from = to.yesterday().map_err(|error| failed(error.to_string()))?.first_of_month();
    let month = from.strftime("%Y-%m").to_string();
    let mut all = Vec::new();
    for (name, report) in names.iter().zip(reports) {
        let billed = cloud::actual::by_service(name, from, to).await.map_err(failed)?;
        all.push(actual::Actual::of(report, &month, billed));
    }
    Ok(all)
}
