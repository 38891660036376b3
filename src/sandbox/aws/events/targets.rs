//! Targets of a rule. Source: PutTargets, RemoveTargets; at most 5 targets a rule (user guide, "Quotas").

use serde_json::{Value as Json, json};

use super::{name, no_rule, rule, validation};
use crate::sandbox::region::{Here, list, text, texts};
use crate::sandbox::wire::{Answer, Fault};

const MOST: usize = 5;

pub(super) fn put(here: &mut Here<'_>, params: &Json) -> Answer {
    let rule_name = name(params, "Rule")?;
    let targets = list(params, "Targets");
    if targets.is_empty() || targets.len() > 100 {
        return Err(validation("1 validation error detected: Value at 'targets' failed to satisfy constraint"));
    }
    let mut seen = Vec::new();
    for target in &targets {
        let id = name(target, "Id")?;
        let arn = text(target, "Arn");
        if !arn.starts_with("arn:") {
            return Err(validation(format!(
                "Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
            )));
        }
        if seen.contains(&id) {
            return Err(validation(format!("Duplicate target id {id}")));
        }
        if !target["InputTransformer"].is_null() {
            return Err(
                Fault::new("UnknownOperationException", "the sandbox does not simulate InputTransformer").status(501)
            );
        }
        seen.push(id);
    }
    let rule = rule(here, params, "Rule").map_err(|fault| match fault.code.as_str() {
        "ResourceNotFoundException" => no_rule(&rule_name),
        _ => fault,
    })?;
    let mut all = rule.targets.clone();
    all.extend(seen.into_iter().zip(targets));
    if all.len() > MOST {
        return Err(Fault::new("LimitExceededException", "The requested resource exceeds the maximum number allowed."));
    }
    rule.targets = all;
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}

/// Ids that are not there count as removed.
pub(super) fn remove(here: &mut Here<'_>, params: &Json) -> Answer {
    let ids = texts(params, "Ids");
    if ids.is_empty() {
        return Err(validation("1 validation error detected: Value at 'ids' failed to satisfy constraint"));
    }
    rule(here, params, "Rule")?.targets.retain(|id, _| !ids.contains(id));
    Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
}
