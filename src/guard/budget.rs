//! What the environment may cost.

use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

use super::{Case, Guard, Verb};
use crate::config::Spec;
use crate::cost::{Bill, Compared, Priced};
use crate::problem::{Place, Problem};

/// The codes that this rule raises.
pub const CODES: &[&str] = &["budget", "budget-unknown", "workload-left-out", "workload-selector", "workload-requests"];

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "budget",
            "A figure of the bill is at or above what `cost.budget` in the file says: `warn` makes a warning, `fail` an error. `fixed` is what follows \
             from the plan alone; `expected` and `max` are the node pools, as declared workloads fill them and at their limits; `total` is all that is \
             expected; `delta` and `deltaPercent` are the difference to what is live, or to the base branch. Spend less, raise the budget, or \
             acknowledge exactly this figure, in whole dollars.",
        ),
        (
            "budget-unknown",
            "A budget asks for a figure that nobody can give: a pool without limits has no maximum, a type or region without a price has none, and \
             without declared `workloads` nothing is expected. It is an error with `cost.strict`, else a warning.",
        ),
        (
            "workload-left-out",
            "Declared pods that no node would take: too large for every type of their pool, kept out by its limits, or tolerated by no pool. They \
             would stay Pending, and they are not in the bill.",
        ),
        (
            "workload-selector",
            "A workload tolerates a pool's taint but does not select the pool. A toleration only allows: the pods may start on any pool without a \
             taint, on dearer nodes than meant. Name the pool, in the file by `pool:`, in the pod by a node selector.",
        ),
        (
            "workload-requests",
            "A workload requests neither cpu nor memory. The scheduler and Karpenter see pods of no size: nodes are crowded, and the bill here is too \
             low by what they really use.",
        ),
    ],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb == Verb::Destroy {
        return Vec::new();
    }
    findings(case.spec, case.bill, case.place)
}

/// Everything there is to say of a bill. Also for a bill that was set against a base.
#[must_use]
pub fn findings(spec: &Spec, bill: &Bill, place: &dyn Fn(&str) -> Option<Place>) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, threshold) in &spec.cost.budget {
        let path = format!("cost.budget.{name}");
        match figure(bill, name) {
            Figure::Apart => {}
            Figure::Unknown(why) => {
                let title = format!("the budget on {name} cannot be held: {why}");
                let help = "set limits, declare workloads, or take the budget away";
                let problem = if spec.cost.strict {
                    acknowledged(Problem::error("budget-unknown", title, help), "budget-unknown", name, 0)
                } else {
                    Problem::warning("budget-unknown", title, help)
                };
                found.push(problem.at(place(&path)));
            }
            Figure::Usd(sum) => {
                let (unit, shown) = if name == "deltaPercent" {
                    (" percent", sum.round_dp(1).normalize().to_string())
                } else {
                    (" USD a month", format!("{:.2}", sum.round_dp(2)))
                };
                let reached = |at: Option<u64>| at.filter(|at| sum >= Decimal::from(*at));
                let driver = match (name.starts_with("delta"), bill.driver()) {
                    (true, Some(driver)) => format!(" ({driver})"),
                    _ => String::new(),
                };
                if let Some(fail) = reached(threshold.fail) {
                    let title = format!("{name} is {shown}{unit}, the budget fails from {fail} on{driver}");
                    let problem = Problem::error("budget", title, "spend less, or raise the budget");
                    let whole = i64::try_from(sum.trunc().mantissa()).unwrap_or(i64::MAX);
                    found.push(acknowledged(problem, "budget", name, whole).at(place(&path)));
                } else if let Some(warn) = reached(threshold.warn) {
                    let title = format!("{name} is {shown}{unit}, the budget warns from {warn} on{driver}");
                    found.push(Problem::warning("budget", title, "spend less, or raise the budget").at(place(&path)));
                }
            }
        }
    }
    for left in &bill.pools.left_out {
        let title = format!("{} pods of workload {} would stay Pending: {}", left.pods, left.workload, left.why);
        let problem =
            Problem::warning("workload-left-out", title, "raise the limits, allow larger types, or ask for less");
        found.push(problem.at(place(&format!("workloads.{}", left.workload))));
    }
    for (code, text) in &bill.pools.warnings {
        let workload = text.split(' ').next().unwrap_or_default();
        let help = "see `rem-ci explain` for what to write";
        found.push(Problem::warning(code, text.clone(), help).at(place(&format!("workloads.{workload}"))));
    }
    found
}

/// An error that a person may acknowledge, by the figure in whole dollars: cents do not void it.
fn acknowledged(problem: Problem, code: &str, name: &str, whole: i64) -> Problem {
    let text = format!("rem-ci/ack/1\n{code}\ncost/budget/{name}\n{whole}\n");
    let digest = hex::encode(&Sha256::digest(text.as_bytes())[..6]);
    let help = format!(
        "{}; if it is meant, add `{code}:{digest}` to acknowledge: in the environment file, or pass --acknowledge {code}:{digest}",
        problem.help
    );
    Problem { digest: Some(digest), help, ..problem }
}

enum Figure {
    /// There is nothing to compare with.
    Apart,
    Unknown(String),
    Usd(Decimal),
}

fn figure(bill: &Bill, name: &str) -> Figure {
    let after = &bill.after;
    let whole = |priced: Priced| {
        if priced.unpriced == 0 {
            Figure::Usd(priced.sum)
        } else {
            Figure::Unknown(format!("{} of its lines have no figure", priced.unpriced))
        }
    };
    match name {
        "fixed" => whole(after.fixed),
        "expected" => whole(after.pools),
        "max" => {
            let unbounded: Vec<&str> =
                bill.pools.pools.iter().filter(|pool| pool.unbounded).map(|pool| pool.pool.as_str()).collect();
            if unbounded.is_empty() {
                whole(after.pools_max)
            } else {
                Figure::Unknown(format!("node pool {} has no limits", unbounded.join(", ")))
            }
        }
        // Undeclared usage is listed beside the total, never in it: a budget on the total is on what has a figure.
        "total" => after.total().known().map_or_else(|| Figure::Unknown("nothing has a price".to_owned()), Figure::Usd),
        _ if bill.compared == Compared::Nothing => Figure::Apart,
        "delta" => bill.delta().map_or_else(|| Figure::Unknown("one side has no price".to_owned()), Figure::Usd),
        _ => match (bill.delta(), bill.before.total().known()) {
            (Some(delta), Some(before)) if !before.is_zero() => Figure::Usd(delta / before * Decimal::ONE_HUNDRED),
            // From nothing to something is no percentage.
            _ => Figure::Apart,
        },
    }
}
