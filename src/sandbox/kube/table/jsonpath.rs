//! The paths of `additionalPrinterColumns`: fields, indices, and a filter for one equal value.

use serde_json::Value as Json;

use super::human;
use crate::sandbox::state::Millis;

/// What a path finds, as a cell of a type.
pub(super) fn cell(object: &Json, path: &str, kind: &str, now: Millis) -> Json {
    match (find(object, path), kind) {
        (None | Some(Json::Null), _) => Json::Null,
        (Some(Json::String(time)), "date") => Json::from(human::since(time, now)),
        (Some(value @ (Json::String(_) | Json::Bool(_) | Json::Number(_))), _) => value.clone(),
        (Some(other), _) => Json::from(other.to_string()),
    }
}

/// The first value that a path leads to.
pub(super) fn find<'a>(object: &'a Json, path: &str) -> Option<&'a Json> {
    let mut here = object;
    for step in steps(path) {
        here = match step {
            Step::Field(name) => here.get(&name)?,
            Step::Index(at) => here.get(at)?,
            Step::Where(field, value) => {
                here.as_array()?.iter().find(|item| item.get(&field).and_then(Json::as_str) == Some(value.as_str()))?
            }
        };
    }
    Some(here)
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    Where(String, String),
}

fn steps(path: &str) -> Vec<Step> {
    let mut found = Vec::new();
    let mut field = String::new();
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '.' => end(&mut field, &mut found),
            // A dot that belongs to a name.
            '\\' => field.extend(letters.next()),
            '[' => {
                end(&mut field, &mut found);
                let mut inside = String::new();
                let mut quoted = false;
                for letter in letters.by_ref() {
                    match letter {
                        '"' | '\'' => {
                            quoted = !quoted;
                            inside.push(letter);
                        }
                        ']' if !quoted => break,
                        letter => inside.push(letter),
                    }
                }
                found.extend(bracket(&inside));
            }
            letter => field.push(letter),
        }
    }
    end(&mut field, &mut found);
    found
}

fn end(field: &mut String, found: &mut Vec<Step>) {
    if !field.is_empty() {
        found.push(Step::Field(std::mem::take(field)));
    }
}

fn bracket(inside: &str) -> Option<Step> {
    let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    if let Some(filter) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let (field, value) = filter.split_once("==")?;
        return Some(Step::Where(field.trim().trim_start_matches("@.").to_owned(), bare(value)));
    }
    Some(inside.parse().map_or_else(|_| Step::Field(bare(inside)), Step::Index))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn paths_of_printer_columns_are_followed() {
        let object = json!({
            "metadata": { "labels": { "a.b/c": "x" } },
            "status": { "conditions": [{ "type": "Old", "status": "False" }, { "type": "Ready", "status": "True" }] },
        });
        let find = |path: &str| super::find(&object, path).cloned();
        assert_eq!(find(r".metadata.labels.a\.b/c"), Some(json!("x")));
        assert_eq!(find(r#".status.conditions[?(@.type=="Ready")].status"#), Some(json!("True")));
        assert_eq!(find(".status.conditions[0].type"), Some(json!("Old")));
        assert_eq!(find(".metadata['labels']['a.b/c']"), Some(json!("x")));
        assert_eq!(find(".spec.none"), None);
    }
}
