//! A tree to a [`Spec`], with every error at once.
//!
//! A decoder stops at its first error. So each is noted, the value it is about is replaced by one that decodes (taken
//! from the schema, so that no index shifts and no new error follows), and the decoder runs again. The paths replaced
//! are handed on: a check that looks at a stand-in says nothing.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::Value;

use super::codes::code;
use super::node::{Kind, Node, Places, Step, path_text};
use super::schema;
use super::spec::Spec;
use crate::problem::{Place, Problem};

/// Most errors of shape that are reported for one environment.
const MOST: usize = 100;

/// What became of a tree.
pub(super) struct Decoded {
    /// With stand-ins where `poisoned` says; none if even that failed.
    pub(super) spec: Option<Spec>,
    /// Paths whose value is a stand-in.
    pub(super) poisoned: BTreeSet<String>,
    /// Everything that is wrong with the shape.
    pub(super) problems: Vec<Problem>,
}

pub(super) fn decode(root: &Node, places: &Places) -> Decoded {
    let mut json = root.json();
    let mut poisoned = BTreeSet::new();
    let mut problems = Vec::new();
    for _ in 0..MOST {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&json, &mut track);
        let mut note = |path: serde_ignored::Path<'_>| unknown.push(ignored_path(&path));
        match Spec::deserialize(serde_ignored::Deserializer::new(tracked, &mut note)) {
            Ok(spec) => {
                problems.extend(unknown.iter().take(MOST).map(|path| unknown_key(path, places)));
                return Decoded { spec: Some(spec), poisoned, problems };
            }
            Err(error) => {
                let mut path = tracked_path(&track.path());
                let message = error.to_string();
                problems.push(explain(&message, &mut path, root, places));
                if !replace(&mut json, &path) || !poisoned.insert(path_text(&path)) {
                    break;
                }
            }
        }
    }
    Decoded { spec: None, poisoned, problems }
}

fn tracked_path(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn ignored_path(path: &serde_ignored::Path<'_>) -> Vec<Step> {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(Step::Index(*index))),
        Path::Map { parent, key } => (parent, Some(Step::Key(key.clone()))),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut steps = ignored_path(parent);
    steps.extend(step);
    steps
}

/// Puts a stand-in at `path`; whether that could be done.
fn replace(json: &mut Value, path: &[Step]) -> bool {
    let stand_in = schema::stand_in(path);
    let Some((last, parents)) = path.split_last() else {
        *json = stand_in;
        return true;
    };
    let mut here = json;
    for step in parents {
        let next = match (here, step) {
            (Value::Object(entries), Step::Key(key)) => entries.get_mut(key),
            (Value::Array(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return false };
        here = next;
    }
    match (here, last) {
        (Value::Object(entries), Step::Key(key)) => {
            entries.insert(key.clone(), stand_in);
            true
        }
        (Value::Array(items), Step::Index(index)) if *index < items.len() => {
            items[*index] = stand_in;
            true
        }
        _ => false,
    }
}

/// The name most like `wrong`, if any is like it at all.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    // The distance costs the product of both lengths, and nothing so long is a slip of the pen.
    if wrong.len() > 100 {
        return None;
    }
    let wrong = plain(wrong);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &plain(name)), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// `did you mean X?`, or what there is.
pub(super) fn did_you_mean(wrong: &str, names: &[&str]) -> String {
    match nearest(wrong, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "remove it".to_owned(),
        None => format!("one of: {}", names.join(", ")),
    }
}

fn unknown_key(path: &[Step], places: &Places) -> Problem {
    let (key, parent) = match path.split_last() {
        Some((Step::Key(key), parent)) => (key.as_str(), parent),
        _ => ("?", path),
    };
    let within = path_text(parent);
    let title =
        if within.is_empty() { format!("unknown key `{key}`") } else { format!("unknown key `{key}` in {within}") };
    Problem::error(code::UNKNOWN_KEY, title, did_you_mean(key, &schema::keys(parent))).at(places.key(&path_text(path)))
}

/// One error of the decoder, in our words. For a missing field the path is lengthened by it.
fn explain(message: &str, path: &mut Vec<Step>, root: &Node, places: &Places) -> Problem {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    if message.starts_with("missing field") {
        let field = quoted(message);
        let within = path_text(path);
        let place = places.at(&within);
        path.push(Step::Key(field.clone()));
        let title =
            if within.is_empty() { format!("`{field}` is missing") } else { format!("`{within}` has no `{field}`") };
        return Problem::error(code::MISSING_FIELD, title, missing_help(&field)).at(place);
    }
    let text = path_text(path);
    let place: Option<Place> = places.at(&text);
    if message.starts_with("unknown variant") {
        let wrong = quoted(message);
        let names: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        return Problem::error(
            code::UNKNOWN_VALUE,
            format!("`{wrong}` is not a value of `{text}`"),
            did_you_mean(&wrong, &names),
        )
        .at(place);
    }
    let expected = message.split("expected ").nth(1).map_or_else(|| message.to_owned(), expectation);
    match root.find(path).map(|node| &node.kind) {
        Some(Kind::Scalar { value, raw }) if (value.is_number() || value.is_boolean()) && expected == "text" => {
            Problem::error(
                code::UNQUOTED,
                format!("`{text}` is text, but `{raw}` without quotes is a {}", noun(value)),
                format!("quote it: \"{raw}\""),
            )
        }
        Some(kind) => {
            let found = match kind {
                Kind::Scalar { value: Value::Null, .. } => "nothing".to_owned(),
                Kind::Scalar { value, raw } => format!("the {} `{}`", noun(value), short(raw)),
                Kind::List(_) => "a list".to_owned(),
                Kind::Map(_) => "a map".to_owned(),
            };
            let name = if text.is_empty() { "the file".to_owned() } else { format!("`{text}`") };
            Problem::error(
                code::WRONG_TYPE,
                format!("{name} must be {expected}, not {found}"),
                format!("write {expected}"),
            )
        }
        None => Problem::error(code::WRONG_TYPE, format!("`{text}`: {message}"), "see the schema: `rem-ci schema`"),
    }
    .at(place)
}

fn short(text: &str) -> String {
    if text.chars().count() > 60 {
        format!("{}…", text.chars().take(60).collect::<String>())
    } else {
        text.to_owned()
    }
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::String(_) => "text",
        _ => "value",
    }
}

/// serde's words for what it wanted, in ours.
fn expectation(wanted: &str) -> String {
    let range = |to: &str| format!("a whole number from 0 to {to}");
    match wanted.trim_end_matches('.') {
        "a string" | "string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a map".to_owned(),
        "u8" => range("255"),
        "u16" => range("65535"),
        "u32" => range("4294967295"),
        "u64" | "i32" => "a whole number".to_owned(),
        "option" => "a value".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        other if other.starts_with("enum ") || other.starts_with("string or map") => "one of its names".to_owned(),
        other => other.to_owned(),
    }
}

fn missing_help(field: &str) -> String {
    match field {
        "name" => "name it like its file: `name: prod` in environments/prod.yaml; a file without a name only serves `extends`",
        "owner" => "say who owns the name in the account: `owner: acme/platform`",
        "account" => "name the AWS account, quoted: `account: \"123456789012\"`",
        "region" => "name the AWS region: `region: us-east-1`",
        "version" => "versions are always written down and quoted: `version: \"1.36\"` for Kubernetes, `\"1.15.1\"` for Karpenter",
        "upgradePolicy" => "say what happens when standard support ends: `STANDARD` (AWS upgrades it) or `EXTENDED` (costs 0.50 USD an hour more)",
        "consolidateAfter" => "Karpenter wants it wherever `disruption` is set: `1m`, or `Never`",
        "nodeClass" => "name a key of `nodeClasses`: `nodeClass: default`",
        _ => return format!("add `{field}`, here or in the file it extends"),
    }
    .to_owned()
}
