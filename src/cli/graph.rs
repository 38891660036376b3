//! `rem-ci graph ENV`

use clap::ValueEnum;

use super::{Common, Say};
use crate::problem::Exit;
use crate::run::Halt;
pub(super) use crate::run::topology;

/// What kind of picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum As {
    /// For GitHub comments.
    #[default]
    Mermaid,
    /// For Graphviz.
    Dot,
    /// For eyes.
    Svg,
}

/// Arguments of `graph`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// What kind of picture
    #[arg(long = "as", value_enum, default_value = "mermaid")]
    pub(super) kind: As,
}

pub(super) fn run(args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let topology = topology(&loaded.spec);
    Ok(say.result(&match args.kind {
        As::Mermaid => topology.mermaid(),
        As::Dot => topology.dot(),
        As::Svg => topology.svg(),
    }))
}
