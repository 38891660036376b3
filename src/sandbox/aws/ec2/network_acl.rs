//! Default network ACLs: every VPC has one, all its subnets use it, and nothing changes it.

use serde_json::{Value as Json, json};

use super::common::{self, Listing, tag_set};
use crate::sandbox::region::Here;
use crate::sandbox::wire::{Answer, Call};

/// The region's DHCP option set, shared by all VPCs.
pub(super) fn dhcp_options(here: &mut Here<'_>) -> String {
    match here.region.ec2.vpcs.values().next() {
        Some(vpc) => vpc.dhcp_options.clone(),
        None => here.id("dopt"),
    }
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const ACLS: Listing = Listing {
        prefix: "acl",
        ids: "NetworkAclId",
        set: "networkAclSet",
        id: "networkAclId",
        filters: &[
            ("association.association-id", "associationSet.networkAclAssociationId"),
            ("association.network-acl-id", "associationSet.networkAclId"),
            ("association.subnet-id", "associationSet.subnetId"),
            ("default", "default"),
            ("network-acl-id", "networkAclId"),
            ("owner-id", "ownerId"),
            ("vpc-id", "vpcId"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let state = &here.region.ec2;
    let entries = state.vpcs.iter().map(|(vpc_id, vpc)| {
        let id = &vpc.network_acl;
        let associations: Vec<Json> = state
            .subnets
            .iter()
            .filter(|(_, subnet)| subnet.vpc == *vpc_id)
            .map(|(subnet, _)| {
                let association = subnet.replace("subnet-", "aclassoc-");
                json!({ "networkAclAssociationId": association, "networkAclId": id, "subnetId": subnet })
            })
            .collect();
        let rule = |egress: bool, number: u32, action: &str| {
            json!({
                "cidrBlock": "0.0.0.0/0", "egress": egress, "protocol": "-1",
                "ruleAction": action, "ruleNumber": number,
            })
        };
        json!({
            "networkAclId": id,
            "vpcId": vpc_id,
            "ownerId": here.account,
            "default": true,
            "associationSet": associations,
            "entrySet": [
                rule(true, 100, "allow"), rule(true, 32767, "deny"),
                rule(false, 100, "allow"), rule(false, 32767, "deny"),
            ],
            "tagSet": tag_set(state, id),
        })
    });
    common::describe(here, call, &ACLS, entries.collect())
}
