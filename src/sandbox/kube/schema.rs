//! Structural schemas of custom kinds: pruning, defaults, validation (Kubernetes documentation, "Extend the Kubernetes API
//! with CustomResourceDefinitions"). CEL rules are another file's business.

use serde_json::{Map, Value as Json};

use super::status::Cause;

fn open(schema: &Json) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true || schema["x-kubernetes-embedded-resource"] == true
}

fn at(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// The schema of a field; nothing where the schema does not know it.
fn of<'a>(schema: &'a Json, field: &str) -> Option<&'a Json> {
    schema["properties"].get(field).or_else(|| schema.get("additionalProperties").filter(|more| more.is_object()))
}

fn closed(schema: &Json) -> bool {
    !open(schema) && schema["additionalProperties"] != true
}

/// Takes out what the schema does not know; gives the paths of it.
pub fn prune(object: &mut Json, schema: &Json) -> Vec<String> {
    let mut lost = Vec::new();
    let Json::Object(fields) = object else { return lost };
    for (name, value) in fields.iter_mut() {
        // These belong to every object.
        if ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            continue;
        }
        match of(schema, name) {
            Some(schema) => pruned(value, schema, name, &mut lost),
            None if closed(schema) => lost.push(name.clone()),
            None => {}
        }
    }
    if closed(schema) {
        fields.retain(|name, _| {
            ["apiVersion", "kind", "metadata"].contains(&name.as_str()) || of(schema, name).is_some()
        });
    }
    lost
}

fn pruned(value: &mut Json, schema: &Json, path: &str, lost: &mut Vec<String>) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match of(schema, name) {
                    Some(schema) => pruned(value, schema, &at(path, name), lost),
                    None if closed(schema) => lost.push(at(path, name)),
                    None => {}
                }
            }
            if closed(schema) {
                fields.retain(|name, _| of(schema, name).is_some());
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                pruned(item, &schema["items"], &format!("{path}[{index}]"), lost);
            }
        }
        _ => {}
    }
}

/// Fills in what the schema has a default for.
pub fn default(value: &mut Json, schema: &Json) {
    match value {
        Json::Object(fields) => {
            let known = schema["properties"].as_object().into_iter().flatten();
            for (name, schema) in known {
                if let Some(default) = schema.get("default")
                    && fields.get(name).is_none_or(|value| value.is_null() && schema["nullable"] != true)
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(schema) = of(schema, name) {
                    default(value, schema);
                }
            }
        }
        Json::Array(items) => {
            for item in items {
                default(item, &schema["items"]);
            }
        }
        _ => {}
    }
}

/// What is wrong with a value.
#[must_use]
pub fn causes(object: &Json, schema: &Json) -> Vec<Cause> {
    let mut found = Vec::new();
    check(object, schema, "", &mut found);
    found
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn check(value: &Json, schema: &Json, path: &str, found: &mut Vec<Cause>) {
    let mut invalid = |message: String| found.push(Cause::invalid(path, format!("Invalid value: {message}")));
    let have = kind(value);
    if have == "null" {
        if schema["nullable"] != true && schema.get("type").is_some() {
            invalid(format!("\"null\": {path} in body must be of type {}: \"null\"", text(schema, "type")));
        }
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !["integer", "string"].contains(&have) {
            return invalid(format!("\"{have}\": {path} in body must be of type integer or string"));
        }
    } else if let Some(want) = schema["type"].as_str()
        && want != have
        && !(want == "number" && have == "integer")
    {
        return invalid(format!("\"{have}\": {path} in body must be of type {want}: \"{have}\""));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Json::to_string).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", allowed.join(", "));
        found.push(Cause { reason: "FieldValueNotSupported", field: path.to_owned(), message });
    }
    match value {
        Json::String(text) => string(text, schema, path, found),
        Json::Number(number) => numeric(number.as_f64().unwrap_or_default(), schema, path, found),
        Json::Array(items) => list(items, schema, path, found),
        Json::Object(fields) => map(fields, schema, path, found),
        _ => {}
    }
    alternatives(value, schema, path, found);
}

fn text<'a>(schema: &'a Json, field: &str) -> &'a str {
    schema[field].as_str().unwrap_or_default()
}

fn string(value: &str, schema: &Json, path: &str, found: &mut Vec<Cause>) {
    let length = value.chars().count() as u64;
    if let Some(pattern) = schema["pattern"].as_str()
        && !regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value))
    {
        found.push(Cause::invalid(path, format!("Invalid value: {value:?}: {path} in body should match '{pattern}'")));
    }
    if schema["maxLength"].as_u64().is_some_and(|most| length > most) {
        let message = format!("Too long: may not be more than {} bytes", schema["maxLength"]);
        found.push(Cause { reason: "FieldValueTooLong", field: path.to_owned(), message });
    }
    if schema["minLength"].as_u64().is_some_and(|least| length < least) {
        let least = &schema["minLength"];
        found.push(Cause::invalid(
            path,
            format!("Invalid value: {value:?}: {path} in body should be at least {least} chars long"),
        ));
    }
}

fn numeric(value: f64, schema: &Json, path: &str, found: &mut Vec<Cause>) {
    if schema["maximum"].as_f64().is_some_and(|most| value > most) {
        let most = &schema["maximum"];
        found.push(Cause::invalid(
            path,
            format!("Invalid value: {value}: {path} in body should be less than or equal to {most}"),
        ));
    }
    if schema["minimum"].as_f64().is_some_and(|least| value < least) {
        let least = &schema["minimum"];
        found.push(Cause::invalid(
            path,
            format!("Invalid value: {value}: {path} in body should be greater than or equal to {least}"),
        ));
    }
}

fn list(items: &[Json], schema: &Json, path: &str, found: &mut Vec<Cause>) {
    let length = items.len() as u64;
    if schema["maxItems"].as_u64().is_some_and(|most| length > most) {
        let message = format!("Too many: {length}: must have at most {} items", schema["maxItems"]);
        found.push(Cause { reason: "FieldValueTooMany", field: path.to_owned(), message });
    }
    if schema["minItems"].as_u64().is_some_and(|least| length < least) {
        let least = &schema["minItems"];
        found.push(Cause::invalid(
            path,
            format!("Invalid value: {length}: {path} in body should have at least {least} items"),
        ));
    }
    for (index, item) in items.iter().enumerate() {
        let place = format!("{path}[{index}]");
        if schema["x-kubernetes-list-type"] == "set" && items[..index].contains(item) {
            found.push(Cause {
                reason: "FieldValueDuplicate",
                field: place.clone(),
                message: format!("Duplicate value: {item}"),
            });
        }
        if let Some(schema) = schema.get("items") {
            check(item, schema, &place, found);
        }
    }
}

fn map(fields: &Map<String, Json>, schema: &Json, path: &str, found: &mut Vec<Cause>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if !fields.contains_key(name) {
            let message = "Required value".to_owned();
            found.push(Cause { reason: "FieldValueRequired", field: at(path, name), message });
        }
    }
    let length = fields.len() as u64;
    if schema["maxProperties"].as_u64().is_some_and(|most| length > most) {
        let message = format!("Too many: {length}: must have at most {} items", schema["maxProperties"]);
        found.push(Cause { reason: "FieldValueTooMany", field: path.to_owned(), message });
    }
    for (name, value) in fields {
        if let Some(schema) = of(schema, name) {
            check(value, schema, &at(path, name), found);
        }
    }
}

fn alternatives(value: &Json, schema: &Json, path: &str, found: &mut Vec<Cause>) {
    let fits = |schema: &Json| {
        let mut found = Vec::new();
        check(value, schema, path, &mut found);
        found.is_empty()
    };
    let list = |name: &str| schema[name].as_array().filter(|list| !list.is_empty());
    if let Some(all) = list("allOf") {
        for schema in all {
            check(value, schema, path, found);
        }
    }
    if list("anyOf").is_some_and(|any| !any.iter().any(fits)) && schema["x-kubernetes-int-or-string"] != true {
        found.push(Cause::invalid(
            path,
            format!("Invalid value: \"{path}\" in body must validate at least one schema (anyOf)"),
        ));
    }
    if list("oneOf").is_some_and(|one| one.iter().filter(|schema| fits(schema)).count() != 1) {
        found.push(Cause::invalid(
            path,
            format!("Invalid value: \"{path}\" must validate one and only one schema (oneOf)"),
        ));
    }
    if schema.get("not").is_some_and(fits) {
        found.push(Cause::invalid(path, format!("Invalid value: \"{path}\" must not validate the schema (not)")));
    }
}

#[cfg(test)]
mod tests;
