//! Every request, once each, with its answer, in `target/contract/github.jsonl`, for `.ci/contract/github_check.py`.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};

/// The file, new for each run of the suite.
static LINES: LazyLock<Mutex<(File, HashSet<String>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/contract");
    std::fs::create_dir_all(&folder).expect("a folder");
    Mutex::new((File::create(folder.join("github.jsonl")).expect("a file"), HashSet::new()))
});

/// So much of a list is written down.
const ITEMS: usize = 3;

/// A body without what only repeats.
fn cut(json: Value) -> Value {
    match json {
        Value::Array(items) => items.into_iter().take(ITEMS).map(cut).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, cut(value))).collect(),
        other => other,
    }
}

fn json_of(body: &[u8]) -> Value {
    if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap_or_else(|_| json!("not JSON")) }
}

/// Writes one down, with what was answered. `path` is below the API's address.
pub(crate) fn line(
    template: Option<&str>,
    path: &str,
    query: &[(String, String)],
    request: &http::Request<Bytes>,
    response: &http::Response<Bytes>,
) {
    let mut headers: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
    headers.sort_unstable();
    headers.dedup();
    let version = request.headers().get_all("x-github-api-version").iter().filter_map(|value| value.to_str().ok());
    let mut line = json!({
        "method": request.method().as_str(), "template": template, "path": path, "query": query, "headers": headers,
        "version": version.collect::<Vec<_>>(), "body": json_of(request.body()), "status": response.status().as_u16(),
    });
    let mut lines = LINES.lock().expect("lines");
    if lines.1.insert(line.to_string()) {
        line["answer"] = cut(json_of(response.body()));
        writeln!(lines.0, "{line}").expect("a line");
    }
}
