//! Whose credentials are these?

use crate::doctor::{Facts, Finding, State};

const CODE: &str = "doctor-credentials";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let title = format!("credentials of account {}", facts.spec.account);
    vec![match &facts.caller {
        Err(why) => Finding::unknown(CODE, title, why),
        Ok(caller) if caller.account == facts.spec.account => Finding::fine(CODE, title, caller.arn.clone()),
        Ok(caller) => Finding::of(
            CODE,
            State::Wrong,
            title,
            format!("{} is of account {}", caller.arn, caller.account),
            "use the credentials of that account, or correct `account` in the file",
        ),
    }]
}
