//! When support of a Kubernetes version ends on EKS. Only for runs that cannot ask AWS: facts from `DescribeClusterVersions`
//! come first.

use jiff::civil::{Date, date};

/// Version, end of standard support, end of extended support. Source: "Understand the Kubernetes version lifecycle on
/// EKS" (Amazon EKS user guide) and endoflife.date, "Amazon EKS", of 2026-08-22.
const ENDS: [(&str, Date, Date); 6] = [
    ("1.31", date(2025, 11, 26), date(2026, 11, 26)),
    ("1.32", date(2026, 3, 23), date(2027, 3, 23)),
    ("1.33", date(2026, 7, 29), date(2027, 7, 29)),
    ("1.34", date(2026, 12, 2), date(2027, 12, 2)),
    ("1.35", date(2027, 3, 27), date(2028, 3, 27)),
    ("1.36", date(2027, 8, 2), date(2028, 8, 2)),
];

/// Ends of standard and of extended support, if the table has the version.
pub(super) fn ends(version: &str) -> Option<(Date, Date)> {
    ENDS.iter().find(|(known, _, _)| *known == version).map(|(_, standard, extended)| (*standard, *extended))
}
