use jiff::civil::date;

use super::*;
use crate::config::files::Memory;
use crate::config::load_from;

const OLD: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const NEW: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn file(text: &str) -> Memory {
    Memory([("prod.yaml".to_owned(), text.as_bytes().to_vec())].into())
}

fn prod(karpenter: &str) -> String {
    format!(
        "# Ours.\nname: prod\nowner: acme/platform\naccount: \"123456789012\"\nregion: us-east-1\ncluster:\n  name: rem-prod\n  version: \"1.36\"\n  upgradePolicy: STANDARD\n{karpenter}"
    )
}

/// The file after a pin; it says the digest, and nothing else has moved.
fn pinned(karpenter: &str) -> String {
    let before = prod(karpenter);
    let today = date(2026, 11, 25);
    let loaded = load_from(&file(&before), "prod.yaml", today).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let edit = chart_digest(&loaded.places, NEW).expect("a place");
    let text = edit.apply(&before).expect("the line");
    let mut again =
        load_from(&file(&text), "prod.yaml", today).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}")).spec;
    assert_eq!(again.karpenter.chart_digest.as_deref(), Some(NEW));
    again.karpenter.chart_digest.clone_from(&loaded.spec.karpenter.chart_digest);
    assert_eq!(again, loaded.spec);
    text
}

#[test]
fn it_stands_beside_the_version() {
    let text = pinned("karpenter:\n  version: \"1.15.1\"   # tried in dev\n  namespace: karpenter\n");
    let want = format!("  version: \"1.15.1\"   # tried in dev\n  chartDigest: {NEW}\n  namespace: karpenter\n");
    assert!(text.starts_with("# Ours.\n") && text.ends_with(&want), "{text}");
}

#[test]
fn the_old_one_is_replaced_where_it_stands() {
    let text = pinned(&format!("karpenter:\n  version: \"1.15.1\"\n  chartDigest: \"{OLD}\"  # by rem-ci pin\n"));
    assert!(text.ends_with(&format!("  chartDigest: \"{NEW}\"  # by rem-ci pin\n")), "{text}");
}

#[test]
fn flow_style_and_a_last_line_without_an_end_are_all_right() {
    let text = pinned("karpenter: {namespace: karpenter, version: \"1.15.1\"}");
    assert!(
        text.ends_with(&format!("karpenter: {{namespace: karpenter, chartDigest: \"{NEW}\", version: \"1.15.1\"}}")),
        "{text}"
    );
    let text = pinned("karpenter:\n  version: \"1.15.1\"");
    assert!(text.ends_with(&format!("  version: \"1.15.1\"\n  chartDigest: {NEW}")), "{text}");
}

#[test]
fn a_line_that_has_moved_is_not_written_over() {
    let edit = Edit { file: "a".to_owned(), line: 1, before: Some("x: 1".to_owned()), after: "x: 2".to_owned() };
    assert_eq!(edit.apply("x: 1\r\ny: 1\n").as_deref(), Some("x: 2\r\ny: 1\n"));
    assert_eq!(edit.apply("x: 3\n"), None);
    assert_eq!(Edit { line: 9, ..edit }.apply("x: 1\n"), None);
}
