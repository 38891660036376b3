//! What the kinds of EKS share: whose a cluster is, how its children are listed, tags, and creates that were answered
//! with "exists".
//!
//! A cluster's name is unique in an account and region, so a read by the wanted name is one call and settles it in
//! nearly every run. Only where that name is absent or not ours are all clusters listed and described, to find one of
//! ours that still has an older name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_eks::types::Cluster;
use futures_util::future::{join, try_join_all};

use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{Change, Class, Cx, Failure, Fields, Live, Read, Scope, TAG_ENVIRONMENT, TAG_STACK, Value};

/// One cluster by name.
pub(super) async fn describe(cloud: &Cloud, name: &str) -> Read<Option<Cluster>> {
    described(cloud.eks.describe_cluster().name(name)).await
}

async fn described(call: DescribeCluster) -> Read<Option<Cluster>> {
    let answer = call.send().await.map_err(failed("eks:DescribeCluster"));
    Ok(gone_is_none(answer)?.and_then(|answer| answer.cluster))
}

type DescribeCluster = aws_sdk_eks::operation::describe_cluster::builders::DescribeClusterFluentBuilder;

/// The same in a sweep: all kinds of EKS ask at once, and share one answer.
async fn describe_once(cloud: &Cloud, name: &str) -> Read<Option<Cluster>> {
    cloud.cluster(name).await
}

/// The names of all clusters of the account and region.
pub(super) async fn cluster_names(cloud: &Cloud) -> Read<Vec<String>> {
    let mut pages = cloud.eks.list_clusters().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(name) = pages.next().await {
        names.push(name.map_err(failed("eks:ListClusters"))?);
    }
    Ok(names)
}

/// Whether tags say that a thing belongs to this environment's stack.
pub(in crate::resources) fn ours(tags: Option<&HashMap<String, String>>, scope: &Scope) -> bool {
    let has = |key: &str, value: &str| tags.and_then(|tags| tags.get(key)).is_some_and(|found| found == value);
    has(TAG_STACK, &scope.stack) && has(TAG_ENVIRONMENT, &scope.environment)
}

/// The distinct texts of one field of the wanted resources.
pub(super) fn wanted_texts<'a>(scope: &'a Scope, field: &str) -> Vec<&'a str> {
    let texts = scope.wanted.iter().filter_map(|(_, fields)| fields.get(field)?.as_text());
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The clusters of these names, and where none of them is ours, those of ours under any other name.
pub(in crate::resources) async fn clusters(cloud: &Cloud, scope: &Scope, names: &[&str]) -> Read<Vec<Cluster>> {
    let found = try_join_all(names.iter().map(|name| describe_once(cloud, name))).await?;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    if scope.after_incomplete || !found.iter().any(|cluster| ours(cluster.tags(), scope)) {
        let others = cluster_names(cloud).await?;
        let others = others.iter().filter(|name| !names.contains(&name.as_str()));
        let others = try_join_all(others.map(|name| describe(cloud, name))).await?;
        found.extend(others.into_iter().flatten().filter(|cluster| ours(cluster.tags(), scope)));
    }
    Ok(found)
}

/// What `list` gives for every cluster of ours, beside the cluster's name. In the usual case the cluster is described
/// while its children are already being listed: one round of calls.
async fn children<T, L>(cloud: &Cloud, scope: &Scope, list: impl Fn(String) -> L) -> Read<Vec<(String, Vec<T>)>>
where
    L: Future<Output = Read<Vec<T>>>,
{
    let mut names = wanted_texts(scope, "clusterName");
    if names.is_empty() {
        // None of this kind is wanted; what there is would be in the cluster that others are in.
        let others = scope.everything.iter().filter_map(|(_, fields)| fields.get("clusterName")?.as_text());
        names = others.collect::<BTreeSet<_>>().into_iter().collect();
    }
    if let [name] = names.as_slice() {
        let (cluster, listed) = join(describe_once(cloud, name), list((*name).to_owned())).await;
        if cluster?.is_some_and(|cluster| ours(cluster.tags(), scope)) {
            let listed = gone_is_none(listed)?.unwrap_or_default();
            return Ok(vec![((*name).to_owned(), listed)]);
        }
    }
    let found = clusters(cloud, scope, &names).await?;
    let found = found.into_iter().filter(|cluster| ours(cluster.tags(), scope)).filter_map(|cluster| cluster.name);
    try_join_all(found.map(async |name| {
        let listed = gone_is_none(list(name.clone()).await)?.unwrap_or_default();
        Ok((name, listed))
    }))
    .await
}

/// The sweep of a kind whose things are inside a cluster: `list` gives the second halves of their ids, `read` reads one by its
/// id, and what does not carry our tags stands in the place of the wanted one that agrees with it in the fields `by`.
pub(super) async fn sweep<L, R>(
    cloud: &Cloud,
    scope: &Scope,
    by: &[&str],
    list: impl Fn(String) -> L,
    read: impl Fn(String) -> R,
) -> Read<Vec<Live>>
where
    L: Future<Output = Read<Vec<String>>>,
    R: Future<Output = Read<Option<Live>>>,
{
    let listed = children(cloud, scope, list).await?;
    let ids = listed.iter().flat_map(|(cluster, inner)| inner.iter().map(|rest| inside(cluster, rest)));
    let mut found: Vec<Live> = try_join_all(ids.map(read)).await?.into_iter().flatten().collect();
    for live in &mut found {
        let own: Vec<_> = by.iter().map(|field| live.text(field).to_owned()).collect();
        let same = |fields: &Fields| by.iter().zip(&own).all(|(field, own)| text(fields, field) == own);
        stand_in(live, scope, same);
    }
    Ok(found)
}

/// Marks a live thing that was found by name and does not carry our tags as standing in the place of the wanted one
/// that `same` recognises.
pub(in crate::resources) fn stand_in(live: &mut Live, scope: &Scope, same: impl Fn(&Fields) -> bool) {
    let tagged = live.tags.get(TAG_STACK).is_some_and(|stack| *stack == scope.stack);
    if !tagged {
        live.stands_for = scope.wanted.iter().find(|(_, fields)| same(fields)).map(|(address, _)| address.clone());
    }
}

/// Tags as AWS gives them, in order.
pub(super) fn tags(from: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    from.unwrap_or_default().into_iter().collect()
}

/// Tags as AWS takes them.
pub(super) fn all_tags(cx: &Cx, want: &Fields) -> HashMap<String, String> {
    cx.all_tags(want).into_iter().collect()
}

/// Brings the tags of anything of EKS to what is wanted, ownership tags included. Makes no call where they are right.
pub(super) async fn retag(cloud: &Cloud, cx: &Cx, live: &Live, want: &Fields) -> Result<(), Failure> {
    let (set, unset) = tag_changes(&cx.all_tags(want), &live.tags);
    let arn = live.name("arn");
    if !set.is_empty() {
        let call = cloud.eks.tag_resource().resource_arn(arn).set_tags(Some(set));
        call.send().await.map_err(failed("eks:TagResource"))?;
    }
    if !unset.is_empty() {
        let call = cloud.eks.untag_resource().resource_arn(arn).set_tag_keys(Some(unset));
        call.send().await.map_err(failed("eks:UntagResource"))?;
    }
    Ok(())
}

/// Tags to set and keys to remove. AWS's own (`aws:…`) are not ours to remove.
fn tag_changes(
    want: &BTreeMap<String, String>,
    have: &BTreeMap<String, String>,
) -> (HashMap<String, String>, Vec<String>) {
    let set = want.iter().filter(|(key, value)| have.get(*key) != Some(value));
    let unset = have.keys().filter(|key| !key.starts_with("aws:") && !want.contains_key(*key));
    (set.map(|(key, value)| (key.clone(), value.clone())).collect(), unset.cloned().collect())
}

/// The outcome of a create that may have been answered with "exists": fine if what is there carries our tags, which
/// means that an earlier try of the same create had its effect.
pub(super) async fn or_ours<T, R>(cx: &Cx, created: Result<T, Failure>, id: String, read: R) -> Result<String, Failure>
where
    R: Future<Output = Read<Option<Live>>>,
{
    match created {
        Ok(_) => Ok(id),
        Err(failure) if failure.class == Class::Exists => match read.await? {
            Some(live) if owned_by(cx, &live) => Ok(id),
            _ => Err(failure),
        },
        Err(failure) => Err(failure),
    }
}

/// Whether all three ownership tags are those of `cx`.
pub(super) fn owned_by(cx: &Cx, live: &Live) -> bool {
    cx.ownership().iter().all(|(key, value)| live.tags.get(key) == Some(value))
}

/// Whether any of `fields` is among the changes.
pub(super) fn changed(changes: &[Change], fields: &[&str]) -> bool {
    changes.iter().any(|change| fields.contains(&change.field.as_str()))
}

/// The text of a resolved field; empty where there is none.
pub(in crate::resources) fn text<'a>(want: &'a Fields, field: &str) -> &'a str {
    want.get(field).and_then(Value::as_text).unwrap_or_default()
}

/// The text of a resolved field, if it is there.
pub(in crate::resources) fn some_text(want: &Fields, field: &str) -> Option<String> {
    want.get(field)?.as_text().map(str::to_owned)
}

/// The plain texts of a resolved set or list.
pub(super) fn texts(want: &Fields, field: &str) -> Vec<String> {
    want.get(field).into_iter().flat_map(Value::item_texts).map(str::to_owned).collect()
}

/// The text entries of a resolved map.
pub(super) fn entries(want: &Fields, field: &str) -> BTreeMap<String, String> {
    let entries = want.get(field).into_iter().flat_map(Value::text_entries);
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The id of something inside a cluster: `CLUSTER/REST`. Cluster names have no slash.
pub(in crate::resources) fn inside(cluster: &str, rest: &str) -> String {
    format!("{cluster}/{rest}")
}

/// The two halves of [`inside`].
pub(in crate::resources) fn split(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_set_and_removed_but_never_those_of_aws() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let want = map(&[("team", "platform"), ("rem-ci:stack", "0123")]);
        let have = map(&[("team", "web"), ("old", "1"), ("aws:cloudformation:stack", "x"), ("rem-ci:stack", "0123")]);
        let (set, unset) = tag_changes(&want, &have);
        assert_eq!(set, HashMap::from([("team".to_owned(), "platform".to_owned())]));
        assert_eq!(unset, vec!["old".to_owned()]);
    }

    #[test]
    fn an_id_inside_a_cluster_keeps_the_slashes_of_its_second_half() {
        let arn = "arn:aws:iam::123456789012:role/rem-ci/prod/node";
        let id = inside("rem-prod", arn);
        assert_eq!(split(&id), ("rem-prod", arn));
    }
}
