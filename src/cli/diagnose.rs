//! `rem-ci diagnose ENV [NAMESPACE/POD]`

use super::{Common, Format, Say};
use crate::model::Identity;
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::verify::{diagnose, observe, status};
use crate::view::out::Stream;
use crate::view::{human, json, markdown};

/// Arguments of `diagnose`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// A pod: what keeps it from running, and where it may land
    #[arg(value_name = "NAMESPACE/POD")]
    pub(super) pod: Option<String>,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let id = Identity::of(&loaded.spec);
    let seen = observe::observe(&world.cloud, &world.clock, &loaded.spec, &id).await;
    let pod = args.pod.as_deref().map(|pod| match pod.split_once('/') {
        Some(_) => pod.to_owned(),
        None => format!("default/{pod}"),
    });
    if let Some(pod) = &pod
        && seen.kube.pods.known().is_some()
        && diagnose::landing_of(&seen, &loaded.spec, pod).is_none()
    {
        let problem = Problem::error("no-such-pod", format!("there is no pod {pod}"), "kubectl get pods -A lists all");
        return Err(Halt::new(Exit::Failed, problem));
    }
    let report = status::diagnosis(&seen, &loaded.spec, &id, pod.as_deref());
    Ok(say.result(&match say.format {
        Format::Human => human::diagnose(&report, say.style(Stream::Stdout)),
        Format::Json => json::diagnose(&report),
        Format::Markdown => markdown::diagnose(&report),
    }))
}
