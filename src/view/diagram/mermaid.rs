//! Mermaid, which GitHub draws in comments. Node names are ours; labels hold a small set of characters only.

use std::fmt::Write as _;

use super::Topology;
use super::marks::Marks;
use crate::view::report::Row;
use crate::view::text::{Untrusted, mermaid};

impl Topology {
    /// A Mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        self.marked(&[])
    }

    /// The same, with what a plan makes, changes, replaces and deletes marked.
    #[must_use]
    pub fn marked(&self, rows: &[Row]) -> String {
        let marks = Marks::of(self, rows);
        let word = |node: &str, before: &str| {
            marks.nodes.get(node).map_or(String::new(), |mark| format!("{before}{}", mark.word()))
        };
        let say = |text: &Untrusted| mermaid(text.raw());
        let mut out = String::from("flowchart TB\n");
        if self.internet_gateway {
            out.push_str("  internet((internet))\n");
        }
        let _ = writeln!(out, "  subgraph region[\"{} {}\"]", say(&self.environment), say(&self.region));
        let _ = writeln!(
            out,
            "    eks[\"EKS {} - Kubernetes {}<br/>{}{}\"]",
            say(&self.cluster),
            say(&self.version),
            self.endpoint,
            word("eks", "<br/>")
        );
        let _ = writeln!(out, "    queue[\"EventBridge rules<br/>SQS interruption queue{}\"]", word("queue", "<br/>"));
        let _ = writeln!(out, "    subgraph vpc[\"VPC {}{}\"]", say(&self.vpc), word("vpc", " - "));
        if self.internet_gateway {
            let _ = writeln!(out, "      igw[\"internet gateway{}\"]", word("igw", "<br/>"));
        }
        for (index, zone) in self.zones.iter().enumerate() {
            let n = index + 1;
            let _ = writeln!(out, "      subgraph zone{n}[\"{}\"]", say(&zone.name));
            if let Some(public) = &zone.public {
                let nat = if zone.nat_gateway { "<br/>NAT gateway" } else { "" };
                let mark = word(&format!("public{n}"), "<br/>");
                let _ = writeln!(out, "        public{n}[\"public {}{nat}{mark}\"]", say(public));
            }
            if let Some(private) = &zone.private {
                let mark = word(&format!("private{n}"), "<br/>");
                let _ = writeln!(out, "        private{n}[\"private {}{mark}\"]", say(private));
            }
            out.push_str("      end\n");
        }
        let _ = writeln!(
            out,
            "      system[\"system nodes {}<br/>Karpenter {}{}\"]",
            say(&self.system_nodes),
            say(&self.karpenter),
            word("system", "<br/>")
        );
        for (index, pool) in self.pools.iter().enumerate() {
            let _ = writeln!(
                out,
                "      pool{}[\"NodePool {}<br/>{}<br/>{}{}\"]",
                index + 1,
                say(&pool.name),
                mermaid(&pool.capacity.raw().replace(',', "")),
                mermaid(&pool.limits.raw().replace(',', "")),
                word(&format!("pool{}", index + 1), "<br/>")
            );
        }
        for (index, name) in marks.gone.iter().enumerate() {
            let _ = writeln!(out, "      gone{}[\"NodePool {}<br/>goes\"]", index + 1, mermaid(name));
        }
        out.push_str("    end\n  end\n");
        for (from, to, label) in self.edges() {
            let arrow = if label.is_empty() { "-->".to_owned() } else { format!("-->|{label}|") };
            let _ = writeln!(out, "  {from} {arrow} {to}");
        }
        let gone = (1..=marks.gone.len()).map(|index| (format!("gone{index}"), super::marks::Mark::Gone));
        let mut classes = std::collections::BTreeMap::new();
        for (node, mark) in marks.nodes.into_iter().chain(gone) {
            classes.entry(mark).or_insert_with(Vec::new).push(node);
        }
        for (mark, nodes) in classes {
            let (name, colours) = mark.class();
            let _ = writeln!(out, "  classDef {name} {colours}\n  class {} {name}", nodes.join(","));
        }
        out
    }

    /// Edges between the nodes' names, with a word where it helps.
    pub(super) fn edges(&self) -> Vec<(String, String, &'static str)> {
        let mut edges = Vec::new();
        let mut edge = |from: &str, to: &str, label| edges.push((from.to_owned(), to.to_owned(), label));
        let single = self.zones.iter().position(|zone| zone.nat_gateway);
        if self.internet_gateway {
            edge("internet", "igw", "");
        }
        for (index, zone) in self.zones.iter().enumerate() {
            let n = index + 1;
            if zone.public.is_some() {
                edge("igw", &format!("public{n}"), "");
            }
            let way = if zone.nat_gateway { Some(index) } else { single };
            if let (Some(way), true) = (way, zone.private.is_some()) {
                edge(&format!("private{n}"), &format!("public{}", way + 1), "out");
            }
            if zone.private.is_some() {
                edge("system", &format!("private{n}"), "");
            }
        }
        edge("eks", "system", "");
        edge("queue", "system", "interruptions");
        for index in 1..=self.pools.len() {
            edge("system", &format!("pool{index}"), "launches");
        }
        edges
    }
}
