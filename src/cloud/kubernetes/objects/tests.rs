use std::sync::{Arc, Mutex};

use http::Response;
use http_body_util::Full;
use tower::service_fn;

use super::*;

const POOLS: Api = Api { group: "karpenter.sh", version: "v1", kind: "NodePool", plural: "nodepools" };

type Log = Arc<Mutex<Vec<String>>>;

/// A client whose answers are these, one after the other; and what it was asked.
fn scripted(answers: Vec<(u16, Json)>) -> (kube::Client, Log) {
    let log = Log::default();
    let (seen, answers) = (log.clone(), Arc::new(Mutex::new(answers.into_iter())));
    let service = service_fn(move |request: Request<kube::client::Body>| {
        let line = format!("{} {}", request.method(), request.uri());
        seen.lock().expect("a log").push(line);
        let (status, body) = answers.lock().expect("answers").next().expect("one more answer");
        let body = Full::new(Bytes::from(body.to_string()));
        let response = Response::builder().status(status).body(body).expect("a response");
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    (kube::Client::new(service, "default"), log)
}

fn conflict(managers: &[&str]) -> Json {
    let cause = |manager: &&str| {
        let message = format!("conflict with \"{manager}\" using karpenter.sh/v1");
        json!({"reason": "FieldManagerConflict", "message": message, "field": ".spec.limits.cpu"})
    };
    let causes: Vec<_> = managers.iter().map(cause).collect();
    let details = json!({"causes": causes});
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 409, "reason": "Conflict", "message": "x",
           "details": details})
}

#[tokio::test]
async fn a_list_has_every_page() {
    let page =
        |name: &str, next: &str| json!({"items": [{"metadata": {"name": name}}], "metadata": {"continue": next}});
    let (client, log) = scripted(vec![(200, page("a", "more/1")), (200, page("b", ""))]);
    let found = list(&client, &POOLS, None, "rem-ci.dev/environment=prod").await.expect("a list");
    assert_eq!(found.len(), 2);
    let log = log.lock().expect("a log").clone();
    assert!(
        log[0].ends_with("/apis/karpenter.sh/v1/nodepools?limit=500&labelSelector=rem%2Dci%2Edev%2Fenvironment%3Dprod"),
        "{log:?}"
    );
    assert!(log[1].ends_with("&continue=more%2F1"), "{log:?}");
}

#[tokio::test]
async fn what_is_not_there_is_none_and_a_deletion_of_it_is_fine() {
    let gone =
        json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "not found"});
    let (client, _) = scripted(vec![(404, gone.clone()), (404, gone)]);
    assert_eq!(get(&client, &POOLS, Place::global("burst")).await, Ok(None));
    assert_eq!(delete(&client, &POOLS, Place::global("burst"), "").await, Ok(()));
}

#[tokio::test]
async fn hands_are_put_back_and_programs_are_named() {
    let object = json!({"spec": {}});
    let (client, log) = scripted(vec![(409, conflict(&["kubectl-edit"])), (200, object.clone())]);
    apply(&client, &POOLS, Place::global("burst"), MANAGER, &object).await.expect("it is put back");
    let log = log.lock().expect("a log").clone();
    assert!(log[0].ends_with("/nodepools/burst?fieldManager=rem-ci"), "{log:?}");
    assert!(log[1].ends_with("?fieldManager=rem-ci&force=true"), "{log:?}");

    let (client, log) = scripted(vec![(409, conflict(&["kubectl-edit", "argocd"]))]);
    let refused = apply(&client, &POOLS, Place::global("burst"), MANAGER, &object).await.expect_err("a conflict");
    assert!(refused.message.contains("\"argocd\""), "{refused}");
    assert_eq!(log.lock().expect("a log").len(), 1);
}
