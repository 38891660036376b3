//! The terminal at 3 a.m.: `status` and `diagnose`. The verdict first, then what is wrong, then figures.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::{clip, spread, wrap};
use crate::view::errors::{paint, painted};
use crate::view::report::{Amounts, CauseRow, DiagnoseReport, NodeRow, StatusReport, Verdict};
use crate::view::text::{bounded, visible};
use crate::view::{Style, Untrusted, number};

/// More nodes than this are counted: what is not Ready and what is fullest comes first.
const MOST_NODES: usize = 40;
/// So many of the pods that ask for most.
const MOST_PODS: usize = 6;
/// More of other things than this are counted.
const MOST: usize = 15;

/// How an environment is.
#[must_use]
pub fn status(report: &StatusReport, style: Style) -> String {
    let names = [&report.environment, &report.cluster, &report.region].map(|name| bounded(name.raw(), 40)).join(" · ");
    let left = format!("status {names}");
    let right = format!("{}, {}", report.mode.as_str(), report.at);
    let mut out = spread(&left, &right, style, paint::BOLD, paint::DIM);
    verdict(&mut out, report, style);
    out.push('\n');
    summary(&mut out, report, style);
    nodes(&mut out, report, style);
    pools(&mut out, report, style);
    pods(&mut out, report, style);
    lists(&mut out, report, style);
    unread(&mut out, &report.unread, style);
    out
}

fn verdict(out: &mut String, report: &StatusReport, style: Style) {
    let wrong: Vec<_> = report.causes.iter().filter(|cause| cause.certainty != "warning").collect();
    let ready = report.nodes.iter().filter(|node| node.ready).count();
    let figures = format!(
        "{ready} of {} Ready, {} waiting, {} an hour",
        number::count(report.nodes.len(), "node"),
        number::count(report.pending.len(), "pod"),
        number::dollars(report.cost.usd_per_hour)
    );
    let (mark, colour, words) = match report.verdict {
        Verdict::Healthy => ("ok  ", paint::GREEN, format!("healthy: {figures}")),
        Verdict::Degraded => ("FAIL", paint::RED, format!("{}: {figures}", count_wrong(wrong.len()))),
        Verdict::Unknown => ("?   ", paint::YELLOW, "unknown: too little could be read".to_owned()),
    };
    let _ = writeln!(out, "\n  {}  {}", painted(style, colour, mark), painted(style, paint::BOLD, &words));
    for cause in wrong.iter().take(5) {
        let _ = writeln!(out, "        {}", clip(&visible(cause.title.raw()), style.width.saturating_sub(8)));
    }
    let environment = bounded(report.environment.raw(), 40);
    let warnings = report.causes.len() - wrong.len();
    if !report.causes.is_empty() {
        let more = if warnings > 0 { format!("   ({})", number::count(warnings, "warning")) } else { String::new() };
        let _ = writeln!(out, "        why and what to do: rem-ci diagnose {environment}{more}");
    }
}

fn count_wrong(wrong: usize) -> String {
    if wrong == 1 { "1 thing is wrong".to_owned() } else { format!("{wrong} things are wrong") }
}

/// Control plane, controller, add-ons, queue, money: a line each.
fn summary(out: &mut String, report: &StatusReport, style: Style) {
    let room = style.width.saturating_sub(19);
    let mut line = |good: bool, head: &str, words: &str| {
        let mark = if good { painted(style, paint::GREEN, "ok  ") } else { painted(style, paint::RED, "FAIL") };
        for (index, part) in wrap(words, room).iter().enumerate() {
            let _ = match index {
                0 => writeln!(out, "  {mark} {head:<12}{part}"),
                _ => writeln!(out, "       {:<12}{part}", "|"),
            };
        }
    };
    let plane = &report.control_plane;
    let api = match plane.api_ready {
        Some(true) if plane.api_checks == 0 => "API server ready".to_owned(),
        Some(true) => format!("API server ready, {}", number::count(plane.api_checks, "check")),
        Some(false) => format!("API server not ready: {}", join(&plane.api_failing)),
        None => "API server does not answer".to_owned(),
    };
    let components = match plane.components_unhealthy.as_slice() {
        [] => String::new(),
        bad => format!("; unhealthy: {}", join(bad)),
    };
    let words = format!("Kubernetes {}, {}, {api}{components}", visible(plane.version.raw()), word(&plane.status));
    line(plane.api_ready == Some(true) && plane.components_unhealthy.is_empty(), "control", &words);
    let karpenter = &report.karpenter;
    let full = karpenter.replicas > 0 && karpenter.available == karpenter.replicas;
    let errors = match karpenter.error_count {
        0 => "no errors in the last half hour".to_owned(),
        many => number::count(many, "error") + " in the last half hour",
    };
    let words =
        format!("{}, {} of {} replicas, {errors}", word(&karpenter.version), karpenter.available, karpenter.replicas);
    line(full, "karpenter", &words);
    let bad: Vec<_> =
        report.addons.iter().filter(|addon| addon.status.raw() != "ACTIVE" || !addon.issues.is_empty()).collect();
    let words = if bad.is_empty() {
        let names: Vec<_> = report.addons.iter().map(|addon| visible(addon.name.raw())).collect();
        format!("{} ACTIVE: {}", report.addons.len(), names.join(", "))
    } else {
        let words = |addon: &&&crate::view::report::AddonRow| {
            format!("{} {} {}", visible(addon.name.raw()), visible(addon.status.raw()), join(&addon.issues))
        };
        bad.iter().map(|addon| words(&addon)).collect::<Vec<_>>().join("; ")
    };
    line(bad.is_empty() && !report.addons.is_empty(), "add-ons", &words);
    let queue = &report.queue;
    let words = format!(
        "{}, {}, {}",
        if queue.wired { "the controller reads its queue" } else { "the controller does NOT read the queue" },
        number::count(usize::try_from(queue.waiting).unwrap_or(0), "message") + " waiting",
        number::count(report.interruptions.len(), "interruption") + " within a day"
    );
    line(queue.wired, "spot", &words);
    let cost = &report.cost;
    let mut words = format!(
        "{} an hour, {} a month for the nodes that run now",
        number::dollars(cost.usd_per_hour),
        number::dollars(cost.usd_per_month)
    );
    if !cost.spot_at_on_demand.is_zero() {
        let _ = write!(
            words,
            "; {} of it is spot, counted at the on-demand price: the most it can be",
            number::dollars(cost.spot_at_on_demand)
        );
    }
    if cost.unpriced > 0 {
        let _ = write!(words, "; {} without a price", number::count(cost.unpriced, "node"));
    }
    line(true, "cost", &words);
}

fn word(text: &Untrusted) -> String {
    if text.is_empty() { "unknown".to_owned() } else { visible(text.raw()) }
}

fn join(texts: &[Untrusted]) -> String {
    texts.iter().map(|text| visible(text.raw())).collect::<Vec<_>>().join(", ")
}

/// A table without borders, indented by two; `right` are the columns of figures.
fn table(rows: Vec<Vec<String>>, right: &[usize], style: Style) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(rows);
    for index in 0..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    let mut out = String::new();
    for (index, line) in table.to_string().lines().enumerate() {
        let line = clip(line.trim_end(), style.width.saturating_sub(2));
        let line = if index == 0 { painted(style, paint::DIM, &line) } else { line };
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// Takes columns away, in this order, until a table fits.
fn narrow(rows: &mut [Vec<String>], columns: &[&str], style: Style) {
    for column in columns {
        let count = rows.first().map_or(0, Vec::len);
        let widest = |index: usize| rows.iter().map(|row| row[index].chars().count()).max().unwrap_or(0) + 2;
        if (0..count).map(widest).sum::<usize>() <= style.width {
            return;
        }
        if let Some(index) = rows.first().and_then(|head| head.iter().position(|name| name == column)) {
            for row in rows.iter_mut() {
                row.remove(index);
            }
        }
    }
}

fn share(amounts: Amounts) -> String {
    format!("{}% / {}%", amounts.percent(amounts.requests), amounts.percent(amounts.limits))
}

fn nodes(out: &mut String, report: &StatusReport, style: Style) {
    if report.nodes.is_empty() {
        return;
    }
    let mut shown: Vec<&NodeRow> = report.nodes.iter().collect();
    let more = shown.len().saturating_sub(MOST_NODES);
    if more > 0 {
        shown.sort_by_key(|node| (node.ready, std::cmp::Reverse(node.cpu.percent(node.cpu.requests))));
        shown.truncate(MOST_NODES);
    }
    let measured = report.nodes.iter().any(|node| node.cpu.used.is_some());
    let mut head = vec!["NODE", "POOL", "TYPE", "ZONE", "MARKET", "AGE", "CPU REQ/LIM", "MEM REQ/LIM", "PODS"];
    if measured {
        head.push("USED CPU/MEM");
    }
    head.push("$/H");
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for node in shown {
        let state = visible(node.state.raw());
        let name = bounded(node.name.raw(), 34);
        let mut row = vec![
            if state.is_empty() { name } else { format!("{name} {state}") },
            visible(node.pool.raw()),
            visible(node.instance_type.raw()),
            visible(node.zone.raw()),
            visible(node.market.raw()),
            super::super::words::age(node.age_s),
            share(node.cpu),
            share(node.memory),
            format!("{}/{}", node.pods, node.pods_allocatable),
        ];
        if measured {
            let used =
                |amounts: Amounts| amounts.used.map_or("-".to_owned(), |used| format!("{}%", amounts.percent(used)));
            row.push(format!("{} / {}", used(node.cpu), used(node.memory)));
        }
        row.push(node.usd_per_hour.map_or("-".to_owned(), |usd| usd.round_dp(4).normalize().to_string()));
        rows.push(row);
    }
    narrow(&mut rows, &["ZONE", "PODS", "USED CPU/MEM", "TYPE", "MEM REQ/LIM"], style);
    let figures = ["AGE", "CPU REQ/LIM", "MEM REQ/LIM", "PODS", "USED CPU/MEM", "$/H"];
    let right: Vec<_> = (0..rows[0].len()).filter(|index| figures.contains(&rows[0][*index].as_str())).collect();
    let _ = write!(out, "\n{}", table(rows, &right, style));
    if more > 0 {
        let _ = writeln!(out, "  and {} more: --format json has all", number::count(more, "node"));
    }
}

fn pools(out: &mut String, report: &StatusReport, style: Style) {
    if report.pools.is_empty() {
        return;
    }
    let mut rows = vec![["POOL", "READY", "NODES", "LIMITS IN USE"].map(str::to_owned).to_vec()];
    for pool in &report.pools {
        let ready = match pool.ready {
            Some(true) => "yes".to_owned(),
            Some(false) => format!("NO: {}", clip(&join(&pool.conditions), 50)),
            None => "unknown".to_owned(),
        };
        let limits: Vec<_> = pool
            .limits
            .iter()
            .map(|limit| {
                format!("{} {} of {} ({}%)", visible(limit.resource.raw()), limit.used, limit.limit, limit.percent)
            })
            .collect();
        let limits = if limits.is_empty() { "no limits".to_owned() } else { limits.join(", ") };
        rows.push(vec![visible(pool.name.raw()), ready, pool.nodes.to_string(), limits]);
    }
    let _ = write!(out, "\n{}", table(rows, &[2], style));
}

/// The pods that ask for most of their nodes.
fn pods(out: &mut String, report: &StatusReport, style: Style) {
    if report.pods.is_empty() {
        return;
    }
    let mut rows = vec![["LARGEST PODS", "CPU REQ/LIM", "MEM REQ/LIM", "OF NODE", "NODE"].map(str::to_owned).to_vec()];
    for pod in report.pods.iter().take(MOST_PODS) {
        let pair = |asked: u64, most: u64, unit: &str| {
            let most = if most == 0 { "-".to_owned() } else { format!("{most}{unit}") };
            format!("{asked}{unit} / {most}")
        };
        rows.push(vec![
            bounded(pod.pod.raw(), 44),
            pair(pod.cpu_requests, pod.cpu_limits, "m"),
            pair(pod.memory_requests, pod.memory_limits, "Mi"),
            format!("{}%", pod.percent),
            bounded(pod.node.raw(), 34),
        ]);
    }
    narrow(&mut rows, &["NODE"], style);
    let _ = write!(out, "\n{}", table(rows, &[1, 2, 3], style));
    let more = report.pods.len().saturating_sub(MOST_PODS);
    if more > 0 {
        let _ = writeln!(out, "  and {} more: --format json has all", number::count(more, "pod"));
    }
}

/// Pods that wait, interruptions, errors of the controller.
fn lists(out: &mut String, report: &StatusReport, style: Style) {
    let room = style.width.saturating_sub(4);
    let mut list = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n  {}", painted(style, paint::DIM, title));
        let more = lines.len().saturating_sub(MOST);
        for line in lines.iter().take(MOST) {
            for (index, part) in wrap(line, room).iter().enumerate() {
                let _ = writeln!(out, "  {}{part}", if index == 0 { "" } else { "| " });
            }
        }
        if more > 0 {
            let _ = writeln!(out, "  and {more} more: --format json has all");
        }
    };
    let age = super::super::words::age;
    let pending = report.pending.iter();
    let pending =
        pending.map(|row| format!("{} for {}: {}", visible(row.pod.raw()), age(row.age_s), visible(row.reason.raw())));
    list("PODS WITHOUT A NODE", pending.collect());
    let events = report.interruptions.iter().map(|row| {
        format!(
            "{} ago {} {}: {}",
            age(row.ago_s),
            visible(row.reason.raw()),
            visible(row.object.raw()),
            visible(row.message.raw())
        )
    });
    list("INTERRUPTIONS", events.collect());
    let errors =
        report.karpenter.errors.iter().map(|row| format!("{} ago: {}", age(row.ago_s), visible(row.text.raw())));
    list("LAST ERRORS OF KARPENTER", errors.collect());
}

fn unread(out: &mut String, unread: &[Untrusted], style: Style) {
    if unread.is_empty() {
        return;
    }
    out.push('\n');
    for text in unread {
        let line = format!("not read: {}", visible(text.raw()));
        let _ =
            writeln!(out, "  {} {}", painted(style, paint::YELLOW, "?"), clip(&line, style.width.saturating_sub(4)));
    }
}

/// Why something does not work: causes with their evidence, what to do under each.
#[must_use]
pub fn diagnose(report: &DiagnoseReport, style: Style) -> String {
    let environment = bounded(report.environment.raw(), 40);
    let about = report.pod.as_ref().map_or(String::new(), |pod| format!(" {}", visible(pod.raw())));
    let wrong = report.causes.iter().filter(|cause| cause.certainty != "warning").count();
    let head = match (report.causes.len(), wrong) {
        (0, _) => painted(style, paint::GREEN, "nothing is wrong that can be seen"),
        (all, 0) => painted(style, paint::YELLOW, &format!("nothing is broken, {}", number::count(all, "warning"))),
        (all, wrong) => {
            let warnings = all - wrong;
            let more = if warnings > 0 { format!(", {}", number::count(warnings, "warning")) } else { String::new() };
            let order = if wrong > 1 { ", the likeliest first" } else { "" };
            painted(style, paint::RED, &format!("{}{order}{more}", number::count(wrong, "cause")))
        }
    };
    let mut out = format!("diagnose {environment}{about}: {head}\n");
    for (index, cause) in report.causes.iter().enumerate() {
        one(&mut out, index + 1, cause, style);
    }
    landing(&mut out, report, style);
    unread(&mut out, &report.unread, style);
    out
}

fn one(out: &mut String, number: usize, cause: &CauseRow, style: Style) {
    let room = style.width.saturating_sub(8);
    let colour = if cause.certainty == "warning" { paint::YELLOW } else { paint::RED };
    let title = visible(cause.title.raw());
    let head = format!("{number:>3}  {}: {title}", cause.certainty);
    out.push('\n');
    for (index, line) in wrap(&head, style.width.saturating_sub(2)).iter().enumerate() {
        let line = if index == 0 {
            format!("{number:>3}  {}", line.split_once(' ').map_or("", |(_, rest)| rest))
        } else {
            format!("     {line}")
        };
        let _ = writeln!(out, "{}", painted(style, colour, &line));
    }
    for fact in &cause.evidence {
        for (index, line) in wrap(&visible(fact.raw()), room).iter().enumerate() {
            let _ = writeln!(out, "       {} {line}", if index == 0 { "-" } else { " " });
        }
    }
    for line in wrap(cause.help, room.saturating_sub(6)) {
        let _ = writeln!(out, "     do  {line}");
    }
    let _ = writeln!(out, "     run {}", bounded(cause.command.raw(), 400));
    let _ = writeln!(out, "     {}", painted(style, paint::DIM, &format!("rem-ci explain {}", cause.code)));
}

fn landing(out: &mut String, report: &DiagnoseReport, style: Style) {
    let Some(pod) = &report.pod else { return };
    if report.landing.is_empty() {
        return;
    }
    let title = format!("WHERE {} MAY LAND", visible(pod.raw()));
    let _ = writeln!(out, "\n  {}", painted(style, paint::DIM, &title));
    let widest = report.landing.iter().map(|row| visible(row.pool.raw()).chars().count()).max().unwrap_or(0);
    for row in &report.landing {
        let mut why = join(&row.reasons);
        if !row.nodes.is_empty() {
            let _ = write!(why, "; room on {}", join(&row.nodes[..row.nodes.len().min(3)]));
        }
        let markets = if row.may { row.markets.join(" or ") } else { String::new() };
        let head =
            format!("{:<3}  {:<widest$}  {markets:<17}", if row.may { "yes" } else { "no" }, visible(row.pool.raw()));
        for (index, line) in wrap(&why, style.width.saturating_sub(widest + 28)).iter().enumerate() {
            let blank = format!("|{:width$}", "", width = widest + 23);
            let _ = writeln!(out, "  {}  {line}", if index == 0 { &head } else { &blank });
        }
    }
}
