//! Is there room for the environment?

use crate::doctor::{Facts, Finding, Quota, State};

const CODE: &str = "doctor-quota";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.quotas.iter().map(one).collect()
}

fn one(quota: &Quota) -> Finding {
    let title = quota.name;
    let (limit, used) = match (&quota.limit, &quota.used) {
        (Err(why), _) | (_, Err(why)) => return Finding::unknown(CODE, title, why),
        (Ok(limit), Ok(used)) => (*limit, *used),
    };
    let adds = if quota.adds > 0 { format!(", {} more are needed", quota.adds) } else { String::new() };
    let most = quota.most.map_or(String::new(), |most| format!(", pools may come to {most}"));
    let evidence = format!("{used} of {limit} in use{adds}{most}");
    let raise = format!("ask for more: Service Quotas, {}", quota.code);
    if used + quota.adds > limit {
        return Finding::of(CODE, State::Wrong, title, evidence, raise);
    }
    if quota.most.is_some_and(|most| used + quota.adds.max(most) > limit) {
        let help = format!("{raise}; or lower the pools' limits: beyond the quota pods stay pending");
        return Finding::of(CODE, State::Look, title, evidence, help);
    }
    Finding::fine(CODE, title, evidence)
}
