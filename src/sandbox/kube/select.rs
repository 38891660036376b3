//! Label and field selectors (Kubernetes documentation, "Labels and Selectors", "Field Selectors").

use serde_json::Value as Json;

use super::status::Failure;
use super::store::text;

/// Which objects of a collection are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Rule>,
    /// Field, value, whether it must be equal.
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    key: String,
    values: Vec<String>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    In,
    NotIn,
    Exists,
    Absent,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400 for what cannot be read.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, Failure> {
        let labels = pieces(labels).into_iter().map(rule).collect::<Result<_, _>>()?;
        let fields = pieces(fields).into_iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether it selects at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The name that a field selector asks for.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _, equal)| *equal && field == "metadata.name")
            .map(|(_, name, _)| name.as_str())
    }

    /// Whether an object is meant.
    #[must_use]
    pub fn matches(&self, object: &Json) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|rule| rule.holds(labels.get(&rule.key).and_then(Json::as_str)))
            && self.fields.iter().all(|(field, want, equal)| (value(object, field) == *want) == *equal)
    }
}

impl Rule {
    fn holds(&self, label: Option<&str>) -> bool {
        let among = label.is_some_and(|label| self.values.iter().any(|value| value == label));
        match self.how {
            How::In => among,
            How::NotIn => !among,
            How::Exists => label.is_some(),
            How::Absent => label.is_none(),
        }
    }
}

/// A `LabelSelector` of an object, `matchLabels` and `matchExpressions`; one that is empty selects everything, none nothing.
#[must_use]
pub fn selects(selector: &Json, labels: &Json) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let label = |key: &str| labels.get(key).and_then(Json::as_str);
    let exact = selector.get("matchLabels").and_then(Json::as_object);
    let by_labels = exact.into_iter().flatten().all(|(key, value)| label(key) == value.as_str());
    let expressions = selector.get("matchExpressions").and_then(Json::as_array);
    let by_expressions = expressions.into_iter().flatten().all(|expression| {
        let values = expression["values"].as_array().into_iter().flatten();
        let how = match expression["operator"].as_str() {
            Some("In") => How::In,
            Some("NotIn") => How::NotIn,
            Some("Exists") => How::Exists,
            _ => How::Absent,
        };
        let key = text(expression, "/key").to_owned();
        let rule = Rule { values: values.filter_map(|value| value.as_str().map(str::to_owned)).collect(), key, how };
        rule.holds(label(&rule.key))
    });
    by_labels && by_expressions
}

/// Splits at commas that are not in brackets.
fn pieces(text: &str) -> Vec<&str> {
    let (mut found, mut from, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(text[from..].trim());
    found.retain(|piece| !piece.is_empty());
    found
}

fn rule(piece: &str) -> Result<Rule, Failure> {
    let bad = || Failure::bad(format!("unable to parse requirement: {piece}"));
    let rule = |key: &str, values: Vec<String>, how| Rule { key: key.trim().to_owned(), values, how };
    if let Some((head, list)) = piece.split_once('(') {
        let list = list.strip_suffix(')').ok_or_else(bad)?;
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => Ok(rule(key, values, How::In)),
            (Some(key), Some("notin"), None) => Ok(rule(key, values, How::NotIn)),
            _ => Err(bad()),
        };
    }
    if let Some((key, value)) = piece.split_once("!=") {
        return Ok(rule(key, vec![value.trim().to_owned()], How::NotIn));
    }
    if let Some((key, value)) = piece.split_once("==").or_else(|| piece.split_once('=')) {
        return Ok(rule(key, vec![value.trim().to_owned()], How::In));
    }
    if piece.contains(char::is_whitespace) {
        return Err(bad());
    }
    Ok(match piece.strip_prefix('!') {
        Some(key) => rule(key, Vec::new(), How::Absent),
        None => rule(piece, Vec::new(), How::Exists),
    })
}

fn field(piece: &str) -> Result<(String, String, bool), Failure> {
    let own = |(field, value): (&str, &str), equal| (field.trim().to_owned(), value.trim().to_owned(), equal);
    let not = piece.split_once("!=").map(|pair| own(pair, false));
    let is = || piece.split_once("==").or_else(|| piece.split_once('=')).map(|pair| own(pair, true));
    not.or_else(is).ok_or_else(|| Failure::bad(format!("invalid selector: '{piece}'; can't understand '{piece}'")))
}

/// What a field says; empty for none. `source` of an event is its component.
fn value(object: &Json, field: &str) -> String {
    let pointer = match field {
        "source" => "/source/component".to_owned(),
        field => format!("/{}", field.replace('.', "/")),
    };
    match object.pointer(&pointer) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Null) | None => match field {
            // What the server fills in when it reads these fields.
            "spec.unschedulable" => "false".to_owned(),
            _ => String::new(),
        },
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
