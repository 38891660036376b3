//! IAM OIDC provider of the cluster: IAM roles for service accounts.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use futures_util::future::try_join_all;

use super::{derived, iam};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// The audience of every service account token that is meant for AWS, in all partitions.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// The provider that vouches for a cluster's service accounts.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    /// Where it stands.
    pub address: Address,
    /// The cluster's issuer without `https://`, as text with references.
    pub issuer: String,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource for OidcProvider {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "oidc-provider",
        noun: "IAM OIDC provider",
        actions: &[
            "iam:ListOpenIDConnectProviders",
            "iam:GetOpenIDConnectProvider",
            "iam:CreateOpenIDConnectProvider",
            "iam:AddClientIDToOpenIDConnectProvider",
            "iam:RemoveClientIDFromOpenIDConnectProvider",
            "iam:TagOpenIDConnectProvider",
            "iam:UntagOpenIDConnectProvider",
            "iam:DeleteOpenIDConnectProvider",
        ],
        fields: &[
            Field::replaces("url", Order::CreateFirst, "The cluster's issuer URL."),
            Field::in_place("clientIds", "Audiences: `sts.amazonaws.com`."),
            Field::in_place("tags", "Tags."),
        ],
        // Before the cluster whose issuer it names.
        rank: 40,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Lets IAM roles trust the cluster's service accounts. No thumbprint is given: IAM trusts the issuer's \
               certificate authority itself and fills in what it found, so a thumbprint is no field. \
               Source: IAM API reference, CreateOpenIDConnectProvider; EKS user guide, \"Create an IAM OIDC provider\".",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([
            ("url", Some(Value::Template(format!("https://{}", self.issuer)))),
            ("clientIds", Some(Value::texts([AUDIENCE]))),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    /// IAM lists ARNs alone, so each of the region's EKS issuers costs a call; all other providers of the account cost none.
    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.iam.list_open_id_connect_providers();
        let answer = call.send().await.map_err(failed("iam:ListOpenIDConnectProviders"))?;
        let arns = answer.open_id_connect_provider_list().iter().filter_map(|entry| entry.arn());
        let arns = arns.filter(|arn| is_eks_issuer(arn, &world.region));
        let found = try_join_all(arns.map(|arn| Self::read(world, scope, arn))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        Ok(gone_is_none(provider(world, id).await)?.map(|found| live(id, &found)))
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let url = derived::text(want, "url");
        let made = world
            .iam
            .create_open_id_connect_provider()
            .url(url)
            .set_client_id_list(Some(client_ids(want).into_iter().collect()))
            .set_tags(Some(iam::tags(&cx.all_tags(want))))
            .send()
            .await
            .map_err(failed("iam:CreateOpenIDConnectProvider"));
        match made {
            Ok(answer) => answer
                .open_id_connect_provider_arn
                .ok_or_else(|| Failure::fatal("iam:CreateOpenIDConnectProvider", "an answer without an ARN")),
            // A second try of the same create. Somebody else's provider for our issuer stays a clash.
            Err(failure) if failure.class == Class::Exists => {
                let arn = world.arn("iam", &format!("oidc-provider/{}", url.trim_start_matches("https://")));
                let there = provider(world, &arn).await.map_err(iam::not_yet)?;
                if derived::tagged(cx, &iam::tag_map(there.tags())) { Ok(arn) } else { Err(failure) }
            }
            // IAM could not reach the issuer, which was born with the cluster a moment ago.
            Err(failure) if failure.code.starts_with("OpenIdIdpCommunicationError") => {
                Err(Failure { class: Class::Passing, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let arn = live.id.as_str();
        let changed = |field: &str| changes.iter().any(|change| change.field == field);
        if changed("clientIds") {
            let (have, want) = (client_ids(&live.fields), client_ids(want));
            for id in want.difference(&have) {
                let call = world.iam.add_client_id_to_open_id_connect_provider();
                let call = call.open_id_connect_provider_arn(arn).client_id(id);
                call.send().await.map_err(failed("iam:AddClientIDToOpenIDConnectProvider"))?;
            }
            for id in have.difference(&want) {
                let call = world.iam.remove_client_id_from_open_id_connect_provider();
                let call = call.open_id_connect_provider_arn(arn).client_id(id);
                call.send().await.map_err(failed("iam:RemoveClientIDFromOpenIDConnectProvider"))?;
            }
        }
        if changed("tags") {
            let untag = async |keys| {
                let call = world.iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                let call = call.set_tag_keys(Some(keys));
                call.send().await.map(drop).map_err(failed("iam:UntagOpenIDConnectProvider"))
            };
            let tag = async |tags| {
                let call = world.iam.tag_open_id_connect_provider().open_id_connect_provider_arn(arn);
                call.set_tags(Some(tags)).send().await.map(drop).map_err(failed("iam:TagOpenIDConnectProvider"))
            };
            iam::retag(cx, live, want, untag, tag).await?;
        }
        Ok(())
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(&live.id);
        gone_is_none(call.send().await.map_err(failed("iam:DeleteOpenIDConnectProvider"))).map(drop)
    }
}

fn live(arn: &str, found: &GetOpenIdConnectProviderOutput) -> Live {
    let mut live = Live::new(arn);
    live.names.insert("arn".to_owned(), arn.to_owned());
    live.tags = iam::tag_map(found.tags());
    // Created with `https://`, given back without.
    let url = found.url().map(|url| format!("https://{}", url.trim_start_matches("https://")));
    let ids = found.client_id_list();
    live.fields = derived::fields([
        ("url", url.map(Value::Text)),
        ("clientIds", (!ids.is_empty()).then(|| Value::texts(ids))),
        ("tags", Some(live.free_tags())),
    ]);
    live
}

async fn provider(world: &Cloud, arn: &str) -> Read<GetOpenIdConnectProviderOutput> {
    let call = world.iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn);
    call.send().await.map_err(failed("iam:GetOpenIDConnectProvider"))
}

fn client_ids(fields: &Fields) -> BTreeSet<String> {
    fields.get("clientIds").into_iter().flat_map(Value::item_texts).map(str::to_owned).collect()
}

/// Whether a provider's ARN names an EKS issuer of this region: `oidc.eks.REGION.amazonaws.com`, with `.cn` at the end in
/// China, or the dual-stack `oidc-eks.REGION.api.aws` (EKS user guide, "Create an IAM OIDC provider").
fn is_eks_issuer(arn: &str, region: &str) -> bool {
    let Some((_, issuer)) = arn.split_once(":oidc-provider/") else { return false };
    ["oidc.eks.", "oidc-eks."].iter().any(|host| {
        issuer.strip_prefix(host).and_then(|rest| rest.strip_prefix(region)).is_some_and(|rest| rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_regions_eks_issuers_are_looked_into() {
        let arn = |issuer: &str| format!("arn:aws:iam::123456789012:oidc-provider/{issuer}");
        assert!(is_eks_issuer(&arn("oidc.eks.us-east-1.amazonaws.com/id/AB"), "us-east-1"));
        assert!(is_eks_issuer(&arn("oidc-eks.us-east-1.api.aws/id/AB"), "us-east-1"));
        assert!(is_eks_issuer(
            "arn:aws-cn:iam::1:oidc-provider/oidc.eks.cn-north-1.amazonaws.com.cn/id/AB",
            "cn-north-1"
        ));
        assert!(!is_eks_issuer(&arn("oidc.eks.us-east-2.amazonaws.com/id/AB"), "us-east-1"));
        assert!(!is_eks_issuer(&arn("token.actions.githubusercontent.com"), "us-east-1"));
    }

    #[test]
    fn the_url_that_iam_gives_back_equals_the_one_that_was_sent() {
        let found = GetOpenIdConnectProviderOutput::builder()
            .url("oidc.eks.us-east-1.amazonaws.com/id/AB")
            .client_id_list(AUDIENCE)
            .build();
        let desired = OidcProvider {
            address: Address::single("identity", "oidc-provider"),
            issuer: "oidc.eks.us-east-1.amazonaws.com/id/AB".to_owned(),
            tags: BTreeMap::new(),
        };
        let want = desired.want(&Facts::default());
        let want: Fields =
            want.iter().map(|(name, value)| (name.clone(), value.resolve(&|_, _| None).unwrap())).collect();
        assert_eq!(live("arn", &found).fields["url"], Value::text("https://oidc.eks.us-east-1.amazonaws.com/id/AB"));
        assert_eq!(live("arn", &found).fields["clientIds"], want["clientIds"]);
        assert_eq!(live("arn", &found).fields["url"], want["url"]);
    }
}
