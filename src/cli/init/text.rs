//! What `init` writes, pure: answers in, files out.

use std::fmt::Write as _;

use crate::config;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// What the environment is to be.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) cluster: String,
    pub(super) kubernetes: String,
    pub(super) karpenter: String,
    pub(super) zones: u8,
    pub(super) cidr: String,
    pub(super) nat: String,
    pub(super) connect: String,
    pub(super) repository: String,
    pub(super) branch: String,
    pub(super) action: Option<String>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// From the repository's top.
    pub(super) path: String,
    pub(super) text: String,
}

const WORKFLOWS: [(&str, &str); 5] = [
    ("rem-ci.yml", include_str!("workflows/rem-ci.yml")),
    ("rem-ci-plan.yml", include_str!("workflows/rem-ci-plan.yml")),
    ("rem-ci-apply.yml", include_str!("workflows/rem-ci-apply.yml")),
    ("rem-ci-destroy.yml", include_str!("workflows/rem-ci-destroy.yml")),
    ("rem-ci-drift.yml", include_str!("workflows/rem-ci-drift.yml")),
];

/// This project's own workflow: the versions that it pins are those that are written for others.
const PINS: &str = include_str!("../../../.github/workflows/rem-ci-plan.yml");

impl Answers {
    /// Nothing that YAML, a workflow or a reader would take for something else. What the values mean is checked by the
    /// check of the file itself.
    pub(super) fn plain(&self) -> Result<(), String> {
        let word = |text: &str| {
            !text.is_empty()
                && text.len() <= 128
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        };
        let values = [
            ("--name", &self.name),
            ("--owner", &self.owner),
            ("--account", &self.account),
            ("--region", &self.region),
            ("--cluster", &self.cluster),
            ("--kubernetes", &self.kubernetes),
            ("--karpenter", &self.karpenter),
            ("--cidr", &self.cidr),
            ("--nat", &self.nat),
            ("--connect", &self.connect),
            ("--repository", &self.repository),
            ("--branch", &self.branch),
        ];
        if let Some((flag, value)) = values.into_iter().find(|(_, value)| !word(value)) {
            return Err(format!("{flag} takes letters, digits and ./_- only, not {value:?}"));
        }
        if self.name.contains('/') {
            return Err("--name is the name of a file, without a folder".to_owned());
        }
        if self.repository.split('/').count() != 2 {
            return Err("--repository takes OWNER/NAME".to_owned());
        }
        match &self.action {
            Some(action) if !pinned(action) => Err("--action takes OWNER/NAME@ and a full commit SHA".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Named by a full commit: what a tag names can be moved.
fn pinned(action: &str) -> bool {
    action.split_once('@').is_some_and(|(name, sha)| {
        name.split('/').count() == 2
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
            && sha.len() == 40
            && sha.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// All files, in the order in which they are shown.
pub(super) fn files(answers: &Answers, workflows: bool) -> Result<Vec<File>, Halt> {
    let file = |path: String, text: String| File { path, text };
    let mut all = vec![
        file("environments/base.yaml".to_owned(), include_str!("../../../environments/base.yaml").to_owned()),
        file(format!("environments/{}.yaml", answers.name), environment(answers)),
        file("environments/schema.json".to_owned(), config::schema()),
    ];
    if !workflows {
        return Ok(all);
    }
    let bug = |what: &str| Halt::new(Exit::Failed, Problem::error("bug", format!("no pin of {what}"), "report it"));
    let pin = |of: &dyn Fn(&str) -> bool| {
        PINS.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, used)| used.trim()).find(|used| of(used))
    };
    let checkout = pin(&|used| used.starts_with("actions/checkout@")).ok_or_else(|| bug("actions/checkout"))?;
    let ours = pin(&|used| !used.starts_with("actions/") && used.contains('@')).ok_or_else(|| bug("the action"))?;
    let action = answers.action.as_deref().unwrap_or(ours);
    for (name, template) in WORKFLOWS {
        let text = template
            .replace("__REPOSITORY__", &answers.repository)
            .replace("__BRANCH__", &answers.branch)
            .replace("__CHECKOUT__", checkout)
            .replace("__ACTION__", action);
        all.push(file(format!(".github/workflows/{name}"), text));
    }
    Ok(all)
}

/// A key with its value, and what it is for from the same column on as in the shipped files.
fn line(text: &str, why: &str) -> String {
    if text.len() < 31 { format!("{text:<32}# {why}\n") } else { format!("{text}  # {why}\n") }
}

fn environment(answers: &Answers) -> String {
    let Answers { name, owner, account, region, cluster, kubernetes, karpenter, zones, cidr, nat, connect, .. } =
        answers;
    let mut text = String::from("# yaml-language-server: $schema=schema.json\nextends: base.yaml\n");
    text.push_str(&line(&format!("name: {name}"), "= the file's stem = the GitHub environment"));
    text.push_str(&line(
        &format!("owner: {owner}"),
        "who may own this name in the account; part of every ownership tag",
    ));
    text.push_str(&line(&format!("account: \"{account}\""), "credentials of any other account are refused"));
    let _ = writeln!(text, "region: {region}");
    text.push_str(&line(
        &format!("connect: {connect}"),
        "direct | ssm | runner-cidr: how in-cluster work reaches the private endpoint",
    ));
    text.push_str(&line("protect: true", "`destroy` refuses while this is true"));
    text.push_str(
        "# `state: {bucket: …}` and `roles: {plan, apply, destroy}` are written by `rem-ci bootstrap`.\n\nnetwork:\n",
    );
    text.push_str(&line(&format!("  cidr: {cidr}"), "per zone a public and a private subnet"));
    text.push_str(&line(&format!("  zones: {zones}"), "the first that EKS takes, or a list of AZ ids"));
    text.push_str(&line(&format!("  natGateways: {nat}"), "perZone | single | none"));
    let _ = write!(text, "\ncluster:\n  name: {cluster}\n");
    text.push_str(&line(&format!("  version: \"{kubernetes}\""), "quoted; one minor up at a time, Karpenter first"));
    text.push_str(&line("  deletionProtection: true", "EKS itself refuses to delete the cluster"));
    let _ = write!(text, "\nkarpenter:\n  version: \"{karpenter}\"\n");
    text.push_str(
        "\n# What no plan can know, and what it may cost, USD a month:\n\
         # cost: {assumptions: {natGb: 1000, logsGb: 20}, budget: {fixed: {warn: 300, fail: 400}}}\n\n",
    );
    text.push_str(&line("moved: []", "a renamed pool: [{from: nodePools/old, to: nodePools/new}]"));
    text.push_str(&line("acknowledge: []", "CODE:DIGEST, as the plan prints it"));
    text
}

/// The commands that come next.
pub(super) fn next(answers: &Answers, workflows: bool) -> String {
    let name = &answers.name;
    let mut text = format!(
        "\nNext:\n  rem-ci check {name}                 the file is valid; this says what to look at\n  \
         rem-ci plan {name} --offline        what it would make, and what that costs\n  \
         rem-ci pin {name}                   names Karpenter's chart by its digest; an apply wants that\n"
    );
    if workflows {
        let _ = write!(
            text,
            "  git add environments .github && git commit\n                                      roles trust workflows as {} has them\n  \
             rem-ci bootstrap {name}             makes the roles, the state bucket and the GitHub environments\n  \
             rem-ci doctor {name}                says whether all of it fits together\n",
            answers.branch
        );
    }
    text
}

#[cfg(test)]
mod tests;
