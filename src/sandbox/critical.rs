//! The shortest time in which the recorded work could have been done: what the executor is judged by.

use std::collections::BTreeMap;

use super::state::{Millis, Span};

/// How long one span takes when nothing holds it up, at the end of the chain that must go before it.
struct Reached {
    finish: Millis,
    before: Option<usize>,
}

/// The longest chain over the spans: one cannot start before those of `after` are ready, and takes as long as it took
/// (`ready - start`). Ids that were not recorded are ready at once; of spans with one id the last counts. Gives the length
/// in milliseconds and the ids, the first first.
#[must_use]
pub fn critical_path(spans: &[Span]) -> (Millis, Vec<String>) {
    let by_id: BTreeMap<&str, usize> = spans.iter().enumerate().map(|(at, span)| (span.id.as_str(), at)).collect();
    let mut reached: BTreeMap<usize, Reached> = BTreeMap::new();
    // A span waits on the stack until all before it are known. One that is met again while it waits is a circle, which no
    // real history has: that edge is not followed.
    for root in by_id.values() {
        let mut stack = vec![*root];
        while let Some(at) = stack.last().copied() {
            if reached.contains_key(&at) {
                stack.pop();
                continue;
            }
            let needs: Vec<usize> = spans[at].after.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect();
            let open = needs.iter().find(|need| !reached.contains_key(need) && !stack.contains(need));
            if let Some(open) = open {
                stack.push(*open);
                continue;
            }
            let last = needs.iter().filter(|need| reached.contains_key(need)).max_by_key(|need| reached[need].finish);
            let length = (spans[at].ready - spans[at].start).max(0);
            let finish = last.map_or(0, |last| reached[last].finish) + length;
            reached.insert(at, Reached { finish, before: last.copied() });
            stack.pop();
        }
    }
    let Some((end, last)) = reached.iter().max_by_key(|(_, one)| one.finish) else { return (0, Vec::new()) };
    let mut chain = vec![spans[*end].id.clone()];
    let mut before = last.before;
    while let Some(at) = before {
        chain.push(spans[at].id.clone());
        before = reached[&at].before;
    }
    chain.reverse();
    (last.finish, chain)
}

#[cfg(test)]
mod tests {
    use super::critical_path;
    use crate::sandbox::state::Span;

    fn span(id: &str, after: &[&str], start: i64, ready: i64) -> Span {
        Span { id: id.to_owned(), after: after.iter().map(|id| (*id).to_owned()).collect(), start, ready }
    }

    #[test]
    fn nothing_takes_no_time() {
        assert_eq!(critical_path(&[]), (0, vec![]));
    }

    #[test]
    fn waiting_of_ours_does_not_count() {
        // The cluster was started 50 late; the path is what AWS needs: 10 + 600 + 100.
        let spans = [
            span("nodes", &["cluster", "role"], 700, 800),
            span("vpc", &[], 0, 10),
            span("cluster", &["vpc", "unrecorded"], 60, 660),
            span("role", &[], 0, 15),
            span("nat", &["vpc"], 60, 180),
        ];
        assert_eq!(critical_path(&spans), (710, vec!["vpc".into(), "cluster".into(), "nodes".into()]));
    }

    #[test]
    fn the_longer_branch_wins_and_circles_end() {
        let spans = [span("a", &["b"], 0, 5), span("b", &["a"], 0, 7), span("c", &["b"], 0, 1)];
        let (total, chain) = critical_path(&spans);
        assert!(total >= 8, "{total} {chain:?}");
    }

    #[test]
    fn a_thing_made_twice_counts_as_made_last() {
        let spans = [span("a", &[], 0, 100), span("a", &[], 200, 205)];
        assert_eq!(critical_path(&spans).0, 5);
    }
}
