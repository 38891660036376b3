//! The versioned JSON formats, a contract: additive only. Key order is the order of the structs here.
//!
//! Money and quantities are decimal strings, unrounded; `null` is unpriced or unbounded. Values are the canonical JSON of
//! the plan: references as `{"ref", "attr"}`, what is not known yet as `{"pending"}`.

mod health;

use serde::Serialize;
use serde_json::Value as Json;

use super::pools;
use super::report::{
    ApplyReport, Counts, DriftReport, Left, Outcome, OutputReport, OutputValue, PlanReport, Reads, Row, VerifyReport,
};
use super::text::json_safe;
use crate::cost::{Bill, LineClass};
use crate::engine::{Address, Value};
use crate::problem::Problem;

pub use health::{diagnose, status};

#[derive(Serialize)]
struct Plans<'a> {
    format: &'static str,
    environments: Vec<Plan<'a>>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the format says so")]
struct Plan<'a> {
    environment: &'a str,
    mode: &'static str,
    owner: &'a str,
    account: &'a str,
    region: &'a str,
    plan_digest: &'a str,
    input_digest: &'a str,
    summary: Counts,
    changes: Vec<Change<'a>>,
    cost: Cost,
    findings: Vec<Finding<'a>>,
    strays: Vec<Stray<'a>>,
    reads: Reads,
    estimate: Estimate<'a>,
}

#[derive(Serialize)]
struct Change<'a> {
    address: &'a str,
    kind: &'a str,
    action: &'static str,
    reason: &'a str,
    assumed: bool,
    fields: Vec<Field<'a>>,
    needs: Vec<&'a str>,
    estimate_seconds: u64,
}

#[derive(Serialize)]
struct Field<'a> {
    path: &'a str,
    before: Option<Json>,
    after: Option<Json>,
    forces_replace: bool,
    sensitive: bool,
}

#[derive(Serialize)]
struct Cost {
    currency: &'static str,
    hours_per_month: String,
    price_date: Option<String>,
    fixed_monthly: Option<String>,
    usage_monthly: Option<String>,
    node_pools: Pools,
    total_expected_monthly: Option<String>,
    delta_monthly: Option<String>,
    lines: Vec<Line>,
    unpriced: Vec<Unpriced>,
    #[serde(flatten)]
    ahead: pools::Ahead,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the format says so")]
struct Pools {
    idle_monthly: Option<String>,
    expected_monthly: Option<String>,
    max_monthly: Option<String>,
}

#[derive(Serialize)]
struct Line {
    address: String,
    component: &'static str,
    item: String,
    quantity: Option<String>,
    unit: &'static str,
    unit_price: Option<String>,
    monthly: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_monthly: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_monthly: Option<Json>,
    class: LineClass,
    note: String,
}

#[derive(Serialize)]
struct Unpriced {
    address: String,
    component: &'static str,
    item: String,
    why: String,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'static str,
    severity: &'static str,
    title: &'a str,
    help: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    address: Option<&'a str>,
    digest: Option<&'a str>,
    waived: bool,
}

#[derive(Serialize)]
struct Stray<'a> {
    noun: &'a str,
    id: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Estimate<'a> {
    seconds: u64,
    critical_path: Vec<&'a str>,
}

/// `rem-ci/plan/v1`.
#[must_use]
pub fn plans(reports: &[PlanReport]) -> String {
    print(&Plans { format: "rem-ci/plan/v1", environments: reports.iter().map(plan).collect() })
}

fn plan(report: &PlanReport) -> Plan<'_> {
    Plan {
        environment: report.environment.raw(),
        mode: report.mode.as_str(),
        owner: report.owner.raw(),
        account: report.account.raw(),
        region: report.region.raw(),
        plan_digest: &report.plan_digest,
        input_digest: &report.input_digest,
        summary: report.counts(),
        changes: report.rows.iter().filter(|row| row.action != super::report::Action::Keep).map(change).collect(),
        cost: cost(&report.cost),
        findings: report.findings.iter().map(finding).collect(),
        strays: report
            .strays
            .iter()
            .map(|stray| Stray { noun: &stray.noun, id: stray.id.raw(), why: stray.why.raw() })
            .collect(),
        reads: report.reads,
        estimate: Estimate {
            seconds: report.estimate.seconds,
            critical_path: report.estimate.critical_path.iter().map(Address::as_str).collect(),
        },
    }
}

fn change(row: &Row) -> Change<'_> {
    let masked = || Some(Json::String("(sensitive)".to_owned()));
    let fields = row.fields.iter().map(|field| {
        let show = |value: &Option<Value>| match (value, field.sensitive) {
            (None, _) => None,
            (Some(_), true) => masked(),
            (Some(value), false) => Some(value.to_json()),
        };
        Field {
            path: &field.path,
            before: show(&field.before),
            after: show(&field.after),
            forces_replace: field.forces_replace,
            sensitive: field.sensitive,
        }
    });
    Change {
        address: row.address.as_str(),
        kind: &row.kind,
        action: row.action.as_str(),
        reason: row.reason.raw(),
        assumed: row.assumed,
        fields: fields.collect(),
        needs: row.needs.iter().map(Address::as_str).collect(),
        estimate_seconds: row.estimate_secs,
    }
}

fn decimal(amount: Option<rust_decimal::Decimal>) -> Option<String> {
    amount.map(|amount| amount.normalize().to_string())
}

fn cost(bill: &Bill) -> Cost {
    let after = &bill.after;
    let lines = bill.entries.iter().filter_map(|entry| {
        let side = entry.after.as_ref()?;
        let pool = entry.class == LineClass::NodePool;
        Some(Line {
            address: entry.address.to_string(),
            component: entry.component,
            item: entry.item.clone(),
            quantity: decimal(side.quantity),
            unit: entry.unit,
            unit_price: decimal(side.unit_price),
            monthly: decimal(side.monthly),
            idle_monthly: pool.then(|| decimal(side.idle).into()),
            max_monthly: pool.then(|| decimal(side.max).into()),
            class: entry.class,
            note: side.note.clone(),
        })
    });
    Cost {
        currency: "USD",
        hours_per_month: bill.hours_per_month.to_string(),
        price_date: bill.price_date.clone(),
        fixed_monthly: decimal(after.fixed.known()),
        usage_monthly: decimal(after.usage.known()),
        node_pools: Pools {
            idle_monthly: decimal(after.pools_idle.known()),
            expected_monthly: decimal(after.pools.known()),
            max_monthly: decimal(after.pools_max.known()),
        },
        total_expected_monthly: decimal(after.total().known()),
        delta_monthly: decimal(bill.delta()),
        lines: lines.collect(),
        unpriced: bill
            .unpriced
            .iter()
            .map(|line| Unpriced {
                address: line.address.to_string(),
                component: line.component,
                item: line.item.clone(),
                why: line.why.clone(),
            })
            .collect(),
        ahead: pools::ahead(bill),
    }
}

fn finding(problem: &Problem) -> Finding<'_> {
    let place = problem.place.as_ref();
    Finding {
        code: problem.code,
        severity: super::words::severity(problem.severity),
        title: &problem.title,
        help: &problem.help,
        file: place.map(|place| place.file.as_str()),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        address: problem.address.as_ref().map(Address::as_str),
        digest: problem.digest.as_deref(),
        waived: problem.waived,
    }
}

#[derive(Serialize)]
struct Costs<'a> {
    format: &'static str,
    environments: Vec<EnvironmentCost<'a>>,
}

#[derive(Serialize)]
struct EnvironmentCost<'a> {
    environment: &'a str,
    region: &'a str,
    cost: Cost,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<pools::JsonGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<&'a super::actual::Actual>,
    findings: Vec<Finding<'a>>,
}

/// `rem-ci/cost/v1`: the `cost` part of the plan, by environment.
#[must_use]
pub fn costs(reports: &[PlanReport], by: Option<super::By>, actual: &[super::actual::Actual]) -> String {
    let environments = reports.iter().enumerate().map(|(index, report)| EnvironmentCost {
        actual: actual.get(index),
        groups: by.map(|by| pools::json_groups(&report.cost, by)).unwrap_or_default(),
        findings: report.findings.iter().map(finding).collect(),
        environment: report.environment.raw(),
        region: report.region.raw(),
        cost: cost(&report.cost),
    });
    print(&Costs { format: "rem-ci/cost/v1", environments: environments.collect() })
}

#[derive(Serialize)]
struct Findings<'a> {
    format: &'static str,
    findings: Vec<Finding<'a>>,
}

/// `rem-ci/findings/v1`: problems on their own, where there is no plan to carry them.
#[must_use]
pub fn problems(problems: &[Problem]) -> String {
    print(&Findings { format: "rem-ci/findings/v1", findings: problems.iter().map(finding).collect() })
}

#[derive(Serialize)]
struct Apply<'a> {
    format: &'static str,
    verb: &'static str,
    environment: &'a str,
    outcome: Outcome,
    summary: Counts,
    seconds: Json,
    critical_path_seconds: Json,
    ratio: Json,
    steps: Vec<Step<'a>>,
    leftovers: &'a [Left],
    kept: &'a [Left],
    notes: Vec<&'a str>,
    not_begun: Vec<&'a str>,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    address: &'a str,
    action: &'static str,
    start_s: Json,
    end_s: Json,
    calls: u64,
    slack_s: Json,
    error: Option<&'a str>,
    critical: bool,
}

/// Milliseconds as a JSON number of seconds.
fn seconds(ms: u64) -> Json {
    serde_json::from_str(&format!("{}.{:03}", ms / 1000, ms % 1000)).unwrap_or(Json::Null)
}

/// `rem-ci/apply/v1`.
#[must_use]
pub fn apply(report: &ApplyReport) -> String {
    let steps = report.steps.iter().map(|step| Step {
        address: step.address.as_str(),
        action: step.action.as_str(),
        start_s: seconds(step.start_ms),
        end_s: seconds(step.end_ms),
        calls: step.calls,
        slack_s: seconds(step.slack_ms),
        error: step.error.as_ref().map(super::Untrusted::raw),
        critical: step.critical,
    });
    print(&Apply {
        format: "rem-ci/apply/v1",
        verb: report.verb,
        environment: report.environment.raw(),
        outcome: report.outcome,
        summary: report.summary,
        seconds: seconds(report.elapsed_ms),
        critical_path_seconds: seconds(report.critical_path_ms),
        ratio: serde_json::from_str(&super::human::ratio(report)).unwrap_or(Json::Null),
        steps: steps.collect(),
        leftovers: &report.leftovers,
        kept: &report.kept,
        notes: report.notes.iter().map(super::Untrusted::raw).collect(),
        not_begun: report.not_begun.iter().map(Address::as_str).collect(),
        findings: report.problems.iter().map(finding).collect(),
    })
}

#[derive(Serialize)]
struct Verify<'a> {
    format: &'static str,
    environment: &'a str,
    passed: bool,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    code: &'static str,
    title: &'a str,
    passed: bool,
    evidence: &'a str,
    help: &'a str,
}

/// `rem-ci/verify/v1`.
#[must_use]
pub fn verify(report: &VerifyReport) -> String {
    let checks = report.checks.iter().map(|check| Check {
        code: check.code,
        title: &check.title,
        passed: check.passed,
        evidence: check.evidence.raw(),
        help: &check.help,
    });
    print(&Verify {
        format: "rem-ci/verify/v1",
        environment: report.environment.raw(),
        passed: report.passed(),
        checks: checks.collect(),
    })
}

#[derive(Serialize)]
struct Drift<'a> {
    environment: &'a str,
    drifted: bool,
    baseline: &'a str,
    plan: Plan<'a>,
}

#[derive(Serialize)]
struct Drifts<'a> {
    format: &'static str,
    environments: Vec<Drift<'a>>,
}

/// `rem-ci/drift/v1`: one document, however many environments.
#[must_use]
pub fn drifts(reports: &[DriftReport]) -> String {
    print(&Drifts { format: "rem-ci/drift/v1", environments: reports.iter().map(drift).collect() })
}

fn drift(report: &DriftReport) -> Drift<'_> {
    let counts = report.plan.counts();
    Drift {
        environment: report.plan.environment.raw(),
        drifted: counts.changes() + counts.unknown > 0,
        baseline: report.baseline.raw(),
        plan: plan(&report.plan),
    }
}

/// `rem-ci/output/v1`: `{"format", "environment", "outputs": {NAME: text or list}}`.
#[must_use]
pub fn outputs(report: &OutputReport) -> String {
    let outputs = report.outputs.iter().map(|(name, value)| {
        let value = match value {
            OutputValue::Text(text) => Json::from(text.raw()),
            OutputValue::List(texts) => texts.iter().map(|text| Json::from(text.raw())).collect(),
        };
        (name.clone(), value)
    });
    let outputs: serde_json::Map<String, Json> = outputs.collect();
    print(&serde_json::json!({
        "format": "rem-ci/output/v1", "environment": report.environment.raw(), "outputs": outputs,
    }))
}

/// Indented by two, with a line end.
pub(super) fn print(document: &impl Serialize) -> String {
    // Our structs have text keys and no floats: there is nothing in them that JSON cannot say.
    serde_json::to_string_pretty(document).map_or_else(|_| "{}\n".to_owned(), |json| json_safe(&json) + "\n")
}
