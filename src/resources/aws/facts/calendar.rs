//! The embedded calendar of EKS versions, for runs that cannot ask AWS. Dated: see `as_of`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The calendar and where it is from.
#[derive(Clone, Debug, Deserialize)]
pub struct Calendar {
    /// The page it was read from.
    pub source: String,
    /// The day it was read, `YYYY-MM-DD`.
    pub as_of: String,
    /// By minor version.
    pub versions: BTreeMap<String, Support>,
}

/// How long a version is supported.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Support {
    /// Last day of standard support, `YYYY-MM-DD`: from then on the control plane costs 0.60 USD an hour.
    pub standard_end: String,
    /// Last day of extended support, `YYYY-MM-DD`: from then on AWS upgrades without asking.
    pub extended_end: String,
}

static EMBEDDED: LazyLock<Calendar> = LazyLock::new(|| {
    // A file of this repository, parsed by a test: it cannot fail in a build that passed.
    serde_json::from_str(include_str!("../cluster_versions.json")).unwrap_or_else(|error| {
        unreachable!("src/resources/aws/cluster_versions.json: {error}");
    })
});

/// The embedded calendar.
#[must_use]
pub fn embedded() -> &'static Calendar {
    &EMBEDDED
}

/// The calendar as facts, `cluster-version/V/standardEnd` and `…/extendedEnd`.
pub(super) fn facts() -> BTreeMap<String, String> {
    let versions = embedded().versions.iter();
    let facts = versions.flat_map(|(version, support)| {
        [
            (format!("cluster-version/{version}/standardEnd"), support.standard_end.clone()),
            (format!("cluster-version/{version}/extendedEnd"), support.extended_end.clone()),
        ]
    });
    facts.collect()
}
