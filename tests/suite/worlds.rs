//! `tests/worlds/NAME/`: an environment, what is live, a day, and the plan that must come of it in all three formats.
//!
//! | file | what it holds |
//! |---|---|
//! | `env.yaml` | the environment; it may extend the shipped `base.yaml` |
//! | `before.yaml` | what had been applied before; nothing had without it |
//! | `live.patch.json` | what a person or AWS has changed since, as a JSON Patch (RFC 6902) of the snapshot |
//! | `now` | the day of the plan |
//! | `live.json` | the snapshot: what a read gave |
//! | `plan.txt`, `plan.md`, `plan.json` | the plan |
//!
//! Add a folder with the first four and run with `REM_CI_BLESS=1`: the last four are written, from the simulated region, for
//! whoever reads the difference. Ids in a snapshot are numbered in order of appearance, so that it changes only where the
//! world does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use regex_lite::Regex;
use rem_ci::config::{self, Loaded};
use rem_ci::engine::{Snapshot, Swept, TAG_RESOURCE};
use rem_ci::guard::Verb;
use rem_ci::run::{self, Approval, Look, Looked, look_at, plan_report};
use rem_ci::sandbox::state::State;
use rem_ci::view::report::Mode;
use rem_ci::view::{Style, human, json, markdown};
use serde_json::Value as Json;

use crate::common::{Region, apply, approval, look, today, virtual_time};
use crate::fault::failures;

/// So many worlds at least are not refused: applied, they must come to rest.
const AT_LEAST: usize = 5;

struct Place {
    folder: PathBuf,
}

fn places() -> Vec<Place> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let mut found: Vec<_> = folder.read_dir().expect("worlds").map(|entry| entry.expect("an entry").path()).collect();
    found.sort();
    found.into_iter().map(|folder| Place { folder }).collect()
}

fn blessing() -> bool {
    rem_ci::cloud::env("REM_CI_BLESS").is_some()
}

impl Place {
    fn name(&self) -> String {
        self.folder.file_name().expect("a name").to_string_lossy().into_owned()
    }

    fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(file)).ok()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).expect("a file");
    }

    fn now(&self) -> Date {
        let text = self.read("now").unwrap_or_else(|| panic!("{} has no day", self.name()));
        text.trim().parse().expect("a day")
    }

    /// An environment of this world, as if it stood in `environments/` under its name.
    fn load(&self, file: &str) -> Option<Loaded> {
        let text = self.read(file)?;
        let yaml: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let name = yaml["name"].as_str().expect("a name").to_owned();
        let root = tempfile::tempdir().expect("a folder");
        let environments = root.path().join("environments");
        std::fs::create_dir(&environments).expect("a folder");
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("environments/base.yaml");
        std::fs::copy(base, environments.join("base.yaml")).expect("a copy");
        std::fs::write(environments.join(format!("{name}.yaml")), text).expect("a file");
        let loaded = config::load(&name, root.path(), self.now());
        Some(loaded.unwrap_or_else(|problems| panic!("{}: {file}: {problems:#?}", self.name())))
    }

    fn environment(&self) -> Loaded {
        self.load("env.yaml").unwrap_or_else(|| panic!("{} has no env.yaml", self.name()))
    }

    /// A region on the day, with what had been applied before.
    async fn region(&self) -> Region {
        let environment = self.environment();
        let mut state = State::new(7);
        state.accounts.entry(environment.spec.account).or_default();
        let days = self.now().since(today()).expect("a span").get_days();
        let region = Region::over(state, Duration::from_hours(24) * days.unsigned_abs());
        if let Some(before) = self.load("before.yaml") {
            let applied = apply(&before, &region.world(&before)).await.expect("an apply");
            assert_eq!(failures(&applied.outcome), Vec::<String>::new(), "{}", self.name());
            // Listings have caught up with what was made last.
            rem_ci::engine::wait::pause(Duration::from_mins(1)).await;
        }
        region
    }

    /// What a read of the region gives, with what was changed since.
    async fn snapshot(&self) -> Json {
        let environment = self.environment();
        let region = self.region().await;
        let looked = look(&environment, &region.world(&environment)).await.expect("a look");
        let mut live = tidy(looked.snapshot);
        if let Some(patch) = self.read("live.patch.json") {
            let patch: json_patch::Patch = serde_json::from_str(&patch).expect("a JSON Patch");
            json_patch::patch(&mut live, &patch).unwrap_or_else(|error| panic!("{}: {error}", self.name()));
        }
        live
    }

    fn looked(&self) -> Looked {
        let live = self.read("live.json").unwrap_or_else(|| panic!("{} has no live.json", self.name()));
        let snapshot: Snapshot = serde_json::from_str(&live).expect("a snapshot");
        let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today: self.now() };
        look_at(&self.environment(), snapshot, ask)
    }
}

/// The id in place of the so-manieth of a shape.
type Anew = fn(usize) -> String;

/// A snapshot as it is written down: kinds that have nothing and what nobody reads left out, in the order of addresses, with
/// ids that do not depend on the order of calls.
fn tidy(mut snapshot: Snapshot) -> Json {
    snapshot.kinds.retain(|_, swept| *swept != Swept::Known(Vec::new()));
    for swept in snapshot.kinds.values_mut() {
        let Swept::Known(found) = swept else { continue };
        found.sort_by_key(|live| (live.tags.get(TAG_RESOURCE).cloned(), live.id.clone()));
        for live in found {
            live.names.remove("certificate-authority");
        }
    }
    let mut text = serde_json::to_string(&snapshot).expect("JSON");
    let ids: [(&str, Anew); 5] = [
        ("-[0-9a-f]{17}\\b", |at| format!("-{at:017x}")),
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", |at| {
            format!("00000000-0000-4000-8000-{at:012x}")
        }),
        ("\\b[0-9A-F]{32}\\b", |at| format!("{at:032X}")),
        ("\\.[a-z]{2}7\\.", |_| ".gr7.".to_owned()),
        ("\\ba-[0-9a-z]{17}\\b", |at| format!("a-{at:017x}")),
    ];
    for (pattern, anew) in ids {
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        let pattern = Regex::new(pattern).expect("a pattern");
        let named = pattern.replace_all(&text, |found: &regex_lite::Captures<'_>| {
            let next = known.len() + 1;
            known.entry(found[0].to_owned()).or_insert_with(|| anew(next)).clone()
        });
        text = named.into_owned();
    }
    serde_json::from_str(&text).expect("JSON")
}

/// JSON of which a line holds as much as fits.
fn laid_out(json: &Json, indent: usize) -> String {
    const WIDTH: usize = 140;
    let flat = json.to_string();
    let (open, close, items): (_, _, Vec<String>) = match json {
        Json::Object(map) if indent + flat.len() > WIDTH => {
            let item = |(key, value)| format!("{}: {}", Json::from(key as &str), laid_out(value, indent + 2));
            ('{', '}', map.iter().map(|(key, value)| item((key.as_str(), value))).collect())
        }
        Json::Array(list) if indent + flat.len() > WIDTH => {
            ('[', ']', list.iter().map(|value| laid_out(value, indent + 2)).collect())
        }
        _ => return flat,
    };
    let pad = " ".repeat(indent);
    format!("{open}\n{pad}  {}\n{pad}{close}", items.join(&format!(",\n{pad}  ")))
}

/// The plan in all three formats.
fn written(looked: &Looked) -> [(&'static str, String); 3] {
    let reports = [plan_report(looked, Mode::Live)];
    let comment = markdown::plans(&reports, &[], markdown::SUMMARY_LIMIT);
    [
        ("plan.txt", human::plan(&reports[0], Style::default())),
        ("plan.md", comment),
        ("plan.json", json::plans(&reports)),
    ]
}

#[test]
fn every_world_is_planned_as_written() {
    let mut wrong = Vec::new();
    let worlds = places();
    assert!(worlds.len() >= 11, "only {}", worlds.len());
    for world in worlds {
        if blessing() {
            let live = virtual_time(world.snapshot());
            world.write("live.json", &format!("{}\n", laid_out(&live, 0)));
        }
        for (file, text) in written(&world.looked()) {
            if blessing() {
                world.write(file, &text);
            } else if world.read(file).as_deref() != Some(text.as_str()) {
                wrong.push(format!("== {}/{file}\nexpected\n{:?}\nfound\n{text}", world.name(), world.read(file)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing in a snapshot says who may sign in.
#[test]
fn no_world_holds_a_secret() {
    let secret =
        Regex::new("A[KS]IA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|k8s-aws-v1|LS0tLS1CRUdJTi").expect("a pattern");
    for world in places() {
        let live = world.read("live.json").expect("a snapshot");
        assert!(!secret.is_match(&live), "{}: {:?}", world.name(), secret.find(&live));
    }
}

/// Applied for real, in the region that the snapshot is from, a world whose plan is not refused comes to rest at once.
#[test]
fn a_second_plan_right_after_an_apply_has_nothing_to_do() {
    let mut rested = 0;
    for world in places() {
        if world.read("live.patch.json").is_some() || world.looked().refused() {
            continue;
        }
        virtual_time(async {
            let environment = world.environment();
            let region = world.region().await;
            let open = region.world(&environment);
            let looked = look(&environment, &open).await.expect("a look");
            let approved: Approval = approval(&looked);
            let done = run::apply(&environment, &open, &approved, &|_| {}, &rem_ci::engine::Stop::default()).await;
            assert_eq!(failures(&done.expect("an apply").outcome), Vec::<String>::new(), "{}", world.name());
            let mut again = look(&environment, &open).await.expect("a look");
            if !again.plan.changes() && again.plan.steps.iter().any(|step| step.action.word() == "settle") {
                // Nodes were rolled last: what runs on them is still coming up, which another apply waits for.
                let approved: Approval = approval(&again);
                let done = run::apply(&environment, &open, &approved, &|_| {}, &rem_ci::engine::Stop::default()).await;
                assert_eq!(failures(&done.expect("an apply").outcome), Vec::<String>::new(), "{}", world.name());
                again = look(&environment, &open).await.expect("a look");
            }
            let moved: Vec<_> = again.plan.steps.iter().filter(|step| step.action.word() != "keep").collect();
            assert!(moved.is_empty(), "{}: {moved:#?}", world.name());
        });
        rested += 1;
    }
    assert!(rested >= AT_LEAST, "only {rested}");
}
