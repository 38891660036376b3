//! NodePools: what the CRD refuses (Karpenter 1.14, `karpenter.sh_nodepools.yaml`), before a cluster is there to refuse it.

use super::identity::suggest;
use super::{Check, karpenter, pool_lints, requirements, shapes, versions};
use crate::config::codes::code;
use crate::config::spec::{Budget, NodePool, Quantity, Taint};

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const REASONS: &[&str] = &["Underutilized", "Empty", "Drifted"];
const POLICIES: &[&str] = &["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"];

pub(super) fn check(check: &mut Check<'_>) {
    for (name, pool) in &check.spec.node_pools {
        let path = format!("nodePools.{name}");
        // The name is the value of the label `workload-type` too, so a label's 63 characters are the limit.
        if !shapes::dns_name(name) || name.len() > 63 {
            let help = "up to 63 of a-z, 0-9, `-` and `.`";
            check.key_error(&path, code::OBJECT_NAME, format!("`{name}` is not a name for a NodePool"), help);
        }
        if !check.spec.node_classes.contains_key(&pool.node_class) && check.sound("nodeClasses") {
            let names: Vec<&str> = check.spec.node_classes.keys().map(String::as_str).collect();
            let title = format!("there is no node class `{}`", pool.node_class);
            check.error(
                &format!("{path}.nodeClass"),
                code::NODE_CLASS_UNKNOWN,
                title,
                suggest(&pool.node_class, &names),
            );
        }
        requirements::check(check, &path, pool);
        taints(check, &format!("{path}.taints"), &pool.taints);
        taints(check, &format!("{path}.startupTaints"), &pool.startup_taints);
        labels(check, &path, name, pool);
        lifetimes(check, &path, pool);
        disruption(check, &path, pool);
        size(check, &path, pool);
        pool_lints::check(check, name, &path, pool);
    }
}

fn taints(check: &mut Check<'_>, path: &str, taints: &[Taint]) {
    for (index, taint) in taints.iter().enumerate() {
        let at = format!("{path}[{index}]");
        if !shapes::label_key(&taint.key) {
            check.error(
                &format!("{at}.key"),
                code::TAINT,
                format!("`{}` is not a taint key", taint.key),
                "as a label's key",
            );
        }
        if taint.value.as_ref().is_some_and(|value| !shapes::label_value(value)) {
            let help = "up to 63 letters, digits and ._-";
            check.error(&format!("{at}.value"), code::TAINT, "not a value for a taint", help);
        }
        if !EFFECTS.contains(&taint.effect.as_str()) {
            let title = format!("`{}` is not an effect", taint.effect);
            check.error(&format!("{at}.effect"), code::TAINT, title, suggest(&taint.effect, EFFECTS));
        }
        if taints[..index].iter().any(|other| other.key == taint.key && other.effect == taint.effect) {
            check.error(&at, code::TAINT, format!("`{}:{}` is there twice", taint.key, taint.effect), "keep one");
        }
    }
}

fn labels(check: &mut Check<'_>, path: &str, name: &str, pool: &NodePool) {
    if pool.labels.len() > 100 {
        check.error(&format!("{path}.labels"), code::LABEL, format!("{} labels", pool.labels.len()), "at most 100");
    }
    for (key, value) in &pool.labels {
        let at = format!("{path}.labels.{key}");
        if !shapes::label_key(key) {
            check.key_error(
                &at,
                code::LABEL,
                format!("`{key}` is not a label key"),
                "an optional DNS prefix and `/`, then up to 63 characters",
            );
        } else if let Some(why) = requirements::restricted(key) {
            check.key_error(&at, code::LABEL_RESTRICTED, format!("label `{key}` {why}"), "use a prefix of your own");
        }
        if !shapes::label_value(value) {
            check.error(
                &at,
                code::LABEL,
                format!("`{value}` is not a label value"),
                "up to 63 letters, digits and ._-",
            );
        }
        if key == "workload-type" && value != name {
            let help = "leave it out: rem-ci sets it to the pool's name";
            check.error(&at, code::LABEL_RESTRICTED, format!("`workload-type` is `{name}` here"), help);
        }
    }
    for key in pool.annotations.keys() {
        let at = format!("{path}.annotations.{key}");
        if !shapes::label_key(key) || key.starts_with("rem-ci.dev/") {
            check.key_error(
                &at,
                code::LABEL,
                format!("`{key}` is not an annotation for a pool"),
                "use a prefix of your own",
            );
        }
    }
}

/// A duration, or `Never`.
fn time(check: &mut Check<'_>, path: &str, text: &str, never: bool) {
    if shapes::duration(text).is_none() && !(never && text == "Never") {
        let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
        let help = match days {
            Some(days) => format!("Karpenter knows s, m and h: {}h", u64::from(days) * 24),
            None if never => "numbers with s, m or h (`90s`, `1h30m`), or `Never`".to_owned(),
            None => "numbers with s, m or h: `90s`, `1h30m`".to_owned(),
        };
        check.error(path, code::DURATION, format!("`{text}` is not a duration"), help);
    }
}

fn lifetimes(check: &mut Check<'_>, path: &str, pool: &NodePool) {
    if let Some(text) = &pool.expire_after {
        time(check, &format!("{path}.expireAfter"), text, true);
    }
    if let Some(text) = &pool.termination_grace_period {
        time(check, &format!("{path}.terminationGracePeriod"), text, false);
    }
}

fn disruption(check: &mut Check<'_>, path: &str, pool: &NodePool) {
    let Some(disruption) = &pool.disruption else { return };
    let path = format!("{path}.disruption");
    time(check, &format!("{path}.consolidateAfter"), &disruption.consolidate_after, true);
    let policy = disruption.consolidation_policy.as_str();
    let at = format!("{path}.consolidationPolicy");
    if !POLICIES.contains(&policy) {
        check.error(&at, code::DISRUPTION, format!("`{policy}` is not a policy"), suggest(policy, POLICIES));
    } else if policy == "Balanced" {
        since(check, &at, 14, "`Balanced`");
    }
    if disruption.budgets.len() > 50 {
        check.error(
            &format!("{path}.budgets"),
            code::BUDGET,
            format!("{} budgets", disruption.budgets.len()),
            "at most 50",
        );
    }
    for (index, budget) in disruption.budgets.iter().enumerate() {
        self::budget(check, &format!("{path}.budgets[{index}]"), budget);
    }
}

/// An error if the chart is older than the minor that brought something.
pub(super) fn since(check: &mut Check<'_>, path: &str, minor: u32, what: &str) {
    let version = versions::karpenter_numbers(&check.spec.karpenter.version);
    if let Some([1, have, _]) = version
        && have < minor
    {
        let help = format!("raise `karpenter.version` to 1.{minor} or later");
        check.error(path, code::KARPENTER_TOO_OLD, format!("Karpenter 1.{have} does not know {what}"), help);
    }
}

fn budget(check: &mut Check<'_>, path: &str, budget: &Budget) {
    let count = budget.nodes.strip_suffix('%');
    let digits = count.unwrap_or(&budget.nodes);
    let number = digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten();
    if number.is_none_or(|number| count.is_some() && number > 100) {
        let title = format!("`{}` is not a number of nodes", budget.nodes);
        check.error(&format!("{path}.nodes"), code::BUDGET, title, "a number or a share, in quotes: \"3\", \"10%\"");
    }
    for (index, reason) in budget.reasons.iter().enumerate() {
        if !REASONS.contains(&reason.as_str()) {
            let at = format!("{path}.reasons[{index}]");
            check.error(&at, code::BUDGET, format!("`{reason}` is not a reason"), suggest(reason, REASONS));
        }
    }
    if budget.schedule.is_some() != budget.duration.is_some() {
        let help = "a budget holds always, or from each start of `schedule` for `duration`";
        check.error(path, code::BUDGET, "`schedule` and `duration` go together", help);
    }
    if let Some(schedule) = &budget.schedule {
        let at = format!("{path}.schedule");
        let help = "five fields in UTC (`0 9 * * mon-fri`), or @hourly, @daily, @weekly, @monthly, @yearly";
        if !cron(schedule) {
            check.error(&at, code::BUDGET, format!("`{schedule}` is not a schedule"), help);
        }
    }
    if let Some(duration) = &budget.duration {
        // Karpenter's pattern: hours and minutes, for cron knows no seconds.
        let plain = duration.strip_suffix("0s").unwrap_or(duration);
        if plain.contains('s') || shapes::duration(plain).is_none() {
            let at = format!("{path}.duration");
            check.error(
                &at,
                code::BUDGET,
                format!("`{duration}` is not a duration"),
                "hours and minutes: `8h`, `1h30m`",
            );
        }
    }
}

fn cron(text: &str) -> bool {
    if let Some(name) = text.strip_prefix('@') {
        return ["annually", "yearly", "monthly", "weekly", "daily", "midnight", "hourly"].contains(&name);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || "*/,-?".contains(c);
    fields.len() == 5 && fields.iter().all(|field| field.chars().all(plain))
}

fn size(check: &mut Check<'_>, path: &str, pool: &NodePool) {
    karpenter::quantities(check, &format!("{path}.limits"), &pool.limits);
    if pool.weight.is_some_and(|weight| !(1..=100).contains(&weight)) {
        let at = format!("{path}.weight");
        check.error(
            &at,
            code::WEIGHT,
            format!("weight {}", pool.weight.unwrap_or_default()),
            "1 to 100, or leave it out",
        );
    }
    if pool.replicas.is_some() {
        let at = format!("{path}.replicas");
        since(check, &at, 8, "pools of a fixed size");
        if pool.weight.is_some() {
            check.error(&at, code::STATIC_POOL, "a pool of a fixed size has no weight", "remove `weight`");
        }
        if let Some(other) = pool.limits.keys().find(|key| *key != "nodes") {
            let at = format!("{path}.limits.{other}");
            check.error(
                &at,
                code::STATIC_POOL,
                "a pool of a fixed size is limited by `nodes` only",
                format!("remove `{other}`"),
            );
        }
        if !check.spec.karpenter.values.feature_gates.get("staticCapacity").copied().unwrap_or_default() {
            let help = "set `karpenter.values.featureGates.staticCapacity: true`";
            check.warning(&at, code::STATIC_GATE, "pools of a fixed size are behind a feature gate", help);
        }
    } else if !["cpu", "memory", "nodes"].iter().any(|key| pool.limits.contains_key(*key)) {
        check.warning(
            path,
            code::NO_LIMIT,
            "the pool may grow without bound",
            "say what it may hold: `limits: {cpu: 100, memory: 400Gi}`; its cost has no maximum either",
        );
    } else if pool.limits.iter().any(|(key, limit)| key != "nodes" && *limit == Quantity::Number(0)) {
        let help = "a limit of 0 stops new nodes; `rem-ci pause` does the same and says so";
        check.warning(&format!("{path}.limits"), code::POOL_PAUSED, "the pool makes no nodes", help);
    }
}
