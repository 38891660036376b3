//! Which role a pod gets, and whether that role may do something.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{annotation, namespace};
use super::super::{nodes, pods};
use crate::sandbox::aws::iam;
use crate::sandbox::kube::store::{Key, text};
use crate::sandbox::wire::{Call, Fault};

/// The ARN of the role a pod's calls are signed with, or what AWS's SDK says when there is none.
///
/// In the SDK's order: a web identity (IRSA: an annotation of the service account, the cluster's OIDC provider, a trust
/// policy that names the account), then a pod identity association, then the node's own role, if the instance lets
/// containers ask for it.
pub(super) fn role(inside: &Inside<'_, '_>, pod: &Json) -> Result<String, String> {
    let space = namespace(pod);
    let account = match text(pod, "/spec/serviceAccountName") {
        "" => "default",
        account => account,
    };
    let known = inside.store.get("serviceaccounts", &Key::new(space, account));
    let annotated = known.map(|account| annotation(account, "eks.amazonaws.com/role-arn")).unwrap_or_default();
    if !annotated.is_empty() {
        return web_identity(inside, annotated, &format!("system:serviceaccount:{space}:{account}"))
            .map(|()| annotated.to_owned());
    }
    if let Some(role) = associated(inside, space, account) {
        return pod_identity(inside, &role, (space, account)).map(|()| role);
    }
    of_node(inside, pod).ok_or_else(|| {
        "get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, canceled, context deadline exceeded".to_owned()
    })
}

fn web_identity(inside: &Inside<'_, '_>, role: &str, subject: &str) -> Result<(), String> {
    let denied = |code: &str, words: &str| {
        format!(
            "get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: {}, {code}: {words}",
            if code == "AccessDenied" { 403 } else { 400 }
        )
    };
    let issuer =
        inside.eks().map(|cluster| text(&cluster.body, "/identity/oidc/issuer").to_owned()).unwrap_or_default();
    let host = issuer.trim_start_matches("https://").to_owned();
    let iam = &*inside.here.iam;
    let Some((arn, provider)) = iam.providers.iter().find(|(_, provider)| provider.url == host) else {
        return Err(denied(
            "InvalidIdentityToken",
            &format!("No OpenIDConnect provider found in your account for {issuer}"),
        ));
    };
    if !provider.client_ids.iter().any(|client| client == "sts.amazonaws.com") {
        return Err(denied("InvalidIdentityToken", "Incorrect token audience"));
    }
    let claims = json!({"sub": subject, "aud": "sts.amazonaws.com", "iss": issuer});
    let let_in = iam
        .role(role)
        .is_some_and(|role| iam::allows_web_identity(&role.trust, &iam::Federated { provider: arn, claims: &claims }));
    if let_in { Ok(()) } else { Err(denied("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")) }
}

fn associated(inside: &Inside<'_, '_>, namespace: &str, account: &str) -> Option<String> {
    let found = inside
        .eks()?
        .associations
        .values()
        .find(|one| one.body["namespace"] == namespace && one.body["serviceAccount"] == account)?;
    Some(text(&found.body, "/roleArn").to_owned())
}

fn pod_identity(inside: &Inside<'_, '_>, role: &str, (space, account): (&str, &str)) -> Result<(), String> {
    let agent = inside.eks().is_some_and(|cluster| {
        cluster
            .addons
            .get("eks-pod-identity-agent")
            .is_some_and(|addon| ["ACTIVE", "UPDATING", "DEGRADED"].contains(&text(&addon.body, "/status")))
    });
    if !agent {
        return Err("get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : request send failed, Get \"http://169.254.170.23/v1/credentials\": dial tcp 169.254.170.23:80: connect: connection refused".to_owned());
    }
    let here = &*inside.here;
    let cluster = here.arn("eks", &format!("cluster/{}", inside.name));
    // The session's tags: EKS user guide, "Grant Pods access to AWS resources based on tags".
    let context = BTreeMap::from([
        ("aws:sourceaccount".to_owned(), vec![here.account.to_owned()]),
        ("aws:sourcearn".to_owned(), vec![cluster.clone()]),
        ("aws:requesttag/eks-cluster-arn".to_owned(), vec![cluster]),
        ("aws:requesttag/eks-cluster-name".to_owned(), vec![inside.name.clone()]),
        ("aws:requesttag/kubernetes-namespace".to_owned(), vec![space.to_owned()]),
        ("aws:requesttag/kubernetes-service-account".to_owned(), vec![account.to_owned()]),
    ]);
    let trusted =
        here.iam.role(role).is_some_and(|role| iam::allows_service(&role.trust, "pods.eks.amazonaws.com", &context));
    if trusted {
        Ok(())
    } else {
        Err("get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [AccessDeniedException]: Unauthorized Exception! EKS does not have permissions to assume the associated role.".to_owned())
    }
}

/// The node's role, where the hop limit lets a container reach the metadata service.
fn of_node(inside: &Inside<'_, '_>, pod: &Json) -> Option<String> {
    let node = inside.store.get("nodes", &Key::global(pods::node(pod)))?;
    let instance = inside.here.region.ec2.instances.get(nodes::instance(node))?;
    let far = instance.metadata.1 >= 2 || pod["spec"]["hostNetwork"] == true;
    let profile = instance.instance_profile.as_deref().filter(|_| far)?.rsplit('/').next()?;
    let role = inside.here.iam.profiles.get(profile)?.role.as_ref()?;
    inside.here.iam.roles.get(role).map(|role| role.arn.clone())
}

/// Whether a role may make a call, judged as a call of a session of that role.
pub(super) fn may(
    inside: &mut Inside<'_, '_>,
    role: &str,
    service: &str,
    operation: &str,
    params: Json,
) -> Result<(), Fault> {
    const KEY: &str = "ASIAKARPENTERSESSION";
    let here = &mut *inside.here;
    let name = role.rsplit('/').next().unwrap_or_default();
    let session = iam::Session {
        arn: format!("arn:{}:sts::{}:assumed-role/{name}/karpenter", here.partition(), here.account),
        role: role.to_owned(),
        expires: here.now + 3_600_000,
        ..iam::Session::default()
    };
    here.iam.sessions.insert(KEY.to_owned(), session);
    let call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params,
        region: here.name.to_owned(),
        access_key: KEY.to_owned(),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    };
    let verdict = iam::authorize(here, &call);
    here.iam.sessions.remove(KEY);
    verdict
}

/// Whether a pod may make a call as whoever it is, or what its SDK says.
pub(in super::super) fn allowed(
    inside: &mut Inside<'_, '_>,
    pod: &Json,
    service: &str,
    operation: &str,
    sdk: &str,
) -> Result<(), String> {
    let role = role(inside, pod)?;
    may(inside, &role, service, operation, json!({})).map_err(|fault| words(sdk, operation, &fault))
}

/// A refusal as AWS's SDK for Go words it.
pub(super) fn words(service: &str, operation: &str, fault: &Fault) -> String {
    format!(
        "operation error {service}: {operation}, https response error StatusCode: {}, api error {}: {}",
        fault.status, fault.code, fault.message
    )
}
