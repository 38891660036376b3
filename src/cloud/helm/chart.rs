//! Which chart, and its bytes, checked.
//!
//! `karpenter.chartDigest` is, for a chart from a registry, the digest of the OCI manifest, as the registry, `cosign` and
//! Karpenter's own documentation name it: the manifest is asked for by that digest, hashed here, and names the digest of the
//! one layer, which is hashed here too. So a mirror must serve the very same chart, and a moved tag changes nothing. For a
//! local file it is the SHA-256 of the file.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::oci;
use crate::config::spec;
use crate::engine::Failure;

/// Where Karpenter publishes its chart, without `oci://`: karpenter.sh, "Getting started", "Install Karpenter".
pub const KARPENTER: &str = "public.ecr.aws/karpenter/karpenter";

/// No chart is larger; Karpenter's has less than a hundredth of it.
pub(super) const LARGEST: usize = 10 << 20;

pub(super) const CALL: &str = "chart";

/// Where a chart is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A repository of a registry, `public.ecr.aws/karpenter/karpenter`.
    Registry(String),
    /// A `.tgz` file.
    File(PathBuf),
}

/// A chart, as an environment names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chart {
    /// Where it is.
    pub source: Source,
    /// Its version, `1.15.1`.
    pub version: String,
    /// `sha256:…`; none before `rem-ci pin`.
    pub digest: Option<String>,
}

impl std::fmt::Display for Chart {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            Source::Registry(repository) => write!(out, "oci://{repository}:{}", self.version),
            Source::File(path) => write!(out, "{}", path.display()),
        }
    }
}

impl Chart {
    /// Karpenter's chart of an environment. A local path begins at the folder that rem-ci runs in.
    #[must_use]
    pub fn of(karpenter: &spec::Karpenter) -> Self {
        let source = match karpenter.chart.as_deref() {
            None => Source::Registry(KARPENTER.to_owned()),
            Some(chart) => match chart.strip_prefix("oci://") {
                Some(repository) => Source::Registry(repository.trim_end_matches('/').to_owned()),
                None => Source::File(PathBuf::from(chart)),
            },
        };
        Self { source, version: karpenter.version.clone(), digest: karpenter.chart_digest.clone() }
    }

    /// The chart's file, if it is the one that was pinned.
    pub(super) async fn bytes(&self) -> Result<Bytes, Failure> {
        let Some(pinned) = &self.digest else {
            let why = format!(
                "{self} is not pinned: karpenter.chartDigest is missing; `rem-ci pin ENV` checks its signature and writes it"
            );
            return Err(Failure::fatal(CALL, why));
        };
        match &self.source {
            Source::Registry(repository) => oci::chart(repository, pinned).await,
            Source::File(path) => {
                let bytes = read(path)?;
                same(&self.to_string(), pinned, &bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// The digest that a chart has now: of the manifest that its version names in the registry, or of the file.
///
/// # Errors
/// If it cannot be read.
pub async fn resolve(chart: &Chart) -> Result<String, Failure> {
    match &chart.source {
        Source::Registry(repository) => oci::digest(repository, &chart.version).await,
        Source::File(path) => Ok(digest(&read(path)?)),
    }
}

/// Whether Karpenter's release workflow has signed a chart of this digest, as this version. A mirror serves the same manifest
/// as Karpenter's own registry, or none that is signed; a local file must be the layer of that manifest.
///
/// # Errors
/// If it has not, or nobody can tell.
pub async fn signed(chart: &Chart, digest: &str) -> Result<(), Failure> {
    let manifest = match &chart.source {
        Source::Registry(_) => digest.to_owned(),
        Source::File(_) => {
            let (manifest, layer) = oci::published(KARPENTER, &chart.version).await?;
            if layer != digest {
                let why = format!(
                    "{chart} ({digest}) is not the file that Karpenter published as {} ({layer})",
                    chart.version
                );
                return Err(Failure { code: "chart-signature".to_owned(), ..Failure::fatal(CALL, why) });
            }
            manifest
        }
    };
    super::cosign::verify(KARPENTER, &chart.version, &manifest).await
}

fn read(path: &Path) -> Result<Bytes, Failure> {
    let failed = |why: String| Failure::fatal(CALL, format!("{}: {why}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if !meta.is_file() {
        return Err(failed("is not a file: pack the chart first (helm package)".to_owned()));
    }
    if meta.len() > LARGEST as u64 {
        return Err(failed(format!("is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(std::fs::read(path).map_err(|error| failed(error.to_string()))?.into())
}

/// `sha256:…` of some bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether these bytes are the pinned ones.
pub(super) fn same(what: &str, pinned: &str, bytes: &[u8]) -> Result<(), Failure> {
    let found = digest(bytes);
    if found == pinned {
        return Ok(());
    }
    let why = format!(
        "{what} is not what was pinned: it has the digest {found}, the pin says {pinned}; nothing of it is used"
    );
    Err(Failure { code: "chart-digest".to_owned(), ..Failure::fatal(CALL, why) })
}
