use super::{Approval, Digests, Known, Name, Written};
use crate::cloud::Store;
use crate::config::Spec;
use crate::engine::Canonical;

const HEAD: &str = "1111111111111111111111111111111111111111";
const BASE: &str = "2222222222222222222222222222222222222222";

fn spec() -> Spec {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    crate::config::load("dev", root, jiff::civil::date(2026, 11, 24)).expect("dev").spec
}

fn known<'a>(spec: &'a Spec, digests: &'a Digests) -> Known<'a> {
    Known { repository_id: 42, pull: 7, base_ref: "main", head_sha: HEAD, spec, digests }
}

fn approval(spec: &Spec) -> Approval {
    let digests = Digests { plan: String::new(), input: String::new() };
    let plan = Canonical { nodes: Vec::new() };
    Approval::new(&known(spec, &digests), BASE, "sha256:00112233445566778899", plan, "run 1", "2026-11-24T12:00:00Z")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

#[test]
fn written_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::Folder(folder.path().to_owned());
    let spec = spec();
    let approval = approval(&spec);
    run(async {
        assert_eq!(approval.write(&store).await.expect("it answers"), Written::New);
        let again = Approval { run: "run 2".to_owned(), base_sha: HEAD.to_owned(), ..approval.clone() };
        assert_eq!(again.write(&store).await.expect("it answers"), Written::Same);
        let digests = approval.digests();
        let name = Name { environment: "dev", pull: 7, head_sha: HEAD, digests: &digests };
        assert_eq!(name.key(), format!("plans/dev/7/{HEAD}/{}-0011223344556677", digests.plan));
        let there = Approval::read(&store, &name).await.expect("it answers").expect("it is there");
        assert_eq!(there, approval, "the first one stays");
        let forged = Approval { repository_id: 1, ..approval.clone() };
        assert_eq!(forged.write(&store).await.expect("it answers"), Written::Other);
        // Another pull request with the same commit has another place.
        let other = Approval { pull: 8, ..approval.clone() };
        assert_eq!(other.write(&store).await.expect("it answers"), Written::New);
        // The same plan under another budget, too.
        let budget = Approval { input_digest: "sha256:ffff".to_owned(), ..approval.clone() };
        assert_eq!(budget.write(&store).await.expect("it answers"), Written::New);
    });
}

#[test]
fn what_is_no_approval_counts_as_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::Folder(folder.path().to_owned());
    let digests = Digests { plan: "ab".repeat(32), input: "cd".repeat(8) };
    let name = Name { environment: "dev", pull: 7, head_sha: HEAD, digests: &digests };
    let spec = spec();
    let good = serde_json::to_vec(&approval(&spec)).expect("JSON");
    run(async {
        let read = async |body: Vec<u8>| {
            store.put(&name.key(), body, None).await.expect("written");
            Approval::read(&store, &name).await.expect("it answers")
        };
        assert_eq!(read(b"{}".to_vec()).await, None);
        assert_eq!(read(good[..good.len() / 2].to_vec()).await, None);
        assert_eq!(read(vec![b' '; super::MAX_BYTES + 1]).await, None);
        assert_eq!(read(String::from_utf8_lossy(&good).replace("approval/v1", "approval/v9").into_bytes()).await, None);
        assert!(read(good.clone()).await.is_some());
    });
}

#[test]
fn every_field_that_binds_is_compared() {
    let spec = spec();
    let good = approval(&spec);
    let digests = good.digests();
    let known = known(&spec, &digests);
    assert_eq!(good.disagrees(&known), Vec::<&str>::new());
    let wrong = |change: &dyn Fn(&mut Approval)| {
        let mut approval = good.clone();
        change(&mut approval);
        approval.disagrees(&known)
    };
    assert_eq!(wrong(&|approval| approval.repository_id = 1), ["repository"]);
    assert_eq!(wrong(&|approval| approval.pull = 8), ["pull request"]);
    assert_eq!(wrong(&|approval| approval.base_ref = "other".to_owned()), ["base branch"]);
    assert_eq!(wrong(&|approval| approval.head_sha = BASE.to_owned()), ["commit"]);
    assert_eq!(wrong(&|approval| approval.environment = "prod".to_owned()), ["environment"]);
    assert_eq!(wrong(&|approval| approval.account = "999999999999".to_owned()), ["account"]);
    assert_eq!(wrong(&|approval| approval.input_digest = "sha256:aa".to_owned()), ["digests"]);
    // A document that says the approved digest and holds another plan.
    let node = serde_json::json!({"address": "network/vpc", "kind": "vpc", "action": "delete", "fields": {}});
    let node: crate::engine::CanonicalNode = serde_json::from_value(node).expect("a node");
    assert_eq!(wrong(&|approval| approval.plan.nodes = vec![node.clone()]), ["plan"]);
}
