//! Everything that bootstrap makes in AWS, as a graph: planned and applied like any other.

use std::collections::BTreeMap;

use super::{Repository, boundary, bucket, permissions, trust};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::engine::{Address, Graph};
use crate::model::access::{Access, BOUNDARY, Job};
use crate::resources::aws::github_provider::GithubProvider;
use crate::resources::aws::iam_policy::IamPolicy;
use crate::resources::aws::iam_role::IamRole;
use crate::resources::aws::s3_bucket::S3Bucket;

/// What somebody wants besides what follows from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// A role that may end the environment (A9): on request only, and it stays while the file names it.
    pub destroy: bool,
    /// Principals that may lock and apply besides the jobs.
    pub operators: Vec<String>,
    /// Who lets jobs through the GitHub environments.
    pub reviewers: Vec<String>,
}

impl Wish {
    /// With what the file says already.
    #[must_use]
    pub fn of(self, spec: &Spec) -> Self {
        let there = spec.roles.destroy.as_deref() == Some(Access::of(spec).role_arn(Job::Destroy).as_str());
        Self { destroy: self.destroy || there, ..self }
    }

    /// The jobs that get a role.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        Job::ALL.into_iter().filter(|job| *job != Job::Destroy || self.destroy).collect()
    }
}

/// The section of their addresses.
pub(super) const SECTION: &str = "access";

/// The spec as it will be once the file names what is made: the policies speak of that one, whose roles have a boundary.
#[must_use]
pub fn named(spec: &Spec, access: &Access, wish: &Wish) -> Spec {
    let mut named = spec.clone();
    named.state = Some(crate::config::spec::State { bucket: access.bucket() });
    named.roles.plan = Some(access.role_arn(Job::Plan));
    named.roles.apply = Some(access.role_arn(Job::Apply));
    if wish.destroy {
        named.roles.destroy = Some(access.role_arn(Job::Destroy));
    }
    named
}

/// The graph of an environment's access.
#[must_use]
pub fn build(spec: &Spec, repository: &Repository, wish: &Wish) -> Graph<Cloud> {
    let access = Access::of(spec);
    let spec = &named(spec, &access, wish);
    let tags = access.id.tags.clone();
    let mut graph = Graph::default();
    graph
        .add(GithubProvider { address: Address::single(SECTION, "github-provider"), issuer: trust::ISSUER.to_owned() });
    let policy = |key: String, document| IamPolicy {
        address: Address::keyed(SECTION, "iam-policy", &key),
        name: access.derived(&key),
        path: access.path(),
        document,
        tags: tags.clone(),
    };
    graph.add(policy(BOUNDARY.to_owned(), boundary::document(&access.id)));
    for job in wish.jobs() {
        let documents = permissions::documents(spec, &access, job);
        let policies = documents
            .into_iter()
            .zip(1..)
            .map(|(document, number)| graph.add(policy(format!("{}-{number}", job.word()), document)).attr("arn"));
        let policies = policies.collect();
        graph.add(IamRole {
            address: Address::keyed(SECTION, "iam-role", job.word()),
            name: access.derived(job.word()),
            path: access.path(),
            description: format!("{} of {} from {}", job.word(), access.id.environment, repository.full()),
            trust: trust::document(&access.id, repository, job),
            policies,
            inline: BTreeMap::new(),
            boundary: None,
            tags: tags.clone(),
        });
    }
    let lifecycle = bucket::lifecycle().into_iter();
    graph.add(S3Bucket {
        address: Address::single(SECTION, "s3-bucket"),
        name: access.bucket(),
        policy: bucket::document(&access, wish.destroy, &wish.operators),
        lifecycle: lifecycle.map(|(prefix, current, old)| (prefix.to_owned(), current, old)).collect(),
        tags: tags.clone(),
    });
    graph
}
