//! Text that wants to be something else, through every view.

use super::made;
use crate::engine::{Address, Value};
use crate::problem::{Place, Problem, Severity};
use crate::view::comment::COMMENT_LIMIT;
use crate::view::diagram::{Subnets, Topology};
use crate::view::markdown::{fit, plans};
use crate::view::report::{Action, PlanReport, Stray};
use crate::view::{Style, errors, human, json, text};

pub(super) const CORPUS: [&str; 22] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "::add-mask::x",
    "\n::stop-commands::pause\n",
    "##[error]x",
    "@all please look",
    "#1 and GH-12",
    "[click](https://evil.example)",
    "![pixel](https://evil.example/p.png)",
    "<img src=x onerror=alert(1)>",
    "</details><script>alert(1)</script>",
    "--><!-- rem-ci:forged -->",
    "``` \n# heading\n```",
    "`````",
    "| a | b |",
    "https://evil.example www.evil.example",
    "\u{202e}gnp.exe\u{2066}",
    "\u{200b}\u{feff}\u{e0041}",
    "/merge",
    "\"];click internet \"javascript:alert(1)\"",
    "</text><script>alert(1)</script>&amp;",
    "a\r\nb\tc\u{85}d\u{2028}e",
    "deadbeef1 :smile: ~~x~~ __y__",
];

pub(super) fn hostile(evil: &str) -> PlanReport {
    let mut report = made::mixed();
    report.environment = evil.into();
    report.owner = evil.into();
    report.region = evil.into();
    for row in &mut report.rows[..8] {
        row.reason = evil.into();
        row.effect = evil.into();
        let key: String = evil.chars().filter(|c| *c != '/').collect();
        if let Some(address) = Address::parse(&format!("network/{key}/{key}")) {
            row.address = address;
        }
        for field in &mut row.fields {
            field.path = format!("tags.{evil}");
            field.after = Some(Value::text(evil));
        }
    }
    let place = Place { file: evil.into(), line: 1, column: 3, length: 400, text: evil.into() };
    let mut problem = Problem::new("widens-x", Severity::Widens, evil, evil).at(Some(place));
    problem.digest = Some(evil.into());
    report.findings.push(problem);
    report.strays.push(Stray { noun: "thing".into(), id: evil.into(), why: evil.into() });
    report
}

pub(super) fn picture(evil: &str) -> Topology {
    let mut spec = made::spec();
    spec.name = evil.into();
    spec.cluster.name = evil.into();
    spec.node_pools.insert(evil.into(), spec.node_pools["burst"].clone());
    Topology::of(&spec, &[Subnets { zone: evil.into(), public: Some(evil.into()), private: Some(evil.into()) }])
}

fn inert(text: &str, what: &str) {
    for c in text.chars() {
        assert!(c == '\n' || !text::hidden(c), "{what}: {:x} in {text}", u32::from(c));
    }
    for line in text.lines() {
        let line = line.trim_start();
        assert!(!line.starts_with("::") && !line.contains("##["), "{what}: {line}");
    }
    assert!(!text.contains("::add-mask") && !text.contains("::stop"), "{what}: {text}");
}

#[test]
fn nothing_hidden_and_no_command_gets_out() {
    for evil in CORPUS {
        let report = hostile(evil);
        for width in [80, 120] {
            inert(&human::plan(&report, Style { colour: false, width }), "human");
        }
        inert(&errors::problems(&report.findings, Style::default()), "errors");
        let topology = picture(evil);
        inert(&topology.mermaid(), "mermaid");
        inert(&topology.dot(), "dot");
        inert(&topology.svg(), "svg");
        inert(&plans(std::slice::from_ref(&report), &[topology], 60_000), "markdown");
        let printed = json::plans(&[report]);
        for c in printed.chars() {
            assert!(c == '\n' || !text::hidden(c), "json: {:x}", u32::from(c));
        }
        assert!(!printed.contains("##["));
        let back: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(back["environments"][0]["environment"], evil, "JSON keeps the text itself");
    }
}

/// Markdown without its code: fences, spans and the frame that is ours.
fn outside_code(markdown: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<usize> = None;
    for line in markdown.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(length) => {
                if ticks >= length && ticks == line.len() {
                    fence = None;
                }
                continue;
            }
            None if ticks >= 3 => {
                fence = Some(ticks);
                continue;
            }
            None => {}
        }
        let bytes = line.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            if bytes[index] != b'`' {
                let rest = &line[index..];
                let c = rest.chars().next().unwrap();
                out.push(c);
                index += c.len_utf8();
                continue;
            }
            let run = bytes[index..].iter().take_while(|b| **b == b'`').count();
            let mut close = index + run;
            loop {
                assert!(close < bytes.len(), "a span that never ends: {line}");
                if bytes[close] != b'`' {
                    close += 1;
                    continue;
                }
                let length = bytes[close..].iter().take_while(|b| **b == b'`').count();
                close += length;
                if length == run {
                    break;
                }
            }
            index = close;
        }
        out.push('\n');
    }
    assert!(fence.is_none(), "an open fence");
    out
}

#[test]
fn markdown_has_nothing_of_theirs_outside_code() {
    for evil in CORPUS {
        for limit in [3_000, 6_000, 60_000] {
            let comment = plans(&[hostile(evil)], &[], limit);
            assert!(comment.len() <= limit, "{} over {limit}", comment.len());
            let outside = outside_code(&comment);
            for bad in [
                "@all",
                "evil.example",
                "<img",
                "<script",
                "forged -->",
                "/merge",
                "#1",
                "GH-12",
                ":smile:",
                "~~",
                "__",
                "](",
            ] {
                // A summary holds text as HTML, escaped; there a bare word is harmless but a link is not.
                let lines: String = outside.lines().filter(|line| !line.starts_with("<details><summary>")).collect();
                assert!(!lines.contains(bad), "{bad} at {limit} of {evil}: {outside}");
            }
            assert!(!outside.contains("<script") && !outside.contains("<img"), "{outside}");
            assert_eq!(
                outside.matches("<details>").count(),
                outside.matches("</details>").count(),
                "{limit}: {outside}"
            );
            assert!(!outside.contains("-->"));
        }
    }
}

#[test]
fn mermaid_labels_hold_a_small_set() {
    for evil in CORPUS {
        let labels = text::mermaid(evil);
        assert!(labels.chars().all(|c| c.is_ascii_alphanumeric() || "_ ./:-".contains(c)), "{labels}");
    }
}

#[test]
fn svg_is_well_formed_whatever_the_names() {
    for evil in CORPUS {
        let svg = picture(evil).svg();
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, between) = tag.split_once('>').expect("a tag ends");
            assert!(!between.contains('<'));
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{svg}");
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty());
        assert!(!svg.contains("<script"));
    }
}

#[test]
fn untrusted_text_is_bounded() {
    let long = "x".repeat(10_000);
    assert_eq!(text::visible(&long).chars().count(), text::BOUND);
    assert_eq!(text::visible("x"), "x");
    assert_eq!(text::visible(&"x".repeat(text::BOUND)), "x".repeat(text::BOUND));
    assert!(human::plan(&hostile(&long), Style::default()).len() < 40_000);
}

#[test]
fn cutting_closes_what_is_open() {
    let many = "line\n".repeat(400);
    let text = format!("<details><summary>x</summary>\n\n```diff\n{many}```\n\n</details>\n");
    for limit in 200..700 {
        let cut = fit(&text, limit);
        assert!(cut.len() <= limit);
        outside_code(&cut);
        assert_eq!(cut.matches("<details>").count(), cut.matches("</details>").count(), "{cut}");
    }
}

#[test]
fn big_plans_stay_under_the_limit_of_a_comment() {
    let mut report = made::create_all();
    report.rows =
        (0..5000).map(|n| made::row(&format!("network/thing/number-{n}"), "thing", Action::Create, 5)).collect();
    let reports = vec![report; 3];
    let comment = plans(&reports, &[], COMMENT_LIMIT);
    assert!(comment.len() <= COMMENT_LIMIT);
    assert!(comment.contains("**Cut to fit**: what changes ("), "{comment}");
    assert!(comment.contains("this plan was made without AWS"), "the next step survives the cut");
}
