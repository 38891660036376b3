//! NodePools and EC2NodeClasses: all that the file names are there and Ready.

use serde_json::Value as Json;

use super::over;
use crate::config::Spec;
use crate::verify::Check;
use crate::verify::observed::{Observed, Seen};
use crate::verify::read;

pub(super) fn checks(seen: &Observed, spec: &Spec) -> Vec<Check> {
    let classes = spec.node_classes.keys();
    let pools = spec.node_pools.keys();
    let mut checks = Vec::new();
    checks.extend(classes.map(|name| check("verify-node-class", "EC2NodeClass", name, &seen.kube.node_classes)));
    checks.extend(pools.map(|name| check("verify-node-pool", "NodePool", name, &seen.kube.node_pools)));
    checks
}

fn check(code: &'static str, kind: &str, name: &str, part: &Seen<Vec<Json>>) -> Check {
    let title = format!("{kind} {name} is Ready");
    over(code, &title, part, |all| {
        let Some(found) = all.iter().find(|one| read::name(one) == name) else {
            return (false, vec!["it does not exist".to_owned()]);
        };
        let mut evidence: Vec<_> = read::conditions(found).map(|condition| condition.words()).collect();
        if evidence.is_empty() {
            evidence.push("no conditions: nobody has looked at it".to_owned());
        }
        if let Some(since) = read::leaving(found) {
            evidence.push(format!("it is marked for deletion since {since}"));
        }
        (read::holds(found, "Ready") && read::leaving(found).is_none(), evidence)
    })
}
