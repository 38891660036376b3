//! Kubernetes versions that EKS has. Ends of support: endoflife.date's page on Amazon EKS as of 2026-08-22; releases
//! and patches: EKS user guide, "Kubernetes release calendar".
//!
//! What is offered depends on the sandbox's time: after the end of extended support no new cluster can have a version.
//! Before its release a version counts as offered, since the sandbox's clock is never behind the day this was written.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::common::paged;
use crate::sandbox::region::{Here, epoch, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call};

/// One minor version of Kubernetes on EKS. Dates are ISO.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) minor: u32,
    patch: u32,
    platform: &'static str,
    released: &'static str,
    standard_end: &'static str,
    extended_end: &'static str,
}

const fn version(
    minor: u32,
    patch: u32,
    platform: &'static str,
    released: &'static str,
    standard_end: &'static str,
    extended_end: &'static str,
) -> Version {
    Version { minor, patch, platform, released, standard_end, extended_end }
}

const VERSIONS: &[Version] = &[
    version(31, 14, "eks.57", "2024-09-26", "2025-11-26", "2026-11-26"),
    version(32, 13, "eks.50", "2025-01-23", "2026-03-23", "2027-03-23"),
    version(33, 11, "eks.43", "2025-05-29", "2026-07-29", "2027-07-29"),
    version(34, 9, "eks.31", "2025-10-02", "2026-12-02", "2027-12-02"),
    version(35, 6, "eks.20", "2026-01-27", "2027-03-27", "2028-03-27"),
    version(36, 3, "eks.9", "2026-06-02", "2027-08-02", "2028-08-02"),
];

fn at(date: &str) -> Millis {
    format!("{date}T00:00:00Z").parse::<Timestamp>().map(Timestamp::as_millisecond).unwrap_or_default()
}

impl Version {
    pub(super) fn name(self) -> String {
        format!("1.{}", self.minor)
    }

    /// `eks.9`.
    pub(super) fn platform(self) -> &'static str {
        self.platform
    }

    /// `1.36.3`.
    pub(super) fn patch(self) -> String {
        format!("1.{}.{}", self.minor, self.patch)
    }

    fn status(self, now: Millis) -> &'static str {
        if now >= at(self.extended_end) {
            "UNSUPPORTED"
        } else if now >= at(self.standard_end) {
            "EXTENDED_SUPPORT"
        } else {
            "STANDARD_SUPPORT"
        }
    }
}

/// Every version and the patch that its control planes and nodes run: `("1.36", "1.36.3")`.
pub(in crate::sandbox::aws) fn patches() -> impl Iterator<Item = (String, String)> {
    VERSIONS.iter().map(|version| (version.name(), version.patch()))
}

/// A version by name, `1.36`, whether still offered or not.
pub(super) fn known(name: &str) -> Option<Version> {
    VERSIONS.iter().copied().find(|version| version.name() == name)
}

/// A version by name, if a cluster can be made with it now.
pub(super) fn offered(name: &str, now: Millis) -> Option<Version> {
    known(name).filter(|version| version.status(now) != "UNSUPPORTED")
}

/// What a cluster gets that does not say: the newest.
pub(super) fn default() -> Version {
    VERSIONS[VERSIONS.len() - 1]
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    (call.operation == "DescribeClusterVersions").then(|| describe(here.now, &call.params))
}

fn describe(now: Millis, params: &Json) -> Answer {
    let names = texts(params, "clusterVersions");
    let yes = |key: &str| text(params, key) == "true" || params[key] == true;
    let status = match text(params, "versionStatus") {
        "" => text(params, "status").to_uppercase().replace('-', "_"),
        status => status.to_owned(),
    };
    let found: Vec<Json> = VERSIONS
        .iter()
        .rev()
        .filter(|version| {
            let named = names.contains(&version.name());
            let of_status = status.is_empty() || version.status(now) == status;
            let shown = named || yes("includeAll") || !status.is_empty() || version.status(now) != "UNSUPPORTED";
            (names.is_empty() || named)
                && of_status
                && shown
                && (!yes("defaultOnly") || version.minor == default().minor)
        })
        .map(|version| {
            json!({
                "clusterVersion": version.name(),
                "clusterType": "eks",
                "defaultPlatformVersion": version.platform,
                "defaultVersion": version.minor == default().minor,
                "releaseDate": epoch(at(version.released)),
                "endOfStandardSupportDate": epoch(at(version.standard_end)),
                "endOfExtendedSupportDate": epoch(at(version.extended_end)),
                "status": version.status(now).to_lowercase().replace('_', "-"),
                "versionStatus": version.status(now),
                "kubernetesPatchVersion": version.patch(),
            })
        })
        .collect();
    paged(params, "clusterVersions", &found)
}
