//! Markdown of `status` and `diagnose`, for a comment or a job summary.

use std::fmt::Write as _;

use crate::view::report::{CauseRow, DiagnoseReport, StatusReport, Verdict};
use crate::view::text::{code, code_cell, prose};
use crate::view::{Untrusted, number, words};

/// How an environment is.
#[must_use]
pub fn status(report: &StatusReport) -> String {
    let word = match report.verdict {
        Verdict::Healthy => "healthy",
        Verdict::Degraded => "**degraded**",
        Verdict::Unknown => "**unknown**",
    };
    let mut out = format!("### rem-ci: {} is {word}\n\n", code(report.environment.raw()));
    let ready = report.nodes.iter().filter(|node| node.ready).count();
    let plane = &report.control_plane;
    let _ = writeln!(out, "| | | |\n|---|---|---|");
    let mut row = |good: bool, head: &str, words: String| {
        let _ = writeln!(out, "| {} | {head} | {words} |", if good { "✅" } else { "❌" });
    };
    let api = if plane.api_ready == Some(true) { "API server ready" } else { "API server not ready" };
    row(
        plane.api_ready == Some(true),
        "control plane",
        format!("Kubernetes {}, {api}", code_cell(plane.version.raw())),
    );
    let karpenter = &report.karpenter;
    let full = karpenter.replicas > 0 && karpenter.available == karpenter.replicas;
    let replicas = format!(
        "{}, {} of {} replicas, {}",
        code_cell(karpenter.version.raw()),
        karpenter.available,
        karpenter.replicas,
        number::count(karpenter.error_count, "error")
    );
    row(full, "Karpenter", replicas);
    let bad = report.addons.iter().filter(|addon| addon.status.raw() != "ACTIVE" || !addon.issues.is_empty()).count();
    row(bad == 0, "add-ons", format!("{} of {} healthy", report.addons.len() - bad, report.addons.len()));
    row(
        report.queue.wired,
        "interruption queue",
        format!("{} waiting", number::count(usize::try_from(report.queue.waiting).unwrap_or(0), "message")),
    );
    row(ready == report.nodes.len(), "nodes", format!("{ready} of {} Ready", report.nodes.len()));
    row(report.pending.is_empty(), "pods", format!("{} without a node", number::count(report.pending.len(), "pod")));
    let cost = &report.cost;
    row(
        true,
        "nodes cost",
        format!(
            "{} an hour, {} a month, spot at the on-demand price",
            number::dollars(cost.usd_per_hour),
            number::dollars(cost.usd_per_month)
        ),
    );
    out.push('\n');
    causes(&mut out, &report.causes);
    if !report.nodes.is_empty() {
        out.push_str("<details><summary>Nodes</summary>\n\n| node | pool | type | zone | market | age | CPU asked | memory asked | pods |\n|---|---|---|---|---|--:|--:|--:|--:|\n");
        for node in &report.nodes {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {}% | {}% | {} |",
                code_cell(node.name.raw()),
                code_cell(node.pool.raw()),
                code_cell(node.instance_type.raw()),
                code_cell(node.zone.raw()),
                code_cell(node.market.raw()),
                words::age(node.age_s),
                node.cpu.percent(node.cpu.requests),
                node.memory.percent(node.memory.requests),
                node.pods
            );
        }
        out.push_str("\n</details>\n\n");
    }
    if !report.pools.is_empty() {
        out.push_str("| pool | ready | nodes | limits in use |\n|---|---|--:|---|\n");
        for pool in &report.pools {
            let limits = pool.limits.iter().map(|limit| {
                format!("{} {} of {} ({}%)", code_cell(limit.resource.raw()), limit.used, limit.limit, limit.percent)
            });
            let ready = if pool.ready == Some(true) { "✅" } else { "❌" };
            let _ = writeln!(
                out,
                "| {} | {ready} | {} | {} |",
                code_cell(pool.name.raw()),
                pool.nodes,
                limits.collect::<Vec<_>>().join(", ")
            );
        }
        out.push('\n');
    }
    unread(&mut out, &report.unread);
    out
}

/// Why something does not work.
#[must_use]
pub fn diagnose(report: &DiagnoseReport) -> String {
    let wrong = report.causes.iter().filter(|cause| cause.certainty != "warning").count();
    let word = if wrong == 0 { "nothing is wrong that can be seen".to_owned() } else { number::count(wrong, "cause") };
    let about = report.pod.as_ref().map_or(String::new(), |pod| format!(" {}", code(pod.raw())));
    let mut out = format!("### rem-ci: {}{about}: {word}\n\n", code(report.environment.raw()));
    causes(&mut out, &report.causes);
    if !report.landing.is_empty() {
        out.push_str("| pool | may it land there | as | why |\n|---|---|---|---|\n");
        for row in &report.landing {
            let why = row.reasons.iter().map(|reason| code_cell(reason.raw())).collect::<Vec<_>>().join(", ");
            let (may, markets) = if row.may { ("yes", row.markets.join(" or ")) } else { ("no", String::new()) };
            let _ = writeln!(out, "| {} | {may} | {markets} | {why} |", code_cell(row.pool.raw()));
        }
        out.push('\n');
    }
    unread(&mut out, &report.unread);
    out
}

fn causes(out: &mut String, causes: &[CauseRow]) {
    for (index, cause) in causes.iter().enumerate() {
        let _ = writeln!(out, "{}. **{}**: {}", index + 1, cause.certainty, prose(cause.title.raw()));
        for fact in &cause.evidence {
            let _ = writeln!(out, "   - {}", code(fact.raw()));
        }
        let _ = writeln!(out, "   - {}: {}", prose(cause.help), code(cause.command.raw()));
    }
    if !causes.is_empty() {
        out.push('\n');
    }
}

fn unread(out: &mut String, unread: &[Untrusted]) {
    for text in unread {
        let _ = writeln!(out, "- not read: {}", code(text.raw()));
    }
}
