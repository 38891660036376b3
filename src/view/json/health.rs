//! `rem-ci/status/v1`, `rem-ci/diagnose/v1`.

use serde::Serialize;

use super::print;
use crate::view::report::{DiagnoseReport, StatusReport};

#[derive(Serialize)]
struct Document<'a, T> {
    format: &'static str,
    #[serde(flatten)]
    report: &'a T,
}

/// `rem-ci/status/v1`.
#[must_use]
pub fn status(report: &StatusReport) -> String {
    print(&Document { format: "rem-ci/status/v1", report })
}

/// `rem-ci/diagnose/v1`.
#[must_use]
pub fn diagnose(report: &DiagnoseReport) -> String {
    print(&Document { format: "rem-ci/diagnose/v1", report })
}
