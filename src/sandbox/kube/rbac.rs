//! What a caller may do: RBAC's roles and bindings in the store, and EKS's access policies, which are roles that EKS keeps
//! (user guide, "Review access policy permissions").

use serde_json::Value as Json;

use super::auth::Who;
use super::status::Failure;
use super::store::{Key, Store, text};

const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";

/// What somebody wants to do.
#[derive(Clone, Debug, Default)]
pub struct Wish<'a> {
    /// `get`, `list`, ….
    pub verb: &'a str,
    /// Empty for the core group.
    pub group: &'a str,
    /// `pods`, `pods/log`.
    pub resource: &'a str,
    /// Empty for the whole cluster.
    pub namespace: &'a str,
    /// Empty for all.
    pub name: &'a str,
}

/// Whether they may.
///
/// # Errors
/// 403 when not.
pub fn authorize(store: &Store, who: &Who, wish: &Wish<'_>) -> Result<(), Failure> {
    if allowed(store, who, wish) {
        return Ok(());
    }
    let plural = wish.resource.split('/').next().unwrap_or_default();
    let dotted = if wish.group.is_empty() { plural.to_owned() } else { format!("{plural}.{}", wish.group) };
    let subject = if wish.name.is_empty() { dotted } else { format!("{dotted} {:?}", wish.name) };
    let scope = if wish.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", wish.namespace)
    };
    let message = format!(
        "{subject} is forbidden: User {:?} cannot {} resource {:?} in API group {:?} {scope}",
        who.name, wish.verb, wish.resource, wish.group
    );
    let mut failure = Failure::new(403, "Forbidden", message);
    failure.details = serde_json::json!({ "name": wish.name, "group": wish.group, "kind": plural });
    Err(failure)
}

/// The same as a question.
#[must_use]
pub fn allowed(store: &Store, who: &Who, wish: &Wish<'_>) -> bool {
    who.masters() || by_policy(store, who, wish) || by_bindings(store, who, wish)
}

fn by_policy(store: &Store, who: &Who, wish: &Wish<'_>) -> bool {
    who.policies.iter().any(|policy| {
        let here = policy.namespaces.is_empty() || policy.namespaces.iter().any(|one| one == wish.namespace);
        here && match policy.name.as_str() {
            "AmazonEKSClusterAdminPolicy" => true,
            "AmazonEKSAdminPolicy" => cluster_role(store, "admin", wish),
            "AmazonEKSEditPolicy" => cluster_role(store, "edit", wish),
            "AmazonEKSViewPolicy" => cluster_role(store, "view", wish),
            "AmazonEKSAdminViewPolicy" => ["get", "list", "watch"].contains(&wish.verb),
            "AmazonEKSSecretReaderPolicy" => {
                (wish.group, wish.resource) == ("", "secrets") && ["get", "list", "watch"].contains(&wish.verb)
            }
            _ => false,
        }
    })
}

fn by_bindings(store: &Store, who: &Who, wish: &Wish<'_>) -> bool {
    let bound = |binding: &Json| {
        let subjects = binding["subjects"].as_array().into_iter().flatten();
        subjects.into_iter().any(|subject| match text(subject, "/kind") {
            "User" => text(subject, "/name") == who.name,
            "Group" => who.groups.iter().any(|group| group == text(subject, "/name")),
            "ServiceAccount" => {
                who.name == format!("system:serviceaccount:{}:{}", text(subject, "/namespace"), text(subject, "/name"))
            }
            _ => false,
        })
    };
    let everywhere = store.list(CLUSTER_BINDINGS).filter(|binding| bound(binding));
    if everywhere.into_iter().any(|binding| cluster_role(store, text(binding, "/roleRef/name"), wish)) {
        return true;
    }
    let here = |binding: &&Json| !wish.namespace.is_empty() && text(binding, "/metadata/namespace") == wish.namespace;
    store.list(BINDINGS).filter(here).filter(|binding| bound(binding)).any(|binding| {
        let name = text(binding, "/roleRef/name");
        match text(binding, "/roleRef/kind") {
            "ClusterRole" => cluster_role(store, name, wish),
            _ => store.get(ROLES, &Key::new(wish.namespace, name)).is_some_and(|role| rules(role, wish)),
        }
    })
}

fn cluster_role(store: &Store, name: &str, wish: &Wish<'_>) -> bool {
    let Some(role) = store.get(CLUSTER_ROLES, &Key::global(name)) else { return false };
    // What is aggregated into a role is looked up, not copied: it is the same to who asks.
    let label = format!("rbac.authorization.k8s.io/aggregate-to-{name}");
    let adds = |role: &&Json| role["metadata"]["labels"].get(&label).is_some_and(|value| value == "true");
    rules(role, wish) || store.list(CLUSTER_ROLES).filter(adds).any(|role| rules(role, wish))
}

fn rules(role: &Json, wish: &Wish<'_>) -> bool {
    let list = |rule: &Json, field: &str, want: &str| {
        let values = rule[field].as_array().into_iter().flatten();
        values.into_iter().any(|value| value == "*" || value == want)
    };
    role["rules"].as_array().into_iter().flatten().any(|rule| {
        let named = rule["resourceNames"].as_array().filter(|names| !names.is_empty());
        let subresource = wish.resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
        list(rule, "verbs", wish.verb)
            && list(rule, "apiGroups", wish.group)
            && (list(rule, "resources", wish.resource)
                || subresource.is_some_and(|subresource| list(rule, "resources", &subresource)))
            && named.is_none_or(|names| names.iter().any(|name| name == wish.name))
    })
}
