use super::*;

fn rule_of(protocol: &str, ports: Option<&str>, peer: &str, why: Option<&str>) -> Value {
    let rule = Rule {
        protocol: protocol.to_owned(),
        ports: ports.map(str::to_owned),
        peer: Value::text(peer),
        why: why.map(str::to_owned),
    };
    rule.value()
}

#[test]
fn every_form_of_rule_comes_back_as_it_was_sent() {
    let all = [
        rule_of("tcp", Some("443"), "10.0.0.0/16", Some("API")),
        rule_of("tcp", Some("8000-8100"), "sg-0123", Some("hooks")),
        rule_of("udp", None, "self", Some("gossip")),
        rule_of("icmp", None, "10.1.0.0/16", None),
        rule_of("tcp", Some("22"), "pl-0123", Some("jump")),
        rule_of("tcp", Some("443"), "fd00::/8", Some("v6")),
        Rule::anywhere().value(),
    ];
    let sent: Vec<_> = all.iter().map(|rule| permission(rule, "sg-own")).collect();
    assert_eq!(rules(&sent, "sg-own"), Some(Value::set(all)));
    assert_eq!(rules(&[], "sg-own"), None);
}

#[test]
fn ec2s_own_forms_are_wanted() {
    assert_eq!(rule_of("tcp", None, "sg-1", None).get("ports"), Some(&"0-65535".into()));
    assert_eq!(rule_of("tcp", Some("80-80"), "sg-1", None).get("ports"), Some(&"80".into()));
    assert_eq!(rule_of("all", Some("80"), "sg-1", None).get("ports"), None);
    assert_eq!(rule_of("tcp", Some("80"), "10.0.7.1/16", None).get("peer"), Some(&"10.0.0.0/16".into()));
    let permission = permission(&Rule::anywhere().value(), "sg-own");
    assert_eq!((permission.ip_protocol(), permission.from_port()), (Some("-1"), None));
}

#[test]
fn a_new_reason_is_no_new_rule() {
    let have = Value::set([
        rule_of("tcp", Some("443"), "10.0.0.0/16", Some("old words")),
        rule_of("tcp", Some("22"), "10.0.0.0/16", Some("by hand")),
    ]);
    let want = Value::set([
        rule_of("tcp", Some("443"), "10.0.0.0/16", Some("new words")),
        rule_of("tcp", Some("9443"), "10.0.0.0/16", Some("webhooks")),
    ]);
    let steps = steps(&have, &want);
    let ports = |rules: &[&Value]| rules.iter().map(|rule| rule_key(rule)[1].to_owned()).collect::<Vec<_>>();
    assert_eq!(ports(&steps.describe), ["443"]);
    assert_eq!(ports(&steps.add), ["9443"]);
    assert_eq!(ports(&steps.drop), ["22"]);
}
