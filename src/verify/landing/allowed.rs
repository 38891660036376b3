//! Which values of one node label are allowed: the algebra behind requirements, selectors and affinities.
//!
//! Source: kubernetes-sigs/karpenter, `pkg/scheduling/requirement.go`: a requirement is a set or the complement of one,
//! with bounds on whole numbers.

use std::collections::BTreeSet;

/// The values that a label may have, absence included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Whether `values` are those that are *not* allowed.
    complement: bool,
    values: BTreeSet<String>,
    /// Whole numbers above this only.
    above: Option<i64>,
    /// Whole numbers below this only.
    below: Option<i64>,
    /// Whether the label may be missing.
    absent: bool,
}

impl Allowed {
    /// Anything, absence included.
    pub(super) const fn anything() -> Self {
        Self { complement: true, values: BTreeSet::new(), above: None, below: None, absent: true }
    }

    /// Exactly one value.
    pub(super) fn only(value: &str) -> Self {
        Self::of("In", &[value.to_owned()])
    }

    /// One requirement; an operator that is not known allows anything.
    pub(super) fn of(operator: &str, values: &[String]) -> Self {
        let set: BTreeSet<_> = values.iter().cloned().collect();
        let bound = values.first().and_then(|value| value.parse::<i64>().ok());
        let any = Self { absent: false, ..Self::anything() };
        match operator {
            "In" => Self { complement: false, values: set, ..any },
            "NotIn" => Self { values: set, ..Self::anything() },
            "Exists" => any,
            "DoesNotExist" => Self { complement: false, absent: true, ..any },
            "Gt" => Self { above: bound, ..any },
            "Gte" => Self { above: bound.map(|bound| bound - 1), ..any },
            "Lt" => Self { below: bound, ..any },
            "Lte" => Self { below: bound.map(|bound| bound + 1), ..any },
            _ => Self::anything(),
        }
    }

    /// What both allow.
    pub(super) fn and(&self, other: &Self) -> Self {
        let above = self.above.max(other.above);
        let below = match (self.below, other.below) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        let (complement, values) = match (self.complement, other.complement) {
            (true, true) => (true, self.values.union(&other.values).cloned().collect()),
            (true, false) => (false, other.values.difference(&self.values).cloned().collect()),
            (false, true) => (false, self.values.difference(&other.values).cloned().collect()),
            (false, false) => (false, self.values.intersection(&other.values).cloned().collect()),
        };
        Self { complement, values, above, below, absent: self.absent && other.absent }
    }

    /// Whether a value is allowed.
    pub(super) fn takes(&self, value: &str) -> bool {
        let number = value.parse::<i64>().ok();
        let within = (self.above.is_none() && self.below.is_none())
            || number.is_some_and(|number| {
                self.above.is_none_or(|above| number > above) && self.below.is_none_or(|below| number < below)
            });
        within && (self.values.contains(value) != self.complement)
    }

    /// Whether a node without the label is allowed.
    pub(super) const fn takes_none(&self) -> bool {
        self.absent
    }

    /// Whether nothing is allowed, neither a value nor absence.
    pub(super) fn is_empty(&self) -> bool {
        !self.absent && !self.has_values()
    }

    /// Whether at least one value is allowed.
    pub(super) fn has_values(&self) -> bool {
        if self.complement {
            return !matches!((self.above, self.below), (Some(above), Some(below)) if above + 1 >= below);
        }
        self.values.iter().any(|value| self.takes(value))
    }

    /// `a, b`, `not a`, `above 4`: as a person would say it.
    pub(super) fn words(&self) -> String {
        let list = self.values.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        match (self.complement, list.is_empty()) {
            (true, false) => parts.push(format!("not {list}")),
            (false, false) => parts.push(list),
            (false, true) => parts.push("nothing".to_owned()),
            (true, true) => {}
        }
        parts.extend(self.above.map(|above| format!("above {above}")));
        parts.extend(self.below.map(|below| format!("below {below}")));
        if parts.is_empty() { "anything".to_owned() } else { parts.join(" and ") }
    }
}
