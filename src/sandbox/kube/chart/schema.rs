//! Small words to say an OpenAPI schema with.

use serde_json::{Map, Value as Json, json};

/// An object with these fields, some of them required.
pub(super) fn object(fields: &[(&str, Json)], required: &[&str]) -> Json {
    let fields: Map<String, Json> = fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut schema = json!({"type": "object", "properties": fields});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A list of at most `most` items.
pub(super) fn list(items: Json, most: Option<u32>) -> Json {
    with(json!({"type": "array", "items": items}), &[("maxItems", json!(most))])
}

/// The same with at least one.
pub(super) fn some(items: Json, most: u32) -> Json {
    with(list(items, Some(most)), &[("minItems", json!(1))])
}

/// Any text.
pub(super) fn text() -> Json {
    json!({"type": "string"})
}

/// A text that fits a pattern.
pub(super) fn pattern(pattern: &str) -> Json {
    json!({"type": "string", "pattern": pattern})
}

/// One of these texts.
pub(super) fn one_of(values: &[&str]) -> Json {
    json!({"type": "string", "enum": values})
}

/// A number within bounds.
pub(super) fn number(least: Option<i64>, most: Option<i64>) -> Json {
    with(json!({"type": "integer", "format": "int64"}), &[("minimum", json!(least)), ("maximum", json!(most))])
}

/// Yes or no.
pub(super) fn flag() -> Json {
    json!({"type": "boolean"})
}

/// An amount of a resource.
pub(super) fn amount() -> Json {
    json!({
        "anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true,
        "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
    })
}

/// A map from texts to this.
pub(super) fn map(values: Json) -> Json {
    json!({"type": "object", "additionalProperties": values})
}

/// A schema with more said; what is null is left out.
pub(super) fn with(mut schema: Json, more: &[(&str, Json)]) -> Json {
    for (key, value) in more.iter().filter(|(_, value)| !value.is_null()) {
        schema[*key] = value.clone();
    }
    schema
}

/// A span of time such as `30s`, or `Never`.
pub(super) fn span_or_never() -> Json {
    pattern("^(([0-9]+(s|m|h))+|Never)$")
}

/// Conditions as every kind has them.
pub(super) fn conditions() -> Json {
    let fields = [
        ("type", text()),
        ("status", one_of(&["True", "False", "Unknown"])),
        ("reason", text()),
        ("message", text()),
        ("lastTransitionTime", json!({"type": "string", "format": "date-time"})),
        ("observedGeneration", number(Some(0), None)),
    ];
    let item = object(&fields, &["lastTransitionTime", "message", "reason", "status", "type"]);
    list(item, None)
}

/// Requirements of a pool or a claim.
pub(super) fn requirements(version: (u32, u32)) -> Json {
    let mut operators = vec!["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
    if version >= (1, 9) {
        operators.extend(["Gte", "Lte"]);
    }
    let fields = [
        ("key", with(text(), &[("maxLength", json!(316))])),
        ("operator", one_of(&operators)),
        ("values", list(text(), None)),
        ("minValues", number(Some(1), Some(50))),
    ];
    list(object(&fields, &["key", "operator"]), Some(100))
}

/// Taints.
pub(super) fn taints() -> Json {
    let fields = [
        ("key", with(text(), &[("minLength", json!(1))])),
        ("value", text()),
        ("effect", one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"])),
        ("timeAdded", json!({"type": "string", "format": "date-time"})),
    ];
    list(object(&fields, &["effect", "key"]), None)
}

/// A reference to a node class.
pub(super) fn class_ref() -> Json {
    let fields = [("group", pattern("^[^/]*$")), ("kind", text()), ("name", text())];
    object(&fields, &["group", "kind", "name"])
}
