//! Which environments a change touches: those whose file, or whose files that it extends, differ; and all of them where the
//! version of rem-ci that a workflow pins is another.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::config::files::Source;
use crate::config::{Commit, Git, load_from};
use crate::problem::Problem;

/// The folder of environment files.
pub const FOLDER: &str = "environments";

/// An environment's file as a tree has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file's stem.
    pub name: String,
    /// 12 digits; empty if the file cannot be read.
    pub account: String,
    /// AWS region; empty if the file cannot be read.
    pub region: String,
    /// The files it is made of.
    files: BTreeSet<String>,
    /// Whether the file is not valid: it is looked at all the same, so that somebody is told.
    pub invalid: bool,
}

impl Found {
    /// An environment by its name alone.
    #[cfg(test)]
    pub(super) fn of(name: &str, account: &str, region: &str) -> Self {
        let (name, account, region) = (name.to_owned(), account.to_owned(), region.to_owned());
        Self { name, account, region, files: BTreeSet::new(), invalid: false }
    }
}

/// What a change does to the environments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those that are there afterwards and may be planned otherwise than before.
    pub environments: Vec<Found>,
    /// Those whose file is gone: nothing is done about them, and somebody has to know.
    pub orphaned: Vec<String>,
}

/// The name of the environment whose file this is, if it is one.
fn stem(path: &str) -> Option<&str> {
    let file = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
    let stem = file.strip_suffix(".yaml")?;
    super::role::is_name(stem).then_some(stem)
}

/// All environments of a tree. A file without `name` is a fragment.
///
/// # Errors
/// When git cannot be run.
pub fn all(git: &Git, tree: &str, today: Date) -> Result<Vec<Found>, Box<Problem>> {
    let source = Commit::of_tree(git.folder(), tree);
    let files = git.files(tree, FOLDER)?;
    Ok(files.iter().filter_map(|path| found(&source, path, today)).collect())
}

fn found(source: &dyn Source, path: &str, today: Date) -> Option<Found> {
    let name = stem(path)?.to_owned();
    match load_from(source, path, today) {
        Ok(loaded) => Some(Found {
            name,
            account: loaded.spec.account,
            region: loaded.spec.region,
            files: loaded.files.into_iter().collect(),
            invalid: false,
        }),
        Err(problems) if problems.iter().any(|problem| problem.code == "fragment") => None,
        Err(_) => {
            let files = BTreeSet::from([path.to_owned()]);
            Some(Found { name, account: String::new(), region: String::new(), files, invalid: true })
        }
    }
}

/// What the change from one commit or tree to another touches.
///
/// # Errors
/// When git cannot be run, or one of the two is not here.
pub fn between(git: &Git, from: &str, to: &str, today: Date) -> Result<Touched, Box<Problem>> {
    let changed: BTreeSet<String> = git.changed(from, to)?.into_iter().collect();
    let pinned = pins_differ(git, from, to, &changed);
    let environments = all(git, to, today)?;
    let there: BTreeSet<&str> = environments.iter().map(|found| found.name.as_str()).collect();
    let before = git.files(from, FOLDER)?;
    let source = Commit::of_tree(git.folder(), from);
    let gone = before.iter().filter(|path| stem(path).is_some_and(|name| !there.contains(name)));
    let orphaned = gone.filter_map(|path| Some(found(&source, path, today)?.name)).collect();
    let touches = |found: &Found| pinned || touches(found, &changed);
    Ok(Touched { environments: environments.into_iter().filter(touches).collect(), orphaned })
}

fn touches(found: &Found, changed: &BTreeSet<String>) -> bool {
    // What a broken file extends is not known: any file beside it may be it.
    let beside = |path: &String| found.invalid && path.starts_with(FOLDER);
    let prices = format!("prices/ec2-{}.json", found.region);
    changed.iter().any(|path| found.files.contains(path) || beside(path) || *path == prices)
}

/// Whether a workflow, or an action of the repository, runs another rem-ci than before.
fn pins_differ(git: &Git, from: &str, to: &str, changed: &BTreeSet<String>) -> bool {
    let workflows = changed.iter().filter(|path| path.starts_with(".github/") && is_yaml(path));
    workflows.into_iter().any(|path| {
        let at = |tree: &str| {
            let read = Commit::of_tree(git.folder(), tree).read(path).unwrap_or_default();
            pins(&String::from_utf8_lossy(&read))
        };
        at(from) != at(to)
    })
}

fn is_yaml(path: &str) -> bool {
    let extension = std::path::Path::new(path).extension();
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// What the `uses:` of a workflow say about rem-ci: `acme/rem-ci@SHA`, `acme/rem-ci/.github/workflows/plan.yml@SHA`.
fn pins(text: &str) -> BTreeSet<String> {
    let value = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let value = line.strip_prefix("uses:")?.split(" #").next()?;
        let value = value.trim().trim_matches(['"', '\'']);
        let (what, _) = value.split_once('@')?;
        what.split('/').nth(1).is_some_and(|name| name.eq_ignore_ascii_case("rem-ci")).then(|| value.to_owned())
    };
    text.lines().filter_map(value).collect()
}

/// The finding about an environment whose file is gone.
#[must_use]
pub fn orphan(name: &str) -> Problem {
    let title = format!("environments/{name}.yaml is gone, and what it made is still there");
    let help = format!(
        "nothing is destroyed by deleting a file: bring it back, destroy {name} by the destroy workflow, and delete it then"
    );
    Problem::warning("orphaned", title, help)
}

#[cfg(test)]
mod tests {
    use super::{pins, stem};

    #[test]
    fn pins_are_of_rem_ci_alone() {
        let text = "jobs:\n  plan:\n    uses: acme/rem-ci/.github/workflows/plan.yml@0123 # v1\n    steps:\n      - uses: actions/checkout@v4\n      - \
                    uses: \"acme/rem-ci@4567\"\n      - uses: ./\n      - run: echo uses: acme/rem-ci@89\n";
        let found: Vec<String> = pins(text).into_iter().collect();
        assert_eq!(found, ["acme/rem-ci/.github/workflows/plan.yml@0123", "acme/rem-ci@4567"]);
    }

    #[test]
    fn environments_are_named_by_their_files() {
        assert_eq!(stem("environments/prod.yaml"), Some("prod"));
        for other in [
            "environments/prod.yml",
            "environments/a/b.yaml",
            "prod.yaml",
            "environments/Prod.yaml",
            "environments/..yaml",
        ] {
            assert_eq!(stem(other), None, "{other}");
        }
    }
}
