//! Plans of real environments: a snapshot from `tests/worlds/` and an environment file, as a run would see them.

use std::path::Path;

use jiff::civil::date;

use crate::engine::Snapshot;
use crate::guard::Verb;
use crate::run::{Look, look_at, plan_report};
use crate::view::diagram::{Subnets, Topology};
use crate::view::report::{Mode, PlanReport};

/// The plan of a world whose file gets some lines more, and its picture.
pub(super) fn plan(world: &str, more: &str) -> (PlanReport, Topology) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = top.join("tests/worlds").join(world);
    let text = std::fs::read_to_string(folder.join("env.yaml")).unwrap();
    let name = text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap().split_whitespace().next().unwrap();
    let root = tempfile::tempdir().unwrap();
    let environments = root.path().join("environments");
    std::fs::create_dir(&environments).unwrap();
    std::fs::copy(top.join("environments/base.yaml"), environments.join("base.yaml")).unwrap();
    let mut text = text.clone();
    for line in more.lines() {
        // A line that is there with another value gets this one.
        let key = line.split(':').next().unwrap();
        let known = text.lines().find(|old| old.split(':').next() == Some(key)).map(str::to_owned);
        match known {
            Some(old) => text = text.replacen(&old, line, 1),
            None => text.extend([line, "\n"]),
        }
    }
    std::fs::write(environments.join(format!("{name}.yaml")), &text).unwrap();
    let today = date(2026, 11, 24);
    let loaded = crate::config::load(name, root.path(), today).unwrap();
    let live = std::fs::read_to_string(folder.join("live.json")).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&live).unwrap();
    let looked =
        look_at(&loaded, snapshot, Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today });
    let zones = crate::model::network::layout(&loaded.spec);
    let subnets: Vec<_> =
        zones.into_iter().map(|zone| Subnets { zone: zone.name, public: zone.public, private: zone.private }).collect();
    (plan_report(&looked, Mode::Live), Topology::of(&loaded.spec, &subnets))
}

/// prod with one gateway less, a wider burst pool, one more kind of log, and somebody let in.
pub(super) fn prod() -> (PlanReport, Topology) {
    plan(
        "applied-prod",
        "network: {natGateways: single}\n\
         nodePools: {burst: {limits: {cpu: 400, memory: 800Gi}}}\n\
         systemNodes: {count: 3}\n",
    )
}
