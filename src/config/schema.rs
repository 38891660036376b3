//! The JSON Schema of environment files: for editors, and for our own suggestions.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::node::Step;
use super::spec::Spec;

/// Straight from the types, with what is required.
static EXACT: LazyLock<Value> =
    LazyLock::new(|| SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Spec>().to_value());

/// The text of `environments/schema.json`: as the types say, but nothing that `extends` can bring is required, a null
/// removes what a base file says, and unknown keys are marked.
///
/// # Panics
/// Never: a JSON value can always be printed.
#[must_use]
pub fn schema() -> String {
    let mut schema = EXACT.clone();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("rem-ci environment"));
        if let Some(Value::Object(shapes)) = root.get_mut("$defs") {
            for (name, shape) in shapes.iter_mut() {
                // Items of lists are replaced as a whole, so what they need can be asked for.
                let whole = ["Requirement", "Taint", "Budget", "Waiver", "Moved"].contains(&name.as_str());
                loosen(shape, whole);
            }
        }
    }
    loosen(&mut schema, false);
    let mut text = format!("{schema:#}");
    text.push('\n');
    text
}

fn loosen(shape: &mut Value, whole: bool) {
    let Some(shape) = shape.as_object_mut() else { return };
    // An entry of a map can be removed by null.
    if let Some(Value::Object(properties)) = shape.get_mut("properties") {
        for property in properties.values_mut() {
            if let Some(entry) = property.get_mut("additionalProperties").filter(|entry| entry.is_object()) {
                *entry = json!({ "anyOf": [entry.take(), { "type": "null" }] });
            }
        }
    }
    if shape.contains_key("properties") {
        shape.entry("additionalProperties").or_insert(Value::Bool(false));
        if !whole {
            shape.remove("required");
        }
    }
}

/// The schema at a path; none where anything goes or nothing is known.
fn at(path: &[Step]) -> Option<&'static Value> {
    let mut here = resolve(&EXACT);
    for step in path {
        here = resolve(match step {
            Step::Key(key) => {
                let shape =
                    alternatives(here).find(|shape| shape.get("properties").is_some() || entries(shape).is_some())?;
                shape.get("properties").and_then(|all| all.get(key)).or_else(|| entries(shape))?
            }
            Step::Index(_) => alternatives(here).find_map(|shape| shape.get("items"))?,
        });
    }
    Some(here)
}

fn entries(shape: &Value) -> Option<&Value> {
    shape.get("additionalProperties").filter(|rest| rest.is_object())
}

fn resolve(shape: &'static Value) -> &'static Value {
    let target = shape.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
    target.and_then(|pointer| EXACT.pointer(pointer)).unwrap_or(shape)
}

/// The shape itself, then those it may be instead (`anyOf` with null is how an optional one is written).
fn alternatives(shape: &'static Value) -> impl Iterator<Item = &'static Value> {
    let others = shape.get("anyOf").or_else(|| shape.get("oneOf")).and_then(Value::as_array);
    std::iter::once(shape).chain(others.into_iter().flatten().map(resolve))
}

/// The keys that the map at `path` may have.
pub(super) fn keys(path: &[Step]) -> Vec<&'static str> {
    let Some(shape) = at(path) else { return Vec::new() };
    alternatives(shape)
        .find_map(|shape| shape.get("properties").and_then(Value::as_object))
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Some value that decodes at `path`, to stand in for one that does not while the rest is looked at.
pub(super) fn stand_in(path: &[Step]) -> Value {
    at(path).map_or(Value::Null, |shape| example(shape, 0))
}

fn example(shape: &'static Value, depth: usize) -> Value {
    let shape = resolve(shape);
    if depth > 16 {
        return Value::Null;
    }
    if let Some(fixed) = shape.get("const") {
        return fixed.clone();
    }
    if let Some(first) = shape.get("enum").and_then(|all| all.get(0)) {
        return first.clone();
    }
    if let Some(first) = shape.get("oneOf").or_else(|| shape.get("anyOf")).and_then(|all| all.get(0)) {
        return example(first, depth + 1);
    }
    let kind = match shape.get("type") {
        Some(Value::Array(kinds)) => kinds.first(),
        kind => kind,
    };
    match kind.and_then(Value::as_str) {
        Some("string") => json!("x"),
        Some("integer" | "number") => shape.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => {
            let properties = shape.get("properties").and_then(Value::as_object);
            let required = shape.get("required").and_then(Value::as_array);
            let names = required.into_iter().flatten().filter_map(Value::as_str);
            let of = |name: &str| properties.and_then(|all| all.get(name)).map(|shape| example(shape, depth + 1));
            Value::Object(names.filter_map(|name| Some((name.to_owned(), of(name)?))).collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_schema_is_current() {
        let committed = include_str!("../../environments/schema.json");
        assert!(
            committed == schema(),
            "environments/schema.json is old: run `rem-ci schema > environments/schema.json`"
        );
    }

    #[test]
    fn keys_are_found_through_maps_and_lists() {
        let path =
            [Step::Key("nodePools".into()), Step::Key("x".into()), Step::Key("requirements".into()), Step::Index(0)];
        assert_eq!(keys(&path), ["key", "minValues", "operator", "values"]);
        assert!(keys(&[]).contains(&"nodeClasses"));
        assert!(keys(&[Step::Key("tags".into())]).is_empty());
    }

    #[test]
    fn a_stand_in_for_everything_decodes() {
        assert!(serde_json::from_value::<Spec>(stand_in(&[])).is_ok(), "{}", stand_in(&[]));
    }
}
