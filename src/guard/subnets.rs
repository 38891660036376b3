//! What holds a cluster's subnets: EKS's own network interfaces, and the zones the cluster was made with.

use std::collections::BTreeSet;

use super::{Case, Guard, Verb};
use crate::engine::{Action, Address, Step, Value};
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "cluster-zones",
            "A cluster keeps the zones that it was made with: EKS refuses subnets in any other set of zones \
             (https://github.com/aws/containers-roadmap/issues/2258), and would do so after the subnets and routes had been changed. Put \
             the zones back, or make another environment with the new ones beside this one and move over.",
        ),
        (
            "subnet-in-use",
            "A subnet of the cluster would be deleted and made anew, but EKS's network interfaces are in it, and AWS deletes no subnet \
             that has any. The new one cannot come first: its range overlaps the old one's, or it is in another zone. Put the old \
             value back, or make another environment beside this one and move over. Where the cluster is replaced too, nothing is \
             in the way.",
        ),
    ],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb == Verb::Destroy {
        return Vec::new();
    }
    let stays = |step: &&Step| matches!(step.action, Action::Keep | Action::Settle | Action::Update | Action::Roll);
    let mut clusters = case.plan.steps.iter().filter(|step| step.kind == "cluster").filter(stays);
    let Some((cluster, live)) = clusters.next().and_then(|step| Some((step, step.live.as_ref()?))) else {
        return Vec::new();
    };
    let used: BTreeSet<&str> = live.fields.get("subnets").into_iter().flat_map(Value::item_texts).collect();
    let anew = case.plan.steps.iter().filter(|step| {
        let held = step.live.as_ref().is_some_and(|live| used.contains(live.id.as_str()));
        step.kind == "subnet" && matches!(step.action, Action::Replace(_)) && held
    });
    let mut findings: Vec<Problem> = anew
        .map(|step| {
            let fields: Vec<_> = step.changes.iter().map(|change| change.field.as_str()).collect();
            let title =
                format!("would be made anew ({}), but interfaces of cluster {} are in it", fields.join(", "), live.id);
            let help = "put the old value back, or make another environment beside this one";
            Problem::error("subnet-in-use", title, help).at((case.place)("network")).about(&step.address)
        })
        .collect();
    if let (Some(have), Some(want)) = (zones_of(case, &used), wanted_zones(case, cluster))
        && have != want
    {
        let list = |zones: &BTreeSet<&str>| zones.iter().copied().collect::<Vec<_>>().join(", ");
        let title = format!("the cluster was made in {}, the file wants it in {}", list(&have), list(&want));
        let help = format!("EKS takes no other zones: leave it at `zones: [{}]`", list(&have));
        findings.push(
            Problem::error("cluster-zones", title, help).at((case.place)("network.zones")).about(&cluster.address),
        );
    }
    findings
}

/// The zones of live subnets; none where one of them is not ours to know.
fn zones_of<'a>(case: &'a Case<'_>, ids: &BTreeSet<&str>) -> Option<BTreeSet<&'a str>> {
    let owned = &case.plan.sorted.owned;
    let zone = |id: &&str| {
        let mut subnets = owned.iter().filter(|(address, _)| address.kind() == "subnet");
        subnets.find(|(_, live)| live.id == *id).map(|(_, live)| live.text("zone"))
    };
    ids.iter().map(zone).collect::<Option<BTreeSet<_>>>().filter(|zones| !zones.is_empty())
}

/// The zones of the subnets that the cluster should have; none where one of them is not known yet.
fn wanted_zones<'a>(case: &'a Case<'_>, cluster: &Step) -> Option<BTreeSet<&'a str>> {
    let mut addresses: Vec<Address> = Vec::new();
    cluster.want.as_ref()?.get("subnets")?.refs(&mut |node, _| addresses.push(node));
    let zone = |address: &Address| case.plan.step(address)?.want.as_ref()?.get("zone")?.as_text();
    addresses.iter().map(zone).collect::<Option<BTreeSet<_>>>().filter(|zones| !zones.is_empty())
}
