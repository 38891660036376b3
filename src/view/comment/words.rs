//! Verdict, table and next step over all environments, from what the marker says of each: whoever writes the comment can
//! make them, and none of them can disagree.

use super::Comment;
use super::marker::{Entry, Figures, Run, Word};
use crate::view::markdown::plan;
use crate::view::number;
use crate::view::text::{code, code_cell};
use crate::view::words;

/// `2026-11-24 22:10 UTC`.
pub(in crate::view) fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// For the foot: `planned`, `applied`.
pub(super) const fn past(word: Word) -> &'static str {
    match word {
        Word::Planning => "planning since",
        Word::Planned | Word::Offline | Word::Waiting => "planned",
        Word::Applying => "as of",
        Word::Done => "applied",
        Word::Failed | Word::Interrupted => "ended",
        Word::Refused => "refused",
        Word::Stale => "stale since",
    }
}

/// For the table.
const fn state(word: Word) -> (&'static str, &'static str) {
    match word {
        Word::Planning => ("🔄", "planning"),
        Word::Planned => ("✅", "planned"),
        Word::Waiting => ("⏳", "waiting"),
        Word::Applying => ("🔄", "applying"),
        Word::Done => ("✅", "applied"),
        Word::Failed => ("❌", "failed"),
        Word::Interrupted => ("❌", "interrupted"),
        Word::Refused => ("❌", "refused"),
        Word::Stale => ("⚠️", "stale"),
        Word::Offline => ("⚪", "without AWS"),
    }
}

pub(super) const TABLE: &str = "| | environment | state | create | change | replace | destroy | monthly | delta | takes |\n\
                                |---|---|---|--:|--:|--:|--:|--:|--:|--:|\n";

/// One environment's row.
pub(super) fn table_row(name: &str, entry: &Entry) -> String {
    let figures = entry.figures;
    let (mark, word) = state(entry.stage);
    let (mark, word) = match entry.stage {
        Word::Planned if figures.errors > 0 => ("❌", "not applicable"),
        Word::Planned if figures.unknown + figures.replace + figures.delete + figures.widens > 0 => ("⚠️", word),
        Word::Planned if figures.changes() == 0 => ("⚪", "no changes"),
        _ => (mark, word),
    };
    let figure = |number: usize| if number == 0 { String::new() } else { number.to_string() };
    let known = !matches!(entry.stage, Word::Planning) && (entry.plan_digest.is_some() || figures.changes() > 0);
    let monthly = figures.monthly.map_or_else(|| "no price".to_owned(), number::headline);
    let delta = figures.delta.map(number::signed_dollars).filter(|delta| delta != "$0.00").unwrap_or_default();
    let takes = match entry.stage {
        Word::Done | Word::Failed | Word::Interrupted => number::clock(figures.took),
        Word::Applying => format!("{} of ~{}", number::clock(figures.took), number::about(figures.seconds)),
        _ if figures.changes() > 0 && figures.seconds > 0 => format!("~{}", number::about(figures.seconds)),
        _ => String::new(),
    };
    let region = if entry.region.is_empty() { String::new() } else { format!(" {}", code_cell(&entry.region)) };
    format!(
        "| {mark} | **{}**{region} | {word} | {} | {} | {} | {} | {} | {} | {takes} |",
        code_cell(name),
        figure(figures.create),
        figure(figures.change),
        figure(figures.replace),
        figure(figures.delete),
        if known { monthly } else { String::new() },
        if known { delta } else { String::new() },
    )
}

/// The one line that says it all.
pub(super) fn verdict(comment: &Comment) -> String {
    let entries: Vec<_> = comment.entries().collect();
    if let [(name, entry)] = entries.as_slice() {
        return one(name, entry);
    }
    if entries.is_empty() {
        return "no environment changes".to_owned();
    }
    if entries.iter().all(|(_, entry)| entry.stage == Word::Planned) {
        let all: Vec<_> = entries.iter().map(|(_, entry)| entry.figures).collect();
        return planned(&all);
    }
    // The gravest first.
    let order = [
        Word::Failed,
        Word::Interrupted,
        Word::Refused,
        Word::Stale,
        Word::Applying,
        Word::Planning,
        Word::Waiting,
        Word::Planned,
        Word::Done,
        Word::Offline,
    ];
    let parts = order.iter().filter_map(|word| {
        let number = entries.iter().filter(|(_, entry)| entry.stage == *word).count();
        let bad = matches!(word, Word::Failed | Word::Interrupted | Word::Refused | Word::Stale);
        let text = format!("{number} {}", state(*word).1);
        (number > 0).then(|| if bad { format!("**{text}**") } else { text })
    });
    format!("{} environments: {}", entries.len(), parts.collect::<Vec<_>>().join(", "))
}

fn planned(all: &[Figures]) -> String {
    let sum = |of: fn(&Figures) -> usize| all.iter().map(of).sum::<usize>();
    let errors = sum(|figures| figures.errors);
    if errors > 0 {
        return format!("**{}**, nothing can be applied yet", number::count(errors, "error"));
    }
    let environments = all.iter().filter(|figures| figures.changes() > 0).count();
    let unknown = sum(|figures| figures.unknown);
    let widens = sum(|figures| figures.widens);
    let opened = match widens {
        0 => String::new(),
        1 => ", **1 widens access**".to_owned(),
        more => format!(", **{more} widen access**"),
    };
    if environments == 0 && unknown == 0 {
        return format!("no changes{opened}");
    }
    let verdict = words::Verdict {
        environments,
        create: sum(|figures| figures.create),
        change: sum(|figures| figures.change),
        replace: sum(|figures| figures.replace),
        delete: sum(|figures| figures.delete),
        unknown,
        delta: all.iter().map(|figures| figures.delta).sum(),
        seconds: all.iter().map(|figures| figures.seconds).max().unwrap_or(0),
    };
    format!("{}{opened}", verdict.words())
}

fn one(name: &str, entry: &Entry) -> String {
    let figures = entry.figures;
    let name = code(name);
    let took = number::clock(figures.took);
    let checks = if figures.checks > 0 {
        let word = if figures.good == figures.checks { "verified" } else { "**not verified**" };
        format!(", {word} ({} of {})", figures.good, number::count(figures.checks, "check"))
    } else {
        String::new()
    };
    match entry.stage {
        Word::Planning => format!("planning {name}"),
        Word::Planned => planned(&[figures]),
        Word::Waiting => format!("{name} waits at its gate"),
        Word::Applying => format!("applying {name}, {} of {}", figures.done, number::count(figures.steps, "step")),
        Word::Done => format!("{name} applied in {took}{checks}"),
        Word::Failed if figures.checks > 0 => format!("{name} applied in {took}{checks}"),
        Word::Failed => format!("**apply of {name} is incomplete** after {took}"),
        Word::Interrupted => format!("**apply of {name} was interrupted** after {took}"),
        Word::Refused => format!("**{name} was refused**, nothing was changed"),
        Word::Stale => format!("**the plan of {name} is stale**"),
        Word::Offline => format!("{name} was checked and priced without AWS"),
    }
}

/// What to do now, one sentence for each kind of state.
pub(super) fn next(comment: &Comment) -> String {
    let of = |word: Word| comment.entries().filter(move |(_, entry)| entry.stage == word);
    let names = |word: Word| of(word).map(|(name, _)| code(name)).collect::<Vec<_>>().join(", ");
    let runs = |word: Word| {
        let mut runs: Vec<&Run> = of(word).map(|(_, entry)| &entry.run).collect();
        runs.dedup();
        runs.iter().map(|run| run.link()).collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    for word in [Word::Failed, Word::Interrupted] {
        if of(word).next().is_some() {
            let which = names(word);
            lines.push(format!(
                "re-run the failed jobs of {} for {which}: an apply continues where it stopped and does nothing twice",
                runs(word)
            ));
        }
    }
    if of(Word::Refused).next().is_some() {
        lines.push(format!("what stopped {} is said above, with what to do about it", names(Word::Refused)));
    }
    if of(Word::Stale).next().is_some() {
        lines.push(format!("re-run the plan of {}, or push: its environment has changed since", names(Word::Stale)));
    }
    if of(Word::Planned).any(|(_, entry)| entry.figures.errors > 0) {
        lines.push("fix the errors above and push; nothing is applied until then".to_owned());
    } else {
        let digests: Vec<_> = of(Word::Planned)
            .filter(|(_, entry)| entry.figures.changes() > 0)
            .filter_map(|(_, entry)| entry.plan_digest.as_deref())
            .map(|digest| code(&plan::short(digest)))
            .collect();
        let waits = of(Word::Planning).next().is_some();
        match digests.as_slice() {
            [] => {}
            _ if waits => lines.push("wait for the plans that are still being made before you merge".to_owned()),
            [one] => lines.push(format!("merge to apply exactly this plan ({one}); anything stronger is refused")),
            all => lines
                .push(format!("merge to apply exactly these plans ({}); anything stronger is refused", all.join(", "))),
        }
    }
    if of(Word::Waiting).next().is_some() {
        lines.push(format!("look at the plan of {} and approve it at its gate", names(Word::Waiting)));
    }
    if of(Word::Offline).next().is_some() {
        let text = "nothing here is approved: a maintainer plans it with AWS from a branch of this repository, or at the gate after the merge";
        lines.push(text.to_owned());
    }
    match lines.as_slice() {
        [] => String::new(),
        [one] => format!("**Next**: {one}.\n\n"),
        all => {
            let items: Vec<_> = all.iter().map(|line| format!("- {line}")).collect();
            format!("**Next**\n\n{}\n\n", items.join("\n"))
        }
    }
}
