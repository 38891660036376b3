//! Inside the cluster: changed with kubectl, or, where the API server takes no change, in its store.

use rem_ci::cloud::kubernetes::{Api, Place, objects};
use serde_json::{Value as Json, json};

use super::hand::{Hand, Row, row};

const CLUSTER: &str = "rem-prod";

const fn api(group: &'static str, kind: &'static str, plural: &'static str) -> Api {
    Api { group, version: "v1", kind, plural }
}

const CLASSES: Api = api("storage.k8s.io", "StorageClass", "storageclasses");
const ROLES: Api = api("rbac.authorization.k8s.io", "ClusterRole", "clusterroles");
const BINDINGS: Api = api("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings");
const FLOWS: Api = api("flowcontrol.apiserver.k8s.io", "FlowSchema", "flowschemas");
const DEPLOYMENTS: Api = api("apps", "Deployment", "deployments");
const POOLS: Api = api("karpenter.sh", "NodePool", "nodepools");
const NODE_CLASSES: Api = api("karpenter.k8s.aws", "EC2NodeClass", "ec2nodeclasses");

/// `kubectl edit`.
async fn patch(h: &Hand<'_>, api: &Api, place: Place<'_>, patch: Json) {
    let client = h.cloud.kube(CLUSTER).await.expect("a way in").expect("a cluster");
    objects::merge_as(&client, api, place, "kubectl-edit", &patch).await.expect("a patch");
}

/// An object in the store, by its resource and its place there.
fn stored(h: &Hand<'_>, resource: &str, key: &str, change: impl FnOnce(&mut Json)) {
    h.edit(|all| {
        let objects = &mut all.region["kube"]["clusters"][CLUSTER]["store"]["objects"][resource];
        let object = objects.get_mut(key).unwrap_or_else(|| panic!("no {resource} {key}"));
        change(object);
    });
}

/// The same under another name.
fn renamed(h: &Hand<'_>, resource: &str, key: &str) {
    h.edit(|all| {
        let objects = &mut all.region["kube"]["clusters"][CLUSTER]["store"]["objects"][resource];
        let objects = objects.as_object_mut().expect("objects");
        let mut object = objects.remove(key).unwrap_or_else(|| panic!("no {resource} {key}"));
        object["metadata"]["name"] = json!("by-hand");
        objects.insert("/by-hand".to_owned(), object);
    });
}

async fn pool(h: &Hand<'_>, at: &str, change: Json) {
    let name = h.name(at, "name");
    patch(h, &POOLS, Place::global(&name), change).await;
}

async fn template(h: &Hand<'_>, at: &str, field: &str, value: Json) {
    pool(h, at, json!({"spec": {"template": {"spec": {field: value}}}})).await;
}

async fn class(h: &Hand<'_>, field: &str, value: Json) {
    let name = h.name(CLASS, "name");
    patch(h, &NODE_CLASSES, Place::global(&name), json!({"spec": {field: value}})).await;
}

fn class_stored(h: &Hand<'_>, field: &str, value: Json) {
    let key = format!("/{}", h.name(CLASS, "name"));
    stored(h, "ec2nodeclasses.karpenter.k8s.aws", &key, |class| class["spec"][field] = value);
}

async fn flow(h: &Hand<'_>, change: Json) {
    patch(h, &FLOWS, Place::global("karpenter-workload"), json!({"spec": change})).await;
}

const CLASS: &str = "karpenter/node-class/default";
const BURST: &str = "karpenter/node-pool/burst";
const STATEFUL: &str = "karpenter/node-pool/stateful";
const FIXED: &str = "karpenter/node-pool/fixed";

pub(super) const ROWS: &[Row] = &[
    row!("storage-class", ["default"], "kubernetes/storage-class/gp3", InPlace, |h| {
        let change = json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "false"}}});
        patch(h, &CLASSES, Place::global("gp3"), change).await;
    }),
    row!("storage-class", ["allowVolumeExpansion"], "kubernetes/storage-class/gp3", InPlace, |h| {
        patch(h, &CLASSES, Place::global("gp3"), json!({"allowVolumeExpansion": false})).await;
    }),
    row!(
        "storage-class",
        ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"],
        "kubernetes/storage-class/gp3",
        Leaf,
        |h| {
            stored(h, "storageclasses.storage.k8s.io", "/gp3", |class| {
                class["provisioner"] = json!("kubernetes.io/aws-ebs");
                class["parameters"]["encrypted"] = json!("false");
                class["reclaimPolicy"] = json!("Retain");
                class["volumeBindingMode"] = json!("Immediate");
            });
        }
    ),
    row!("storage-class", ["name"], "kubernetes/storage-class/gp3", Leaf, |h| {
        renamed(h, "storageclasses.storage.k8s.io", "/gp3");
    }),
    row!("storage-class", ["cluster", "clusterName"], "kubernetes/storage-class/gp3", Cluster, |_h| ()),
    row!("cluster-role", ["rules"], "kubernetes/cluster-role/plan", InPlace, |h| {
        let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
        patch(h, &ROLES, Place::global("rem-ci-plan"), json!({"rules": [all]})).await;
    }),
    row!("cluster-role", ["name"], "kubernetes/cluster-role/plan", Leaf, |h| {
        renamed(h, "clusterroles.rbac.authorization.k8s.io", "/rem-ci-plan");
    }),
    row!("cluster-role", ["cluster", "clusterName"], "kubernetes/cluster-role/plan", Cluster, |_h| ()),
    row!("cluster-role-binding", ["subjects"], "kubernetes/cluster-role-binding/plan", InPlace, |h| {
        let group = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "intruders"});
        patch(h, &BINDINGS, Place::global("rem-ci-plan"), json!({"subjects": [group]})).await;
    }),
    row!(
        "cluster-role-binding",
        ["role", "roleKind", "roleGroup", "name"],
        "kubernetes/cluster-role-binding/plan",
        Leaf,
        |h| {
            stored(h, "clusterrolebindings.rbac.authorization.k8s.io", "/rem-ci-plan", |binding| {
                binding["roleRef"] = json!({"apiGroup": "by-hand", "kind": "Role", "name": "cluster-admin"});
            });
            renamed(h, "clusterrolebindings.rbac.authorization.k8s.io", "/rem-ci-plan");
        }
    ),
    row!("cluster-role-binding", ["cluster", "clusterName"], "kubernetes/cluster-role-binding/plan", Cluster, |_h| ()),
    row!("namespace", ["name"], "karpenter/namespace", Leaf, |h| renamed(h, "namespaces", "/karpenter")),
    row!("namespace", ["cluster", "clusterName"], "karpenter/namespace", Cluster, |_h| ()),
    row!("flow-schema", ["priorityLevel"], "karpenter/flow-schema/workload", InPlace, |h| {
        flow(h, json!({"priorityLevelConfiguration": {"name": "workload-low"}})).await;
    }),
    row!("flow-schema", ["matchingPrecedence"], "karpenter/flow-schema/workload", InPlace, |h| {
        flow(h, json!({"matchingPrecedence": 9000})).await;
    }),
    row!("flow-schema", ["distinguisher"], "karpenter/flow-schema/workload", InPlace, |h| {
        flow(h, json!({"distinguisherMethod": {"type": "ByNamespace"}})).await;
    }),
    row!("flow-schema", ["rules"], "karpenter/flow-schema/workload", InPlace, |h| {
        let account = json!({"name": "intruder", "namespace": "default"});
        let subject = json!({"kind": "ServiceAccount", "serviceAccount": account});
        let resources = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "namespaces": ["*"]});
        flow(h, json!({"rules": [{"subjects": [subject], "resourceRules": [resources]}]})).await;
    }),
    row!("flow-schema", ["name"], "karpenter/flow-schema/leader-election", Leaf, |h| {
        renamed(h, "flowschemas.flowcontrol.apiserver.k8s.io", "/karpenter-leader-election");
    }),
    row!("flow-schema", ["cluster", "clusterName"], "karpenter/flow-schema/workload", Cluster, |_h| ()),
    row!("crds", ["version", "chart", "chartDigest"], "karpenter/crds", InPlace, |h| {
        for name in ["nodepools.karpenter.sh", "nodeclaims.karpenter.sh", "ec2nodeclasses.karpenter.k8s.aws"] {
            stored(h, "customresourcedefinitions.apiextensions.k8s.io", &format!("/{name}"), |definition| {
                definition["metadata"]["annotations"]["rem-ci.dev/chart"] = json!("1.0.0");
            });
        }
    }),
    row!("crds", ["definitions"], "karpenter/crds", InPlace, |h| {
        stored(h, "customresourcedefinitions.apiextensions.k8s.io", "/nodeclaims.karpenter.sh", |definition| {
            let labels = definition["metadata"]["labels"].as_object_mut().expect("labels");
            labels.remove("rem-ci.dev/environment");
        });
    }),
    row!("crds", ["cluster", "clusterName"], "karpenter/crds", Cluster, |_h| ()),
    row!(
        "helm-release",
        ["version", "chart", "chartDigest", "values", "valuesDigest"],
        "karpenter/helm-release",
        InPlace,
        |h| {
            let annotations = json!({"rem-ci.dev/chart": "1.0.0", "rem-ci.dev/values": "sha256:by-hand"});
            let place = Place::new("karpenter", "karpenter");
            patch(h, &DEPLOYMENTS, place, json!({"metadata": {"annotations": annotations}})).await;
        }
    ),
    // With the system nodes, which take the controller along: nothing that only it can end is replaced there.
    row!("helm-release", ["namespace"], "karpenter/helm-release", Nodes, |h| {
        h.edit(|all| {
            let objects = &mut all.region["kube"]["clusters"][CLUSTER]["store"]["objects"]["deployments.apps"];
            let objects = objects.as_object_mut().expect("objects");
            let mut object = objects.remove("karpenter/karpenter").expect("a deployment");
            object["metadata"]["namespace"] = json!("default");
            objects.insert("default/karpenter".to_owned(), object);
        });
    }),
    row!("helm-release", ["cluster", "clusterName"], "karpenter/helm-release", Cluster, |_h| ()),
    row!("node-class", ["role"], "karpenter/node-class/default", InPlace, |h| class_stored(
        h,
        "role",
        json!("by-hand")
    )),
    row!("node-class", ["amiSelectorTerms"], "karpenter/node-class/default", InPlace, |h| {
        class_stored(h, "amiSelectorTerms", json!([{"alias": "al2023@v20261104"}]));
    }),
    row!("node-class", ["amiFamily"], "karpenter/node-class/default", InPlace, |h| {
        class_stored(h, "amiFamily", json!("Custom"));
    }),
    row!("node-class", ["subnetSelectorTerms"], "karpenter/node-class/default", InPlace, |h| {
        let subnet = h.id("network/subnet/public-1");
        class(h, "subnetSelectorTerms", json!([{"id": subnet}])).await;
    }),
    row!("node-class", ["securityGroupSelectorTerms"], "karpenter/node-class/default", InPlace, |h| {
        let group = h.id("cluster/cluster-security-group");
        class(h, "securityGroupSelectorTerms", json!([{"id": group}, {"tags": {"team": "intruders"}}])).await;
    }),
    row!("node-class", ["tags"], "karpenter/node-class/default", InPlace, |h| {
        class(h, "tags", json!({"rem-ci:environment": "by-hand"})).await;
    }),
    row!("node-class", ["blockDeviceMappings"], "karpenter/node-class/default", InPlace, |h| {
        let ebs = json!({"volumeSize": "50Gi", "volumeType": "gp3", "encrypted": false, "deleteOnTermination": true});
        class(h, "blockDeviceMappings", json!([{"deviceName": "/dev/xvda", "ebs": ebs}])).await;
    }),
    row!("node-class", ["metadataOptions"], "karpenter/node-class/default", InPlace, |h| {
        class(h, "metadataOptions", json!({"httpTokens": "optional", "httpPutResponseHopLimit": 2})).await;
    }),
    row!("node-class", ["kubelet"], "karpenter/node-class/default", InPlace, |h| {
        class(h, "kubelet", json!({"maxPods": 10})).await;
    }),
    row!("node-class", ["userData"], "karpenter/node-class/default", InPlace, |h| {
        class(h, "userData", json!("#!/bin/sh\nby-hand\n")).await;
    }),
    row!("node-class", ["detailedMonitoring"], "karpenter/node-class/default", InPlace, |h| {
        class(h, "detailedMonitoring", json!(false)).await;
    }),
    row!("node-class", ["instanceStorePolicy"], "karpenter/node-class/default", InPlace, |h| {
        class(h, "instanceStorePolicy", Json::Null).await;
    }),
    row!("node-class", ["name"], "karpenter/node-class/default", Leaf, |h| {
        renamed(h, "ec2nodeclasses.karpenter.k8s.aws", &format!("/{}", h.name(CLASS, "name")));
    }),
    row!("node-class", ["cluster", "clusterName"], "karpenter/node-class/default", Cluster, |_h| ()),
    row!("node-pool", ["nodeClass"], "karpenter/node-pool/burst", InPlace, |h| {
        template(h, BURST, "nodeClassRef", json!({"name": "by-hand"})).await;
    }),
    row!("node-pool", ["labels"], "karpenter/node-pool/burst", InPlace, |h| {
        let labels = json!({"workload-type": "stateful"});
        pool(h, BURST, json!({"spec": {"template": {"metadata": {"labels": labels}}}})).await;
    }),
    row!("node-pool", ["annotations"], "karpenter/node-pool/burst", InPlace, |h| {
        let annotations = json!({"acme.com/why": "by-hand"});
        pool(h, BURST, json!({"spec": {"template": {"metadata": {"annotations": annotations}}}})).await;
    }),
    row!("node-pool", ["requirements"], "karpenter/node-pool/burst", InPlace, |h| {
        let spot = json!({"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]});
        template(h, BURST, "requirements", json!([spot])).await;
    }),
    row!("node-pool", ["taints"], "karpenter/node-pool/burst", InPlace, |h| {
        template(h, BURST, "taints", json!([{"key": "by-hand", "effect": "NoSchedule"}])).await;
    }),
    row!("node-pool", ["startupTaints"], "karpenter/node-pool/burst", InPlace, |h| {
        template(h, BURST, "startupTaints", json!([{"key": "by-hand", "effect": "NoSchedule"}])).await;
    }),
    row!("node-pool", ["expireAfter"], "karpenter/node-pool/stateful", InPlace, |h| {
        template(h, STATEFUL, "expireAfter", json!("24h")).await;
    }),
    row!("node-pool", ["terminationGracePeriod"], "karpenter/node-pool/burst", InPlace, |h| {
        template(h, BURST, "terminationGracePeriod", json!("1h")).await;
    }),
    row!("node-pool", ["disruption"], "karpenter/node-pool/burst", InPlace, |h| {
        pool(h, BURST, json!({"spec": {"disruption": {"consolidateAfter": "Never"}}})).await;
    }),
    row!("node-pool", ["limits"], "karpenter/node-pool/burst", InPlace, |h| {
        pool(h, BURST, json!({"spec": {"limits": {"cpu": "1000"}}})).await;
    }),
    row!("node-pool", ["weight"], "karpenter/node-pool/burst", InPlace, |h| {
        pool(h, BURST, json!({"spec": {"weight": 1}})).await;
    }),
    row!("node-pool", ["replicas"], "karpenter/node-pool/fixed", InPlace, |h| {
        pool(h, FIXED, json!({"spec": {"replicas": 1}})).await;
    }),
    row!("node-pool", ["fixedSize"], "karpenter/node-pool/fixed", Leaf, |h| {
        stored(h, "nodepools.karpenter.sh", "/fixed", |pool| {
            pool["spec"].as_object_mut().expect("a spec").remove("replicas");
        });
    }),
    row!("node-pool", ["nodeClassGroup", "nodeClassKind", "name"], "karpenter/node-pool/burst", Leaf, |h| {
        let key = format!("/{}", h.name(BURST, "name"));
        stored(h, "nodepools.karpenter.sh", &key, |pool| {
            let class = &mut pool["spec"]["template"]["spec"]["nodeClassRef"];
            class["group"] = json!("karpenter.azure.com");
            class["kind"] = json!("AKSNodeClass");
        });
        renamed(h, "nodepools.karpenter.sh", &key);
    }),
    row!("node-pool", ["cluster", "clusterName"], "karpenter/node-pool/burst", Cluster, |_h| ()),
];
