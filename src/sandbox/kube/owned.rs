//! Who owns which field: `metadata.managedFields`, server-side apply and its conflicts (Kubernetes documentation,
//! "Server-Side Apply").

use serde_json::{Value as Json, json};

use super::fields::{Set, changed, decode, encode, merged, owned, remove, shown};
use super::shape::Shape;
use super::status::{Cause, Failure};
use super::store::{text, time};
use crate::sandbox::state::Millis;

/// Who writes, and how.
#[derive(Clone, Debug)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// Whether by server-side apply.
    pub apply: bool,
    /// `apps/v1`.
    pub version: &'a str,
    /// Empty for the main resource.
    pub subresource: &'a str,
    /// When.
    pub now: Millis,
}

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    manager: String,
    apply: bool,
    version: String,
    subresource: String,
    time: String,
    fields: Set,
}

impl Entry {
    fn is(&self, writer: &Writer<'_>) -> bool {
        (self.manager.as_str(), self.apply, self.subresource.as_str())
            == (writer.manager, writer.apply, writer.subresource)
    }

    /// As messages name it.
    fn name(&self) -> String {
        let mut name = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            name = format!("{name} with subresource {:?}", self.subresource);
        }
        if !self.apply {
            name = format!("{name} using {} at {}", self.version, self.time);
        }
        name
    }
}

fn entries(object: &Json) -> Vec<Entry> {
    let list = object.pointer("/metadata/managedFields").and_then(Json::as_array);
    let entry = |entry: &Json| Entry {
        manager: text(entry, "/manager").to_owned(),
        apply: entry["operation"] == "Apply",
        version: text(entry, "/apiVersion").to_owned(),
        subresource: text(entry, "/subresource").to_owned(),
        time: text(entry, "/time").to_owned(),
        fields: decode(&entry["fieldsV1"]),
    };
    list.into_iter().flatten().map(entry).collect()
}

fn write(object: &mut Json, entries: &[Entry]) {
    let list: Vec<Json> = entries
        .iter()
        .filter(|entry| !entry.fields.is_empty())
        .map(|entry| {
            let mut one = json!({
                "manager": entry.manager, "operation": if entry.apply { "Apply" } else { "Update" },
                "apiVersion": entry.version, "time": entry.time, "fieldsType": "FieldsV1",
                "fieldsV1": encode(&entry.fields),
            });
            if !entry.subresource.is_empty() {
                one["subresource"] = json!(entry.subresource);
            }
            one
        })
        .collect();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if list.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".to_owned(), Json::Array(list));
        }
    }
}

/// Enters a write that was no apply: what it changed belongs to the writer, and to nobody else any more.
pub fn updated(old: Option<&Json>, new: &mut Json, writer: &Writer<'_>, shape: Shape<'_>) {
    let reset = new.pointer("/metadata/managedFields").and_then(Json::as_array);
    let reset =
        reset.is_some_and(|list| list.iter().all(|entry| entry.as_object().is_none_or(serde_json::Map::is_empty)));
    // Who writes may also say who owns what, as kubectl does when it goes over to server-side apply.
    let said = entries(new);
    let mut all = match old {
        Some(_) if reset => Vec::new(),
        Some(old) if said.is_empty() => entries(old),
        Some(_) => said,
        None => Vec::new(),
    };
    let nothing = json!({});
    let (touched, gone) = changed(old.unwrap_or(&nothing), new, shape);
    if touched.is_empty() && gone.is_empty() {
        return write(new, &all);
    }
    for entry in &mut all {
        entry.fields.retain(|path| !touched.contains(path) && !gone.contains(path));
    }
    match all.iter_mut().find(|entry| entry.is(writer)) {
        Some(entry) => {
            entry.fields.extend(touched);
            entry.time = time(writer.now);
            writer.version.clone_into(&mut entry.version);
        }
        None => all.push(entry(writer, touched)),
    }
    write(new, &all);
}

fn entry(writer: &Writer<'_>, fields: Set) -> Entry {
    Entry {
        manager: writer.manager.to_owned(),
        apply: writer.apply,
        version: writer.version.to_owned(),
        subresource: writer.subresource.to_owned(),
        time: time(writer.now),
        fields,
    }
}

/// Server-side apply of `config` over what is there: gives the object to store.
///
/// # Errors
/// 409 when another manager owns a field that would change, and `force` is not given.
pub fn applied(
    live: Option<&Json>,
    config: &Json,
    writer: &Writer<'_>,
    force: bool,
    shape: Shape<'_>,
) -> Result<Json, Failure> {
    let config = without_nulls(config);
    let wanted = owned(&config, shape);
    let Some(live) = live else {
        let mut object = config;
        write(&mut object, &[entry(writer, wanted)]);
        return Ok(object);
    };
    let mut all = entries(live);
    let mut object = merged(live, &config, shape);
    let (touched, _) = changed(live, &object, shape);
    let mut conflicts = Vec::new();
    for other in all.iter_mut().filter(|entry| !entry.is(writer)) {
        let lost: Vec<_> = other.fields.iter().filter(|path| touched.contains(*path)).cloned().collect();
        if force {
            other.fields.retain(|path| !lost.contains(path));
        }
        conflicts.extend(lost.into_iter().map(|path| (other.name(), shown(&path))));
    }
    if !force && !conflicts.is_empty() {
        return Err(conflict(&conflicts));
    }
    let before = all.iter().find(|entry| entry.is(writer)).map(|entry| entry.fields.clone()).unwrap_or_default();
    for path in before.difference(&wanted) {
        let elsewhere = |entry: &Entry| entry.fields.iter().any(|other| other.starts_with(path));
        let kept = all.iter().filter(|entry| !entry.is(writer)).any(elsewhere)
            || wanted.iter().any(|other| other.starts_with(path));
        if !kept {
            remove(&mut object, path, shape);
        }
    }
    match all.iter_mut().find(|entry| entry.is(writer)) {
        Some(entry) if entry.fields == wanted && entry.version == writer.version => {}
        Some(old) => {
            // A time stays where nothing but the time would be another.
            *old = entry(writer, wanted);
        }
        None => all.push(entry(writer, wanted)),
    }
    write(&mut object, &all);
    Ok(object)
}

/// A field that is applied as null is one that is not applied.
fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Json::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

fn conflict(conflicts: &[(String, String)]) -> Failure {
    let causes: Vec<Cause> = conflicts
        .iter()
        .map(|(manager, field)| Cause {
            reason: "FieldManagerConflict",
            field: field.clone(),
            message: format!("conflict with {manager}"),
        })
        .collect();
    let told = if let [(manager, field)] = conflicts {
        format!("Apply failed with 1 conflict: conflict with {manager}: {field}")
    } else {
        let mut lines = Vec::new();
        let mut last = "";
        for (manager, field) in conflicts {
            if manager != last {
                lines.push(format!("conflicts with {manager}:"));
                last = manager;
            }
            lines.push(format!("- {field}"));
        }
        format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
    };
    Failure::new(409, "Conflict", told).with_causes(&causes)
}
