//! Graphviz.

use std::fmt::Write as _;

use super::Topology;
use crate::view::text::{Untrusted, dot};

impl Topology {
    /// A DOT digraph.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut out = String::from(
            "digraph environment {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"Helvetica\"];\n  edge [fontname=\"Helvetica\", fontsize=10];\n",
        );
        let label = |parts: &[&str]| dot(&parts.join(" "));
        let raw = |text: &Untrusted| text.raw().to_owned();
        if self.internet_gateway {
            out.push_str("  internet [shape=circle];\n");
        }
        let region = label(&[&raw(&self.environment), &raw(&self.region)]);
        let _ = writeln!(out, "  subgraph cluster_region {{\n    label={region};");
        let eks = label(&["EKS", &raw(&self.cluster), "Kubernetes", &raw(&self.version), self.endpoint]);
        let _ =
            writeln!(out, "    eks [label={eks}];\n    queue [label=\"EventBridge rules, SQS interruption queue\"];");
        let _ = writeln!(out, "    subgraph cluster_vpc {{\n      label={};", label(&["VPC", &raw(&self.vpc)]));
        if self.internet_gateway {
            out.push_str("      igw [label=\"internet gateway\"];\n");
        }
        for (index, zone) in self.zones.iter().enumerate() {
            let n = index + 1;
            let _ = writeln!(out, "      subgraph cluster_zone{n} {{\n        label={};", label(&[zone.name.raw()]));
            if let Some(public) = &zone.public {
                let nat = if zone.nat_gateway { "with NAT gateway" } else { "" };
                let _ = writeln!(out, "        public{n} [label={}];", label(&["public", public.raw(), nat]));
            }
            if let Some(private) = &zone.private {
                let _ = writeln!(out, "        private{n} [label={}];", label(&["private", private.raw()]));
            }
            out.push_str("      }\n");
        }
        let system = label(&["system nodes", &raw(&self.system_nodes), "Karpenter", &raw(&self.karpenter)]);
        let _ = writeln!(out, "      system [label={system}];");
        for (index, pool) in self.pools.iter().enumerate() {
            let words = label(&["NodePool", pool.name.raw(), pool.capacity.raw(), pool.limits.raw()]);
            let _ = writeln!(out, "      pool{} [label={words}];", index + 1);
        }
        out.push_str("    }\n  }\n");
        for (from, to, word) in self.edges() {
            let _ = writeln!(out, "  {from} -> {to} [label={}];", dot(word));
        }
        out.push_str("}\n");
        out
    }
}
