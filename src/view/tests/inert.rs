//! Whatever a file or AWS says, and wherever a text is cut: to a CommonMark parser nothing of it is a link, a mention, an
//! issue, HTML or an image, and nothing stays open.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::hostile::{CORPUS, hostile, picture};
use super::{comment::origin, made};
use crate::problem::Problem;
use crate::view::Untrusted;
use crate::view::comment::{Beyond, COMMENT_LIMIT, Comment, Ended, Environment, Gate, Offline, Progress, Stage};
use crate::view::issue;
use crate::view::markdown;
use crate::view::report::{DriftReport, Left};

const STAGES: usize = 10;

fn stage(number: usize, evil: &str) -> Stage {
    let text = || Untrusted::new(evil);
    let ended = |failed| {
        let mut report = made::applied(failed);
        for step in &mut report.steps {
            step.error = step.error.as_ref().map(|_| text());
        }
        report.notes = vec![text()];
        report.leftovers = vec![Left { noun: evil.into(), id: text(), why: text() }];
        report.problems = vec![Problem::error("call-failed", evil, evil)];
        let mut verify = made::verified(!failed);
        for check in &mut verify.checks {
            (check.title, check.evidence, check.help) = (evil.into(), text(), evil.into());
        }
        Stage::Ended(Box::new(Ended { report, verify: Some(verify) }))
    };
    match number % STAGES {
        0 => Stage::Planning,
        1 | 2 => Stage::Planned,
        3 => Stage::Waiting(text()),
        4 => Stage::Applying(Progress { done: 1, steps: 9, now: vec![made::at("network/vpc")], ..Progress::default() }),
        5 => ended(false),
        6 => ended(true),
        7 => Stage::Refused {
            verb: "apply",
            problems: vec![Problem::error("plan-changed", evil, evil)],
            beyond: vec![Beyond {
                address: made::at("network/vpc"),
                field: Some(evil.into()),
                approved: text(),
                now: text(),
            }],
        },
        8 => Stage::Stale(text()),
        _ => Stage::Offline(Offline::Fork),
    }
}

fn environment(number: usize, evil: &str) -> Environment {
    let mut environment = Environment::new(if number.is_multiple_of(2) { "prod" } else { evil }, stage(number, evil));
    if !number.is_multiple_of(STAGES) {
        environment = environment.with(hostile(evil), Some(picture(evil)));
        environment.gates = vec![Gate { met: None, text: evil.into() }];
    }
    environment
}

/// Tags of ours, without attributes; and the hidden lines.
fn ours(html: &str) -> bool {
    let html = html.trim();
    if let Some(hidden) = html.strip_prefix("<!-- rem-ci:").and_then(|rest| rest.strip_suffix(" -->")) {
        return hidden.chars().all(|c| c.is_ascii_alphanumeric() || "-_:".contains(c));
    }
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let Some(end) = rest[at..].find('>') else { return false };
        let known = ["details", "/details", "summary", "/summary", "sub", "/sub", "br", "code", "/code"];
        if !known.contains(&&rest[at + 1..at + end]) {
            return false;
        }
        rest = &rest[at + end + 1..];
    }
    // What stands between is escaped: no bracket is left, and GitHub links nothing within `code`.
    !rest.contains('>')
}

/// A picture whose labels hold what labels may hold.
fn drawn(diagram: &str) -> bool {
    diagram.lines().all(|line| {
        let Some((_, label)) = line.split_once("[\"") else { return !line.contains("click") || line.contains("class") };
        let Some((label, rest)) = label.split_once("\"]") else { return false };
        let label = label.replace("<br/>", " ");
        rest.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || " ._/:-".contains(c))
    })
}

fn plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let after = |mark: u8, of: fn(&u8) -> bool| {
        bytes.iter().enumerate().any(|(at, byte)| *byte == mark && bytes.get(at + 1).is_some_and(of))
    };
    let upper = text.to_ascii_uppercase();
    !after(b'@', u8::is_ascii_alphanumeric)
        && !after(b'#', u8::is_ascii_digit)
        && !upper.split("GH-").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        && !text.contains("://")
        && !text.contains("www.")
}

/// Panics where something of somebody else's has come to life.
fn check(text: &str, what: &str) {
    for line in text.lines() {
        let start = line.trim_start();
        assert!(!start.starts_with('/') && !start.starts_with("::"), "{what}: a line of theirs: {line}");
    }
    let text = format!("{text}\n\nSENTINEL\n");
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_GFM;
    let (mut depth, mut details, mut sentinel, mut fence) = (0usize, 0usize, false, String::new());
    let mut code = false;
    for event in Parser::new_ext(&text, options) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(dest_url.starts_with("https://github.com/acme/platform/actions/runs/"), "{what}: {dest_url}");
                depth += 1;
            }
            Event::Start(Tag::Image { .. } | Tag::Strikethrough | Tag::FootnoteDefinition(_)) => {
                panic!("{what}: an image or worse: {text}")
            }
            Event::Start(tag) => {
                if let Tag::CodeBlock(kind) = &tag {
                    code = true;
                    fence = match kind {
                        pulldown_cmark::CodeBlockKind::Fenced(language) => language.to_string(),
                        pulldown_cmark::CodeBlockKind::Indented => panic!("{what}: indented code: {text}"),
                    };
                    assert!(["diff", "mermaid"].contains(&fence.as_str()), "{what}: {fence}");
                }
                depth += 1;
            }
            Event::End(end) => {
                code = code && end != TagEnd::CodeBlock;
                depth -= 1;
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                assert!(ours(&html), "{what}: {html}\nin {text}");
                details += html.matches("<details>").count();
                let closed = html.matches("</details>").count();
                assert!(details >= closed, "{what}: closed twice: {text}");
                details -= closed;
            }
            Event::Text(inner) if code => assert!(fence != "mermaid" || drawn(&inner), "{what}: {inner}"),
            Event::Text(inner) => {
                sentinel |= inner.as_ref() == "SENTINEL" && depth == 1 && details == 0;
                assert!(plain(&inner), "{what}: {inner}");
            }
            _ => {}
        }
    }
    assert!(sentinel, "{what}: something stays open: {text}");
}

fn every_text(number: usize, evil: &str, limit: usize) -> [(&'static str, String); 3] {
    let mut comment = Comment::default();
    comment.put(&origin(42, 1), &Environment::new("dev", Stage::Planned).with(made::mixed(), Some(made::topology(3))));
    comment.put(&origin(42, 1), &environment(number, evil));
    let summary = match &environment(number, evil).stage {
        Stage::Ended(ended) => markdown::applied(&ended.report, ended.verify.as_ref(), limit),
        _ => comment.summary(limit),
    };
    let drift = DriftReport { baseline: evil.into(), plan: hostile(evil) };
    [
        ("comment", comment.render(limit)),
        ("summary", summary),
        ("issue", issue::drifted(&drift, "<!-- rem-ci:drift:prod -->", &origin(42, 1), limit)),
    ]
}

#[test]
fn the_corpus_stays_asleep_at_every_stage() {
    for evil in CORPUS {
        for number in 0..STAGES {
            for (what, text) in every_text(number, evil, COMMENT_LIMIT) {
                check(&text, what);
            }
        }
    }
}

/// Every size for one evil of each kind of frame; what is cut is said, and a cut text can be read back.
#[test]
fn nothing_stays_open_at_any_size() {
    for evil in [CORPUS[9], CORPUS[11], CORPUS[13]] {
        let mut comment = Comment::default();
        comment.put(&origin(42, 1), &Environment::new("dev", Stage::Planned).with(made::mixed(), None));
        comment.put(&origin(42, 1), &environment(1, evil));
        let whole = comment.render(COMMENT_LIMIT);
        let mut last = 0;
        for limit in (0..=whole.len()).step_by(131) {
            let text = comment.render(limit);
            assert!(text.len() <= limit, "{} over {limit}", text.len());
            check(&text, &format!("{evil} at {limit}"));
            if text.is_empty() {
                assert_eq!(last, 0, "{limit}");
                continue;
            }
            last = text.len();
            assert!(text.starts_with("<!-- rem-ci:"), "the marker survives: {text}");
            assert!(Comment::parse(&text).is_some());
        }
        assert!(last > whole.len() / 2, "{last}");
    }
}

/// A comment that one job wrote is read by the next, written again, cut again: all of it stays asleep.
#[test]
fn what_is_read_back_stays_asleep() {
    for evil in CORPUS {
        for limit in [4_000, 12_000, COMMENT_LIMIT] {
            let mut comment = Comment::default();
            comment.put(&origin(42, 1), &environment(1, evil));
            comment.put(&origin(42, 1), &environment(6, evil));
            let mut body = comment.render(limit);
            for smaller in [limit, limit - limit / 4, limit / 2] {
                let mut comment = Comment::parse(&body).unwrap();
                comment.put(&origin(42, 1), &Environment::new("dev", Stage::Planned).with(made::mixed(), None));
                body = comment.render(smaller);
                check(&body, "read back");
                assert!(body.len() <= smaller);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_asleep_at_any_size(
        pieces in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                "```", "`", "~~~", "<!--", "-->", "<details>", "</details>", "</summary>", "</code>", "<img src=x>", "@all ",
                " #1 ", "GH-7", "[a](b)", "![a](b)", "https://e.example", "www.e.example", "|", "\\", "\n", "\r\n", "\t",
                "\n\n", "    ", "> ", "- ", "1. ", "# ", "---", "***", "__", "~~", "&lt;", "&#60;", "<b>", "<https://e>", "a@b.c",
                "[^1]:", "[x]: y", "$x$", ":tada:", "\u{202e}", "\u{200b}", "::error::x", "##[group]", "/merge", "\"]", "<br>",
            ]).prop_map(str::to_owned),
            "[ -~]{0,12}",
            "\\PC{0,6}",
        ], 1..8),
        number in 0usize..STAGES,
        limit in 300usize..40_000,
    ) {
        let evil = pieces.concat();
        for (what, text) in every_text(number, &evil, limit) {
            prop_assert!(text.len() <= limit);
            check(&text, what);
        }
    }
}

/// The twin: the parser does see what these tests look for.
#[test]
fn the_check_sees_what_it_looks_for() {
    let bad = [
        "text [a](https://evil.example)",
        "![a](b)",
        "hello @all",
        "see #12",
        "GH-7",
        "<img src=x>",
        "<details>\n\nopen",
        "```diff\nopen",
        "~~a~~",
        "/merge",
        "<sub>a</sub> https://evil.example",
        "```mermaid\n  a[\"x\" onclick]\n```",
    ];
    for text in bad {
        assert!(std::panic::catch_unwind(|| check(text, "twin")).is_err(), "{text}");
    }
    check("plain **bold** `@all` <sub>•</sub>\n\n```diff\n@all #1\n```", "twin");
}

/// What a doctor has seen is AWS's and GitHub's text too.
#[test]
fn a_doctors_table_stays_asleep() {
    use crate::doctor::{Finding, State};
    for evil in CORPUS {
        let finding = |state| Finding {
            code: "doctor-trust",
            title: evil.to_owned(),
            state,
            evidence: evil.to_owned(),
            help: evil.to_owned(),
        };
        let found = [State::Fine, State::Look, State::Wrong, State::Unknown].map(finding).to_vec();
        let reports = [(evil.to_owned(), found)];
        check(&crate::view::doctor::markdown(&reports), "doctor");
        let human = crate::view::doctor::human(&reports, crate::view::Style::default());
        assert!(human.chars().all(|c| c == '\n' || !crate::view::text::hidden(c)), "{human}");
        let json: serde_json::Value = serde_json::from_str(&crate::view::doctor::json(&reports)).unwrap();
        assert_eq!(json["format"], "rem-ci/doctor/v1");
        assert_eq!(json["environments"][0]["passed"], false);
        assert_eq!(json["environments"][0]["checks"][2]["evidence"], evil);
    }
}
