//! What several approvals allow together.

use std::collections::BTreeMap;

use crate::engine::{Address, Canonical, CanonicalNode};

/// The union of approved plans, in the order in which their pull requests were merged, for a plan that is to be within it.
///
/// Every plan was made on its own base, so several of them may speak of one address. Where one of them allows what is to be
/// done now, its word holds. Where none does alone, two changes in place are allowed together, each field with the value
/// that came last; of all else the later one holds. A later plan that wants nothing at an address takes nothing away: the
/// earlier may not have been applied when the later was planned. What is allowed too much is bounded by what is merged: an
/// apply makes nothing that the default branch does not say.
#[must_use]
pub fn union(now: &Canonical, plans: &[&Canonical]) -> Canonical {
    let wanted: BTreeMap<&Address, &CanonicalNode> = now.nodes.iter().map(|node| (&node.address, node)).collect();
    let mut said: BTreeMap<&Address, Vec<&CanonicalNode>> = BTreeMap::new();
    for node in plans.iter().flat_map(|plan| &plan.nodes).filter(|node| speaks(node)) {
        said.entry(&node.address).or_default().push(node);
    }
    let nodes = said.into_iter().filter_map(|(address, nodes)| {
        let fits = |node: &&&CanonicalNode| wanted.get(address).is_some_and(|wanted| within(wanted, node));
        let alone = nodes.iter().rev().find(fits).map(|node| (*node).clone());
        alone.or_else(|| nodes.into_iter().cloned().reduce(|earlier, later| both(&earlier, later)))
    });
    Canonical { nodes: nodes.collect() }
}

/// Whether a node has anything done to it.
fn speaks(node: &CanonicalNode) -> bool {
    node.action.as_deref().is_some_and(|action| action != "unknown")
}

fn within(now: &CanonicalNode, approved: &CanonicalNode) -> bool {
    let alone = |node: &CanonicalNode| Canonical { nodes: vec![node.clone()] };
    alone(now).beyond(&alone(approved)).is_empty()
}

fn both(earlier: &CanonicalNode, later: CanonicalNode) -> CanonicalNode {
    let in_place = |node: &CanonicalNode| matches!(node.action.as_deref(), Some("update" | "roll"));
    if !in_place(earlier) || !in_place(&later) {
        return later;
    }
    let mut node = later;
    if earlier.action.as_deref() == Some("roll") {
        node.action.clone_from(&earlier.action);
    }
    for field in &earlier.changed {
        // A field that the later plan found as it should be was planned on a base without the earlier change.
        if !node.changed.contains(field) {
            node.changed.push(field.clone());
            match earlier.fields.get(field) {
                Some(value) => node.fields.insert(field.clone(), value.clone()),
                None => node.fields.remove(field),
            };
        }
    }
    node.changed.sort();
    node
}

#[cfg(test)]
mod tests;
