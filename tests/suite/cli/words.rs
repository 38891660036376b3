//! Verbs that explain, draw and convert; and the whole help text as one snapshot.

use super::{Place, document};

/// The command line is a contract: a change of it shows here.
#[test]
fn the_reference() {
    insta::assert_snapshot!("reference", rem_ci::cli::reference());
}

#[test]
fn help_and_version() {
    let place = Place::new();
    let run = place.ends(0, &["--help"]);
    assert!(run.err.is_empty() && run.out.contains("Exit codes:"), "{}", run.out);
    assert_eq!(place.ends(0, &["--version"]).out, format!("rem-ci {}\n", env!("CARGO_PKG_VERSION")));
    let listed: Vec<&str> = run.out.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let verbs: Vec<&str> =
        listed.into_iter().filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')).collect();
    for verb in ["plan", "apply", "verify", "destroy", "drift", "cost", "check", "output", "graph", "unlock", "sandbox"]
    {
        assert!(verbs.contains(&verb), "{verb} is not in {verbs:?}");
        let run = place.ends(0, &[verb, "--help"]);
        assert!(run.err.is_empty() && run.out.contains("Usage: "), "{verb}");
    }
}

#[test]
fn explain_knows_every_code_and_kind_it_lists() {
    let place = Place::new();
    let list = place.ends(0, &["explain"]).out;
    let words: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert!(words.len() > 100, "{}", words.len());
    for kind in rem_ci::resources::KINDS {
        assert!(words.contains(&kind.kind().name), "{}", kind.kind().name);
    }
    // In process it takes no time; the binary is asked for a few.
    for word in ["nat-gateway", "subnet-too-small", "locked", "replace-cluster", "verify-cluster-active", "usage"] {
        assert!(words.contains(&word), "{word} is not listed");
        let text = place.ends(0, &["explain", word]).out;
        assert!(text.contains(word) && text.lines().count() >= 3 && text.len() > 60, "{word}: {text}");
    }
}

#[test]
fn the_schema_is_the_shipped_one() {
    let place = Place::new();
    let run = place.ends(0, &["schema"]);
    assert_eq!(run.out, place.read("environments/schema.json"));
}

#[test]
fn completions_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = place.ends(0, &["completions", shell]).out;
        assert!(text.contains("rem-ci") && text.contains("detailed-exitcode"), "{shell}");
    }
    assert!(place.ends(0, &["man"]).out.contains(".TH rem-ci"));
}

#[test]
fn a_graph_in_three_languages() {
    let place = Place::new();
    let mermaid = place.ends(0, &["graph", "prod"]).out;
    assert!(mermaid.contains("subgraph") && mermaid.contains("general-purpose"), "{mermaid}");
    assert_eq!(place.ends(0, &["graph", "prod", "--as", "mermaid"]).out, mermaid);
    let dot = place.ends(0, &["graph", "prod", "--as", "dot"]).out;
    assert!(dot.starts_with("digraph ") && dot.trim_end().ends_with('}'), "{dot}");
    let svg = place.ends(0, &["graph", "prod", "--as", "svg"]).out;
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>") && !svg.contains("<script"), "{svg}");
}

#[test]
fn a_stack_file_becomes_an_environment() {
    let place = Place::new();
    place.write(
        "Pulumi.prod.yaml",
        "config:\n  aws:region: us-east-1\n  rem:cluster_name: shop\n  rem:cluster_version: \"1.31\"\n  rem:vpc_cidr: 10.9.0.0/16\n",
    );
    let run = place.ends(0, &["import-config", "Pulumi.prod.yaml"]);
    assert!(run.out.contains("name: prod") && run.out.contains("region: \"us-east-1\""), "{}", run.out);
    let run = place.ends(3, &["import-config", "nowhere.yaml"]);
    assert!(run.err.contains("error[file-not-readable]"), "{}", run.err);
    place.write("Pulumi.bad.yaml", "config: [\n");
    place.ends(3, &["import-config", "Pulumi.bad.yaml"]);
}

#[test]
fn the_sandbox_is_shown_and_forgotten() {
    let place = Place::new();
    let run = place.ends(1, &["sandbox", "show"]);
    assert!(run.err.contains("error[sandbox-file]"), "{}", run.err);
    place.ends(0, &["apply", "dev", "--sandbox=there/region.json", "--yes", "--quiet", "--only", "network"]);
    let shown = document(&place.ends(0, &["sandbox", "show", "--state", "there/region.json", "--format", "json"]));
    assert!(shown["services"].to_string().contains("vpc-"), "{shown}");
    place.write("there/region.json", "{");
    let run = place.ends(1, &["plan", "dev", "--sandbox=there/region.json"]);
    assert!(run.err.contains("error[sandbox-file]"), "{}", run.err);
    place.ends(0, &["sandbox", "reset", "--state", "there/region.json"]);
    place.ends(2, &["plan", "dev", "--sandbox=there/region.json", "--detailed-exitcode"]);
}
