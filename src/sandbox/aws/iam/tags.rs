//! Tags of IAM's things: at most 50, keys of 128 and values of 256 characters, no `aws:` in front.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{invalid, limit};
use crate::sandbox::region::{list, text, texts};
use crate::sandbox::wire::Fault;

/// A thing's tags.
pub(super) type Tags = BTreeMap<String, String>;

/// The request's tags.
pub(super) fn from(params: &Json) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for tag in list(params, "Tags") {
        let (key, value) = (text(&tag, "Key"), text(&tag, "Value"));
        if key.is_empty() || key.len() > 128 || value.len() > 256 {
            return Err(invalid(format!("the tag {key} is too long or empty")));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(Fault::new("InvalidInput", "Caller is an end user and not allowed to mutate system tags"));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Fault::new(
                "InvalidInput",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    fits(tags)
}

fn fits(tags: Tags) -> Result<Tags, Fault> {
    if tags.len() > 50 { Err(limit("The number of tags has reached the maximum limit.")) } else { Ok(tags) }
}

/// Adds the request's tags.
pub(super) fn add(tags: &mut Tags, params: &Json) -> Result<(), Fault> {
    let mut new = tags.clone();
    new.extend(from(params)?);
    *tags = fits(new)?;
    Ok(())
}

/// Takes the request's `TagKeys` away.
pub(super) fn remove(tags: &mut Tags, params: &Json) {
    for key in texts(params, "TagKeys") {
        tags.remove(&key);
    }
}

/// As answers carry them.
pub(super) fn out(tags: &Tags) -> Vec<Json> {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
