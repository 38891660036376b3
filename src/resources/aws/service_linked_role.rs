//! Service-linked role: one per account and service, shared by all environments.

use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope,
    Value,
};

use super::derived;

/// A role that belongs to an AWS service. Without EC2 Spot's, the first spot launch of an account fails.
#[derive(Clone, Debug)]
pub struct ServiceLinkedRole {
    /// Where it stands.
    pub address: Address,
    /// `spot.amazonaws.com`.
    pub service: String,
    /// The name that the service gives it: `AWSServiceRoleForEC2Spot`.
    pub name: String,
}

impl Resource for ServiceLinkedRole {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "service-linked-role",
        noun: "service-linked role",
        actions: &["iam:GetRole", "iam:CreateServiceLinkedRole"],
        fields: &[
            Field::fixed(
                "service",
                "The service of a service-linked role cannot be changed.",
                "Service: `spot.amazonaws.com`.",
            ),
            Field::fixed("name", "AWS names it.", "Name: `AWSServiceRoleForEC2Spot`."),
        ],
        rank: 0,
        custody: Custody::Shared,
        patience: Patience::INSTANT,
        docs: "The role that EC2 Spot acts with: created where the account has none, never deleted, for every environment \
               of the account uses it. Source: EC2 user guide, \"Service-linked role for Spot Instance requests\"; \
               Karpenter, \"Getting Started with Karpenter\".",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([("service", Some(Value::text(&self.service))), ("name", Some(Value::text(&self.name)))])
    }

    /// By name. One that nothing wants is nothing to us.
    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut found = Vec::new();
        for (_, wanted) in &scope.wanted {
            found.extend(Self::read(world, scope, derived::text(wanted, "name")).await?);
        }
        Ok(found)
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let answer = world.iam.get_role().role_name(id).send().await.map_err(failed("iam:GetRole"));
        let Some(role) = gone_is_none(answer)?.and_then(|answer| answer.role) else { return Ok(None) };
        let mut live = Live::new(role.role_name());
        live.names.insert("name".to_owned(), role.role_name().to_owned());
        live.names.insert("arn".to_owned(), role.arn().to_owned());
        live.fields = derived::fields([
            ("service", service_of(role.path()).map(Value::text)),
            ("name", Some(Value::text(role.role_name()))),
        ]);
        derived::claim(&mut live, scope);
        Ok(Some(live))
    }

    async fn create(world: &Cloud, _cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = world.iam.create_service_linked_role().aws_service_name(derived::text(want, "service"));
        match call.send().await.map_err(failed("iam:CreateServiceLinkedRole")) {
            // Somebody was first, which is as good. IAM has no error code of its own for it: "Service role name ... has been
            // taken in this account, please try a different suffix."
            Err(failure) if failure.class != Class::Exists && !failure.message.contains("has been taken") => {
                Err(failure)
            }
            _ => Ok(derived::text(want, "name").to_owned()),
        }
    }

    async fn update(_: &Cloud, _: &Cx, _: &Live, _: &Fields, _: &[Change]) -> Result<(), Failure> {
        Ok(())
    }

    async fn delete(_: &Cloud, _: &Cx, _: &Live) -> Result<(), Failure> {
        Ok(())
    }
}

/// The service in the path of its role, `/aws-service-role/SERVICE/`.
fn service_of(path: &str) -> Option<&str> {
    path.strip_prefix("/aws-service-role/")?.strip_suffix('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_the_service() {
        assert_eq!(service_of("/aws-service-role/spot.amazonaws.com/"), Some("spot.amazonaws.com"));
        assert_eq!(service_of("/"), None);
    }
}
