//! From an ENV argument to a [`Spec`], its places and its findings.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;

use super::check::{self, waive};
use super::codes::code;
use super::decode;
use super::files::{self, Disk, MAX_DEPTH, Source};
use super::node::{Node, Places, Text};
use super::spec::Spec;
use super::{text, yaml};
use crate::problem::Problem;

/// An environment that may be planned.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says, `extends` resolved.
    pub spec: Spec,
    /// Where it says so.
    pub places: Places,
    /// The files it was read from, as messages call them; the environment's own is the first.
    pub files: Vec<String>,
    /// Warnings and notes; those that a waiver of the environment itself sets aside are marked.
    pub findings: Vec<Problem>,
}

/// Loads an environment from the working tree: `prod` is environments/prod.yaml beneath `root`, all else is a path.
///
/// # Errors
/// Everything that is wrong with it, in the order of the files, if at least one of it is an error; warnings come along.
pub fn load(argument: &str, root: &Path, today: Date) -> Result<Loaded, Vec<Problem>> {
    let argument = files::argument(argument, root).map_err(|problem| vec![*problem])?;
    load_shown(&Disk::new(&argument.folder), &argument.file, &argument.shown, today)
}

/// Loads the environment of `file`, a `/`-separated path within `source`.
///
/// # Errors
/// As [`load`].
pub fn load_from(source: &dyn Source, file: &str, today: Date) -> Result<Loaded, Vec<Problem>> {
    load_shown(source, file, "", today)
}

fn load_shown(source: &dyn Source, file: &str, shown: &str, today: Date) -> Result<Loaded, Vec<Problem>> {
    let mut reading = Reading { source, shown, files: Vec::new(), problems: Vec::new() };
    let root = reading.read(file, None);
    let Reading { files: read, mut problems, .. } = reading;
    let Some(mut root) = root else { return Err(sorted(problems, &read)) };
    root.prune();
    let places = Places::of(&root);
    if root.get("name").is_none() {
        problems.push(
            Problem::error(
                code::FRAGMENT,
                format!("`{shown}{file}` has no `name`: it is a fragment, not an environment"),
                "name the environment like its file, or plan one that extends this",
            )
            .at(places.at("")),
        );
        return Err(sorted(problems, &read));
    }
    let decoded = decode::decode(&root, &places);
    problems.extend(decoded.problems);
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if let Some(spec) = &decoded.spec {
        problems.extend(check::check(spec, &places, &decoded.poisoned, stem, today));
        waive(&mut problems, &spec.policy, today);
    }
    let findings = sorted(problems, &read);
    match decoded.spec {
        Some(spec) if !findings.iter().any(Problem::stops) => Ok(Loaded { spec, places, files: read, findings }),
        _ => Err(findings),
    }
}

/// In the order in which a reader meets them.
fn sorted(mut problems: Vec<Problem>, files: &[String]) -> Vec<Problem> {
    let rank = |problem: &Problem| {
        problem.place.as_ref().map_or((0, 0, 0), |place| {
            let file = files.iter().position(|file| *file == place.file).map_or(0, |at| at + 1);
            (file, place.line, place.column)
        })
    };
    problems.sort_by_key(rank);
    problems.dedup();
    for problem in &mut problems {
        shorten(&mut problem.title);
        shorten(&mut problem.help);
    }
    problems
}

/// Values are quoted in messages, and a value can be a megabyte.
fn shorten(text: &mut String) {
    const MOST: usize = 500;
    if let Some((at, _)) = text.char_indices().nth(MOST) {
        text.truncate(at);
        text.push('…');
    }
}

/// The tree of a file that others extend. A thousand environments share a base: its tree is kept for as long as it reads the same.
fn base_tree(text: &Arc<Text>) -> Result<Node, Vec<Problem>> {
    const KEPT: usize = 4;
    thread_local! {
        static BASES: RefCell<VecDeque<(Arc<Text>, Node)>> = const { RefCell::new(VecDeque::new()) };
    }
    BASES.with_borrow_mut(|bases| {
        if let Some((_, tree)) = bases.iter().find(|(known, _)| known.name == text.name && known.all == text.all) {
            return Ok(tree.clone());
        }
        let tree = yaml::read(text)?;
        bases.truncate(KEPT - 1);
        bases.push_front((Arc::clone(text), tree.clone()));
        Ok(tree)
    })
}

struct Reading<'a> {
    source: &'a dyn Source,
    shown: &'a str,
    /// As messages call them, in the order read.
    files: Vec<String>,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// The tree of a file on top of what it extends; none if any of it could not be read.
    fn read(&mut self, file: &str, from: Option<(&Node, &[String])>) -> Option<Node> {
        let place = from.map(|(extends, _)| extends.at.place());
        let chain = from.map(|(_, chain)| chain).unwrap_or_default();
        if let Some(at) = chain.iter().position(|above| above == file) {
            let circle: Vec<&str> = chain[at..].iter().map(String::as_str).chain([file]).collect();
            let help = "a base file extends nothing that extends it";
            let title = format!("`extends` goes round in a circle: {}", circle.join(" > "));
            self.problems.push(Problem::error(code::EXTENDS_CYCLE, title, help).at(place));
            return None;
        }
        if chain.len() > MAX_DEPTH {
            let help = "merge some of them";
            let title = format!("more than {MAX_DEPTH} files extend one another");
            self.problems.push(Problem::error(code::EXTENDS_DEPTH, title, help).at(place));
            return None;
        }
        let name = format!("{}{file}", self.shown);
        let read = self.source.read(file).map_err(|mut problem| {
            if from.is_some() && problem.code == code::FILE_NOT_FOUND {
                "`extends` is looked for beside the file that says it".clone_into(&mut problem.help);
            }
            vec![problem.at(place)]
        });
        let text = read.and_then(|bytes| text::decode(&name, bytes).map_err(|problem| vec![*problem]));
        self.files.push(name);
        let tree = match text.and_then(|text| if from.is_some() { base_tree(&text) } else { yaml::read(&text) }) {
            Ok(tree) => tree,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let Some(extends) = tree.get("extends") else { return Some(tree) };
        let Some(base) = extends.text() else {
            // Null extends nothing; anything else is reported by the decoder.
            return Some(tree);
        };
        match files::beside(file, base) {
            Ok(base) => {
                let mut chain = chain.to_vec();
                chain.push(file.to_owned());
                let below = self.read(&base, Some((extends, &chain)))?;
                Some(below.merge(tree))
            }
            Err(problem) => {
                self.problems.push(problem.at(Some(extends.at.place())));
                None
            }
        }
    }
}
