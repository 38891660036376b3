//! Numbers, leaves, progress.

use std::time::Duration;

use rust_decimal::Decimal;

use super::made::at;
use crate::engine::{Change, Value, policy};
use crate::view::progress::{Board, ProgressEvent};
use crate::view::report::Action;
use crate::view::{Style, csv, field_rows, leaf, number, text};

fn usd(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

#[test]
fn money_is_rounded_half_to_even_and_grouped() {
    assert_eq!(number::money(usd("1234567.895")), "1,234,567.90");
    assert_eq!(number::money(usd("0.125")), "0.12");
    assert_eq!(number::money(usd("0.135")), "0.14");
    assert_eq!(number::money(usd("-0.001")), "0.00");
    assert_eq!(number::delta(usd("32.85")), "+ 32.85");
    assert_eq!(number::delta(usd("-3.65")), "- 3.65");
    assert_eq!(number::delta(usd("0.001")), "");
    assert_eq!(number::signed_dollars(usd("-36.5")), "-$36.50");
    assert_eq!(number::headline(usd("2447.44")), "$2,447");
    assert_eq!(number::headline(usd("673.54")), "$673.54");
    assert_eq!(number::quantity(usd("102400.50")), "102,400.5");
}

#[test]
fn durations_are_rough_ahead_and_exact_behind() {
    assert_eq!(number::clock(252), "4:12");
    assert_eq!(number::clock(3723), "1:02:03");
    assert_eq!(
        [0, 40, 240, 722, 3600, 3900].map(number::about),
        ["0 s", "40 s", "4 min", "12 min", "60 min", "1 h 5 min"]
    );
}

fn paths(before: Option<Value>, after: Option<Value>) -> Vec<(String, Option<String>, Option<String>)> {
    let show = |value: Option<Value>| value.as_ref().map(leaf);
    field_rows(&Change { field: "f".into(), before, after })
        .into_iter()
        .map(|row| (row.path, show(row.before), show(row.after)))
        .collect()
}

#[test]
fn fields_are_taken_apart_to_leaves() {
    let some = |text: &str| Some(text.to_owned());
    let map = |cpu: &str| Some(Value::map([("limits", Value::tags([("cpu", cpu), ("memory", "4Gi")]))]));
    assert_eq!(paths(map("1"), map("2")), [("f.limits.cpu".to_owned(), some("1"), some("2"))]);
    let set = |items: &[&str]| Some(Value::texts(items));
    assert_eq!(
        paths(set(&["a", "b"]), set(&["b", "c"])),
        [("f".to_owned(), some("a"), None), ("f".to_owned(), None, some("c"))]
    );
    let list = |items: &[&str]| Some(Value::List(items.iter().map(|item| Value::text(*item)).collect()));
    assert_eq!(paths(list(&["a"]), list(&["a", "b"])), [("f.1".to_owned(), None, some("b"))]);
    let document = |action: serde_json::Value| {
        Some(policy(&serde_json::json!({"Statement": [{"Effect": "Allow", "Action": action}]})))
    };
    assert_eq!(
        paths(document("s3:Get".into()), document(serde_json::json!(["s3:Get", "s3:Put"]))),
        [("f.Statement.0.Action".to_owned(), None, some("s3:Put"))]
    );
    assert_eq!(paths(None, Some(Value::Pending("zone/1".into()))), [("f".to_owned(), None, some("known after apply"))]);
    assert_eq!(paths(None, Some(Value::Map([].into()))), [("f".to_owned(), None, some("{}"))], "empty is not absent");
}

#[test]
fn references_read_as_addresses() {
    assert_eq!(leaf(&Value::Ref { node: at("network/nat-gateway/1"), attr: "id".into() }), "nat-gateway/1");
    assert_eq!(leaf(&Value::Template("arn:x:$[cluster/cluster#name]:y $[".into())), "arn:x:<cluster>:y $[");
}

#[test]
fn prose_keeps_words_and_fences_the_rest() {
    assert_eq!(
        text::prose("publicCidrs gains 203.0.113.0/24, for ever"),
        "publicCidrs gains `203.0.113.0/24`, for ever"
    );
    assert_eq!(text::prose("-$41.03 a month (-13.5 %), or 52,707.78"), "-$41.03 a month (-13.5 %), or 52,707.78");
    assert_eq!(text::prose("1. is no list, 1234567 no commit"), "`1.` is no list, `1234567` no commit");
    assert_eq!(text::code("a`b"), "``a`b``");
    assert_eq!(text::code("`a"), "`` `a ``");
    assert_eq!(text::code_cell("a|b"), "`a\\|b`");
}

#[test]
fn progress_says_for_what_how_long_and_how_long_usually() {
    let secs = Duration::from_secs;
    let mut board = Board::new("apply", "prod", 60, secs(720));
    let cluster = at("cluster/cluster");
    let started = ProgressEvent::Started { address: cluster.clone(), action: Action::Create, usual: secs(550) };
    let line = board.line(secs(14), &started).unwrap();
    assert_eq!(line, "   0:14  cluster/cluster                    creating, usually 9:10\n");
    let waiting = |elapsed| ProgressEvent::Waiting {
        address: cluster.clone(),
        status: "CREATING".into(),
        elapsed: secs(elapsed),
        usual: secs(550),
    };
    assert_eq!(board.line(secs(24), &waiting(10)), None, "it has just been said");
    assert_eq!(board.tick(secs(73)), Vec::<String>::new());
    let still = board.line(secs(90), &waiting(76));
    assert!(still.is_some_and(|line| line.contains("CREATING for 1:16, usually 9:10")), "after a minute it is news");
    assert_eq!(
        board.tick(secs(150)),
        ["   2:30  cluster/cluster                    CREATING for 2:16, usually 9:10\n"],
        "time alone is news too"
    );
    assert_eq!(board.tick(secs(151)), Vec::<String>::new());
    let turned = ProgressEvent::Waiting {
        address: cluster.clone(),
        status: "FAILED".into(),
        elapsed: secs(140),
        usual: secs(550),
    };
    assert!(board.line(secs(154), &turned).is_some(), "another word is news");
    board.line(secs(155), &waiting(141));
    assert_eq!(board.remaining(secs(252)), secs(468));
    let frame = board.frame(secs(252), Style::default());
    assert_eq!(
        frame,
        "apply prod  4:12  [########................]  0 of 60 done, about 8 min left\n  ~ cluster/cluster                    creating, CREATING for 3:58, usually 9:10"
    );
    let ready = ProgressEvent::Ready { address: cluster, took: secs(542) };
    assert_eq!(
        board.line(secs(556), &ready).unwrap(),
        "   9:16  cluster/cluster                    created after 9:02\n"
    );
    let eip = at("network/eip/1");
    let brief = ProgressEvent::Started { address: eip.clone(), action: Action::Create, usual: secs(5) };
    assert_eq!(board.line(secs(600), &brief), None, "what is brief is told when it is done");
    let ready = ProgressEvent::Ready { address: eip.clone(), took: Duration::from_millis(400) };
    assert_eq!(board.line(secs(600), &ready).unwrap(), "  10:00  network/eip/1                      created\n");
    let retry = ProgressEvent::Retrying { address: eip.clone(), why: "\u{1b}[2J".into(), after: secs(2), attempt: 2 };
    assert_eq!(
        board.line(secs(600), &retry).unwrap(),
        "  10:00  network/eip/1                      try 2 in 2 s: \\u{1b}[2J\n"
    );
    let failed = ProgressEvent::Failed { address: eip, error: "AddressLimitExceeded".into() };
    assert!(board.line(secs(601), &failed).is_some_and(|line| line.contains("FAILED: AddressLimitExceeded")));
    assert!(board.frame(secs(602), Style::default()).contains("1 step failed"));
}

#[test]
fn csv_has_a_row_per_line_and_runs_no_formula() {
    let mut report = super::made::mixed();
    report.environment = "=cmd()".into();
    let text = csv::costs(&[report.clone()]);
    let rows: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), report.cost.entries.len() + 1);
    assert!(rows[1..].iter().all(|row| row.contains(",USD,'=cmd(),")), "{text}");
    let gateway = rows.iter().find(|row| row.contains("network/nat-gateway/3")).unwrap();
    assert_eq!(
        *gateway,
        "123456789012,us-east-1,Amazon Virtual Private Cloud,network/nat-gateway/3,nat-gateway,Usage,Recurring,NAT gateways,730,hour,\
         0.045,32.85,USD,'=cmd(),NAT gateways,fixed,,,,,2026-07-20,"
    );
}

#[test]
fn what_was_done_inside_a_cluster_is_told_in_every_view_and_is_inert() {
    use crate::view::markdown::{SUMMARY_LIMIT, applied};
    let mut report = super::made::applied(false);
    report.verb = "destroy";
    report.notes = vec!["deleted pod shop/db-0 after 10m".into(), "took <b>[x](https://evil.example) off".into()];
    let human = crate::view::human::apply(&report, Style { width: 100, ..Style::default() });
    assert!(human.contains("  - inside   deleted pod shop/db-0 after 10m\n"), "{human}");
    let markdown = applied(&report, None, SUMMARY_LIMIT);
    assert!(markdown.contains("**Inside the cluster**\n\n- deleted pod `shop/db-0`"), "{markdown}");
    // Within a code span nothing is a tag or a link.
    assert!(markdown.contains("- took `<b>[x](https://evil.example`) off"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&crate::view::json::apply(&report)).unwrap();
    assert_eq!(json["notes"][0], "deleted pod shop/db-0 after 10m");
}
