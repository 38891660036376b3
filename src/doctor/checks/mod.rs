//! One question a file. Add one: write `check`, enter it in [`CHECKS`], give its code a text in `doctor::CODES`.

mod access;
mod branch;
mod credentials;
mod gates;
mod quotas;
mod reach;
mod token;
mod tools;
mod trust;
mod versions;

use super::{Facts, Finding};

/// One question.
pub type Check = fn(&Facts<'_>) -> Vec<Finding>;

/// All of them, in the order in which they are told.
pub const CHECKS: &[Check] = &[
    credentials::check,
    trust::check,
    access::check,
    gates::check,
    branch::check,
    token::check,
    quotas::check,
    versions::check,
    tools::check,
    reach::check,
];
