//! Karpenter's chart: pulled, checked against its digest, read, and installed by the `helm` binary.
//!
//! Helm gets a file that we have checked, values that we have written, and a kubeconfig with a short token. It never
//! resolves, downloads or waits: what is installed is what was pinned, and readiness is judged by us.
//!
//! | file | what it does |
//! |---|---|
//! | `chart.rs` | which chart, and its bytes, checked |
//! | `oci.rs` | reads a registry by digest |
//! | `archive.rs` | reads a chart's file: its version, its CustomResourceDefinitions |
//! | `values.rs` | the few values that are set, and their digest |
//! | `binary.rs` | the `helm` binary: arguments, environment, what its failures mean |
//! | `standin.rs` | the same without helm, for the simulated region |
//! | `cosign.rs` | the signature of Karpenter's chart |

mod archive;
mod binary;
mod chart;
pub mod cosign;
mod oci;
mod standin;
mod values;

use serde_json::Value as Json;

pub use binary::Binary;
pub use chart::{Chart, KARPENTER, Source, resolve, signed};
pub use standin::{Crds, Objects, StandIn};
pub use values::{Annotations, Values};

use crate::cloud::kubernetes::Access;
use crate::engine::{Failure, Read};

/// A chart with its values in a namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// `karpenter`.
    pub name: String,
    /// Where it goes; it must be there.
    pub namespace: String,
    /// What is installed.
    pub chart: Chart,
    /// Complete: helm is told to forget those of before.
    pub values: Json,
}

/// Whoever installs charts.
#[derive(Clone, Debug)]
pub enum Helm {
    /// The `helm` binary.
    Binary(Binary),
    /// A stand-in for Karpenter's chart, in the simulated region.
    StandIn(StandIn),
}

impl Default for Helm {
    fn default() -> Self {
        Self::Binary(Binary::default())
    }
}

impl Helm {
    /// The chart's CustomResourceDefinitions, from the checked file.
    ///
    /// # Errors
    /// If the chart cannot be had, or is not the one that was pinned.
    pub async fn crds(&self, chart: &Chart) -> Read<Vec<Json>> {
        match self {
            Self::Binary(binary) => binary.crds(chart).await,
            Self::StandIn(stand_in) => Ok(stand_in.crds(chart)),
        }
    }

    /// Installs a release, or upgrades it, and does not wait for its pods.
    ///
    /// # Errors
    /// If the chart is not the pinned one, helm is missing, or helm fails.
    pub async fn apply(&self, release: &Release, access: &Access) -> Result<(), Failure> {
        match self {
            Self::Binary(binary) => binary.apply(release, access).await,
            Self::StandIn(stand_in) => stand_in.apply(release, access).await,
        }
    }

    /// Takes a release away; that it is not there is fine.
    ///
    /// # Errors
    /// If helm is missing or fails.
    pub async fn uninstall(&self, name: &str, namespace: &str, access: &Access) -> Result<(), Failure> {
        match self {
            Self::Binary(binary) => binary.uninstall(name, namespace, access).await,
            Self::StandIn(stand_in) => stand_in.uninstall(namespace, access).await,
        }
    }
}
