//! The outputs of a run: digits, hex, words of ours. Nothing that somebody else has written gets in.

use rust_decimal::Decimal;

use super::desk::Paper;
use crate::problem::Exit;
use crate::view::report::PlanReport;

/// Sets everything that plans have to say.
pub fn plans(paper: &dyn Paper, reports: &[&PlanReport]) {
    let sum = |of: &dyn Fn(&PlanReport) -> usize| reports.iter().map(|report| of(report)).sum::<usize>().to_string();
    let changed = reports.iter().any(|report| report.counts().changes() + report.counts().unknown > 0);
    paper.output("changed", if changed { "true" } else { "false" });
    paper.output("to-add", &sum(&|report| report.counts().create));
    paper.output("to-change", &sum(&|report| report.counts().changed() + report.counts().replace));
    paper.output("to-destroy", &sum(&|report| report.counts().delete));
    // One digest is of one plan.
    if let [report] = reports {
        paper.output("plan-digest", &report.plan_digest);
    }
    let money = |of: &dyn Fn(&PlanReport) -> Option<Decimal>| {
        let sum: Option<Decimal> = reports.iter().map(|report| of(report)).sum();
        // What has no price is no nought.
        sum.map_or_else(String::new, |sum| format!("{:.2}", sum.round_dp(2)))
    };
    paper.output("monthly-cost", &money(&|report| report.cost.after.total().known()));
    paper.output("monthly-delta", &money(&|report| report.cost.delta()));
    let owned: Vec<PlanReport> = reports.iter().map(|report| (*report).clone()).collect();
    if let Some(file) = paper.plan_file(&crate::view::json::plans(&owned)) {
        paper.output("plan-file", &file);
    }
}

/// One word on how a run failed; none if it did not.
#[must_use]
pub const fn reason(exit: Exit) -> Option<&'static str> {
    Some(match exit {
        Exit::Done | Exit::Changes => return None,
        Exit::Failed => "failed",
        Exit::Invalid => "invalid",
        Exit::Refused => "refused",
        Exit::PlanChanged => "plan-changed",
        Exit::Locked => "locked",
        Exit::Incomplete => "apply-failed",
        Exit::Unverified => "unverified",
        Exit::Denied => "denied",
        Exit::Usage => "usage",
        Exit::Interrupted => "interrupted",
    })
}

/// A name and a value as `GITHUB_OUTPUT` takes them, whatever lines the value has: the delimiter is a random number of 128
/// bits (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings>).
#[must_use]
pub fn entry(name: &str, value: &str) -> String {
    loop {
        let delimiter = format!("rem_ci_{:032x}", fastrand::u128(..));
        if !value.contains(&delimiter) {
            return format!("{name}<<{delimiter}\n{value}\n{delimiter}\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{entry, reason};
    use crate::problem::Exit;

    #[test]
    fn a_value_cannot_become_another_output() {
        let hostile = "x\nEOF\nchanged=false\nplan-digest<<EOF\nsha256:0\nEOF";
        let text = entry("matrix", hostile);
        let (head, rest) = text.split_once('\n').expect("lines");
        let delimiter = head.strip_prefix("matrix<<").expect("a heredoc");
        assert_eq!(delimiter.len(), "rem_ci_".len() + 32);
        assert_eq!(rest, format!("{hostile}\n{delimiter}\n"));
        assert_ne!(entry("a", "b"), entry("a", "b"), "no two have the same");
    }

    #[test]
    fn reasons() {
        assert_eq!(reason(Exit::Done), None);
        assert_eq!(reason(Exit::PlanChanged), Some("plan-changed"));
        assert_eq!(reason(Exit::Locked), Some("locked"));
    }
}
