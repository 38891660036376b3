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
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let id = model::Identity::of(&loaded.spec);
    let checks = verify::aws(&world.cloud, &loaded.spec, &id).await?;
    let report = verify_report(&loaded.spec.name, &checks);
    match say.format {
        Format::Human => say.result(&human::verify(&report, say.style(Stream::Stdout))),
        Format::Json => say.result(&json::verify(&report)),
        Format::Markdown => say.result(&markdown::verify_summary(&report)),
    };
    Ok(if report.passed() { Exit::Done } else { Exit::Unverified })
}
