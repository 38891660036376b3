//! `Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-0a` as `{"Filter": [{"Name": "vpc-id", "Value": ["vpc-0a"]}]}`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use serde_json::Value as Json;

use super::Fault;

#[derive(Default)]
struct Tree {
    leaf: Option<String>,
    branches: BTreeMap<String, Tree>,
}

impl Tree {
    fn json(self) -> Json {
        if self.branches.is_empty() {
            return Json::String(self.leaf.unwrap_or_default());
        }
        let indexed = self.branches.keys().all(|key| key.parse::<u32>().is_ok());
        if indexed {
            let mut items: Vec<(u32, Json)> =
                self.branches.into_iter().map(|(key, tree)| (key.parse().unwrap_or_default(), tree.json())).collect();
            items.sort_by_key(|(index, _)| *index);
            return Json::Array(items.into_iter().map(|(_, item)| item).collect());
        }
        let mut branches = self.branches;
        // IAM's lists are `Tags.member.1`; the word carries nothing.
        if branches.len() == 1
            && let Some(members) = branches.remove("member")
        {
            return members.json();
        }
        Json::Object(branches.into_iter().map(|(key, tree)| (key, tree.json())).collect())
    }
}

pub(super) fn parse(request: &Request<Bytes>) -> Result<(String, Json), Fault> {
    let mut root = Tree::default();
    let query = request.uri().query().unwrap_or_default();
    for (key, value) in form_urlencoded::parse(request.body()).chain(form_urlencoded::parse(query.as_bytes())) {
        let mut at = &mut root;
        for part in key.split('.') {
            at = at.branches.entry(part.to_owned()).or_default();
        }
        at.leaf = Some(value.into_owned());
    }
    let mut params = match root.json() {
        Json::Object(params) => params,
        _ => serde_json::Map::new(),
    };
    let Some(Json::String(operation)) = params.remove("Action") else {
        return Err(Fault::new("MissingAction", "the request names no Action"));
    };
    // Two services of one signing name differ in the version of their API alone; no other operation has such a parameter.
    let version = params.remove("Version").unwrap_or_default();
    if version == "2015-12-01" || version == "2012-06-01" {
        params.insert("Version".to_owned(), version);
    }
    Ok((operation, Json::Object(params)))
}
