//! What the values of a [`Spec`] may be: every rule that needs no AWS, each with a code, all reported at once.
//!
//! | file | rules |
//! |---|---|
//! | `identity.rs` | name, owner, account, region, roles, bucket, tags |
//! | `network.rs` | ranges, zones, subnets, endpoints, existing VPC, security group |
//! | `cluster.rs` | control plane, access |
//! | `addons.rs` | add-ons, system nodes |
//! | `versions.rs` | Kubernetes and Karpenter versions, support dates, the matrix of both |
//! | `karpenter.rs` | controller |
//! | `node_class.rs` | EC2NodeClasses |
//! | `node_pool.rs`, `requirements.rs`, `pool_lints.rs` | NodePools: what the CRD refuses, then what it should refuse |
//! | `policy.rs` | workloads, cost, waivers, acknowledgements, renames |
//! | `names.rs` | lengths of the names we derive |

pub mod addons;
mod cluster;
mod identity;
mod karpenter;
pub mod names;
pub mod network;
mod node_class;
mod node_pool;
mod policy;
mod pool_lints;
mod requirements;
mod shapes;
pub mod versions;

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::node::Places;
use super::spec::Spec;
use crate::problem::{Problem, Severity};

pub use policy::waive;
pub(crate) use shapes::quantity;

/// What a check sees and where it puts what it finds.
pub(super) struct Check<'a> {
    spec: &'a Spec,
    places: &'a Places,
    today: Date,
    /// The stem of the environment's file.
    stem: &'a str,
    /// Paths whose value is a stand-in, with their own error already.
    poisoned: &'a BTreeSet<String>,
    found: Vec<Problem>,
}

impl Check<'_> {
    fn report(
        &mut self,
        severity: Severity,
        path: &str,
        code: &'static str,
        title: impl Into<String>,
        help: impl Into<String>,
    ) {
        debug_assert!(super::codes().iter().any(|doc| doc.code == code), "`{code}` is not documented");
        // A lint about a whole means nothing while a part of it is a stand-in.
        let whole = severity == Severity::Error || !self.poisoned.iter().any(|poisoned| poisoned.starts_with(path));
        if whole && self.sound(path) {
            self.found.push(Problem::new(code, severity, title, help).at(self.places.at(path)));
        }
    }

    fn error(&mut self, path: &str, code: &'static str, title: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Error, path, code, title, help);
    }

    fn warning(&mut self, path: &str, code: &'static str, title: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Warning, path, code, title, help);
    }

    fn widens(&mut self, path: &str, code: &'static str, title: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Widens, path, code, title, help);
    }

    fn note(&mut self, path: &str, code: &'static str, title: impl Into<String>, help: impl Into<String>) {
        self.report(Severity::Note, path, code, title, help);
    }

    /// An error about a key rather than its value.
    fn key_error(&mut self, path: &str, code: &'static str, title: impl Into<String>, help: impl Into<String>) {
        if self.sound(path) {
            self.found.push(Problem::error(code, title, help).at(self.places.key(path)));
        }
    }

    /// Whether the value at `path` is the file's own and no stand-in.
    fn sound(&self, path: &str) -> bool {
        let mut path = path;
        loop {
            if self.poisoned.contains(path) {
                return false;
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return !self.poisoned.contains(""),
            }
        }
    }
}

/// Every finding about the values of `spec`.
pub(super) fn check(
    spec: &Spec,
    places: &Places,
    poisoned: &BTreeSet<String>,
    stem: &str,
    today: Date,
) -> Vec<Problem> {
    let mut check = Check { spec, places, today, stem, poisoned, found: Vec::new() };
    identity::check(&mut check);
    network::check(&mut check);
    cluster::check(&mut check);
    versions::check(&mut check);
    addons::check(&mut check);
    karpenter::check(&mut check);
    node_class::check(&mut check);
    node_pool::check(&mut check);
    policy::check(&mut check);
    names::check(&mut check);
    check.found
}
