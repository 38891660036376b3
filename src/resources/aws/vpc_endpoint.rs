//! VPC endpoints: the free gateway for S3, and interface endpoints.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, ResourceType, VpcEndpointType};

use super::ec2_common::{
    changed, difference, fields, gone_is_done, id_of, is_of, live, ours, retag, some_set, tagged, text, texts,
};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Resource,
    Scope, Value,
};

/// A VPC endpoint, `network/vpc-endpoint/s3`.
#[derive(Clone, Debug)]
pub struct VpcEndpoint {
    /// The service's short name: `s3`, `ecr.api`.
    pub key: String,
    /// The service's whole name: `com.amazonaws.us-east-1.s3`.
    pub service: String,
    /// Id of the VPC.
    pub vpc: Value,
    /// How it is reached.
    pub form: Form,
    /// Tags, `Name` among them.
    pub tags: BTreeMap<String, String>,
}

/// How an endpoint is reached.
#[derive(Clone, Debug)]
pub enum Form {
    /// By routes that it puts into these route tables itself; free.
    Gateway {
        /// Ids of the route tables.
        route_tables: Vec<Value>,
    },
    /// By an interface in each of these subnets; an hourly price each.
    Interface {
        /// Ids of the subnets, one a zone.
        subnets: Vec<Value>,
        /// Ids of the groups that guard it.
        security_groups: Vec<Value>,
    },
}

/// The whole name of a service. In China interface endpoints have names of their own, except S3 and a few others
/// ("AWS services that integrate with AWS PrivateLink", AWS PrivateLink guide).
#[must_use]
pub fn service_name(partition: &str, region: &str, service: &str) -> String {
    let prefix = if partition == "aws-cn" && service != "s3" { "cn." } else { "" };
    format!("{prefix}com.amazonaws.{region}.{service}")
}

const DESCRIBE: &str = "ec2:DescribeVpcEndpoints";

impl Resource for VpcEndpoint {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "vpc-endpoint",
        noun: "VPC endpoint",
        actions: &[
            "ec2:DescribeVpcEndpoints",
            "ec2:CreateVpcEndpoint",
            "ec2:ModifyVpcEndpoint",
            "ec2:DeleteVpcEndpoints",
            // Private names: checked along with CreateVpcEndpoint ("Actions defined by Amazon EC2", Service
            // Authorization Reference).
            "route53:AssociateVPCWithHostedZone",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        fields: &[
            // Two endpoints for one service cannot both have its private name, nor both a route in one table.
            Field::replaces("service", Order::DeleteFirst, "name of the service"),
            Field::replaces("type", Order::DeleteFirst, "Gateway or Interface"),
            Field::replaces("vpc", Order::DeleteFirst, "the VPC it is in"),
            Field::in_place("routeTables", "tables that lead to a gateway endpoint"),
            Field::in_place("subnets", "subnets with an interface of an interface endpoint"),
            Field::in_place("securityGroups", "groups that guard an interface endpoint"),
            Field::in_place("privateDns", "whether the service's own name leads to an interface endpoint"),
            Field::in_place("tags", "tags"),
        ],
        rank: 60,
        custody: Custody::Owned,
        // No public figure was found: a gateway is there at once, an interface endpoint takes a minute or two.
        patience: Patience::secs(10, 10, 20, 900),
        docs: "The S3 gateway endpoint is free and keeps image layers off the NAT gateways. Interface endpoints have an \
               hourly price in every zone (AWS PrivateLink guide).",
    };

    fn address(&self) -> Address {
        Address::keyed("network", "vpc-endpoint", &self.key)
    }

    fn want(&self, _facts: &Facts) -> Fields {
        let set = |ids: &Vec<Value>| (!ids.is_empty()).then(|| Value::set(ids.iter().cloned()));
        let mut want = fields([
            ("service", Some(Value::text(&self.service))),
            ("vpc", Some(self.vpc.clone())),
            ("tags", Some(Value::tags(&self.tags))),
        ]);
        want.extend(match &self.form {
            Form::Gateway { route_tables } => {
                fields([("type", Some("Gateway".into())), ("routeTables", set(route_tables))])
            }
            Form::Interface { subnets, security_groups } => fields([
                ("type", Some("Interface".into())),
                ("subnets", set(subnets)),
                ("securityGroups", set(security_groups)),
                ("privateDns", Some("true".into())),
            ]),
        });
        want
    }

    fn cost(fields: &Fields, rates: &Rates) -> Vec<Line> {
        let service = fields.get("service").and_then(Value::as_text).unwrap_or_default();
        // `com.amazonaws.REGION.ecr.api`, in China with `cn.` before it.
        let after = service.split_once("amazonaws.").and_then(|(_, rest)| rest.split_once('.'));
        let service = after.map_or(service, |(_, short)| short);
        let zones = fields.get("subnets").map_or(0, |subnets| subnets.items().len());
        match fields.get("type").and_then(Value::as_text) {
            Some("Interface") => {
                vec![lines::interface_endpoint(service, u64::try_from(zones).unwrap_or_default(), rates)]
            }
            _ => vec![lines::gateway_endpoint(service, rates)],
        }
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.ec2.describe_vpc_endpoints().filters(ours(scope)).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        let each = found.iter().filter_map(|endpoint| as_live(endpoint).transpose()).collect::<Read<Vec<_>>>()?;
        Ok(each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        found.as_ref().and_then(|answer| answer.vpc_endpoints().first()).map_or(Ok(None), as_live)
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = "ec2:CreateVpcEndpoint";
        let request = world.ec2.create_vpc_endpoint().client_token(&cx.token);
        let request = request.vpc_id(text(want, "vpc", call)?).service_name(text(want, "service", call)?);
        let request = request.vpc_endpoint_type(VpcEndpointType::from(text(want, "type", call)?));
        let request = request.tag_specifications(tagged(ResourceType::VpcEndpoint, cx, want));
        let some = |field: &str| Some(texts(want, field)).filter(|texts| !texts.is_empty());
        let request = request.set_route_table_ids(some("routeTables")).set_subnet_ids(some("subnets"));
        let request = request.set_security_group_ids(some("securityGroups"));
        let dns = want.get("privateDns").and_then(Value::as_text).map(|text| text == "true");
        let made = request.set_private_dns_enabled(dns).send().await.map_err(failed("ec2:CreateVpcEndpoint"))?;
        id_of(call, made.vpc_endpoint().and_then(types::VpcEndpoint::vpc_endpoint_id))
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        if ["routeTables", "subnets", "securityGroups", "privateDns"].iter().any(|field| changed(changes, field)) {
            let sets = |field: &str| {
                let (add, remove) = difference(&texts(&live.fields, field), &texts(want, field));
                let some = |ids: Vec<String>| (!ids.is_empty()).then_some(ids);
                (some(add), some(remove))
            };
            let (add_tables, remove_tables) = sets("routeTables");
            let (add_subnets, remove_subnets) = sets("subnets");
            let (add_groups, remove_groups) = sets("securityGroups");
            let dns = want.get("privateDns").and_then(Value::as_text).map(|text| text == "true");
            let call = world
                .ec2
                .modify_vpc_endpoint()
                .vpc_endpoint_id(&live.id)
                .set_add_route_table_ids(add_tables)
                .set_remove_route_table_ids(remove_tables)
                .set_add_subnet_ids(add_subnets)
                .set_remove_subnet_ids(remove_subnets)
                .set_add_security_group_ids(add_groups)
                .set_remove_security_group_ids(remove_groups)
                .set_private_dns_enabled(dns.filter(|_| changed(changes, "privateDns")));
            call.send().await.map_err(failed("ec2:ModifyVpcEndpoint"))?;
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = "ec2:DeleteVpcEndpoints";
        let done = world.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&live.id).send().await;
        let Some(answer) = gone_is_none(done.map_err(failed("ec2:DeleteVpcEndpoints")))? else { return Ok(()) };
        // A batch call: what went wrong is in the answer.
        let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) else { return Ok(()) };
        let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
        let class = crate::cloud::classify(code, message, 400);
        let failure = Failure { class, call: call.to_owned(), code: code.to_owned(), message: message.to_owned() };
        gone_is_done(Err::<(), _>(failure))
    }
}

fn as_live(endpoint: &types::VpcEndpoint) -> Read<Option<Live>> {
    let mut live = live(&id_of(DESCRIBE, endpoint.vpc_endpoint_id())?, endpoint.tags());
    let interface = endpoint.vpc_endpoint_type() == Some(&VpcEndpointType::Interface);
    let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
    live.inside = endpoint.vpc_id().map(str::to_owned);
    live.fields.extend(fields([
        ("service", endpoint.service_name().map(Value::text)),
        ("type", endpoint.vpc_endpoint_type().map(|kind| Value::text(kind.as_str()))),
        ("vpc", endpoint.vpc_id().map(Value::text)),
        ("routeTables", some_set(endpoint.route_table_ids())),
        ("subnets", some_set(endpoint.subnet_ids())),
        ("securityGroups", some_set(groups)),
        // A gateway endpoint says `false` too, and means nothing by it.
        ("privateDns", interface.then(|| Value::text(endpoint.private_dns_enabled().unwrap_or_default()))),
    ]));
    // The model says `Available`, the service `available`.
    let state = endpoint.state().map_or("pending", |state| state.as_str()).to_ascii_lowercase();
    live.ready = match state.as_str() {
        "available" => Ready::Yes,
        "deleted" => return Ok(None),
        "deleting" => Ready::Leaving(state),
        "failed" | "rejected" | "expired" => {
            let why = endpoint.failure_reason().or(endpoint.last_error().and_then(|error| error.message()));
            Ready::Never(why.map_or(state.clone(), |why| format!("{state}: {why}")))
        }
        _ => Ready::NotYet(state),
    };
    Ok(Some(live))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_in_either_case() {
        let ready = |state: &str| {
            let endpoint = types::VpcEndpoint::builder().vpc_endpoint_id("vpce-1").state(types::State::from(state));
            as_live(&endpoint.build()).unwrap().map(|live| live.ready)
        };
        assert_eq!(ready("available"), Some(Ready::Yes));
        assert_eq!(ready("Available"), Some(Ready::Yes));
        assert_eq!(ready("pending"), Some(Ready::NotYet("pending".to_owned())));
        assert_eq!(ready("failed"), Some(Ready::Never("failed".to_owned())));
        assert_eq!(ready("deleted"), None);
    }

    #[test]
    fn a_gateway_endpoint_says_nothing_about_names() {
        let endpoint = types::VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .route_table_ids("rtb-1")
            .private_dns_enabled(false);
        let live = as_live(&endpoint.build()).unwrap().unwrap();
        assert_eq!(live.fields.get("privateDns"), None);
        assert_eq!(live.fields["routeTables"], Value::texts(["rtb-1"]));
        assert_eq!(live.fields["type"], "Gateway".into());
    }

    #[test]
    fn services_have_their_regions_names() {
        assert_eq!(service_name("aws", "eu-west-1", "s3"), "com.amazonaws.eu-west-1.s3");
        assert_eq!(service_name("aws-cn", "cn-north-1", "sts"), "cn.com.amazonaws.cn-north-1.sts");
    }
}
