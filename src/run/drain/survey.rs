//! What is inside a cluster before anything is done to it: the plan of a destroy shows it, and what a person may have to
//! decide.

use std::collections::BTreeSet;

use super::decide::{Volume, balanced, blocked, digest, volumes};
use super::objects::{full, name};
use super::work::{count, some};
use crate::engine::{Action, Class, Failure};
use crate::problem::{Problem, Severity};
use crate::resources::aws::leftovers::{self, Found, Sort, Whose};
use crate::resources::k8s::hold::{Hold, Inside, Part, hold};
use crate::run::{Halt, Leftover, Looked, World};

/// See the module.
#[derive(Debug)]
pub struct Survey {
    /// The way in; none where there is no cluster, or it cannot be reached and somebody said to go on.
    pub(super) hold: Option<Hold>,
    pub(super) inside: Inside,
    pub(super) whose: Whose,
    pub(super) volumes: Vec<Volume>,
    /// Those among them that carry the cluster's tag: no other is ever deleted.
    tagged: BTreeSet<String>,
    /// The volumes' end was acknowledged.
    pub(super) delete_volumes: bool,
    /// The cluster of that name is the environment's, or there is none: what carries its tag may be swept.
    pub(super) ours: bool,
}

/// Looks inside, and adds what there is to say to the findings.
///
/// # Errors
/// When AWS's side cannot be read.
pub(in crate::run) async fn survey(
    world: &World,
    looked: &mut Looked,
    acknowledged: &[String],
) -> Result<Survey, Halt> {
    let whose = whose(looked);
    let cluster = looked.plan.steps.iter().find(|step| step.kind == "cluster" && step.action == Action::Delete);
    // One that stands under the name and is somebody else's has made what carries the name in a tag.
    let sorted = &looked.plan.sorted;
    let ours = !sorted.unknown.contains_key("cluster")
        && sorted.clashes.keys().all(|address| address.kind() != "cluster")
        && sorted.strays.iter().all(|(kind, _)| kind != "cluster");
    let mut survey = Survey {
        hold: None,
        inside: Inside::default(),
        whose,
        volumes: Vec::new(),
        tagged: BTreeSet::new(),
        delete_volumes: false,
        ours,
    };
    if !ours {
        return Ok(survey);
    }
    let (way, found) = futures_util::join!(
        Box::pin(way(world, &survey.whose.cluster, cluster.is_some())),
        Box::pin(leftovers::find(&world.cloud, &survey.whose))
    );
    let found = found?;
    let said = |code: &str, digest: &str| {
        let wanted = format!("{code}:{digest}");
        acknowledged.contains(&wanted) || looked.spec.acknowledge.contains(&wanted)
    };
    let mut findings = Vec::new();
    match way {
        Ok(Some((hold, inside))) => (survey.hold, survey.inside) = (Some(hold), inside),
        Ok(None) => {}
        Err(failure) if failure.class == Class::Denied && looked.nothing_inside => {}
        // `connect: runner-cidr`: the destroy itself opens the endpoint and looks again.
        Err(_) if world.cloud.opening.as_ref().is_some_and(|opening| !opening.permitted()) => {
            quieten(&mut looked.findings);
        }
        Err(failure) => {
            let code = "drain-unreachable";
            let digest = digest(code, [survey.whose.cluster.as_str()]);
            let waived = said(code, &digest);
            findings.push(unreachable(&survey.whose.cluster, &failure, &digest, waived));
            if waived {
                quieten(&mut looked.findings);
            }
        }
    }
    let tagged = found.iter().filter(|one| one.sort == Sort::Volume && one.sweepable(&survey.whose));
    survey.tagged = tagged.map(|one| one.id.clone()).collect();
    survey.volumes = merged(volumes(&survey.inside), &found);
    if !survey.volumes.is_empty() {
        let code = "persistent-volumes";
        let digest = digest(code, survey.volumes.iter().map(|volume| volume.id.as_str()));
        survey.delete_volumes = said(code, &digest);
        findings.push(kept(&survey.volumes, &digest, survey.delete_volumes));
    }
    findings.extend(forecast(&survey.inside));
    looked.findings.extend(findings);
    Ok(survey)
}

/// The way in and what is there.
async fn way(world: &World, cluster: &str, there: bool) -> Result<Option<(Hold, Inside)>, Failure> {
    if !there {
        return Ok(None);
    }
    let Some(hold) = hold(&world.cloud, cluster).await? else { return Ok(None) };
    let inside = hold.read(Part::All).await?;
    Ok(Some((hold, inside)))
}

/// Whose things others have made.
fn whose(looked: &Looked) -> Whose {
    let ours = looked.plan.steps.iter().find(|step| step.kind == "vpc").and_then(|step| step.live.as_ref());
    let existing = looked.spec.network.existing.as_ref().map(|existing| existing.vpc_id.clone());
    Whose {
        cluster: looked.spec.cluster.name.clone(),
        environment: looked.owner.environment.clone(),
        stack: looked.owner.stack.clone(),
        vpc: ours.map(|live| live.id.clone()).or(existing),
    }
}

/// A cluster that cannot be looked into.
fn unreachable(cluster: &str, failure: &Failure, digest: &str, waived: bool) -> Problem {
    let code = "drain-unreachable";
    let title = match failure.class {
        Class::Denied => format!("{cluster} lets this role not in, so nothing inside can be ended in order: {failure}"),
        _ => format!("{cluster} cannot be reached, so nothing inside can be ended in order: {failure}"),
    };
    let help = format!(
        "run where the endpoint can be reached (see `connect`) with a role that has an access entry; or pass --acknowledge \
         {code}:{digest} to end what carries the cluster's tag from AWS's side alone, without draining"
    );
    Problem { digest: Some(digest.to_owned()), waived, ..Problem::error(code, title, help) }
}

/// What could not be read inside a cluster that goes as a whole does not stop its end.
fn quieten(findings: &mut [Problem]) {
    let kinds = crate::resources::k8s::KINDS;
    let inside = |problem: &&mut Problem| {
        problem.code == "unreadable"
            && kinds.iter().any(|kind| problem.title.starts_with(&format!("{} ", kind.kind().name)))
    };
    findings.iter_mut().filter(inside).for_each(|problem| problem.waived = true);
}

/// Volumes by what the cluster says, and those that only EC2 knows of: of an earlier run, or of a cluster that is gone.
fn merged(mut inside: Vec<Volume>, found: &[Found]) -> Vec<Volume> {
    let only = found.iter().filter(|one| one.sort == Sort::Volume && one.data());
    for one in only {
        if inside.iter().all(|volume| volume.id != one.id) {
            inside.push(Volume {
                id: one.id.clone(),
                claim: one.claim().unwrap_or_default(),
                size: format!("{} GiB", one.gib.unwrap_or_default()),
                object: String::new(),
                reclaimed: false,
            });
        }
    }
    inside.sort();
    inside
}

fn kept(volumes: &[Volume], digest: &str, deleted: bool) -> Problem {
    let names: Vec<String> = volumes
        .iter()
        .map(|volume| match volume.claim.as_str() {
            "" => format!("{} ({})", volume.id, volume.size),
            claim => format!("{} ({claim}, {})", volume.id, volume.size),
        })
        .collect();
    let (all, verb) = (count(volumes.len(), "volume"), if volumes.len() == 1 { "holds" } else { "hold" });
    let title = format!("{all} {verb} data: {}", some(&names));
    let code = "persistent-volumes";
    let help = if deleted {
        "acknowledged: they are deleted with the rest".to_owned()
    } else {
        format!(
            "they are kept, and cost money; pass --acknowledge {code}:{digest} to delete exactly these with the rest"
        )
    };
    let problem = Problem::new(code, Severity::Warning, title, help);
    Problem { digest: Some(digest.to_owned()), waived: deleted, ..problem }
}

/// What a destroy will meet, as things stand.
fn forecast(inside: &Inside) -> Vec<Problem> {
    let mut findings = Vec::new();
    let balanced: Vec<String> =
        balanced(inside).iter().map(|(thing, object)| format!("{} {}", thing.noun(), full(object))).collect();
    if !balanced.is_empty() {
        let title =
            format!("{} with a load balancer will be deleted: {}", count(balanced.len(), "object"), some(&balanced));
        findings.push(Problem::new("inside-cluster", Severity::Note, title, "move the names that point at them first"));
    }
    if !inside.claims.is_empty() {
        let title = format!("{} of Karpenter will be drained and ended", count(inside.claims.len(), "node"));
        findings.push(Problem::new("inside-cluster", Severity::Note, title, "pods that need them will stay pending"));
    }
    // As if all nodes of Karpenter were on their way out.
    let nodes = inside
        .claims
        .iter()
        .filter_map(|claim| super::objects::node_of(inside, claim))
        .map(|node| name(node).to_owned());
    let held = blocked(inside, &nodes.collect());
    if !held.is_empty() {
        let pods: Vec<String> = held.iter().map(|one| format!("{} ({})", one.pod, one.why)).collect();
        let title = format!("{} cannot be moved as things stand: {}", count(held.len(), "pod"), some(&pods));
        let help = format!("let them go first ({}), or pass --force-drain-after DURATION", held[0].remedy);
        findings.push(Problem::warning("drain-blocked", title, help));
    }
    findings
}

/// A call of the drain that failed outside of a stage.
pub(super) fn failed(failure: &Failure) -> Problem {
    Problem::error("incomplete", failure.to_string(), "run destroy again: it goes on from where it is")
}

impl Survey {
    /// Whose things the audit looks for.
    pub(in crate::run) fn whose(&self) -> &Whose {
        &self.whose
    }

    /// Volumes that stay, as the end of a destroy lists them.
    pub(super) fn kept(&self) -> Vec<Leftover> {
        let stays = self.volumes.iter().filter(|one| !self.delete_volumes || !self.tagged.contains(&one.id));
        stays
            .map(|one| {
                let mut left = one.leftover();
                if self.delete_volumes {
                    left.why.push_str("; not deleted, because it carries no tag of the cluster");
                }
                left
            })
            .collect()
    }
}
