//! The canary: proof by doing. A pod for each pool asks for a node, gets one, and both go again; a message is sent to the
//! interruption queue, and the controller takes it.
//!
//! It is the one check that makes something: pods in a namespace of its own, and for some minutes the nodes that they
//! need, which cost cents. Whatever happens, it takes away what it made; a run that is killed leaves pods that end by
//! themselves (`activeDeadlineSeconds`), and the next canary begins by taking away the last one's.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use super::Check;
use super::diagnose::{Certainty, diagnose};
use super::observe::{self, NODE_CLAIMS, PODS};
use super::read::{self, text};
use crate::cloud::kubernetes::{Api, Client, MANAGER, Place, objects};
use crate::cloud::{Clock, Cloud, failed};
use crate::config::Spec;
use crate::engine::{Failure, Read, wait::pause};
use crate::model::Identity;

/// Where its pods live.
const NAMESPACE: &str = "rem-ci-canary";
const NAMESPACES: Api = Api { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };

/// An image that does nothing, from a registry without credentials.
const IMAGE: &str = "public.ecr.aws/eks-distro/kubernetes/pause:3.10";

/// A node takes 40 to 90 seconds, a Karpenter that first runs into missing capacity some minutes.
const PATIENCE: Duration = Duration::from_mins(10);
/// A drain of a node with nothing on it takes about a minute.
const GOING: Duration = Duration::from_mins(7);
/// Karpenter asks its queue all the time.
const MESSAGE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_secs(3);

/// IAM actions of the canary, beside those of the looks.
pub const ACTIONS: &[&str] = &["sqs:SendMessage"];

/// Runs the canary: a check for each pool, and one for the queue.
pub async fn canary(cloud: &Cloud, clock: &Clock, spec: &Spec, id: &Identity) -> Vec<Check> {
    let pools = spec.node_pools.keys().map(String::as_str);
    let client = match cloud.kube(&spec.cluster.name).await {
        Ok(Some(client)) => client,
        Ok(None) => return unproven(pools, "there is no cluster, or its control plane is not up"),
        Err(failure) => return unproven(pools, &failure.to_string()),
    };
    let before = match begin(&client).await {
        Ok(before) => before,
        Err(failure) => return unproven(pools, &failure.to_string()),
    };
    let run = Run { cloud, clock, spec, id, client: &client, before };
    let pools = pools.map(|pool| run.pool(pool));
    let (mut checks, message) = futures_util::join!(join_all(pools), run.message());
    if let Err(failure) = objects::delete(&client, &NAMESPACES, Place::global(NAMESPACE), "").await {
        for check in &mut checks {
            check.evidence.push(format!("namespace {NAMESPACE} stays: {failure}"));
        }
    }
    checks.push(message);
    checks
}

fn title(pool: &str) -> String {
    format!("a pod gets a node of pool {pool}, and both go again")
}

fn unproven<'a>(pools: impl Iterator<Item = &'a str>, why: &str) -> Vec<Check> {
    pools.map(|pool| Check::new("verify-canary", title(pool), false, vec![format!("not proven: {why}")])).collect()
}

/// Makes the namespace, takes away what an earlier canary left, and gives the names of the claims that are there.
async fn begin(client: &Client) -> Read<BTreeSet<String>> {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "rem-ci"}},
    });
    for pod in objects::list(client, &PODS, Some(NAMESPACE), "").await? {
        objects::delete(client, &PODS, Place::new(NAMESPACE, read::name(&pod)), "").await?;
    }
    objects::apply(client, &NAMESPACES, Place::global(NAMESPACE), MANAGER, &namespace).await?;
    let claims = objects::list(client, &NODE_CLAIMS, None, "").await?;
    Ok(claims.iter().map(|claim| read::name(claim).to_owned()).collect())
}

struct Run<'a> {
    cloud: &'a Cloud,
    clock: &'a Clock,
    spec: &'a Spec,
    id: &'a Identity,
    client: &'a Client,
    /// Claims that were there before.
    before: BTreeSet<String>,
}

impl Run<'_> {
    async fn pool(&self, pool: &str) -> Check {
        let name = format!("canary-{pool}");
        let mut evidence = Vec::new();
        let (mut passed, node) = match self.gets_node(pool, &name, &mut evidence).await {
            Ok(got) => got,
            Err(failure) => {
                evidence.push(failure.to_string());
                (false, None)
            }
        };
        // Whatever happened, the pod and the node made for it go.
        match self.goes(pool, &name, node.as_deref(), &mut evidence).await {
            Ok(gone) => passed &= gone,
            Err(failure) => {
                evidence.push(failure.to_string());
                passed = false;
            }
        }
        Check::new("verify-canary", title(pool), passed, evidence)
    }

    /// A pod that only this pool may take.
    fn pod(&self, pool: &str, name: &str) -> Json {
        let taints = self.spec.node_pools.get(pool).map(|pool| pool.taints.as_slice()).unwrap_or_default();
        let tolerations: Vec<_> = taints
            .iter()
            .map(|taint| json!({"key": taint.key, "operator": "Equal", "value": taint.value.clone().unwrap_or_default(), "effect": taint.effect}))
            .collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": NAMESPACE,
                "labels": {"app.kubernetes.io/managed-by": "rem-ci", "app.kubernetes.io/name": "canary"},
            },
            "spec": {
                "activeDeadlineSeconds": PATIENCE.as_secs() + 300,
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": false,
                "nodeSelector": {"workload-type": pool},
                "tolerations": tolerations,
                "containers": [{
                    "name": "pause", "image": IMAGE,
                    "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"memory": "32Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 65535,
                        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }],
            },
        })
    }

    /// Whether the pod came to run on a node of the pool, and on which node it runs.
    async fn gets_node(&self, pool: &str, name: &str, evidence: &mut Vec<String>) -> Read<(bool, Option<String>)> {
        let place = Place::new(NAMESPACE, name);
        objects::apply(self.client, &PODS, place, MANAGER, &self.pod(pool, name)).await?;
        let began = self.clock.time();
        loop {
            let waited = self.clock.time().duration_since(began).unwrap_or_default();
            let pod = objects::get(self.client, &PODS, place).await?;
            let pod = pod.ok_or_else(|| Failure::fatal("kubernetes:get pods", "somebody deleted the canary's pod"))?;
            if text(&pod, "/status/phase") == "Running" {
                let node = text(&pod, "/spec/nodeName").to_owned();
                evidence.push(format!("Running on {node} after {} s", waited.as_secs()));
                return Ok((self.of_pool(pool, &node, evidence).await?, Some(node)));
            }
            if waited > PATIENCE {
                evidence.push(format!("no node after {} s", waited.as_secs()));
                let seen = observe::observe(self.cloud, self.clock, self.spec, self.id).await;
                let causes = diagnose(&seen, self.spec, self.id, Some(&format!("{NAMESPACE}/{name}")));
                let first = causes.iter().find(|cause| cause.certainty != Certainty::Warning);
                evidence.extend(first.map(|cause| format!("{}: {}", cause.code, cause.title)));
                return Ok((false, None));
            }
            pause(LOOK).await;
        }
    }

    /// Whether a node is of a pool by Karpenter's own label.
    async fn of_pool(&self, pool: &str, node: &str, evidence: &mut Vec<String>) -> Read<bool> {
        let nodes = Api { group: "", version: "v1", kind: "Node", plural: "nodes" };
        let node = objects::get(self.client, &nodes, Place::global(node)).await?.unwrap_or_default();
        let own = read::label(&node, "karpenter.sh/nodepool").unwrap_or("none");
        let kind = read::label(&node, "node.kubernetes.io/instance-type").unwrap_or("unknown");
        let market = read::label(&node, "karpenter.sh/capacity-type").unwrap_or("unknown");
        evidence.push(format!("pool {own}, {kind}, {market}"));
        Ok(own == pool)
    }

    /// Takes the pod away, and the claim that has come for it.
    async fn goes(&self, pool: &str, name: &str, node: Option<&str>, evidence: &mut Vec<String>) -> Read<bool> {
        objects::delete(self.client, &PODS, Place::new(NAMESPACE, name), "").await?;
        let began = self.clock.time();
        let mut asked = BTreeSet::new();
        loop {
            let left = self.made(pool, node).await?;
            let waited = self.clock.time().duration_since(began).unwrap_or_default();
            if left.is_empty() {
                match (asked.is_empty(), node) {
                    (true, Some(_)) => evidence.push("a node that was there took it".to_owned()),
                    (true, None) => {}
                    (false, _) => {
                        evidence.push(format!("the node made for it is gone, {} s after the pod", waited.as_secs()));
                    }
                }
                return Ok(true);
            }
            for (claim, _) in left.iter().filter(|(claim, unused)| *unused && !asked.contains(claim)) {
                objects::delete(self.client, &NODE_CLAIMS, Place::global(claim), "").await?;
            }
            asked.extend(left.iter().filter(|(_, unused)| *unused).map(|(claim, _)| claim.clone()));
            if waited > GOING {
                let left: Vec<_> = left.into_iter().map(|(claim, _)| claim).collect();
                evidence.push(format!("still there after {} s: {}", waited.as_secs(), left.join(", ")));
                return Ok(false);
            }
            pause(LOOK).await;
        }
    }

    /// Claims of a pool that have come since the canary began and carry nobody else's pods: that of the pod's node or, if it
    /// never got one, any; each with whether it may go. One that has no node yet may be somebody else's: it is waited for.
    async fn made(&self, pool: &str, node: Option<&str>) -> Read<Vec<(String, bool)>> {
        let selector = format!("karpenter.sh/nodepool={pool}");
        let claims = objects::list(self.client, &NODE_CLAIMS, None, &selector).await?;
        let new = claims.iter().filter(|claim| !self.before.contains(read::name(claim)));
        let new: Vec<_> = new.filter(|claim| node.is_none_or(|node| text(claim, "/status/nodeName") == node)).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let pods = objects::list(self.client, &PODS, None, "").await?;
        let used = |claim: &Json| {
            let foreign = |pod: &Json| {
                text(pod, "/spec/nodeName") == text(claim, "/status/nodeName")
                    && read::alive(pod)
                    && !read::of_daemon_set(pod)
                    && read::namespace(pod) != NAMESPACE
            };
            !text(claim, "/status/nodeName").is_empty() && pods.iter().any(foreign)
        };
        let free = new.into_iter().filter(|claim| !used(claim));
        Ok(free.map(|claim| (read::name(claim).to_owned(), !text(claim, "/status/nodeName").is_empty())).collect())
    }

    /// Sends a message that means nothing to Karpenter and sees it taken: what it does not know, it deletes.
    async fn message(&self) -> Check {
        let title = "a message in the interruption queue is taken";
        let mut evidence = Vec::new();
        let passed = match self.taken(&mut evidence).await {
            Ok(passed) => passed,
            Err(failure) => {
                evidence.push(failure.to_string());
                false
            }
        };
        Check::new("verify-canary-message", title, passed, evidence)
    }

    async fn taken(&self, evidence: &mut Vec<String>) -> Read<bool> {
        let Some(url) = observe::queue_url(self.cloud, self.id).await? else {
            evidence.push(format!("queue {} does not exist", self.id.derived("interruption")));
            return Ok(false);
        };
        let body = json!({
            "version": "0", "id": format!("rem-ci-canary-{}", self.clock.millis()), "source": "rem-ci", "detail-type": "rem-ci canary",
            "account": self.id.account, "region": self.id.region, "resources": [], "detail": {},
        });
        let sent = self.cloud.sqs.send_message().queue_url(url).message_body(body.to_string()).send().await;
        sent.map_err(failed("sqs:SendMessage"))?;
        let began = self.clock.time();
        loop {
            pause(LOOK).await;
            let waited = self.clock.time().duration_since(began).unwrap_or_default();
            match observe::queue(self.cloud, self.id).await? {
                Some(queue) if queue.waiting == 0 && queue.in_flight == 0 => {
                    evidence.push(format!("taken within {} s", waited.as_secs()));
                    return Ok(true);
                }
                Some(queue) if waited > MESSAGE => {
                    let left = format!(
                        "{} wait, {} are being handled after {} s",
                        queue.waiting,
                        queue.in_flight,
                        waited.as_secs()
                    );
                    evidence.push(left);
                    return Ok(false);
                }
                Some(_) => {}
                None => {
                    evidence.push("the queue is gone".to_owned());
                    return Ok(false);
                }
            }
        }
    }
}
