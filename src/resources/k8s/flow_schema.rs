//! FlowSchemas: with what priority somebody's requests are served when the API server is busy.

use super::fields::Piece;
use super::object::{self, Home, Shape};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::Api;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope, Value,
};

/// A FlowSchema for a service account.
#[derive(Clone, Debug)]
pub struct FlowSchema {
    /// Third part of the address.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub home: Home,
    /// The account's namespace.
    pub namespace: String,
    /// The account.
    pub service_account: String,
    /// A level that every cluster has.
    pub level: &'static str,
    /// Lower comes first.
    pub precedence: u32,
    /// Whether it is about leases alone, in the account's own namespace.
    pub leases: bool,
}

const SHAPE: Shape = Shape {
    api: Api { group: "flowcontrol.apiserver.k8s.io", version: "v1", kind: "FlowSchema", plural: "flowschemas" },
    pieces: &[
        Piece::text("priorityLevel", "/spec/priorityLevelConfiguration/name"),
        Piece::typed("matchingPrecedence", "/spec/matchingPrecedence"),
        Piece::text("distinguisher", "/spec/distinguisherMethod/type"),
        Piece::typed("rules", "/spec/rules"),
    ],
    ready: object::at_once,
};

impl Resource for FlowSchema {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "flow-schema",
        noun: "FlowSchema",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            object::NAME,
            Field::in_place("priorityLevel", "The level its requests are served at"),
            Field::in_place("matchingPrecedence", "Of several that fit, the lowest counts"),
            Field::in_place("distinguisher", "Requests are told apart by user"),
            Field::in_place("rules", "Whose requests, for what"),
        ],
        rank: 96,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Requests from kube-system have a priority that other namespaces lack; these give Karpenter the same in its own, \
               so that it is not throttled when it is needed most. Source: Karpenter, \"Getting Started\", \"Preventing \
               APIServer Request Throttling\"; Kubernetes, \"API Priority and Fairness\".",
    };

    fn address(&self) -> Address {
        Address::keyed("karpenter", "flow-schema", &self.key)
    }

    fn want(&self, _: &Facts) -> Fields {
        let list = |texts: &[&str]| Value::List(texts.iter().map(Value::text).collect());
        let account = Value::tags([("name", &self.service_account), ("namespace", &self.namespace)]);
        let subject = Value::map([("kind", Value::text("ServiceAccount")), ("serviceAccount", account)]);
        let resources = if self.leases {
            Value::map([
                ("apiGroups", list(&["coordination.k8s.io"])),
                ("namespaces", list(&[&self.namespace])),
                ("resources", list(&["leases"])),
                ("verbs", list(&["get", "create", "update"])),
            ])
        } else {
            Value::map([
                ("apiGroups", list(&["*"])),
                ("clusterScope", Value::text("true")),
                ("namespaces", list(&["*"])),
                ("resources", list(&["*"])),
                ("verbs", list(&["*"])),
            ])
        };
        let mut rule = vec![("resourceRules", Value::List(vec![resources])), ("subjects", Value::List(vec![subject]))];
        if !self.leases {
            let other = Value::map([("nonResourceURLs", list(&["*"])), ("verbs", list(&["*"]))]);
            rule.push(("nonResourceRules", Value::List(vec![other])));
        }
        self.home.want(
            &self.name,
            [
                ("priorityLevel", Some(Value::text(self.level))),
                ("matchingPrecedence", Some(Value::text(self.precedence))),
                ("distinguisher", Some(Value::text("ByUser"))),
                ("rules", Some(Value::List(vec![Value::map(rule)]))),
            ],
        )
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.clone()
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        object::sweep(cloud, scope, &SHAPE).await
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        object::read(cloud, scope, id, &SHAPE).await
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        object::apply(cloud, cx, want, &SHAPE).await
    }

    async fn update(cloud: &Cloud, cx: &Cx, _: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        object::apply(cloud, cx, want, &SHAPE).await.map(drop)
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        object::delete(cloud, live, &SHAPE).await
    }
}
