//! IAM OIDC provider of GitHub: one per account, shared by all its repositories and environments.

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;

use super::derived;
use super::oidc_provider::AUDIENCE;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope,
    Value,
};

/// The provider that vouches for jobs of GitHub Actions.
#[derive(Clone, Debug)]
pub struct GithubProvider {
    /// Where it stands.
    pub address: Address,
    /// The issuer without `https://`.
    pub issuer: String,
}

impl Resource for GithubProvider {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "github-provider",
        noun: "IAM OIDC provider of GitHub",
        actions: &[
            "iam:GetOpenIDConnectProvider",
            "iam:CreateOpenIDConnectProvider",
            "iam:AddClientIDToOpenIDConnectProvider",
        ],
        fields: &[
            Field::fixed("name", "GitHub's issuer has one name.", "The issuer's host."),
            Field::in_place("audience", "`sts.amazonaws.com`, beside whatever others have added."),
        ],
        rank: 0,
        custody: Custody::Shared,
        patience: Patience::INSTANT,
        docs: "Lets IAM roles trust the tokens of GitHub's jobs. An account has one at most, so one that is there is used as it \
               is, with our audience added; it is never deleted, for other repositories may trust it. Created without a thumbprint: \
               IAM trusts the issuer's certificate authority itself. \
               Source: IAM API reference, CreateOpenIDConnectProvider; GitHub docs, \"Configuring OpenID Connect in AWS\".",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([("name", Some(Value::text(&self.issuer))), ("audience", Some(Value::text(AUDIENCE)))])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut found = Vec::new();
        for (_, wanted) in &scope.wanted {
            found.extend(Self::read(world, scope, &arn(world, derived::text(wanted, "name"))).await?);
        }
        Ok(found)
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.iam.get_open_id_connect_provider().open_id_connect_provider_arn(id).send().await;
        let found = gone_is_none(call.map_err(failed("iam:GetOpenIDConnectProvider")))?;
        Ok(found.map(|found| live(id, &found, scope)))
    }

    async fn create(world: &Cloud, _cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let issuer = derived::text(want, "name");
        let call = world.iam.create_open_id_connect_provider().url(format!("https://{issuer}"));
        // Without our tags: it is the account's, and no environment of it may claim it.
        match call.client_id_list(AUDIENCE).send().await.map_err(failed("iam:CreateOpenIDConnectProvider")) {
            // Somebody was first, which is as good; the next plan adds our audience where it is missing.
            Err(failure) if failure.class != Class::Exists => Err(failure),
            _ => Ok(arn(world, issuer)),
        }
    }

    async fn update(world: &Cloud, _: &Cx, live: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        let call = world.iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(&live.id);
        let call = call.client_id(derived::text(want, "audience"));
        call.send().await.map(drop).map_err(failed("iam:AddClientIDToOpenIDConnectProvider"))
    }

    async fn delete(_: &Cloud, _: &Cx, _: &Live) -> Result<(), Failure> {
        Ok(())
    }
}

fn arn(world: &Cloud, issuer: &str) -> String {
    world.arn("iam", &format!("oidc-provider/{issuer}"))
}

fn live(arn: &str, found: &GetOpenIdConnectProviderOutput, scope: &Scope) -> Live {
    let mut live = Live::new(arn);
    live.names.insert("arn".to_owned(), arn.to_owned());
    let issuer = arn.split_once(":oidc-provider/").map_or(arn, |(_, issuer)| issuer);
    let ours = found.client_id_list().iter().any(|audience| audience == AUDIENCE);
    live.fields =
        derived::fields([("name", Some(Value::text(issuer))), ("audience", ours.then(|| Value::text(AUDIENCE)))]);
    derived::claim(&mut live, scope);
    live
}
