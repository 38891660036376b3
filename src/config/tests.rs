//! The loader against the shipped environments, the bad corpus of tests/bad, and hostile texts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};

use super::files::Memory;
use super::*;
use crate::problem::{Problem, Severity};

mod corpus;
mod hostile;
mod shipped;

const TODAY: Date = date(2026, 11, 24);

/// A small whole environment.
const GOOD: &str = r#"name: prod
owner: acme/platform
account: "123456789012"
region: us-east-1
network: {cidr: 10.0.0.0/16, zones: 3}
cluster:
  name: rem-prod
  version: "1.36"
  upgradePolicy: STANDARD
addons: {vpc-cni: {}, kube-proxy: {}, coredns: {}}
karpenter: {version: "1.15.1"}
nodeClasses: {default: {amiAlias: al2023@default}}
nodePools:
  general:
    nodeClass: default
    requirements: [{key: kubernetes.io/arch, operator: In, values: [amd64]}]
    limits: {cpu: 100}
"#;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn memory(files: &[(&str, &str)]) -> Memory {
    Memory(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect::<BTreeMap<_, _>>())
}

fn load_text(text: &str) -> Result<Loaded, Vec<Problem>> {
    load_from(&memory(&[("prod.yaml", text)]), "prod.yaml", TODAY)
}

/// `severity code file:line:column length` a line.
fn lines(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        let severity = format!("{:?}", problem.severity).to_lowercase();
        let _ = match &problem.place {
            Some(place) => {
                writeln!(text, "{severity} {} {}:{}:{}", problem.code, place.file, place.line, place.column)
            }
            None => writeln!(text, "{severity} {} -", problem.code),
        };
        text
    })
}

/// As [`lines`], with the underlined text, title and help: what a failing test shows.
fn shown(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        if let Some(place) = &problem.place {
            let under: String = place.text.chars().skip(place.column - 1).take(place.length).collect();
            let _ = writeln!(text, "{}:{}:{} [{under}]", place.file, place.line, place.column);
        }
        let _ = writeln!(text, "  {:?} {}: {}\n    {}", problem.severity, problem.code, problem.title, problem.help);
        text
    })
}
