//! ClusterRoles and their bindings: what a group may do in the cluster.

use super::fields::Piece;
use super::object::{self, Home, Shape};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::Api;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource, Scope,
    Value,
};

/// A set of permissions in the whole cluster.
#[derive(Clone, Debug)]
pub struct ClusterRole {
    /// Third part of the address.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub home: Home,
    /// Resources by API group, for each of which these verbs are allowed.
    pub rules: Vec<Rule>,
}

/// One rule of a role.
#[derive(Clone, Debug)]
pub struct Rule {
    /// API groups; the core group is the empty text.
    pub groups: &'static [&'static str],
    /// Plurals.
    pub resources: &'static [&'static str],
    /// `get`, `list`, `watch` …
    pub verbs: &'static [&'static str],
}

/// Gives a ClusterRole to a group.
#[derive(Clone, Debug)]
pub struct ClusterRoleBinding {
    /// Third part of the address.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub home: Home,
    /// The role's name, as a reference.
    pub role: Value,
    /// The group's name.
    pub group: String,
}

const ROLE: Shape = Shape {
    api: Api { group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRole", plural: "clusterroles" },
    pieces: &[Piece::text("rules", "/rules")],
    ready: object::at_once,
};

const BINDING: Shape = Shape {
    api: Api {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "ClusterRoleBinding",
        plural: "clusterrolebindings",
    },
    pieces: &[
        Piece::text("roleGroup", "/roleRef/apiGroup"),
        Piece::text("roleKind", "/roleRef/kind"),
        Piece::text("role", "/roleRef/name"),
        Piece::text("subjects", "/subjects"),
    ],
    ready: object::at_once,
};

const RBAC: &str = "rbac.authorization.k8s.io";

impl Resource for ClusterRole {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "cluster-role",
        noun: "ClusterRole",
        actions: object::ACTIONS,
        fields: &[object::CLUSTER, object::CLUSTER_NAME, object::NAME, Field::in_place("rules", "What it allows")],
        rank: 95,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "What the plan role may see: everything a plan, a status or a drift check looks at, and no Secret. EKS's own view \
               policies are either too narrow for custom resources or, with AmazonEKSAdminViewPolicy, show Secrets. Source: \
               Kubernetes, \"Using RBAC Authorization\"; EKS user guide, \"Review access policy permissions\".",
    };

    fn address(&self) -> Address {
        Address::keyed("kubernetes", "cluster-role", &self.key)
    }

    fn want(&self, _: &Facts) -> Fields {
        let texts = |texts: &[&str]| Value::List(texts.iter().map(Value::text).collect());
        let rules = self.rules.iter().map(|rule| {
            Value::map([
                ("apiGroups", texts(rule.groups)),
                ("resources", texts(rule.resources)),
                ("verbs", texts(rule.verbs)),
            ])
        });
        self.home.want(&self.name, [("rules", Some(Value::List(rules.collect())))])
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.clone()
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        object::sweep(cloud, scope, &ROLE).await
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        object::read(cloud, scope, id, &ROLE).await
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        object::apply(cloud, cx, want, &ROLE).await
    }

    async fn update(cloud: &Cloud, cx: &Cx, _: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        object::apply(cloud, cx, want, &ROLE).await.map(drop)
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        object::delete(cloud, live, &ROLE).await
    }
}

impl Resource for ClusterRoleBinding {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "cluster-role-binding",
        noun: "ClusterRoleBinding",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            object::NAME,
            Field::replaces("roleGroup", Order::DeleteFirst, "API group of the role: RBAC's own"),
            Field::replaces("roleKind", Order::DeleteFirst, "`ClusterRole`"),
            Field::replaces("role", Order::DeleteFirst, "Name of the role; a binding never changes its role"),
            Field::in_place("subjects", "Who gets it"),
        ],
        rank: 96,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Gives a ClusterRole to the Kubernetes group that an access entry puts somebody into. Source: Kubernetes, \
               \"Using RBAC Authorization\", RoleBinding and ClusterRoleBinding.",
    };

    fn address(&self) -> Address {
        Address::keyed("kubernetes", "cluster-role-binding", &self.key)
    }

    fn want(&self, _: &Facts) -> Fields {
        let group = Value::tags([("apiGroup", RBAC), ("kind", "Group"), ("name", &self.group)]);
        self.home.want(
            &self.name,
            [
                ("roleGroup", Some(Value::text(RBAC))),
                ("roleKind", Some(Value::text("ClusterRole"))),
                ("role", Some(self.role.clone())),
                ("subjects", Some(Value::List(vec![group]))),
            ],
        )
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.clone()
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        object::sweep(cloud, scope, &BINDING).await
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        object::read(cloud, scope, id, &BINDING).await
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        object::apply(cloud, cx, want, &BINDING).await
    }

    async fn update(cloud: &Cloud, cx: &Cx, _: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        object::apply(cloud, cx, want, &BINDING).await.map(drop)
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        object::delete(cloud, live, &BINDING).await
    }
}
