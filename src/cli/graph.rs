//! `rem-ci graph ENV`

use clap::ValueEnum;

use super::{Common, Say};
use crate::config::Spec;
use crate::model;
use crate::problem::Exit;
use crate::run::Halt;
use crate::view::diagram::{Subnets, Topology};

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

/// The picture of a Spec, with the subnets as the model lays them out.
pub(super) fn topology(spec: &Spec) -> Topology {
    let zones = model::network::layout(spec);
    let subnets: Vec<Subnets> =
        zones.into_iter().map(|zone| Subnets { zone: zone.name, public: zone.public, private: zone.private }).collect();
    Topology::of(spec, &subnets)
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
