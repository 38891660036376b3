//! What is in a sandbox, for people: `rem-ci sandbox show`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::state::State;

/// By service, lines such as `123456789012 us-east-1 queues (2): a, b`; global services have no region. Empty collections
/// are left out. It goes by the form of the state alone, so a new service or collection needs no line here.
#[must_use]
pub fn summary(state: &State) -> BTreeMap<String, Vec<String>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, account) in &state.accounts {
        let iam = serde_json::to_value(&account.iam).unwrap_or_default();
        lines.entry("iam".to_owned()).or_default().extend(collections(id, &iam));
        for (region, services) in &account.regions {
            let services = serde_json::to_value(services).unwrap_or_default();
            for (service, content) in services.as_object().into_iter().flatten() {
                let place = format!("{id} {region}");
                lines.entry(service.clone()).or_default().extend(collections(&place, content));
            }
        }
    }
    lines.retain(|_, lines| !lines.is_empty());
    lines
}

fn collections(place: &str, content: &Json) -> Vec<String> {
    let shown = content.as_object().into_iter().flatten().filter_map(|(name, items)| {
        let names: Vec<String> = match items {
            Json::Object(items) => items.keys().cloned().collect(),
            Json::Array(items) => items.iter().map(label).collect(),
            _ => return None,
        };
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        (!names.is_empty()).then(|| format!("{place} {name} ({}): {}", names.len(), names.join(", ")))
    });
    shown.collect()
}

/// What an item of a list is known by.
fn label(item: &Json) -> String {
    let keys = ["id", "name", "arn"];
    let known = keys.iter().find_map(|key| item[*key].as_str()).or_else(|| item.as_str());
    known.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::summary;
    use crate::sandbox::state::State;

    #[test]
    fn it_counts_and_names() {
        let mut state = State::new(1);
        assert!(summary(&state).is_empty());
        let region = state.accounts.entry("123456789012".to_owned()).or_default();
        let region = region.regions.entry("us-east-1".to_owned()).or_default();
        region.logs.ensure("/b", 1);
        region.logs.ensure("/a", 1);
        let shown = summary(&state);
        assert_eq!(shown["logs"], ["123456789012 us-east-1 groups (2): /a, /b"]);
        assert!(!shown.contains_key("sqs"));
    }
}
