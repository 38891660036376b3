//! Kubernetes and Karpenter versions: their shape, support dates, and which go together.
//!
//! The calendar is for plans without AWS; with credentials, `DescribeClusterVersions` overrules it.

use jiff::civil::{Date, date};

use super::{Check, shapes};
use crate::config::codes::code;
use crate::config::spec::UpgradePolicy;

/// When support for a Kubernetes minor ends on EKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    /// `36` of 1.36.
    pub minor: u32,
    /// Last day at 0.10 USD an hour.
    pub standard: Date,
    /// Last day at all; the day after, AWS upgrades the cluster without asking.
    pub extended: Date,
}

const fn support(minor: u32, standard: Date, extended: Date) -> Support {
    Support { minor, standard, extended }
}

/// EKS user guide, "Kubernetes versions", by endoflife.date/amazon-eks of 2026-08-22.
pub const CALENDAR: &[Support] = &[
    support(30, date(2025, 7, 23), date(2026, 7, 23)),
    support(31, date(2025, 11, 26), date(2026, 11, 26)),
    support(32, date(2026, 3, 23), date(2027, 3, 23)),
    support(33, date(2026, 7, 29), date(2027, 7, 29)),
    support(34, date(2026, 12, 2), date(2027, 12, 2)),
    support(35, date(2027, 3, 27), date(2028, 3, 27)),
    support(36, date(2027, 8, 2), date(2028, 8, 2)),
];

/// Days before the end of standard support from which a plan says so.
const NOTICE_DAYS: i32 = 90;

/// Karpenter minors (1.x) whose policies and chart values we know.
pub const KARPENTER_MINORS: std::ops::RangeInclusive<u32> = 1..=15;

/// Oldest Karpenter for each Kubernetes minor (Karpenter's "Compatibility" page, 1.14).
const OLDEST_KARPENTER: &[(u32, [u32; 3])] =
    &[(31, [1, 0, 5]), (32, [1, 2, 0]), (33, [1, 5, 0]), (34, [1, 6, 0]), (35, [1, 9, 0]), (36, [1, 13, 0])];

/// Support dates of `1.36`, if the calendar has them.
#[must_use]
pub fn support_of(version: &str) -> Option<Support> {
    let [1, minor] = shapes::numbers::<2>(version)? else { return None };
    CALENDAR.iter().copied().find(|support| support.minor == minor)
}

/// Major, minor and patch of a Karpenter version.
#[must_use]
pub fn karpenter_numbers(version: &str) -> Option<[u32; 3]> {
    shapes::numbers::<3>(version)
}

pub(super) fn check(check: &mut Check<'_>) {
    let kubernetes = kubernetes(check);
    let karpenter = karpenter(check);
    if let (Some(minor), Some(version)) = (kubernetes, karpenter)
        && let Some((_, oldest)) = OLDEST_KARPENTER.iter().rev().find(|(known, _)| *known <= minor)
        && version < *oldest
    {
        let dots = |version: &[u32; 3]| version.map(|number| number.to_string()).join(".");
        check.error(
            "karpenter.version",
            code::VERSION_PAIR,
            format!("Karpenter {} does not go with Kubernetes 1.{minor}", dots(&version)),
            format!("1.{minor} needs Karpenter {} or later; upgrade Karpenter first, then the cluster", dots(oldest)),
        );
    }
}

fn kubernetes(check: &mut Check<'_>) -> Option<u32> {
    let path = "cluster.version";
    let version = &check.spec.cluster.version;
    let Some([1, minor]) = shapes::numbers::<2>(version) else {
        let help = "two numbers, quoted: \"1.36\"; EKS chooses the patch";
        check.error(path, code::KUBERNETES_VERSION, format!("`{version}` is not a Kubernetes version of EKS"), help);
        return None;
    };
    let (first, last) = (CALENDAR.first()?.minor, CALENDAR.last()?.minor);
    if minor < first {
        let help = format!("EKS has not offered it for long; take 1.{last}");
        check.error(path, code::KUBERNETES_VERSION, format!("Kubernetes 1.{minor} is gone from EKS"), help);
        return Some(minor);
    }
    let Some(support) = support_of(version) else {
        check.warning(
            path,
            code::KUBERNETES_UNKNOWN,
            format!("this build knows nothing of Kubernetes 1.{minor}"),
            format!("its support dates and its Karpenter are not checked; 1.{last} is the newest it knows"),
        );
        return Some(minor);
    };
    let policy = check.spec.cluster.upgrade_policy;
    let today = check.today;
    if today > support.extended {
        check.warning(
            path,
            code::OUT_OF_SUPPORT,
            format!("Kubernetes 1.{minor} is out of support since {}", support.extended),
            format!("AWS makes no new cluster with it and upgrades existing ones without asking; move to 1.{last}"),
        );
    } else if today > support.standard {
        let what = match policy {
            UpgradePolicy::Standard => "with `upgradePolicy: STANDARD` AWS upgrades it without asking",
            UpgradePolicy::Extended => "it costs 0.60 USD an hour instead of 0.10 until then",
        };
        let left = days(today, support.extended);
        check.warning(
            path,
            code::OUT_OF_SUPPORT,
            format!(
                "Kubernetes 1.{minor} is out of standard support since {}; extended support ends {} ({left} days)",
                support.standard, support.extended
            ),
            if minor < last {
                format!("{what}; move to 1.{last}, one minor at a time")
            } else {
                format!("{what}; this build knows no newer one: take a newer rem-ci, and move on one minor at a time")
            },
        );
    } else {
        let left = days(today, support.standard);
        if left <= NOTICE_DAYS {
            check.note(
                path,
                code::SUPPORT_ENDS,
                format!("standard support of Kubernetes 1.{minor} ends {} ({left} days)", support.standard),
                format!("plan the upgrade: `rem-ci upgrade {} --to 1.{}`", check.spec.name, minor + 1),
            );
        }
    }
    Some(minor)
}

fn days(from: Date, to: Date) -> i32 {
    // Without a largest unit jiff answers in days.
    from.until(to).map_or(0, |span| span.get_days())
}

fn karpenter(check: &mut Check<'_>) -> Option<[u32; 3]> {
    let path = "karpenter.version";
    let version = &check.spec.karpenter.version;
    let Some(numbers) = karpenter_numbers(version) else {
        let help = if version.starts_with('v') {
            format!("the chart's versions have no `v`: \"{}\"", version.trim_start_matches('v'))
        } else {
            "three numbers, quoted: \"1.15.1\"".to_owned()
        };
        check.error(
            path,
            code::KARPENTER_VERSION,
            format!("`{version}` is not a version of the Karpenter chart"),
            help,
        );
        return None;
    };
    let [major, minor, _] = numbers;
    if major != 1 || !KARPENTER_MINORS.contains(&minor) {
        check.error(
            path,
            code::KARPENTER_UNKNOWN,
            format!("this build does not know the permissions and rules of Karpenter {major}.{minor}"),
            format!("1.{} to 1.{}; a newer one needs a newer rem-ci", KARPENTER_MINORS.start(), KARPENTER_MINORS.end()),
        );
        return None;
    }
    Some(numbers)
}
