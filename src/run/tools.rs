//! What a live apply must have before it begins: better said now than after ten minutes of waiting for a cluster.

use super::{Halt, Looked, World};
use crate::cloud::kubernetes::live::host;
use crate::cloud::kubernetes::road::loopback;
use crate::cloud::{children, env};
use crate::config::spec::Connect;
use crate::engine::Action;
use crate::problem::{Exit, Problem};
use crate::view::report::Mode;

/// Whether AWS is a simulated region on this machine: its clusters are reached directly.
fn served() -> bool {
    env("AWS_ENDPOINT_URL").is_some_and(|url| loopback(&host(&url)))
}

/// Refuses an apply that could not come to its end.
///
/// # Errors
/// A chart that is not pinned, a program that is missing.
pub(super) fn check(world: &World, looked: &Looked) -> Result<(), Halt> {
    if world.mode != Mode::Live {
        return Ok(());
    }
    let steps = &looked.plan.steps;
    let made = |kinds: &[&str]| {
        steps.iter().any(|step| {
            kinds.contains(&step.kind.as_str())
                && !matches!(step.action, Action::Keep | Action::Settle | Action::Delete)
        })
    };
    let mut problems = Vec::new();
    let karpenter = &looked.spec.karpenter;
    if made(&["crds", "helm-release"]) && karpenter.chart_digest.is_none() {
        let title = "karpenter.chartDigest is missing: any chart that calls itself Karpenter's would be installed";
        let help = format!("rem-ci pin {}: checks the chart's signature and writes its digest", looked.spec.name);
        problems.push(Problem::error("chart-not-pinned", title, help));
    }
    if made(&["helm-release"]) && children::find("helm").is_none() {
        let help = "install helm 3 or newer (https://helm.sh/docs/intro/install/), in an absolute folder of PATH";
        problems.push(Problem::error("tool-missing", "helm is not on PATH: it installs Karpenter's chart", help));
    }
    let inside = steps
        .iter()
        .any(|step| step.action != Action::Keep && ["kubernetes", "karpenter"].contains(&step.address.section()));
    if inside
        && looked.spec.connect == Connect::Ssm
        && world.cloud.kubeconfig.is_none()
        && !served()
        && children::find("session-manager-plugin").is_none()
    {
        let help = "install AWS's Session Manager plugin, in an absolute folder of PATH; or apply from inside the VPC with connect: direct";
        let title = "session-manager-plugin is not on PATH: connect: ssm reaches the cluster through it";
        problems.push(Problem::error("tool-missing", title, help));
    }
    if problems.is_empty() { Ok(()) } else { Err(Halt { exit: Exit::Refused, problems }) }
}
