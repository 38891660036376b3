//! The API server's answers in the engine's few classes. What each status means: Kubernetes API reference, "Status" and
//! "Response Status Kind".

use kube::core::Status;

use crate::engine::{Class, Failure, UNREACHABLE};

/// Code of a server-side apply that somebody else's field stood in the way of.
pub const FIELD_CONFLICT: &str = "FieldConflict";

/// A field that somebody else manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager's name: `kubectl-edit`, `argocd-controller`.
    pub manager: String,
    /// `.spec.limits.cpu`.
    pub field: String,
}

/// Puts a failed request into the engine's terms. `call` is `kubernetes:patch nodepools`.
#[must_use]
pub fn failure(call: &str, error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => answered(call, status),
        kube::Error::SerdeError(error) => unknown(call, "", format!("an answer that makes no sense: {error}")),
        kube::Error::BuildRequest(error) => Failure::fatal(call, error.to_string()),
        kube::Error::HttpError(error) => Failure::fatal(call, error.to_string()),
        other => unknown(call, UNREACHABLE, chain(other)),
    }
}

fn unknown(call: &str, code: &str, message: String) -> Failure {
    Failure { class: Class::Unknown, call: call.to_owned(), code: code.to_owned(), message }
}

fn answered(call: &str, status: &Status) -> Failure {
    let conflicts = conflicts(status);
    let (class, code) = match (status.code, status.reason.as_str()) {
        (409, _) if !conflicts.is_empty() => (Class::Fatal, FIELD_CONFLICT),
        (409, "AlreadyExists") => (Class::Exists, "AlreadyExists"),
        // Somebody wrote between our read and our write.
        (409, reason) => (Class::Passing, reason),
        (401, _) => (Class::Denied, "Unauthorized"),
        (403, reason) => (Class::Denied, reason),
        (404 | 410, reason) => (Class::Gone, reason),
        (429, reason) => (Class::Throttled, reason),
        // A schema that has not the field answers so to an apply, without a reason; again would be the same again.
        (500, reason) if status.message.contains("not declared in schema") => (Class::Fatal, reason),
        (503 | 504, reason) => (Class::Passing, reason),
        (code, reason) if code >= 500 => (Class::Unknown, reason),
        (_, reason) => (Class::Fatal, reason),
    };
    let message = match conflicts.as_slice() {
        [] => with_causes(status),
        conflicts => {
            let each: Vec<_> = conflicts.iter().map(|one| format!("{} by {:?}", one.field, one.manager)).collect();
            format!(
                "other managers have set what the file sets: {}; take the field out of that manager's hands, or out of the file",
                each.join(", ")
            )
        }
    };
    let message = match code {
        "Unauthorized" => format!(
            "{message}: the cluster does not know who asks; an access entry lets them in (roles or cluster.access in the file)"
        ),
        _ => message,
    };
    let code = if code.is_empty() { status.code.to_string() } else { code.to_owned() };
    Failure { class, call: call.to_owned(), code, message }
}

/// The message, and those causes that it does not say by itself.
fn with_causes(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let unsaid = causes.filter(|cause| !status.message.contains(&cause.message));
    let unsaid: Vec<_> = unsaid.map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    let message = status.message.trim_end();
    if unsaid.is_empty() { message.to_owned() } else { format!("{message} ({})", unsaid.join("; ")) }
}

/// The fields that others manage, of an apply that was refused for them.
#[must_use]
pub fn field_conflicts(error: &kube::Error) -> Vec<Conflict> {
    match error {
        kube::Error::Api(status) => conflicts(status),
        _ => Vec::new(),
    }
}

fn conflicts(status: &Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let ours = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    // `conflict with "kubectl-edit" using karpenter.sh/v1`
    ours.map(|cause| Conflict {
        manager: cause.message.split('"').nth(1).unwrap_or_default().to_owned(),
        field: cause.field.clone(),
    })
    .collect()
}

/// An error with what caused it: the outer words alone seldom say anything.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
