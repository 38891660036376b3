//! The controller's AWS permissions: provider, service account, association, trust, policies.

use serde_json::Value as Json;

use super::signs::Tells;
use super::{Case, Cause};
use crate::config::spec::Identity as Access;
use crate::model::karpenter::SERVICE_ACCOUNT;
use crate::model::policies::karpenter as policies;
use crate::verify::observed::Role;
use crate::verify::policy::{allows, items};
use crate::verify::read;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    match case.spec.karpenter.identity {
        Access::Irsa => irsa(case, &mut found),
        Access::PodIdentity => association(case, &mut found),
    }
    if let Some(role) = case.seen.aws.controller.known() {
        match role {
            None => {
                let title = "the controller's role does not exist";
                let seen = vec![format!("no role {} in IAM", case.id.derived("karpenter"))];
                found.push(Cause::new("cause-trust", title, seen).run(apply(case)));
            }
            Some(role) => {
                found.extend(trust(case, role));
                found.extend(actions(case, role));
            }
        }
    }
    found.extend(told(case, &found));
    found
}

fn apply(case: &Case<'_>) -> String {
    format!("rem-ci apply {}", case.spec.name)
}

fn restart(case: &Case<'_>) -> String {
    format!("{} && kubectl -n {} rollout restart deployment karpenter", apply(case), case.spec.karpenter.namespace)
}

/// The cluster's provider as IAM names it.
fn provider(case: &Case<'_>) -> Option<String> {
    let cluster = case.seen.aws.cluster.known()?.as_ref()?;
    (!cluster.issuer.is_empty()).then(|| case.id.iam_arn(&format!("oidc-provider/{}", cluster.issuer)))
}

fn irsa(case: &Case<'_>, found: &mut Vec<Cause>) {
    if let (Some(wanted), Some(all)) = (provider(case), case.seen.aws.providers.known())
        && !all.contains(&wanted)
    {
        let seen = vec![format!("{wanted} does not exist"), format!("{} OIDC providers in the account", all.len())];
        found.push(
            Cause::new("cause-provider-missing", "IAM has no OIDC provider of this cluster", seen).run(apply(case)),
        );
    }
    let (Some(accounts), Some(Some(role))) =
        (case.seen.kube.service_accounts.known(), case.seen.aws.controller.known())
    else {
        return;
    };
    let namespace = case.spec.karpenter.namespace.as_str();
    let account = accounts.iter().find(|one| read::namespace(one) == namespace && read::name(one) == SERVICE_ACCOUNT);
    let seen = match account {
        None => format!("there is no service account {namespace}/{SERVICE_ACCOUNT}"),
        Some(account) => match read::annotation(account, "eks.amazonaws.com/role-arn") {
            Some(arn) if arn == role.arn => return,
            Some(arn) => format!("{namespace}/{SERVICE_ACCOUNT} names {arn}, the controller's role is {}", role.arn),
            None => format!("{namespace}/{SERVICE_ACCOUNT} has no annotation eks.amazonaws.com/role-arn"),
        },
    };
    let title = "the controller's service account does not name its role";
    found.push(Cause::new("cause-service-account", title, vec![seen]).run(restart(case)));
}

fn association(case: &Case<'_>, found: &mut Vec<Cause>) {
    let namespace = case.spec.karpenter.namespace.as_str();
    let mut seen = Vec::new();
    if let Some(all) = case.seen.aws.associations.known() {
        let own = all.iter().find(|one| one.namespace == namespace && one.account == SERVICE_ACCOUNT);
        match (own, case.seen.aws.controller.known()) {
            (None, _) => seen.push(format!("no association for {namespace}/{SERVICE_ACCOUNT}, {} others", all.len())),
            (Some(own), Some(Some(role))) if own.role != role.arn => {
                seen.push(format!("the association gives {}, the controller's role is {}", own.role, role.arn));
            }
            _ => {}
        }
    }
    if let Some(addons) = case.seen.aws.addons.known()
        && !addons.iter().any(|addon| addon.name == "eks-pod-identity-agent")
    {
        seen.push("the add-on eks-pod-identity-agent is not there".to_owned());
    }
    if !seen.is_empty() {
        let title = "no Pod Identity association gives the controller its role";
        found.push(Cause::new("cause-association-missing", title, seen).run(restart(case)));
    }
}

fn trust(case: &Case<'_>, role: &Role) -> Option<Cause> {
    let namespace = case.spec.karpenter.namespace.as_str();
    let problem = match case.spec.karpenter.identity {
        Access::Irsa => web_identity(&role.trust, provider(case).as_deref(), namespace, SERVICE_ACCOUNT)?,
        Access::PodIdentity => {
            let lets = items(&role.trust["Statement"]).any(|statement| {
                statement["Effect"] == "Allow"
                    && items(&statement["Principal"]["Service"]).any(|service| service == "pods.eks.amazonaws.com")
            });
            if lets {
                return None;
            }
            "it does not let pods.eks.amazonaws.com in".to_owned()
        }
    };
    let title = "the controller's role does not trust its service account";
    let seen = vec![role.arn.clone(), problem];
    Some(Cause::new("cause-trust", title, seen).run(apply(case)))
}

/// Why a trust policy does not let a service account in; none where it does.
pub(super) fn web_identity(trust: &Json, provider: Option<&str>, namespace: &str, account: &str) -> Option<String> {
    let wanted = format!("system:serviceaccount:{namespace}:{account}");
    let mut problem = "no statement allows sts:AssumeRoleWithWebIdentity".to_owned();
    for statement in items(&trust["Statement"]) {
        let web =
            items(&statement["Action"]).any(|action| action == "sts:AssumeRoleWithWebIdentity" || action == "sts:*");
        if statement["Effect"] != "Allow" || !web {
            continue;
        }
        let federated: Vec<_> = items(&statement["Principal"]["Federated"]).filter_map(Json::as_str).collect();
        if let Some(provider) = provider
            && !federated.contains(&provider)
        {
            problem = format!("it trusts the provider {}, this cluster's is {provider}", federated.join(", "));
            continue;
        }
        let mut refused = None;
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            for (key, values) in keys.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with(":sub")) {
                let values: Vec<_> = items(values).filter_map(Json::as_str).collect();
                let fits = |value: &&str| match operator.as_str() {
                    "StringLike" => super::super::policy::glob(value, &wanted),
                    _ => *value == wanted,
                };
                if !values.iter().any(fits) {
                    refused = Some(format!("{key} must be {}, the controller is {wanted}", values.join(" or ")));
                }
            }
        }
        match refused {
            None => return None,
            Some(why) => problem = why,
        }
    }
    Some(problem)
}

/// Actions that the controller's version calls and no attached policy allows.
fn actions(case: &Case<'_>, role: &Role) -> Option<Cause> {
    let missing = missing(case.spec, case.id, role)?;
    if missing.is_empty() {
        return None;
    }
    let title = format!("the controller's role lacks {}", missing.join(", "));
    let names: Vec<_> = role.policies.iter().map(|(name, _)| name.as_str()).collect();
    let mut seen = vec![format!("{}: {} policies ({})", role.arn, names.len(), names.join(", "))];
    seen.extend(case.told(Tells::Denied));
    Some(Cause::new("cause-policy-action", title, seen).run(apply(case)))
}

/// The actions a version of the chart needs that a role is not allowed; none where the version is not known.
pub(in crate::verify) fn missing(
    spec: &crate::config::Spec,
    id: &crate::model::Identity,
    role: &Role,
) -> Option<Vec<String>> {
    let minor = policies::minor(&spec.karpenter.version)?;
    let subject = policies::Subject {
        partition: id.partition,
        region: &id.region,
        account: &id.account,
        cluster: &spec.cluster.name,
        node_role: "*",
        queue: "*",
    };
    let mut missing = std::collections::BTreeSet::new();
    for (_, document) in policies::policies(minor, &subject) {
        let document: Json = serde_json::from_str(&crate::model::policies::token(&document)).unwrap_or_default();
        for statement in items(&document["Statement"]) {
            let wanted = items(&statement["Action"]).filter_map(Json::as_str);
            let documents = || role.policies.iter().map(|(_, document)| document);
            missing.extend(wanted.filter(|action| !allows(documents(), action)).map(str::to_owned));
        }
    }
    Some(missing.into_iter().collect())
}

/// What the controller itself says, where nothing that was looked at explains it: a boundary, an organisation's policy.
fn told(case: &Case<'_>, found: &[Cause]) -> Vec<Cause> {
    let known = |code: &str| found.iter().any(|cause| cause.code == code);
    let identity = found.iter().any(|cause| cause.code != "cause-policy-action");
    let mut more = Vec::new();
    for (tells, code, title) in [
        (Tells::Provider, "cause-provider-missing", "STS does not know the cluster's OIDC provider"),
        (Tells::Trust, "cause-trust", "STS refuses the controller its role"),
        (Tells::Denied, "cause-policy-action", "AWS denies the controller a call"),
    ] {
        let words = case.told(tells);
        if !words.is_empty() && !known(code) && !identity {
            let title = match words.iter().find_map(|words| action(words)) {
                Some(action) if tells == Tells::Denied => format!("AWS denies the controller {action}"),
                _ => title.to_owned(),
            };
            more.push(Cause::new(code, title, words).likely().run(apply(case)));
        }
    }
    more
}

/// `ec2:CreateFleet` out of "… is not authorized to perform: ec2:CreateFleet on resource …".
fn action(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once("perform: ")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-').unwrap_or(rest.len());
    rest[..end].contains(':').then(|| &rest[..end])
}
