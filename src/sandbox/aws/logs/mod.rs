//! Simulated Amazon CloudWatch Logs: log groups. Source: the CloudWatch Logs API reference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::policy;
use crate::sandbox::region::{Here, page, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// Days that PutRetentionPolicy allows.
const RETENTION: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub groups: BTreeMap<String, Group>,
}

/// One log group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// When it was made.
    pub created: Millis,
    /// Days; for ever when there is none.
    pub retention: Option<i64>,
    /// ARN of its key.
    pub kms: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// `STANDARD` when empty.
    pub class: String,
    /// Refuses to be deleted.
    pub protected: bool,
}

impl State {
    /// Makes a group as a service does that writes to it (EKS): no tags, no retention. Nothing happens when it exists.
    pub fn ensure(&mut self, name: &str, now: Millis) {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group { created: now, ..Group::default() });
    }

    /// Whether a group of this name exists.
    #[must_use]
    pub fn exists(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }
}

fn invalid(why: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterException", why)
}

fn missing() -> Fault {
    Fault::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn named(params: &Json) -> Result<String, Fault> {
    let name = text(params, "logGroupName");
    let well = (1..=512).contains(&name.len())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_/#".contains(letter));
    if well {
        Ok(name.to_owned())
    } else {
        Err(invalid(format!("Value '{name}' at 'logGroupName' failed to satisfy constraint")))
    }
}

fn group<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Group, Fault> {
    let name = match text(params, "resourceIdentifier") {
        "" => named(params)?,
        arn => of_arn(here, arn)?,
    };
    here.region.logs.groups.get_mut(&name).ok_or_else(missing)
}

fn arn(here: &Here<'_>, name: &str) -> String {
    here.arn("logs", &format!("log-group:{name}"))
}

/// The group a tagging ARN means. It has no `:*` at its end, unlike the `arn` of DescribeLogGroups (TagResource).
fn of_arn(here: &Here<'_>, resource: &str) -> Result<String, Fault> {
    if resource.ends_with(":*") {
        return Err(invalid(format!("Invalid resource ARN {resource}")));
    }
    resource.strip_prefix(&arn(here, "")).map(str::to_owned).ok_or_else(missing)
}

fn tagged<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Group, Fault> {
    let name = of_arn(here, text(params, "resourceArn"))?;
    here.region.logs.groups.get_mut(&name).ok_or_else(missing)
}

fn tags(params: &Json) -> BTreeMap<String, String> {
    let entries = params["tags"].as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// A key must be there, enabled, and its policy must let the service encrypt for this group (user guide, "Encrypt log data
/// in CloudWatch Logs using AWS KMS").
fn check_key(here: &Here<'_>, name: &str, key: &str) -> Result<(), Fault> {
    let refused = || {
        let group = arn(here, name);
        invalid(format!("The specified KMS key does not exist or is not allowed to be used with Arn '{group}'"))
    };
    if !key.starts_with("arn:") {
        return Err(invalid("The specified KMS Key Id is not a valid ARN"));
    }
    let id = here.region.kms.usable(key).map_err(|_| refused())?;
    let document = policy::parse(&here.region.kms.keys[&id].policy).unwrap_or_default();
    let service = format!("logs.{}.amazonaws.com", here.name);
    let group = arn(here, name);
    let context = [
        ("kms:encryptioncontext:aws:logs:arn", group.as_str()),
        ("aws:sourcearn", group.as_str()),
        ("aws:sourceaccount", here.account),
    ];
    let who = [policy::Who::Service(&service), policy::Who::Service("logs.amazonaws.com")];
    let allowed = who
        .iter()
        .any(|who| policy::judge(&document, *who, "kms:GenerateDataKey", "*", &context) == policy::Verdict::Allow);
    if allowed { Ok(()) } else { Err(refused()) }
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    match call.operation.as_str() {
        "CreateLogGroup" => create(here, params),
        "DescribeLogGroups" => describe(here, params),
        "PutRetentionPolicy" => {
            let days = params["retentionInDays"].as_i64().unwrap_or_default();
            if !RETENTION.contains(&days) {
                return Err(invalid(format!("Value {days} at 'retentionInDays' is not one of {RETENTION:?}")));
            }
            group(here, params)?.retention = Some(days);
            Ok(json!({}))
        }
        "DeleteRetentionPolicy" => {
            group(here, params)?.retention = None;
            Ok(json!({}))
        }
        "DeleteLogGroup" => {
            let name = named(params)?;
            if group(here, params)?.protected {
                return Err(Fault::new("ValidationException", "Deletion protection is enabled for this log group."));
            }
            here.region.logs.groups.remove(&name);
            Ok(json!({}))
        }
        "AssociateKmsKey" => {
            let key = text(params, "kmsKeyId").to_owned();
            let name = named(params)?;
            group(here, params)?;
            check_key(here, &name, &key)?;
            group(here, params)?.kms = Some(key);
            Ok(json!({}))
        }
        "DisassociateKmsKey" => {
            group(here, params)?.kms = None;
            Ok(json!({}))
        }
        "TagResource" => {
            let added = tags(params);
            let group = tagged(here, params)?;
            let mut all = group.tags.clone();
            all.extend(added);
            if all.len() > 50 {
                return Err(Fault::new("TooManyTagsException", "A resource can have no more than 50 tags."));
            }
            group.tags = all;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = texts(params, "tagKeys");
            tagged(here, params)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({ "tags": tagged(here, params)?.tags })),
        other => Err(unsupported("logs", other)),
    }
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = named(params)?;
    let class = text(params, "logGroupClass");
    if !["", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY"].contains(&class) {
        return Err(invalid(format!("Value '{class}' at 'logGroupClass' failed to satisfy constraint")));
    }
    if here.region.logs.exists(&name) {
        return Err(Fault::new("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let kms = match text(params, "kmsKeyId") {
        "" => None,
        key => {
            check_key(here, &name, key)?;
            Some(key.to_owned())
        }
    };
    let now = here.now;
    let group = Group {
        created: now,
        retention: None,
        kms,
        tags: tags(params),
        class: class.to_owned(),
        protected: params["deletionProtectionEnabled"].as_bool().unwrap_or_default(),
    };
    here.region.logs.groups.insert(name.clone(), group);
    here.span(name, [], now);
    Ok(json!({}))
}

fn describe(here: &Here<'_>, params: &Json) -> Answer {
    let (prefix, part) = (text(params, "logGroupNamePrefix"), text(params, "logGroupNamePattern"));
    if !prefix.is_empty() && !part.is_empty() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let size = match params["limit"].as_u64() {
        Some(size @ 1..=50) => usize::try_from(size).unwrap_or(50),
        Some(_) => return Err(invalid("limit must be between 1 and 50")),
        None => 50,
    };
    let found = here
        .region
        .logs
        .groups
        .iter()
        .filter(|(name, _)| name.starts_with(prefix) && name.to_lowercase().contains(&part.to_lowercase()));
    let shown: Vec<Json> = found
        .map(|(name, group)| {
            let mut shown = json!({
                "logGroupName": name,
                "creationTime": group.created,
                "metricFilterCount": 0,
                "arn": format!("{}:*", arn(here, name)),
                "logGroupArn": arn(here, name),
                "storedBytes": 0,
                "logGroupClass": if group.class.is_empty() { "STANDARD" } else { &group.class },
                "deletionProtectionEnabled": group.protected,
            });
            if let Some(days) = group.retention {
                shown["retentionInDays"] = json!(days);
            }
            if let Some(key) = &group.kms {
                shown["kmsKeyId"] = json!(key);
            }
            shown
        })
        .collect();
    let (shown, token) = page(&shown, text(params, "nextToken"), size);
    let mut answer = json!({ "logGroups": shown });
    if let Some(token) = token {
        answer["nextToken"] = json!(token);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
