//! `rem-ci status ENV`

use super::{Common, Format, Say};
use crate::model::Identity;
use crate::problem::Exit;
use crate::run::Halt;
use crate::verify::{observe, status};
use crate::view::out::Stream;
use crate::view::{human, json, markdown};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let id = Identity::of(&loaded.spec);
    let seen = observe::observe(&world.cloud, &world.clock, &loaded.spec, &id).await;
    let report = status::status(&seen, &loaded.spec, &id, world.mode);
    Ok(say.result(&match say.format {
        Format::Human => human::status(&report, say.style(Stream::Stdout)),
        Format::Json => json::status(&report),
        Format::Markdown => markdown::status(&report),
    }))
}
