//! The simulated Kubernetes API through a real `kube::Client`: what real servers answer, request by request.

mod access;
mod apply;
mod custom;
mod faults;
mod first;
mod lives;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use rem_ci::sandbox::aws::{eks, iam};
use rem_ci::sandbox::kube::{self as simulated, Kubernetes};
use rem_ci::sandbox::region::with_here;
use serde_json::{Value as Json, json};

use crate::common::Region;

pub(crate) const ACCOUNT: &str = "123456789012";
const ENDPOINT: &str = "https://ABCDEF.gr7.us-east-1.eks.amazonaws.com";

/// A region with one cluster whose control plane is up, and the administrator as its administrator.
pub(crate) fn region() -> Region {
    let region = Region::new(7, ACCOUNT);
    cluster(&region, "prod");
    entry(&region, "prod", &format!("arn:aws:iam::{ACCOUNT}:user/sandbox"), &["AmazonEKSClusterAdminPolicy"], &[]);
    region
}

/// Puts a cluster into a region as EKS would leave it.
fn cluster(region: &Region, name: &str) {
    let now = region.sandbox.now();
    region.sandbox.with(|state| {
        with_here(state, now, ACCOUNT, "us-east-1", "", |here| {
            let body = json!({ "name": name, "status": "ACTIVE", "version": "1.36", "endpoint": ENDPOINT });
            here.region.eks.clusters.insert(name.to_owned(), eks::Cluster { body, ..eks::Cluster::default() });
            let inside = simulated::bootstrap(now, "1.36", "172.20.0.1");
            here.region.kube.clusters.insert(name.to_owned(), inside);
        });
    });
}

/// Lets nothing live in a region's clusters: what happens is the API's doing alone.
pub(crate) fn still(region: &Region) {
    region.sandbox.with(|state| {
        let account = state.accounts.get_mut(ACCOUNT).expect("an account");
        let region = account.regions.get_mut("us-east-1").expect("a region");
        for cluster in region.eks.clusters.values_mut() {
            cluster.body["status"] = json!("FAILED");
        }
    });
}

/// Gives a principal an access entry.
pub(crate) fn entry(region: &Region, cluster: &str, principal: &str, policies: &[&str], groups: &[&str]) {
    let now = region.sandbox.now();
    region.sandbox.with(|state| {
        with_here(state, now, ACCOUNT, "us-east-1", "", |here| {
            let body = json!({ "principalArn": principal, "username": principal, "kubernetesGroups": groups });
            let policies = policies.iter().map(|name| {
                let arn = format!("arn:aws:eks::aws:cluster-access-policy/{name}");
                (arn, json!({ "accessScope": { "type": "cluster", "namespaces": [] } }))
            });
            let entry = eks::Entry { body, policies: policies.collect(), ..eks::Entry::default() };
            let cluster = here.region.eks.clusters.get_mut(cluster).expect("a cluster");
            cluster.entries.insert(principal.to_owned(), entry);
        });
    });
}

/// A token as `aws eks get-token` makes them, for an access key.
pub(crate) fn token(region: &Region, key: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(region.sandbox.now()).expect("a time");
    let at = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &at[..8];
    let url = format!(
        "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential={key}%2F{day}%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date={at}&X-Amz-Expires=60\
         &X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=00"
    );
    format!("k8s-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(url))
}

/// A door that adds a token and the cluster's host to every request.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) door: Kubernetes,
    pub(crate) token: String,
}

impl tower::Service<http::Request<kube::client::Body>> for Signed {
    type Response = <Kubernetes as tower::Service<http::Request<kube::client::Body>>>::Response;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = <Kubernetes as tower::Service<http::Request<kube::client::Body>>>::Future;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<kube::client::Body>) -> Self::Future {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        *request.uri_mut() = format!("{ENDPOINT}{path}").parse().expect("a uri");
        if !self.token.is_empty() {
            let value = format!("Bearer {}", self.token).parse().expect("a header");
            request.headers_mut().insert("authorization", value);
        }
        self.door.call(request)
    }
}

/// A client with a token of an access key; empty for none.
pub(crate) fn client_of(region: &Region, key: &str) -> Client {
    let token = if key.is_empty() { String::new() } else { token(region, key) };
    Client::new(Signed { door: region.sandbox.kubernetes(), token }, "default")
}

/// The administrator's client.
pub(crate) fn client(region: &Region) -> Client {
    client_of(region, &format!("AKIA{ACCOUNT}SAND"))
}

/// Objects of any kind: cluster-scoped, or in `namespace`.
pub(crate) fn api(client: &Client, version: &str, kind: &str, plural: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    match namespace {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

/// An object from JSON.
pub(crate) fn object(json: Json) -> DynamicObject {
    serde_json::from_value(json).expect("an object")
}

/// The Status behind a refusal: its code, reason and message.
pub(crate) fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("no refusal: {other:?}"),
    }
}

/// An answer's code and text, for what no typed call asks.
pub(crate) async fn ask(region: &Region, path: &str, accept: &str) -> (u16, String) {
    use http_body_util::BodyExt as _;
    use tower::Service as _;
    let mut door = Signed { door: region.sandbox.kubernetes(), token: token(region, &format!("AKIA{ACCOUNT}SAND")) };
    let request =
        http::Request::get(path).header("accept", accept).body(kube::client::Body::empty()).expect("a request");
    let answer = door.call(request).await.expect("an answer");
    let code = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (code, String::from_utf8(body.to_vec()).expect("text"))
}

/// Puts an object where a controller would have put it.
pub(crate) fn put(region: &Region, resource: &str, object: Json) {
    let now = region.sandbox.now();
    region.sandbox.with(|state| {
        with_here(state, now, ACCOUNT, "us-east-1", "", |here| {
            let cluster = here.region.kube.clusters.get_mut("prod").expect("a cluster");
            cluster.store.create(now, resource, object).expect("made");
        });
    });
}

/// Opens a session of a role; gives its access key.
pub(crate) fn session(region: &Region, role: &str) -> String {
    let now = region.sandbox.now();
    let key = format!("ASIA{ACCOUNT}{}", role.to_uppercase());
    region.sandbox.with(|state| {
        with_here(state, now, ACCOUNT, "us-east-1", "", |here| {
            let session = iam::Session {
                arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/run"),
                role: format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                expires: now + 3_600_000,
                ..iam::Session::default()
            };
            here.iam.sessions.insert(key.clone(), session);
        });
    });
    key
}

/// Registers a custom kind, `Widget`, with a bit of everything in its schema.
pub(crate) async fn define(region: &Region) {
    let parts = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object", "required": ["name"],
            "properties": { "name": { "type": "string" }, "count": { "type": "integer" } },
        },
    });
    let spec = json!({
        "type": "object",
        "properties": {
            "size": { "type": "integer", "maximum": 50 }, "colour": { "type": "string", "enum": ["red", "green"] },
            "level": { "type": "integer", "default": 3 }, "wait": { "type": "string", "pattern": "^([0-9]+s|Never)$" },
            "parts": parts,
        },
    });
    let status = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let schema = json!({ "type": "object", "properties": { "spec": spec, "status": status } });
    let ready = r#".status.conditions[?(@.type=="Ready")].status"#;
    let version = json!({
        "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema },
        "subresources": { "status": {}, "scale": { "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size" } },
        "additionalPrinterColumns": [
            { "name": "Size", "type": "integer", "jsonPath": ".spec.size" },
            { "name": "Ready", "type": "string", "jsonPath": ready },
            { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        ],
    });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.test.example" },
        "spec": {
            "group": "test.example", "scope": "Cluster", "versions": [version],
            "names": { "kind": "Widget", "plural": "widgets" },
        },
    });
    let version = "apiextensions.k8s.io/v1";
    let definitions = api(&client(region), version, "CustomResourceDefinition", "customresourcedefinitions", "");
    let made = definitions.create(&kube::api::PostParams::default(), &object(definition)).await.expect("defined");
    let conditions = made.data["status"]["conditions"].as_array().expect("conditions");
    assert!(conditions.iter().any(|one| one["type"] == "Established" && one["status"] == "True"));
}
