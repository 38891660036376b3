//! Simulated AWS KMS: symmetric keys, aliases, rotation, deletion. Source: the KMS API reference and developer guide ("Key
//! states of AWS KMS keys", "Quotas").
//!
//! CreateKey has no token. New keys and aliases are in lists a few seconds later; a key that is deleted waits for its window
//! and then goes with its aliases.

mod aliases;
mod keys;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::policy;
use crate::sandbox::region::{Here, list, page, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By key id.
    pub keys: BTreeMap<String, Key>,
    /// By name, with `alias/`.
    pub aliases: BTreeMap<String, Alias>,
}

/// One key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Key {
    /// Whole ARN.
    pub arn: String,
    /// May be empty.
    pub description: String,
    /// JSON text.
    pub policy: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Not disabled.
    pub enabled: bool,
    /// Made by an AWS service: cannot be changed.
    pub managed: bool,
    /// Yearly rotation: its period in days, when it is on.
    pub rotation: Option<i64>,
    /// When it was made.
    pub created: Millis,
    /// From when on it is in lists.
    pub listed: Millis,
    /// When it is deleted, once that is scheduled, and the window in days.
    pub deletion: Option<(Millis, i64)>,
}

/// One alias.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// Key id.
    pub target: String,
    /// When it was made.
    pub created: Millis,
    /// When it was pointed elsewhere last.
    pub updated: Millis,
    /// From when on it is in lists.
    pub listed: Millis,
}

impl Key {
    /// `Enabled`, `Disabled` or `PendingDeletion`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.deletion, self.enabled) {
            (Some(_), _) => "PendingDeletion",
            (None, true) => "Enabled",
            (None, false) => "Disabled",
        }
    }

    /// Refuses what a key pending deletion refuses.
    fn not_pending(&self) -> Result<(), Fault> {
        if self.deletion.is_some() {
            return Err(invalid_state(format!("{} is pending deletion.", self.arn)));
        }
        Ok(())
    }

    /// Refuses what a disabled key, or one pending deletion, refuses.
    fn in_use(&self) -> Result<(), Fault> {
        self.not_pending()?;
        if !self.enabled {
            return Err(Fault::new("DisabledException", format!("{} is disabled.", self.arn)));
        }
        Ok(())
    }
}

impl State {
    /// The id of a key that other services name by id, ARN, alias or alias ARN, if they can encrypt with it.
    ///
    /// # Errors
    /// `NotFoundException`, `DisabledException` or `KMSInvalidStateException`, as KMS tells that service.
    pub fn usable(&self, named: &str) -> Result<String, Fault> {
        let id = self.resolve(named).ok_or_else(|| not_found(named))?;
        self.keys[&id].in_use()?;
        Ok(id)
    }

    /// The id of the key that an id, ARN, alias or alias ARN means.
    #[must_use]
    pub fn resolve(&self, named: &str) -> Option<String> {
        let last = if named.starts_with("arn:") { named.splitn(6, ':').nth(5)? } else { named };
        let id = match last.strip_prefix("key/") {
            Some(id) => id,
            None if last.starts_with("alias/") => &self.aliases.get(last)?.target,
            None => last,
        };
        // An ARN of another region or account ends like ours but is not ours.
        let key = self.keys.get(id)?;
        let home = key.arn.rsplit_once(':').map(|(home, _)| home);
        let foreign = named.starts_with("arn:") && named.splitn(6, ':').take(5).collect::<Vec<_>>().join(":") != home?;
        (!foreign).then(|| id.to_owned())
    }
}

fn not_found(named: &str) -> Fault {
    let what = if named.contains("alias/") { "Alias" } else { "Key" };
    Fault::new("NotFoundException", format!("{what} '{named}' does not exist"))
}

fn invalid_state(why: impl Into<String>) -> Fault {
    Fault::new("KMSInvalidStateException", why)
}

fn validation(why: impl Into<String>) -> Fault {
    Fault::new("ValidationException", why)
}

/// The key that `KeyId` means, and its id.
fn find<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<(String, &'a mut Key), Fault> {
    let named = text(params, "KeyId");
    let kms = &mut here.region.kms;
    let id = kms.resolve(named).ok_or_else(|| not_found(named))?;
    match kms.keys.get_mut(&id) {
        Some(key) => Ok((id, key)),
        None => Err(not_found(named)),
    }
}

/// The same for operations that change a key: they take an id or an ARN, never an alias, and never AWS's own keys.
fn own<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<(String, &'a mut Key), Fault> {
    let named = text(params, "KeyId");
    if named.contains("alias/") {
        return Err(Fault::new("InvalidArnException", format!("Invalid keyId {named}")));
    }
    let account = here.account.to_owned();
    let (id, key) = find(here, params)?;
    if key.managed {
        return Err(Fault::new(
            "AccessDeniedException",
            format!("{account} may not change the AWS managed key {}", key.arn),
        ));
    }
    Ok((id, key))
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let now = here.now;
    match call.operation.as_str() {
        "CreateKey" => keys::create(here, params),
        "DescribeKey" => {
            aliases::ensure_managed(here, text(params, "KeyId"));
            let account = here.account.to_owned();
            let (id, key) = find(here, params)?;
            Ok(json!({ "KeyMetadata": keys::metadata(&account, &id, key) }))
        }
        "ListKeys" => {
            let known = here.region.kms.keys.iter().filter(|(_, key)| key.listed <= now);
            let keys: Vec<Json> = known.map(|(id, key)| json!({ "KeyId": id, "KeyArn": key.arn })).collect();
            paged("Keys", &keys, params, 100)
        }
        "CreateAlias" => aliases::create(here, params),
        "UpdateAlias" => aliases::update(here, params),
        "DeleteAlias" => aliases::delete(here, params),
        "ListAliases" => aliases::list(here, params),
        "EnableKeyRotation" => {
            let days = match params["RotationPeriodInDays"].as_i64() {
                Some(days) if !(90..=2560).contains(&days) => {
                    return Err(validation("RotationPeriodInDays must be 90 to 2560"));
                }
                other => other.unwrap_or(365),
            };
            let (_, key) = own(here, params)?;
            key.in_use()?;
            key.rotation = Some(days);
            Ok(json!({}))
        }
        "DisableKeyRotation" => {
            let (_, key) = own(here, params)?;
            key.in_use()?;
            key.rotation = None;
            Ok(json!({}))
        }
        "GetKeyRotationStatus" => keys::rotation(here, params),
        "GetKeyPolicy" => {
            let (_, key) = find(here, params)?;
            Ok(json!({ "Policy": key.policy, "PolicyName": "default" }))
        }
        "PutKeyPolicy" => {
            let policy = text(params, "Policy").to_owned();
            keys::check_policy(here, &policy, params)?;
            own(here, params)?.1.policy = policy;
            Ok(json!({}))
        }
        "UpdateKeyDescription" => {
            let (_, key) = own(here, params)?;
            key.not_pending()?;
            text(params, "Description").clone_into(&mut key.description);
            Ok(json!({}))
        }
        "TagResource" => {
            let added = keys::tags(params)?;
            let (_, key) = own(here, params)?;
            key.not_pending()?;
            let mut all = key.tags.clone();
            all.extend(added);
            if all.len() > 50 {
                return Err(Fault::new("LimitExceededException", "Too many tags"));
            }
            key.tags = all;
            Ok(json!({}))
        }
        "UntagResource" => {
            let gone = texts(params, "TagKeys");
            let (_, key) = own(here, params)?;
            key.not_pending()?;
            key.tags.retain(|name, _| !gone.contains(name));
            Ok(json!({}))
        }
        "ListResourceTags" => {
            let (_, key) = find(here, params)?;
            let tags: Vec<Json> =
                key.tags.iter().map(|(name, value)| json!({ "TagKey": name, "TagValue": value })).collect();
            paged("Tags", &tags, params, 50)
        }
        "ScheduleKeyDeletion" => keys::schedule(here, params),
        "CancelKeyDeletion" => {
            let (_, key) = own(here, params)?;
            if key.deletion.is_none() {
                return Err(invalid_state(format!("{} is not pending deletion.", key.arn)));
            }
            (key.deletion, key.enabled) = (None, false);
            Ok(json!({ "KeyId": key.arn }))
        }
        "EnableKey" | "DisableKey" => {
            let (_, key) = own(here, params)?;
            key.not_pending()?;
            key.enabled = call.operation == "EnableKey";
            Ok(json!({}))
        }
        other => Err(unsupported("kms", other)),
    }
}

fn paged(name: &str, items: &[Json], params: &Json, usual: usize) -> Answer {
    let size = match params["Limit"].as_u64() {
        Some(size @ 1..=1000) => usize::try_from(size).unwrap_or(usual),
        Some(_) => return Err(validation("Limit must be between 1 and 1000")),
        None => usual,
    };
    let (items, marker) = page(items, text(params, "Marker"), size);
    let mut answer = json!({ name: items, "Truncated": marker.is_some() });
    if let Some(marker) = marker {
        answer["NextMarker"] = json!(marker);
    }
    Ok(answer)
}

/// Brings what is due to its end: keys whose window has passed go, and their aliases with them.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let kms = &mut here.region.kms;
    kms.keys.retain(|_, key| key.deletion.is_none_or(|(due, _)| now < due));
    let State { keys, aliases } = kms;
    aliases.retain(|_, alias| keys.contains_key(&alias.target));
}

#[cfg(test)]
mod tests;
