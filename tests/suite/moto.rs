//! The kinds without EKS against PyPI's moto, an AWS simulator that is not ours: absent, made, equal, changed, equal again,
//! gone; with real SDK clients, over HTTP, in real time.
//!
//! Runs where `REM_CI_MOTO_ENDPOINT` is set (`.ci/contract/moto_check.sh` does that, and `.ci/run` sees that it did run).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rem_ci::cloud::{self, Cloud};
use rem_ci::config;
use rem_ci::engine::{
    Address, Change, Custody, Cx, Effect, Failure, Fields, Live, Node, Ready, Scope, TAG_RESOURCE, Value, policy, wait,
};
use rem_ci::model::{self, Identity};
use rem_ci::resources::facts;

use crate::common::today;

/// What moto cannot do: its EKS knows neither add-ons nor access entries nor Pod Identity, and no nodes join; it names
/// service-linked roles by a rule (`AWSServiceRoleForSpot`), where AWS has a name for each (`AWSServiceRoleForEC2Spot`).
const NOT_IN_MOTO: [&str; 18] = [
    "access-entry",
    "addon",
    "auto-scaling-group",
    "cluster",
    "cluster-role",
    "cluster-role-binding",
    "cluster-security-group",
    "crds",
    "flow-schema",
    "helm-release",
    "namespace",
    "node-class",
    "node-group",
    "node-pool",
    "pod-identity-association",
    "service-linked-role",
    "storage-class",
    "subnet-tags",
];

/// Fields whose changes moto does not take as AWS documents: `(kind, field, why)`. They are compared when made.
const DEVIATIONS: &[(&str, &str, &str)] = &[
    ("oidc-provider", "clientIds", "moto has neither AddClientIDToOpenIDConnectProvider nor its counterpart"),
    (
        "launch-template",
        "volumeTags",
        "a template's tenth version is its last: moto has no DeleteLaunchTemplateVersions",
    ),
    ("launch-template", "interfaceTags", "as volumeTags"),
    ("launch-template", "tags", "moto describes a template with the tags it was made with, whatever CreateTags says"),
    ("sqs-queue", "policy", "moto drops the policy whenever SetQueueAttributes names another attribute alone"),
];

fn deviates(kind: &str, field: &str) -> bool {
    DEVIATIONS.iter().any(|(one, other, _)| (*one, *other) == (kind, field))
}

/// Another value that the field may have; none removes it.
pub(crate) fn other(kind: &str, field: &str, value: &Value) -> Option<Value> {
    let mut entries = match value {
        Value::Map(entries) => entries.clone(),
        _ => BTreeMap::new(),
    };
    Some(match (field, value) {
        (name, Value::Map(_)) if name == "tags" || name.ends_with("Tags") => {
            entries.insert("drifted".to_owned(), "yes".into());
            Value::Map(entries)
        }
        ("metadata" | "volume", Value::Map(_)) => {
            let number = |value: &Value| value.as_text().and_then(|text| text.parse::<u32>().ok());
            let (key, number) = entries.iter().find_map(|(key, value)| Some((key.clone(), number(value)?)))?;
            entries.insert(key, Value::text(number + 1));
            Value::Map(entries)
        }
        (_, Value::Map(_)) => {
            entries.pop_first();
            return (!entries.is_empty()).then_some(Value::Map(entries));
        }
        ("clientIds", Value::Set(items)) => Value::set(items.iter().cloned().chain(["other.example".into()])),
        (_, Value::Set(items)) => return (items.len() > 1).then(|| Value::set(items[1..].iter().cloned())),
        (_, Value::Policy(text)) => {
            let mut document: serde_json::Value = serde_json::from_str(text).expect("a policy");
            let mut statements = match document["Statement"].take() {
                serde_json::Value::Array(all) => all,
                one => vec![one],
            };
            let mut another = statements[0].clone();
            another["Sid"] = "Drifted".into();
            statements.push(another);
            document["Statement"] = statements.into();
            policy(&document)
        }
        ("pattern", Value::Text(text)) => {
            let mut pattern: serde_json::Value = serde_json::from_str(text).expect("a pattern");
            pattern["account"] = serde_json::json!(["123456789012"]);
            Value::text(pattern)
        }
        (_, Value::Text(text)) => match (text.as_str(), text.parse::<u64>()) {
            ("true", _) => "false".into(),
            ("false", _) => "true".into(),
            ("ENABLED", _) => "DISABLED".into(),
            ("90", _) => "30".into(),
            (_, Ok(number)) => Value::text(number * 2),
            _ if ["vpc", "encryption", "boundary"].contains(&field) => return None,
            _ => Value::text(format!("{text}-drifted")),
        },
        _ => panic!("{kind}: how does {field} drift? {value:?}"),
    })
}

/// What a kind that is not in moto would give.
fn stand_in(address: &Address, attr: &str, made: &BTreeMap<(Address, String), String>) -> Option<String> {
    match (address.kind(), attr) {
        ("cluster", "issuer") => {
            Some("oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E".to_owned())
        }
        ("cluster-security-group", _) | ("cluster", "securityGroup" | "security_group") => {
            let group = made.iter().find(|((address, attr), _)| address.kind() == "security-group" && attr == "id");
            group.map(|(_, id)| id.clone())
        }
        ("cluster", name) => Some(format!("rem-{name}")),
        _ => None,
    }
}

/// Drifts that no kind would make, whatever its file says: only a hand does. Gives whether this is one.
async fn by_hand(world: &Cloud, kind: &str, field: &str, live: &Live) -> bool {
    match (kind, field) {
        ("log-group", "marked") => {
            let arn = world.arn("logs", &format!("log-group:{}", live.id));
            let call = world.logs.untag_resource().resource_arn(arn).tag_keys(rem_ci::engine::TAG_RESOURCE);
            call.send().await.expect("a tag less");
        }
        ("internet-gateway", "vpc") => {
            let call = world.ec2.detach_internet_gateway().internet_gateway_id(&live.id).vpc_id(live.text("vpc"));
            call.send().await.expect("a detached gateway");
        }
        ("kms-key", "enabled") => {
            world.kms.disable_key().key_id(&live.id).send().await.expect("a disabled key");
        }
        ("sqs-queue", "encryption") => {
            let call = world.sqs.set_queue_attributes().queue_url(&live.id);
            call.attributes("SqsManagedSseEnabled".into(), "false").send().await.expect("a plain queue");
        }
        _ => return false,
    }
    true
}

struct Case<'a> {
    world: &'a Cloud,
    node: &'a Node<Cloud>,
    cx: Cx,
    scope: Scope,
    wrong: String,
}

impl Case<'_> {
    async fn read(&self, id: &str) -> Option<Live> {
        for _ in 0..50 {
            let live = self.node.kind.read(self.world, &self.scope, id).await.unwrap_or_else(|e| panic!("{id}: {e}"));
            match live {
                Some(Live { ready: Ready::NotYet(_), .. }) => wait::pause(Duration::from_millis(200)).await,
                live => return live,
            }
        }
        panic!("{id} never gets ready");
    }

    /// Every declared field is as wanted.
    fn compare(&mut self, when: &str, want: &Fields, live: &Live) {
        let kind = self.node.kind.kind();
        for field in
            kind.fields.iter().map(|field| field.name).filter(|field| when == "made" || !deviates(kind.name, field))
        {
            if want.get(field) != live.fields.get(field) {
                let (want, have) = (want.get(field), live.fields.get(field));
                let _ = writeln!(self.wrong, "{} {when}: {field}\n  want {want:?}\n  have {have:?}", self.cx.address);
            }
        }
    }

    async fn swept(&self) -> Vec<Live> {
        let found = self.node.kind.sweep(self.world, &self.scope).await.unwrap_or_else(|e| panic!("{e}"));
        let here = |live: &Live| {
            live.tags.get(TAG_RESOURCE).map(String::as_str) == Some(self.cx.address.as_str())
                || live.stands_for.as_ref() == Some(&self.cx.address)
        };
        found.into_iter().filter(here).collect()
    }

    async fn change(&mut self, when: &str, live: &Live, want: &Fields, field: &str) -> Result<(), Failure> {
        let change = Change {
            field: field.to_owned(),
            before: live.fields.get(field).cloned(),
            after: want.get(field).cloned(),
        };
        self.node.kind.update(self.world, &self.cx, live, want, &[change]).await?;
        let live = self.read(&live.id).await.expect("it is still there");
        self.compare(when, want, &live);
        Ok(())
    }

    async fn drift(&mut self, id: &str, want: &Fields) {
        let kind = self.node.kind.kind();
        for field in kind.fields.iter().filter(|field| matches!(field.effect, Effect::InPlace)) {
            let Some(value) = want.get(field.name).filter(|_| !deviates(kind.name, field.name)) else { continue };
            let mut moved = want.clone();
            match other(kind.name, field.name, value) {
                Some(value) => moved.insert(field.name.to_owned(), value),
                None => moved.remove(field.name),
            };
            for (when, goal) in [("drifted", &moved), ("repaired", want)] {
                let live = self.read(id).await.expect("it is there");
                let when = format!("{when} in {}", field.name);
                if when.starts_with("drifted") && by_hand(self.world, kind.name, field.name, &live).await {
                    continue;
                }
                if let Err(failure) = self.change(&when, &live, goal, field.name).await {
                    let _ = writeln!(self.wrong, "{} {when}: {failure}", self.cx.address);
                }
            }
        }
    }
}

#[test]
fn the_kinds_without_eks_hold_against_moto() {
    if cloud::env("REM_CI_MOTO_ENDPOINT").is_none() {
        println!("moto: not asked, REM_CI_MOTO_ENDPOINT is not set");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("moto: {} kinds hold", runtime.block_on(conformance()));
}

async fn conformance() -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = config::load("tests/options/two/wide.yaml", root, today()).unwrap_or_else(|p| panic!("{p:#?}"));
    let spec = &loaded.spec;
    let config = cloud::live(&spec.region).await.expect("AWS_ENDPOINT_URL and keys");
    let world = Cloud::new(&config, &spec.account, &spec.region);
    let stack = Identity::of(spec).stack;
    let graph = model::build(spec);
    let facts = facts::offline(spec);
    let mut made: BTreeMap<(Address, String), String> = BTreeMap::new();
    let mut order: Vec<(&Node<Cloud>, Live)> = Vec::new();
    let (mut wrong, mut kinds) = (String::new(), BTreeSet::new());
    let case_of = |node| Case {
        world: &world,
        node,
        cx: Cx {
            address: node.address.clone(),
            environment: spec.name.clone(),
            stack: stack.clone(),
            token: node.address.as_str().replace('/', "-"),
        },
        scope: Scope {
            environment: spec.name.clone(),
            stack: stack.clone(),
            wanted: vec![(node.address.clone(), node.want(&facts))],
            everything: std::sync::Arc::default(),
            after_incomplete: false,
        },
        wrong: String::new(),
    };
    for node in graph.nodes().iter().filter(|node| !NOT_IN_MOTO.contains(&node.kind.kind().name)) {
        let mut case = case_of(node);
        let look = |address: &Address, attr: &str| {
            let known = made.get(&(address.clone(), attr.to_owned())).cloned();
            known.or_else(|| stand_in(address, attr, &made))
        };
        let resolved = |(field, value): (String, Value)| Ok((field, value.resolve(&look)?));
        let want: Fields = match node.want(&facts).into_iter().map(resolved).collect::<Result<_, String>>() {
            Ok(want) => want,
            Err(missing) => {
                let _ = writeln!(wrong, "{}: no {missing}", node.address);
                continue;
            }
        };
        case.scope.wanted = vec![(node.address.clone(), want.clone())];
        let shared = node.kind.kind().custody == Custody::Shared;
        assert!(shared || case.swept().await.is_empty(), "{} is there before it is made", node.address);
        let id = match node.kind.create(&world, &case.cx, &want).await {
            Ok(id) => id,
            Err(failure) => {
                let _ = writeln!(wrong, "{} made: {failure}", node.address);
                continue;
            }
        };
        let Some(live) = case.read(&id).await else {
            let _ = writeln!(wrong, "{} {id}: made, and not there", node.address);
            continue;
        };
        case.compare("made", &want, &live);
        let found = case.swept().await;
        let found: Vec<_> = found.into_iter().map(|live| live.id).collect();
        if found != [live.id.clone()] {
            let _ = writeln!(wrong, "{} {}: the sweep finds {found:?}", node.address, live.id);
        }
        made.extend(live.names.iter().map(|(attr, value)| ((node.address.clone(), attr.clone()), value.clone())));
        if kinds.insert(node.kind.kind().name) {
            case.drift(&id, &want).await;
        }
        wrong.push_str(&case.wrong);
        order.push((node, case.read(&id).await.unwrap_or(live)));
    }
    for (node, live) in order.iter().rev() {
        let case = case_of(node);
        if node.kind.kind().custody == Custody::Shared {
            continue;
        }
        if let Err(failure) = node.kind.delete(&world, &case.cx, live).await {
            let _ = writeln!(wrong, "{} deleted: {failure}", node.address);
            continue;
        }
        match case.node.kind.read(&world, &case.scope, &live.id).await {
            Ok(None | Some(Live { ready: Ready::Leaving(_), .. })) => {}
            other => drop(writeln!(wrong, "{} deleted, and still there: {other:?}", node.address)),
        }
    }
    assert_eq!(wrong, "");
    assert_eq!(kinds.len(), rem_ci::resources::KINDS.len() - NOT_IN_MOTO.len());
    kinds.len()
}
