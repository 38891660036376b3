//! Reads a chart's file in memory: nothing is unpacked to disk.

use std::io::Read as _;
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use serde::Deserialize as _;
use serde_json::Value as Json;

use super::chart::CALL;
use crate::engine::Failure;

/// No chart unpacks to more.
const LARGEST: u64 = 64 << 20;

/// Nor to more files.
const MOST: usize = 2000;

/// What there is to know of a chart before it is installed.
#[derive(Debug)]
pub(super) struct Archive {
    /// `Chart.yaml`.
    pub(super) about: Json,
    /// What `crds/` holds, in the order of its files' names.
    pub(super) crds: Vec<Json>,
}

fn odd(why: impl std::fmt::Display) -> Failure {
    Failure::fatal(CALL, format!("the chart's file cannot be used: {why}"))
}

/// Reads a `.tgz`.
///
/// # Errors
/// If it holds anything but plain files and folders of one chart, or too much.
pub(super) fn read(bytes: &[u8]) -> Result<Archive, Failure> {
    // One byte over the bound is enough to know.
    let mut tar = tar::Archive::new(GzDecoder::new(bytes).take(LARGEST + 1));
    let (mut about, mut documents, mut total, mut count) = (None, Vec::new(), 0, 0);
    for entry in tar.entries().map_err(odd)? {
        let mut entry = entry.map_err(odd)?;
        let path = entry.path().map_err(odd)?.into_owned();
        let shown = path.display().to_string();
        let kind = entry.header().entry_type();
        count += 1;
        total += entry.size();
        if count > MOST || total > LARGEST {
            return Err(odd("it unpacks to too much"));
        }
        if kind.is_pax_global_extensions() || kind.is_dir() {
            continue;
        }
        if !kind.is_file() {
            return Err(odd(format!("{shown:?} is neither a file nor a folder")));
        }
        let inner = inside(&path).ok_or_else(|| odd(format!("{shown:?} leads out of the chart")))?;
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if inner == Path::new("Chart.yaml") || (inner.starts_with("crds") && yaml) {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(|error| odd(format!("{shown}: {error}")))?;
            let parsed = parse(&text).map_err(|error| odd(format!("{shown}: {error}")))?;
            if inner == Path::new("Chart.yaml") {
                about = parsed.into_iter().next();
            } else {
                documents.push((shown, parsed));
            }
        }
    }
    documents.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut crds = Vec::new();
    for (shown, parsed) in documents {
        for document in parsed {
            let right =
                document["kind"] == "CustomResourceDefinition" && document["apiVersion"] == "apiextensions.k8s.io/v1";
            if !right {
                return Err(odd(format!("{shown} holds something that is no CustomResourceDefinition")));
            }
            crds.push(document);
        }
    }
    Ok(Archive { about: about.ok_or_else(|| odd("there is no Chart.yaml in it"))?, crds })
}

/// A path below the chart's own folder, which is the first part of every path.
fn inside(path: &Path) -> Option<&Path> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let mut parts = path.components();
    parts.next()?;
    Some(parts.as_path()).filter(|_| plain)
}

fn parse(text: &str) -> Result<Vec<Json>, serde_yaml::Error> {
    let documents = serde_yaml::Deserializer::from_str(text).map(Json::deserialize);
    documents.filter(|document| !matches!(document, Ok(Json::Null))).collect()
}

impl Archive {
    /// Whether it is the version that was asked for.
    ///
    /// # Errors
    /// If it is another.
    pub(super) fn is(&self, version: &str) -> Result<(), Failure> {
        let found = self.about["version"].as_str().unwrap_or_default();
        if found == version {
            return Ok(());
        }
        let why = format!(
            "the pinned chart has version {found}, karpenter.version says {version}; `rem-ci pin ENV` pins that one"
        );
        Err(Failure::fatal(CALL, why))
    }
}

#[cfg(test)]
pub(super) mod tests;
