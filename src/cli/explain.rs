//! `rem-ci explain CODE|KIND`

use super::Say;
use crate::engine::Effect;
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::{action, bootstrap, cloud, config, doctor, github, guard, resources, run, verify};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A code (`subnet-too-small`) or a kind (`nat-gateway`); all of them when left out
    #[arg(value_name = "CODE|KIND")]
    pub(super) word: Option<String>,
}

/// Every code with its explanation.
#[must_use]
pub fn codes() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> =
        config::codes().iter().map(|doc| (doc.code, format!("{}\n\n{}", doc.why, doc.fix))).collect();
    let guards = guard::GUARDS.iter().flat_map(|guard| guard.codes);
    let rest = guards.chain(run::CODES).chain(bootstrap::CODES).chain(run::drain::CODES).chain(verify::codes());
    let rest = rest.chain(github::CODES).chain(CODES);
    let rest =
        rest.chain(github::oidc::CODES).chain(cloud::oidc::CODES).chain(cloud::strict::CODES).chain(doctor::CODES);
    let rest = rest.chain(action::CODES);
    all.extend(rest.map(|(code, text)| (*code, (*text).to_owned())));
    all.extend(verify::diagnose::codes().iter().map(|doc| (doc.code, format!("{}\n\n{}", doc.why, doc.help))));
    all.sort();
    all
}

/// Codes of the command line itself.
const CODES: &[(&str, &str)] = &[
    (
        "bug",
        "Something that cannot happen did. Nothing was changed by it; please report it with the command line that showed it.",
    ),
    (
        "init-exists",
        "`rem-ci init` never writes over an environment that is there: its file may have been edited since. --force writes it anew.",
    ),
    (
        "not-hardened",
        "Before the Action touches a token it switches off core files and keeps other processes of the same user out of its memory. A system that \
         refuses either is no place for it.",
    ),
    ("usage", "The command line makes no sense; `rem-ci help VERB` shows what it takes."),
    (
        "output-file",
        "--out writes onto regular files only, by a rename in the same folder, so that a reader never sees half of it.",
    ),
    (
        "exec-version",
        "A client asks for tokens in a version of the exec plugin protocol that is not spoken here: v1 and v1beta1 are. Clients older than \
         Kubernetes 1.22 want an older one.",
    ),
    (
        "kubeconfig",
        "The kubeconfig cannot be written. A file that is there is replaced only if it is a regular one; --merge replaces entries that rem-ci \
         made and refuses to touch those of others that have the same name.",
    ),
    (
        "no-such-pod",
        "`rem-ci diagnose ENV NAMESPACE/POD` looks at a pod that is in the cluster; without a namespace it is `default`.",
    ),
    (
        "chart-unsigned",
        "The chart's manifest does not bear the keyless signature of Karpenter's release workflow for this version, or cosign is not there \
         to check it. A mirror's chart is checked against the signature that Karpenter publishes, by digest; a local file must be the very \
         file that Karpenter published.",
    ),
    (
        "pin",
        "`rem-ci pin` changes one line of the environment's text. Where the place cannot be told, or the file cannot be written, it says what to \
         write by hand.",
    ),
    (
        "workloads-file",
        "--workloads takes the output of `kubectl get pods -A -o json`, from a file or from stdin with `-`: a JSON list of pods.",
    ),
    (
        "actual-cost",
        "Cost Explorer could not be asked what was billed: it needs credentials that allow ce:GetCostAndUsage, and `rem-ci:environment` activated as a \
         cost allocation tag in the payer account, a day before it shows.",
    ),
    (
        "price-list",
        "A price list could not be read, is torn, or has too little in it to be a region's. Tables are replaced as a whole or not at all, so the \
         old ones are still there.",
    ),
    (
        "price-moved",
        "A price differs more than fivefold from the one that is known. Prices do fall, of accelerated types by half in a year, but a factor of five is \
         more often a mistake of a list or of who reads it. Look at AWS's pricing page; `--accept` believes the list.",
    ),
    ("no-output", "An output has a value only once the resource behind it exists."),
    ("unknown-word", "`rem-ci explain` knows codes and kinds of resources; without a word it lists all."),
];

fn kind_text(kind: &crate::engine::Kind) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{} ({})\n\n{}\n\nFields:\n", kind.noun, kind.name, kind.docs);
    for field in kind.fields {
        let effect = match field.effect {
            Effect::InPlace => "changed in place".to_owned(),
            Effect::Rolls => "rolls nodes".to_owned(),
            Effect::Replace(_) => "replaces it".to_owned(),
            Effect::Fixed(help) => format!("cannot be changed: {help}"),
        };
        let _ = writeln!(text, "  {:<28} {effect}\n  {:<28} {}", field.name, "", field.docs);
    }
    let _ = writeln!(text, "\nIAM actions: {}", kind.actions.join(", "));
    text
}

pub(super) fn run(args: &Args, say: &Say) -> Result<Exit, Halt> {
    let Some(word) = &args.word else {
        let kinds = resources::KINDS.iter().map(|kind| kind.kind().name);
        let codes = codes();
        let codes = codes.iter().map(|(code, _)| *code);
        let list = |items: Vec<&str>| items.join("\n  ");
        let text = format!("Kinds:\n  {}\n\nCodes:\n  {}\n", list(kinds.collect()), list(codes.collect()));
        return Ok(say.result(&text));
    };
    if let Some(kind) = resources::about(word) {
        return Ok(say.result(&kind_text(kind)));
    }
    let all = codes();
    if let Some((code, text)) = all.iter().find(|(code, _)| code == word) {
        return Ok(say.result(&format!("{code}\n\n{text}\n")));
    }
    let near = all.iter().map(|(code, _)| *code).chain(resources::KINDS.iter().map(|kind| kind.kind().name));
    let near =
        near.max_by(|one, other| strsim::jaro(one, word).total_cmp(&strsim::jaro(other, word))).unwrap_or_default();
    let title = format!("nothing is called {word}");
    Err(Halt::new(Exit::Usage, Problem::error("unknown-word", title, format!("did you mean {near}?"))))
}
