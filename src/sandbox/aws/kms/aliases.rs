//! Aliases. Source: CreateAlias, UpdateAlias, DeleteAlias, ListAliases.

use serde_json::{Value as Json, json};

use super::{Alias, Key, find, keys, not_found, paged, validation};
use crate::sandbox::region::{Here, epoch, text};
use crate::sandbox::wire::{Answer, Fault};

/// AWS managed keys that come to be at first use.
const MANAGED: &[&str] = &["alias/aws/ebs", "alias/aws/eks", "alias/aws/s3", "alias/aws/sqs"];

fn name(params: &Json) -> Result<String, Fault> {
    let name = text(params, "AliasName");
    let rest = name.strip_prefix("alias/").unwrap_or_default();
    if rest.is_empty() {
        return Err(validation("Alias must start with the prefix \"alias/\". Please see the documentation"));
    }
    if !rest.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_-".contains(letter)) || name.len() > 256 {
        return Err(validation(format!("Value '{name}' at 'aliasName' failed to satisfy constraint")));
    }
    if rest.starts_with("aws/") {
        return Err(Fault::new("InvalidAliasNameException", "Alias names must not begin with alias/aws/"));
    }
    Ok(name.to_owned())
}

/// The key an alias shall point to, by id or ARN.
fn target(here: &mut Here<'_>, params: &Json) -> Result<String, Fault> {
    let named = text(params, "TargetKeyId");
    if named.contains("alias/") {
        return Err(validation("Aliases must refer to keys. Not aliases"));
    }
    let (id, key) = find(here, &json!({ "KeyId": named }))?;
    key.not_pending()?;
    Ok(id)
}

fn alias_arn(here: &Here<'_>, name: &str) -> String {
    here.arn("kms", name)
}

pub(super) fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = name(params)?;
    let target = target(here, params)?;
    if here.region.kms.aliases.contains_key(&name) {
        let arn = alias_arn(here, &name);
        return Err(Fault::new("AlreadyExistsException", format!("An alias with the name {arn} already exists")));
    }
    let (now, listed) = (here.now, here.due(0.0, 5.0));
    here.region.kms.aliases.insert(name.clone(), Alias { target: target.clone(), created: now, updated: now, listed });
    here.span(name, [target], now);
    Ok(json!({}))
}

pub(super) fn update(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = name(params)?;
    let target = target(here, params)?;
    let (now, arn) = (here.now, alias_arn(here, &name));
    let alias = here.region.kms.aliases.get_mut(&name).ok_or_else(|| not_found(&arn))?;
    (alias.target, alias.updated) = (target, now);
    Ok(json!({}))
}

pub(super) fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = name(params)?;
    let arn = alias_arn(here, &name);
    here.region.kms.aliases.remove(&name).ok_or_else(|| not_found(&arn))?;
    Ok(json!({}))
}

pub(super) fn list(here: &mut Here<'_>, params: &Json) -> Answer {
    let of = match text(params, "KeyId") {
        "" => None,
        _ => Some(find(here, params)?.0),
    };
    let now = here.now;
    let shown: Vec<Json> = here
        .region
        .kms
        .aliases
        .iter()
        .filter(|(_, alias)| alias.listed <= now && of.as_ref().is_none_or(|of| *of == alias.target))
        .map(|(name, alias)| {
            json!({
                "AliasName": name,
                "AliasArn": alias_arn(here, name),
                "TargetKeyId": alias.target,
                "CreationDate": epoch(alias.created),
                "LastUpdatedDate": epoch(alias.updated),
            })
        })
        .collect();
    paged("Aliases", &shown, params, 50)
}

/// Makes an AWS managed key when it is first asked for by its alias.
pub(super) fn ensure_managed(here: &mut Here<'_>, named: &str) {
    let Some(name) = MANAGED.iter().find(|name| named.ends_with(**name)) else { return };
    if here.region.kms.aliases.contains_key(*name) {
        return;
    }
    let id = keys::uuid(here);
    let now = here.now;
    let key = Key {
        arn: here.arn("kms", &format!("key/{id}")),
        description: format!("Default key that protects my {} data", name.trim_start_matches("alias/aws/")),
        policy: keys::default_policy(here),
        enabled: true,
        managed: true,
        rotation: Some(365),
        created: now,
        listed: now,
        ..Key::default()
    };
    here.region.kms.keys.insert(id.clone(), key);
    let alias = Alias { target: id, created: now, updated: now, listed: now };
    here.region.kms.aliases.insert((*name).to_owned(), alias);
}
