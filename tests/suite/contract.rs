//! All that the kinds send, written down for `.ci/contract/botocore_check.py`, which holds it against AWS's own API models.
//!
//! The shipped environments and one with every option are made, changed by hand, repaired, changed by their files and
//! destroyed. A call that a kind says it makes but that never came up is an error here, so nothing goes unjudged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rem_ci::config::{self, Loaded};
use rem_ci::engine::wait::pause;
use rem_ci::engine::{Change, Cx, Effect, Value, policy};
use rem_ci::resources::{self, KINDS};
use rem_ci::run::World;
use rem_ci::sandbox::recorded;

use crate::common::{Region, apply, destroy, environment, look, today, virtual_time};
use crate::litter::Litter;
use crate::moto::other;

/// Every different request, in the order of their first coming.
type Lines = Arc<Mutex<Vec<String>>>;

fn options(file: &str) -> Loaded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    config::load(&format!("tests/options/{file}.yaml"), root, today())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn recording(seed: u64, loaded: &Loaded, lines: &Lines) -> Region {
    let mut region = Region::new(seed, &loaded.spec.account);
    let lines = Arc::clone(lines);
    region.sandbox = region.sandbox.clone().record(Arc::new(move |request| {
        let line = recorded::line(request).unwrap_or_else(|| panic!("not understood: {request:?}"));
        lines.lock().expect("lines").push(line);
    }));
    region
}

/// Plans until nothing changes any more. `first_time`: no run on the way may end incomplete.
async fn converge(loaded: &Loaded, world: &World, first_time: bool) {
    for _ in 0..4 {
        let looked = look(loaded, world).await.expect("a look");
        assert!(!looked.refused(), "{:#?}", looked.findings);
        if !looked.plan.changes() {
            return;
        }
        let applied = apply(loaded, world).await.expect("an apply");
        let failed: Vec<_> = applied.outcome.reports.iter().filter(|report| report.error.is_some()).collect();
        assert!(failed.is_empty() || !first_time, "{failed:#?}");
    }
    panic!("it does not come to rest");
}

async fn end(loaded: &Loaded, world: &World) {
    let destroyed = destroy(loaded, world).await.expect("a destroy");
    let failed: Vec<_> = destroyed.applied.outcome.reports.iter().filter(|report| report.error.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(destroyed.leftovers, []);
}

/// Changes every field of everything, as far as it can be changed to another valid value, by the kinds' own calls. What
/// the region thinks of it is not the question here: the requests are.
async fn move_everything(loaded: &Loaded, world: &World) {
    let looked = look(loaded, world).await.expect("a look");
    for step in &looked.plan.steps {
        let Some(live) = &step.live else { continue };
        let kind = resources::kind_of(&step.kind).expect("a kind");
        let cx = Cx {
            address: step.address.clone(),
            environment: loaded.spec.name.clone(),
            stack: looked.owner.stack.clone(),
            token: format!("moved-{}", step.address.as_str().replace('/', "-")),
        };
        let eks = kind.kind().actions.iter().any(|action| action.starts_with("eks:"));
        for field in kind.kind().fields.iter().filter(|field| matches!(field.effect, Effect::InPlace)) {
            let Some(value) = live.fields.get(field.name).filter(|_| !eks || field.name == "tags") else { continue };
            let mut want = live.fields.clone();
            let after = match field.name {
                // One goes, one comes: both halves of tagging.
                "tags" => Some(Value::tags([("moved", "yes")])),
                _ => other(&step.kind, field.name, value),
            };
            match &after {
                Some(value) => want.insert(field.name.to_owned(), value.clone()),
                None => want.remove(field.name),
            };
            let change = Change { field: field.name.to_owned(), before: Some(value.clone()), after };
            let _ = kind.update(&world.cloud, &cx, live, &want, &[change]).await;
        }
        for (field, after) in added(&step.kind) {
            let mut want = live.fields.clone();
            let before = match &after {
                Some(value) => want.insert(field.to_owned(), value.clone()),
                None => want.remove(field),
            };
            let change = Change { field: field.to_owned(), before, after };
            let _ = kind.update(&world.cloud, &cx, live, &want, &[change]).await;
        }
    }
}

/// What the environments never say, and other files may.
fn added(kind: &str) -> Vec<(&'static str, Option<Value>)> {
    let statement = serde_json::json!({ "Effect": "Deny", "Action": "s3:*", "Resource": "*" });
    let document = policy(&serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] }));
    match kind {
        "iam-role" => vec![
            ("inline", Some(Value::map([("moved", document)]))),
            ("boundary", Some("arn:aws:iam::aws:policy/AmazonEKSClusterPolicy".into())),
        ],
        "log-group" => vec![("retentionDays", None)],
        // Old versions go once there are many.
        "launch-template" => {
            (0..12).map(|at| ("instanceTags", Some(Value::tags([("moved", at.to_string())])))).collect()
        }
        _ => Vec::new(),
    }
}

/// Calls that come up only where things of other makers are in the way, or an answer was lost.
const IN_THE_WAY: &[&str] = &[
    "iam:ListEntitiesForPolicy",
    "iam:GetInstanceProfile",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:DeleteInstanceProfile",
    "ec2:ReplaceRouteTableAssociation",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "eks:UpdatePodIdentityAssociation",
    "sqs:ListQueues",
];

/// IAM actions that AWS checks along with another call; no request of ours bears their name.
const ALONG: &[&str] = &["iam:PassRole", "kms:CreateGrant", "route53:AssociateVPCWithHostedZone", "ec2:RunInstances"];

/// `(service, operation)` of a line.
fn operation(line: &str) -> (String, String) {
    let line: serde_json::Value = serde_json::from_str(line).expect("a line");
    let text = |key: &str| line[key].as_str().expect("text").to_owned();
    (text("service"), text("operation"))
}

#[test]
fn requests_are_written_down() {
    let lines = Lines::default();
    for (seed, name) in [(1, "dev"), (2, "staging"), (3, "prod")] {
        virtual_time(async {
            let loaded = environment(name);
            let region = recording(seed, &loaded, &lines);
            let world = region.world(&loaded);
            converge(&loaded, &world, true).await;
            end(&loaded, &world).await;
        });
    }
    // What bootstrap makes, and the runs of the roles that it makes.
    virtual_time(async {
        let loaded = environment("staging");
        let region = recording(5, &loaded, &lines);
        crate::privilege::bootstrapped(&region, &loaded).await;
    });
    virtual_time(async {
        let (one, two) = (options("one/wide"), options("two/wide"));
        let region = recording(4, &one, &lines);
        let world = World::simulated(region.sandbox.clone(), region.clock, &one.spec, None);
        let bucket = one.spec.state.as_ref().expect("a bucket").bucket.clone();
        world.cloud.s3.create_bucket().bucket(bucket).send().await.expect("a bucket");
        // Whom the access entries are for is somebody else's to make.
        for name in ["sre", "dev", "ops", "night"] {
            let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
            let call = world.cloud.iam.create_role().role_name(name).assume_role_policy_document(trust);
            call.send().await.expect("a role");
        }
        converge(&one, &world, true).await;
        converge(&two, &world, true).await;
        move_everything(&two, &world).await;
        // All at once may need another run: private names of an endpoint wait for the VPC's, which nothing says.
        converge(&two, &world, false).await;
        Litter::strewn(&region, &two);
        pause(Duration::from_secs(5)).await;
        end(&two, &world).await;
        // Once more over what a destroy leaves: a key that is on its way out is taken back.
        converge(&two, &world, true).await;
    });
    let mut lines = Arc::into_inner(lines).expect("one holder").into_inner().expect("lines");
    let mut seen = BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/contract");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("requests.jsonl"), lines.join("\n") + "\n").expect("the file");
    let made: BTreeSet<(String, String)> = lines.iter().map(|line| operation(line)).collect();
    let mut missing = String::new();
    for kind in KINDS {
        for action in kind.kind().actions {
            let (service, name) = action.split_once(':').expect("service:Action");
            if !ALONG.contains(action)
                && !IN_THE_WAY.contains(action)
                && !made.contains(&(service.to_owned(), name.to_owned()))
            {
                let _ = writeln!(missing, "{}: {action}", kind.kind().name);
            }
        }
    }
    assert_eq!(missing, "");
}
