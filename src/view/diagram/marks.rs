//! Which parts of the picture a plan touches, and how.

use std::collections::BTreeMap;

use super::Topology;
use crate::view::report::{Action, Row};

/// What becomes of a part of the picture. The strongest of several wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// In place.
    Changed,
    /// It is not there yet.
    Made,
    /// A new one in its place.
    Replaced,
    /// It will not be there any more.
    Gone,
}

impl Mark {
    const fn of(action: Action) -> Option<Self> {
        match action {
            Action::Create => Some(Self::Made),
            Action::Update | Action::Roll => Some(Self::Changed),
            Action::Replace => Some(Self::Replaced),
            Action::Delete => Some(Self::Gone),
            Action::Settle | Action::Keep | Action::Unknown => None,
        }
    }

    /// In the label: colour is never the only carrier.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Changed => "changes",
            Self::Made => "new",
            Self::Replaced => "is replaced",
            Self::Gone => "goes",
        }
    }

    /// Class and colours, readable on light and dark.
    pub(super) const fn class(self) -> (&'static str, &'static str) {
        match self {
            Self::Changed => ("changed", "fill:#fff8c5,stroke:#9a6700,color:#1f2328"),
            Self::Made => ("made", "fill:#dafbe1,stroke:#1a7f37,color:#1f2328"),
            Self::Replaced => ("replaced", "fill:#ffebe9,stroke:#cf222e,color:#1f2328"),
            Self::Gone => ("gone", "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4"),
        }
    }
}

/// Marks by the name of the node in the picture, and pools that go and so are not in it.
pub(super) struct Marks {
    pub(super) nodes: BTreeMap<String, Mark>,
    pub(super) gone: Vec<String>,
}

impl Marks {
    /// None where everything is new: a picture in which all is marked says nothing.
    pub(super) fn of(topology: &Topology, rows: &[Row]) -> Self {
        let mut marks = Self { nodes: BTreeMap::new(), gone: Vec::new() };
        if rows.iter().all(|row| row.action == Action::Create) {
            return marks;
        }
        for row in rows {
            let Some(mark) = Mark::of(row.action) else { continue };
            let address = row.address.as_str();
            let key = address.splitn(3, '/').nth(2).unwrap_or_default();
            let Some(node) = node(topology, row.address.section(), row.address.kind(), key) else {
                if row.address.kind() == "node-pool" && mark == Mark::Gone {
                    marks.gone.push(key.to_owned());
                }
                continue;
            };
            // What goes beside something that stays changes it.
            let part = matches!(row.address.kind(), "eip" | "route-table" | "nat-gateway" | "launch-template");
            let mark =
                if part || node == "queue" || row.address.section() == "identity" { Mark::Changed } else { mark };
            let known = marks.nodes.entry(node).or_insert(mark);
            *known = (*known).max(mark);
        }
        marks
    }
}

/// The node that stands for a resource.
fn node(topology: &Topology, section: &str, kind: &str, key: &str) -> Option<String> {
    let zone = |prefix: &str, key: &str| {
        let number: usize = key.parse().ok()?;
        (1..=topology.zones.len()).contains(&number).then(|| format!("{prefix}{number}"))
    };
    match (section, kind) {
        ("network", "vpc") => Some("vpc".to_owned()),
        ("network", "internet-gateway") => topology.internet_gateway.then(|| "igw".to_owned()),
        ("network", "nat-gateway" | "eip") => zone("public", key),
        ("network", "subnet" | "route-table") => match key.split_once('-')? {
            ("public", number) => zone("public", number),
            ("private", number) => zone("private", number),
            _ => None,
        },
        ("cluster", "node-group" | "launch-template" | "auto-scaling-group") => Some("system".to_owned()),
        ("cluster", _) => Some("eks".to_owned()),
        ("interruption", _) => Some("queue".to_owned()),
        ("karpenter", "node-pool") => {
            let at = topology.pools.iter().position(|pool| pool.name.raw() == key)?;
            Some(format!("pool{}", at + 1))
        }
        ("karpenter", _) => Some("system".to_owned()),
        _ => None,
    }
}
