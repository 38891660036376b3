//! `rem-ci verify ENV`

use super::{Common, Format, Say};
use crate::problem::Exit;
use crate::run::{Halt, verify_report};
use crate::view::out::Stream;
use crate::view::{human, json, markdown};
use crate::{model, verify};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// Prove it by doing: a pod for each pool gets a node and both go again, a message in the queue is taken. Costs cents
    #[arg(long)]
    pub(super) canary: bool,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let id = model::Identity::of(&loaded.spec);
    let mut checks = verify::all(&world.cloud, &world.clock, &loaded.spec, &id).await?;
    if args.canary {
        say.aside("canary: a pod for each pool, a message for the queue\n");
        checks.extend(verify::canary::canary(&world.cloud, &world.clock, &loaded.spec, &id).await);
        world.close()?;
    }
    let report = verify_report(&loaded.spec.name, &checks);
    match say.format {
        Format::Human => say.result(&human::verify(&report, say.style(Stream::Stdout))),
        Format::Json => say.result(&json::verify(&report)),
        Format::Markdown => say.result(&markdown::verified(&report)),
    };
    Ok(if report.passed() { Exit::Done } else { Exit::Unverified })
}
