use jiff::civil::date;

use super::*;
use crate::config::files::Memory;
use crate::config::load_from;

const REST: &str =
    "cluster:\n  name: rem-prod\n  version: \"1.36\"\n  upgradePolicy: STANDARD\nkarpenter:\n  version: \"1.15.1\"\n";

/// The file after the edits: it says the names, and nothing else has moved.
fn written(head: &str, destroy: bool) -> String {
    let before = format!("# Ours.\nname: prod\nowner: acme/platform\naccount: \"123456789012\"\n{head}{REST}");
    let today = date(2026, 11, 25);
    let load = |text: &str| {
        let file = Memory([("prod.yaml".to_owned(), text.as_bytes().to_vec())].into());
        load_from(&file, "prod.yaml", today).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
    };
    let loaded = load(&before);
    let access = Access::of(&loaded.spec);
    let wish = Wish { destroy, ..Wish::default() };
    let edits = edits(&loaded.places, "prod.yaml", &access, &wish).expect("a place");
    let text = applied(&edits, &before).expect("the lines");
    let again = load(&text).spec;
    assert_eq!(again, crate::bootstrap::named(&loaded.spec, &access, &wish), "{text}");
    text
}

#[test]
fn new_blocks_stand_after_where_the_environment_is() {
    let text = written("region: us-east-1   # home\nprotect: true\n", false);
    let head = "# Ours.\nname: prod\nowner: acme/platform\naccount: \"123456789012\"\nregion: us-east-1   # home\nstate:\n  bucket: ";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains("\nroles:\n  plan: arn:aws:iam::123456789012:role/rem-ci-access/prod/"), "{text}");
    assert!(text.ends_with(&format!("\nprotect: true\n{REST}")), "{text}");
}

#[test]
fn old_names_are_replaced_where_they_stand() {
    let old = "arn:aws:iam::123456789012:role/rem-ci-access/old";
    let head = format!(
        "region: us-east-1\nstate: {{bucket: \"old-bucket\"}} # kept\nroles:\n  plan: {old}-plan # reads\n  apply: {old}-apply\n"
    );
    let text = written(&head, false);
    assert!(!text.contains("old"), "{text}");
    assert!(text.contains("} # kept\nroles:\n") && text.contains(" # reads\n"), "{text}");
}

#[test]
fn a_role_that_is_missing_joins_the_others() {
    let old = "arn:aws:iam::123456789012:role/rem-ci-access/old";
    let head = format!("region: us-east-1\nroles:\n    plan: {old}-plan\n    apply: {old}-apply\n");
    let text = written(&head, true);
    assert!(text.contains("\n    destroy: arn:aws:iam::123456789012:role/rem-ci-access/prod/"), "{text}");
}

#[test]
fn a_second_time_nothing_is_written() {
    let head = "region: us-east-1\n";
    let once = written(head, true);
    let file = Memory([("prod.yaml".to_owned(), once.as_bytes().to_vec())].into());
    let loaded = load_from(&file, "prod.yaml", date(2026, 11, 25)).expect("a file");
    let wish = Wish { destroy: true, ..Wish::default() };
    assert_eq!(edits(&loaded.places, "prod.yaml", &Access::of(&loaded.spec), &wish), Ok(Vec::new()));
}

#[test]
fn a_line_that_has_moved_is_not_written_over() {
    let edit = Edit { line: 2, old: Some("old".to_owned()), new: "new".to_owned() };
    assert_eq!(applied(std::slice::from_ref(&edit), "a\nx: old\n").as_deref(), Some("a\nx: new\n"));
    assert_eq!(applied(std::slice::from_ref(&edit), "x: old\na\n"), None);
    assert_eq!(applied(&[edit], "a\n"), None);
}
