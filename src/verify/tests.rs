pub(crate) mod world;

use std::collections::BTreeSet;

use super::interruption::wired;
use super::observed::Rule;
use super::*;

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:rem-prod";
const POLICY: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":["events.amazonaws.com","sqs.amazonaws.com"]},
    "Action":"sqs:SendMessage","Resource":"*"}]}"#;

fn rules() -> Vec<Rule> {
    [
        "AWS Health Event",
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
    ]
    .map(|event| Rule {
        name: event.to_lowercase(),
        enabled: true,
        pattern: format!(r#"{{"source":["aws.ec2"],"detail-type":["{event}"]}}"#),
        targets: vec![QUEUE.to_owned()],
    })
    .to_vec()
}

#[test]
fn codes_are_unique_kebab_words_with_help() {
    let known: BTreeSet<_> = codes().iter().map(|(code, _)| code).collect();
    assert_eq!(known.len(), codes().len());
    assert!(codes().iter().all(|(code, help)| code.starts_with("verify-") && !help.is_empty()));
}

#[test]
fn interruption_is_wired_only_when_every_event_of_the_version_reaches_the_queue() {
    assert!(wired(&rules(), Some(QUEUE), Some(POLICY), "1.9.0").passed);
    let newer = wired(&rules(), Some(QUEUE), Some(POLICY), "1.15.1");
    assert!(!newer.passed);
    assert!(newer.evidence.iter().any(|text| text.contains("Capacity Reservation") && text.ends_with("no rule")));
}

#[test]
fn a_disabled_rule_another_target_or_a_closed_queue_do_not_pass() {
    let mut disabled = rules();
    disabled[1].enabled = false;
    assert!(!wired(&disabled, Some(QUEUE), Some(POLICY), "1.1.0").passed);
    let mut elsewhere = rules();
    elsewhere[2].targets = vec!["arn:aws:sqs:us-east-1:123456789012:other".to_owned()];
    assert!(!wired(&elsewhere, Some(QUEUE), Some(POLICY), "1.1.0").passed);
    assert!(!wired(&rules(), Some(QUEUE), Some("{}"), "1.1.0").passed);
    assert!(!wired(&rules(), Some(QUEUE), None, "1.1.0").passed);
    assert!(!wired(&[], None, None, "1.1.0").passed);
}
