//! Keys themselves: making, policy, rotation, deletion.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Key, find, list, own, policy, validation};
use crate::sandbox::region::{Here, epoch, text};
use crate::sandbox::wire::{Answer, Fault};

const DAY: i64 = 86_400_000;

pub(super) fn tags(params: &Json) -> Result<BTreeMap<String, String>, Fault> {
    let tags: BTreeMap<String, String> = list(params, "Tags")
        .iter()
        .map(|tag| (text(tag, "TagKey").to_owned(), text(tag, "TagValue").to_owned()))
        .collect();
    if tags.keys().any(|key| key.is_empty() || key.starts_with("aws:")) {
        return Err(Fault::new("TagException", "Invalid tag key"));
    }
    Ok(tags)
}

/// A policy must be one, and must let its author change it again, unless that check is bypassed (CreateKey, "policy lockout
/// safety check").
pub(super) fn check_policy(here: &Here<'_>, text: &str, params: &Json) -> Result<(), Fault> {
    let malformed = |why: &str| Fault::new("MalformedPolicyDocumentException", why);
    let document = policy::parse(text).ok_or_else(|| malformed("Policy document is malformed"))?;
    if params["BypassPolicyLockoutSafetyCheck"].as_bool() == Some(true) {
        return Ok(());
    }
    let who = policy::Who::Principal { arn: here.caller, account: here.account };
    let context = [("kms:calleraccount", here.account)];
    match policy::judge(&document, who, "kms:PutKeyPolicy", "*", &context) {
        policy::Verdict::Allow => Ok(()),
        _ => Err(malformed("The new key policy will not allow you to update the key policy in the future.")),
    }
}

/// The policy of a key made without one: the account decides by IAM (developer guide, "Default key policy").
pub(super) fn default_policy(here: &Here<'_>) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{}:iam::{}:root", here.partition(), here.account) },
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

/// A new id in the shape of a UUID, version 4.
pub(super) fn uuid(here: &mut Here<'_>) -> String {
    let (high, low) = (here.draw(), here.draw());
    let (third, fourth) = (0x4000 | (high & 0x0fff), 0x8000 | ((low >> 48) & 0x3fff));
    format!("{:08x}-{:04x}-{third:04x}-{fourth:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, low & 0xffff_ffff_ffff)
}

pub(super) fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let spec = [text(params, "KeySpec"), text(params, "CustomerMasterKeySpec")].join("");
    let plain = (spec.is_empty() || spec == "SYMMETRIC_DEFAULT")
        && ["", "ENCRYPT_DECRYPT"].contains(&text(params, "KeyUsage"))
        && ["", "AWS_KMS"].contains(&text(params, "Origin"))
        && params["MultiRegion"].as_bool() != Some(true);
    if !plain {
        return Err(Fault::new(
            "UnsupportedOperationException",
            "the sandbox simulates symmetric encryption keys only",
        ));
    }
    let policy = match text(params, "Policy") {
        "" => default_policy(here),
        policy => policy.to_owned(),
    };
    check_policy(here, &policy, params)?;
    let tags = tags(params)?;
    let (id, listed) = (uuid(here), here.due(0.0, 5.0));
    let key = Key {
        arn: here.arn("kms", &format!("key/{id}")),
        description: text(params, "Description").to_owned(),
        policy,
        tags,
        enabled: true,
        created: here.now,
        listed,
        ..Key::default()
    };
    let shown = metadata(here.account, &id, &key);
    here.region.kms.keys.insert(id.clone(), key);
    let now = here.now;
    here.span(id, [], now);
    Ok(json!({ "KeyMetadata": shown }))
}

pub(super) fn metadata(account: &str, id: &str, key: &Key) -> Json {
    let mut shown = json!({
        "AWSAccountId": account,
        "KeyId": id,
        "Arn": key.arn,
        "CreationDate": epoch(key.created),
        "Enabled": key.state() == "Enabled",
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state(),
        "Origin": "AWS_KMS",
        "KeyManager": if key.managed { "AWS" } else { "CUSTOMER" },
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if let Some((due, _)) = key.deletion {
        shown["DeletionDate"] = epoch(due);
    }
    shown
}

/// While a key is pending deletion its rotation reads false; cancelling brings it back (GetKeyRotationStatus).
pub(super) fn rotation(here: &mut Here<'_>, params: &Json) -> Answer {
    let now = here.now;
    let (_, key) = find(here, params)?;
    let mut shown = json!({ "KeyId": key.arn, "KeyRotationEnabled": false });
    if let (Some(days), None) = (key.rotation, key.deletion) {
        let rounds = (now - key.created) / (days * DAY) + 1;
        shown["KeyRotationEnabled"] = json!(true);
        shown["RotationPeriodInDays"] = json!(days);
        shown["NextRotationDate"] = epoch(key.created + rounds * days * DAY);
    }
    Ok(shown)
}

pub(super) fn schedule(here: &mut Here<'_>, params: &Json) -> Answer {
    let days = params["PendingWindowInDays"].as_i64().unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(validation("PendingWindowInDays must be between 7 and 30"));
    }
    let now = here.now;
    let (_, key) = own(here, params)?;
    key.not_pending()?;
    let due = now + days * DAY;
    key.deletion = Some((due, days));
    Ok(json!({
        "KeyId": key.arn,
        "DeletionDate": epoch(due),
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }))
}
