//! What the inside of the cluster proves: checks over what was [observed](super::observed). Pure.
//!
//! What could not be read is not proven: such a check does not hold, and its evidence says why.
//!
//! | file | what it looks at |
//! |---|---|
//! | `karpenter.rs` | the controller: rollout, log, queue, permissions |
//! | `nodes.rs` | the API server, system nodes, instances |
//! | `pools.rs` | NodePools and EC2NodeClasses |
//! | `pods.rs` | pods without a node |

mod karpenter;
mod nodes;
mod pods;
mod pools;

use super::Check;
use super::observed::{Observed, Seen};
use crate::config::Spec;
use crate::model::Identity;

/// All checks of the inside of a cluster.
#[must_use]
pub fn inside(seen: &Observed, spec: &Spec, id: &Identity) -> Vec<Check> {
    let mut checks = nodes::checks(seen, spec);
    checks.extend(karpenter::checks(seen, spec, id));
    checks.extend(pools::checks(seen, spec));
    checks.push(pods::check(seen, spec));
    checks
}

/// A check of a part that could not be read.
fn not_proven(code: &'static str, title: &str, why: &str) -> Check {
    Check::new(code, title, false, vec![format!("not proven: {why}")])
}

/// A check of a part; not proven where it could not be read.
fn over<T>(code: &'static str, title: &str, part: &Seen<T>, judge: impl FnOnce(&T) -> (bool, Vec<String>)) -> Check {
    match part {
        Seen::Unknown(why) => not_proven(code, title, why),
        Seen::Known(value) => {
            let (passed, evidence) = judge(value);
            Check::new(code, title, passed, evidence)
        }
    }
}

#[cfg(test)]
mod tests;
