//! EC2NodeClasses and NodePools that are not Ready, each condition.

use serde_json::Value as Json;

use super::signs::{Tells, tells};
use super::{Case, Cause, Subject};
use crate::verify::read::{self, Condition};

/// So long, in seconds, a condition may be unknown after its object was made: the controller looks within seconds.
const PATIENCE: i64 = 120;

/// Conditions of a class, each with its own cause. Source: Karpenter, "NodeClasses", "status.conditions".
const CONDITIONS: [(&str, &str, &str); 5] = [
    ("AMIsReady", "cause-image-gone", "finds no image"),
    ("SubnetsReady", "cause-class-subnets", "finds no subnet"),
    ("SecurityGroupsReady", "cause-class-security-groups", "finds no security group"),
    ("InstanceProfileReady", "cause-class-profile", "has no instance profile"),
    ("ValidationSucceeded", "cause-class-validation", "is refused by EC2 in a dry run"),
];

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for class in &case.seen.kube.node_classes {
        found.extend(class_causes(case, class));
    }
    for pool in &case.seen.kube.node_pools {
        found.extend(pool_cause(case, pool));
    }
    let wanted = [
        (
            "EC2NodeClass",
            "cause-class-not-ready",
            case.spec.node_classes.keys().collect::<Vec<_>>(),
            &case.seen.kube.node_classes,
        ),
        ("NodePool", "cause-pool-not-ready", case.spec.node_pools.keys().collect(), &case.seen.kube.node_pools),
    ];
    for (kind, code, names, live) in wanted {
        let Some(live) = live.known() else { continue };
        for name in names.into_iter().filter(|name| !live.iter().any(|one| read::name(one) == name.as_str())) {
            let seen = vec![format!("{} {kind}s are there", live.len())];
            let cause =
                Cause::new(code, format!("{kind} {name} does not exist"), seen).about(Subject::Pool(name.clone()));
            found.push(cause.run(format!("rem-ci apply {}", case.spec.name)));
        }
    }
    found
}

/// Whether a condition is broken, not merely young.
fn broken(case: &Case<'_>, object: &Json, condition: &Condition<'_>) -> bool {
    let since = condition.since.max(read::created(object));
    match condition.status {
        "True" => false,
        "False" => true,
        _ => case.seen.now - since > PATIENCE,
    }
}

fn class_causes(case: &Case<'_>, class: &Json) -> Vec<Cause> {
    let name = read::name(class);
    let command = format!("kubectl describe ec2nodeclass {name}");
    let mut found = Vec::new();
    for condition in read::conditions(class).filter(|condition| broken(case, class, condition)) {
        let Some((_, code, what)) = CONDITIONS.iter().find(|(kind, ..)| *kind == condition.kind) else { continue };
        let mut seen = vec![condition.words()];
        if *code == "cause-image-gone" {
            let terms = class["spec"]["amiSelectorTerms"].as_array().into_iter().flatten();
            seen.extend(terms.filter_map(|term| term["alias"].as_str()).map(|alias| format!("alias {alias}")));
            seen.extend(case.told(Tells::Image));
        }
        // A refusal by IAM is named by the policy that lacks it; the condition is its consequence.
        let denied = tells(condition.message) == Some(Tells::Denied);
        let title = format!("EC2NodeClass {name} {what}");
        let cause = Cause::new(code, title, seen).about(Subject::Pool(name.to_owned())).run(&*command);
        found.push(if denied { cause.likely() } else { cause });
    }
    let ready = read::condition(class, "Ready");
    let bad =
        ready.as_ref().map_or(case.seen.now - read::created(class) > PATIENCE, |ready| broken(case, class, ready));
    if found.is_empty() && bad && read::leaving(class).is_none() {
        let words = ready.map_or("no conditions: nobody has looked at it".to_owned(), |ready| ready.words());
        let cause = Cause::new("cause-class-not-ready", format!("EC2NodeClass {name} is not Ready"), vec![words]);
        found.push(cause.about(Subject::Pool(name.to_owned())).run(command));
    }
    found
}

fn pool_cause(case: &Case<'_>, pool: &Json) -> Option<Cause> {
    let ready = read::condition(pool, "Ready");
    let old = case.seen.now - read::created(pool) > PATIENCE;
    let bad = ready.as_ref().map_or(old, |ready| broken(case, pool, ready));
    // The class is the deeper cause, and is named above.
    let class_bad = read::condition(pool, "NodeClassReady").is_some_and(|class| !class.holds());
    if !bad || class_bad || read::leaving(pool).is_some() {
        return None;
    }
    let name = read::name(pool);
    let mut seen: Vec<_> =
        read::conditions(pool).filter(|condition| !condition.holds()).map(|one| one.words()).collect();
    if seen.is_empty() {
        seen.push("no conditions: nobody has looked at it".to_owned());
    }
    let cause = Cause::new("cause-pool-not-ready", format!("NodePool {name} is not Ready"), seen);
    Some(cause.about(Subject::Pool(name.to_owned())).run(format!("kubectl describe nodepool {name}")))
}
