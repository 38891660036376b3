//! Drifts of roles, policies, the OIDC provider, the queue, its rules, the key and the log group.

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::json;

use super::hand::{Insides, Row, row};

const OPEN: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonEKSVPCResourceController";
const EBS: &str = "identity/iam-role/aws-ebs-csi-driver";
const CNI: &str = "identity/iam-role/vpc-cni";
const QUEUE: &str = "interruption/sqs-queue";

pub(super) const ROWS: &[Row] = &[
    row!("iam-role", ["description", "maxSessionSeconds"], "identity/iam-role/vpc-cni", InPlace, |h| {
        let call = h.cloud.iam.update_role().role_name(h.name(CNI, "name"));
        call.description("by hand").max_session_duration(7200).send().await.expect("UpdateRole")
    }),
    row!("iam-role", ["trust"], "identity/iam-role/vpc-cni", InPlace, |h| {
        let call = h.cloud.iam.update_assume_role_policy().role_name(h.name(CNI, "name"));
        call.policy_document(TRUST).send().await.expect("UpdateAssumeRolePolicy")
    }),
    row!("iam-role", ["policies"], "identity/iam-role/aws-ebs-csi-driver", InPlace, |h| {
        let call = h.cloud.iam.attach_role_policy().role_name(h.name(EBS, "name"));
        call.policy_arn(READ_ONLY).send().await.expect("AttachRolePolicy")
    }),
    row!("iam-role", ["inline"], "identity/iam-role/aws-ebs-csi-driver", InPlace, |h| {
        let call = h.cloud.iam.put_role_policy().role_name(h.name(EBS, "name")).policy_name("by-hand");
        call.policy_document(OPEN).send().await.expect("PutRolePolicy")
    }),
    row!("iam-role", ["boundary"], "identity/iam-role/aws-ebs-csi-driver", InPlace, |h| {
        let call = h.cloud.iam.put_role_permissions_boundary().role_name(h.name(EBS, "name"));
        call.permissions_boundary(READ_ONLY).send().await.expect("PutRolePermissionsBoundary")
    }),
    row!("iam-role", ["tags"], "identity/iam-role/aws-ebs-csi-driver", InPlace, |h| {
        let tag = aws_sdk_iam::types::Tag::builder().key("team").value("intruders").build().expect("a tag");
        h.cloud.iam.tag_role().role_name(h.name(EBS, "name")).tags(tag).send().await.expect("TagRole")
    }),
    row!("iam-role", ["name"], "identity/iam-role/vpc-cni", Leaf, |h| {
        let name = h.name(CNI, "name");
        let other = name.replace("vpc-cni", "by-hand");
        h.edit(|all| Insides::rename(&mut all.iam["roles"], &name, &other));
    }),
    row!("iam-role", ["path"], "identity/iam-role/vpc-cni", Fixed, |h| {
        let name = h.name(CNI, "name");
        h.edit(|all| all.iam["roles"][&name]["path"] = json!("/rem-ci/prod/by-hand/"));
    }),
    row!("iam-policy", ["document"], "karpenter/iam-policy/interruption", InPlace, |h| {
        let call = h.cloud.iam.create_policy_version().policy_arn(h.id("karpenter/iam-policy/interruption"));
        call.policy_document(OPEN).set_as_default(true).send().await.expect("CreatePolicyVersion")
    }),
    row!("iam-policy", ["tags"], "karpenter/iam-policy/interruption", InPlace, |h| {
        let tag = aws_sdk_iam::types::Tag::builder().key("team").value("intruders").build().expect("a tag");
        let call = h.cloud.iam.tag_policy().policy_arn(h.id("karpenter/iam-policy/interruption"));
        call.tags(tag).send().await.expect("TagPolicy")
    }),
    row!("iam-policy", ["name"], "karpenter/iam-policy/interruption", Leaf, |h| {
        let arn = h.id("karpenter/iam-policy/interruption");
        let name = h.name("karpenter/iam-policy/interruption", "name");
        let other = name.replace("interruption", "by-hand");
        h.edit(|all| {
            Insides::rename(&mut all.iam["policies"], &arn, &arn.replace(&name, &other));
            all.iam["policies"][arn.replace(&name, &other)]["name"] = json!(other);
            all.iam["roles"] = super::hand::replaced(&all.iam["roles"], &arn, &arn.replace(&name, &other));
        });
    }),
    row!("iam-policy", ["path"], "karpenter/iam-policy/interruption", Fixed, |h| {
        let arn = h.id("karpenter/iam-policy/interruption");
        h.edit(|all| all.iam["policies"][&arn]["path"] = json!("/rem-ci/prod/by-hand/"));
    }),
    row!("oidc-provider", ["clientIds"], "identity/oidc-provider", InPlace, |h| {
        let call = h.cloud.iam.add_client_id_to_open_id_connect_provider().client_id("sts.by-hand.example");
        let call = call.open_id_connect_provider_arn(h.id("identity/oidc-provider"));
        call.send().await.expect("AddClientIDToOpenIDConnectProvider")
    }),
    row!("oidc-provider", ["tags"], "identity/oidc-provider", InPlace, |h| {
        let tag = aws_sdk_iam::types::Tag::builder().key("team").value("intruders").build().expect("a tag");
        let call = h.cloud.iam.tag_open_id_connect_provider();
        let call = call.open_id_connect_provider_arn(h.id("identity/oidc-provider")).tags(tag);
        call.send().await.expect("TagOpenIDConnectProvider")
    }),
    row!("oidc-provider", ["url"], "identity/oidc-provider", Leaf, |h| {
        let arn = h.id("identity/oidc-provider");
        let (_, id) = arn.rsplit_once('/').expect("an issuer");
        let other = format!("{}0", &id[1..]);
        h.edit(|all| all.iam["providers"] = super::hand::replaced(&all.iam["providers"], id, &other));
    }),
    row!("service-linked-role", ["service"], "identity/service-linked-role/spot", Fixed, |h| {
        h.edit(|all| {
            all.iam["roles"]["AWSServiceRoleForEC2Spot"]["path"] = json!("/aws-service-role/other.amazonaws.com/");
        });
    }),
    row!("service-linked-role", ["name"], "identity/service-linked-role/spot", Apart, |h| {
        h.edit(|all| Insides::rename(&mut all.iam["roles"], "AWSServiceRoleForEC2Spot", "AWSServiceRoleForEC2Other"));
    }),
    row!("sqs-queue", ["policy", "retentionSeconds"], "interruption/sqs-queue", InPlace, |h| {
        let call = h.cloud.sqs.set_queue_attributes().queue_url(h.id(QUEUE));
        let call = call.attributes(Attribute::Policy, "").attributes(Attribute::MessageRetentionPeriod, "86400");
        call.send().await.expect("SetQueueAttributes")
    }),
    row!("sqs-queue", ["encryption"], "interruption/sqs-queue", InPlace, |h| {
        let call = h.cloud.sqs.set_queue_attributes().queue_url(h.id(QUEUE));
        call.attributes(Attribute::SqsManagedSseEnabled, "false").send().await.expect("SetQueueAttributes")
    }),
    row!("sqs-queue", ["tags"], "interruption/sqs-queue", InPlace, |h| {
        h.cloud.sqs.tag_queue().queue_url(h.id(QUEUE)).tags("team", "intruders").send().await.expect("TagQueue")
    }),
    row!("sqs-queue", ["name"], "interruption/sqs-queue", Apart, |h| {
        let name = h.name(QUEUE, "name");
        h.edit(|all| {
            Insides::rename(&mut all.region["sqs"]["queues"], &name, &name.replace("interruption", "by-hand"));
        });
    }),
    row!("event-rule", ["description", "state"], "interruption/event-rule/spot", InPlace, |h| {
        let at = "interruption/event-rule/spot";
        let call = h.cloud.events.put_rule().name(h.id(at)).description("by hand").state(RuleState::Disabled);
        call.event_pattern(h.live(at).text("pattern")).send().await.expect("PutRule")
    }),
    row!("event-rule", ["pattern"], "interruption/event-rule/health", InPlace, |h| {
        let at = "interruption/event-rule/health";
        let call = h.cloud.events.put_rule().name(h.id(at)).description(h.live(at).text("description"));
        call.event_pattern(r#"{"source":["aws.s3"]}"#).send().await.expect("PutRule")
    }),
    row!("event-rule", ["targets"], "interruption/event-rule/state", InPlace, |h| {
        let target = Target::builder().id("by-hand").arn(h.name(QUEUE, "arn")).build().expect("a target");
        let call = h.cloud.events.put_targets().rule(h.id("interruption/event-rule/state")).targets(target);
        call.send().await.expect("PutTargets")
    }),
    row!("event-rule", ["tags"], "interruption/event-rule/rebalance", InPlace, |h| {
        let tag = aws_sdk_eventbridge::types::Tag::builder().key("team").value("intruders").build().expect("a tag");
        let arn = h.cloud.arn("events", &format!("rule/{}", h.id("interruption/event-rule/rebalance")));
        h.cloud.events.tag_resource().resource_arn(arn).tags(tag).send().await.expect("TagResource")
    }),
    row!("event-rule", ["name"], "interruption/event-rule/health", Leaf, |h| {
        let name = h.id("interruption/event-rule/health");
        h.edit(|all| Insides::rename(&mut all.region["events"]["rules"], &name, &name.replace("health", "by-hand")));
    }),
    row!(
        "kms-key",
        ["description", "policy", "rotation", "alias", "tags", "enabled"],
        "cluster/kms-key",
        InPlace,
        |h| {
            let (kms, id) = (&h.cloud.kms, h.id("cluster/kms-key"));
            kms.update_key_description().key_id(&id).description("by hand").send().await.expect("UpdateKeyDescription");
            let policy = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{}:root"}},"Action":"kms:*","Resource":"*"}},{{"Effect":"Allow","Principal":{{"Service":"logs.us-east-1.amazonaws.com"}},"Action":"kms:Decrypt","Resource":"*"}}]}}"#,
                h.cloud.account
            );
            kms.put_key_policy().key_id(&id).policy(policy).send().await.expect("PutKeyPolicy");
            kms.disable_key_rotation().key_id(&id).send().await.expect("DisableKeyRotation");
            let tag = aws_sdk_kms::types::Tag::builder().tag_key("team").tag_value("intruders").build().expect("a tag");
            kms.tag_resource().key_id(&id).tags(tag).send().await.expect("TagResource");
            let alias = h.live("cluster/kms-key").text("alias").to_owned();
            kms.create_alias()
                .alias_name(alias.replace("-cluster-", "-by-hand-"))
                .target_key_id(&id)
                .send()
                .await
                .expect("CreateAlias");
            kms.delete_alias().alias_name(alias).send().await.expect("DeleteAlias");
            kms.disable_key().key_id(&id).send().await.expect("DisableKey")
        }
    ),
    row!("log-group", ["retentionDays"], "cluster/log-group", InPlace, |h| {
        let call = h.cloud.logs.put_retention_policy().log_group_name(h.id("cluster/log-group"));
        call.retention_in_days(1).send().await.expect("PutRetentionPolicy")
    }),
    row!("log-group", ["tags"], "cluster/log-group", InPlace, |h| {
        let arn = h.cloud.arn("logs", &format!("log-group:{}", h.id("cluster/log-group")));
        h.cloud.logs.tag_resource().resource_arn(arn).tags("team", "intruders").send().await.expect("TagResource")
    }),
    row!("log-group", ["marked"], "cluster/log-group", InPlace, |h| {
        let arn = h.cloud.arn("logs", &format!("log-group:{}", h.id("cluster/log-group")));
        let call = h.cloud.logs.untag_resource().resource_arn(arn);
        call.tag_keys(rem_ci::engine::TAG_RESOURCE).send().await.expect("UntagResource")
    }),
    row!("log-group", ["name"], "cluster/log-group", Leaf, |h| {
        let name = h.id("cluster/log-group");
        h.edit(|all| Insides::rename(&mut all.region["logs"]["groups"], &name, "/aws/eks/by-hand/cluster"));
    }),
];
