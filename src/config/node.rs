//! A value tree whose every node knows where it stands, so that positions survive `extends`.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::problem::Place;

/// Longest line that a snippet quotes, in characters.
const MAX_SNIPPET: usize = 1000;

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Text {
    /// As messages call it.
    pub(super) name: String,
    /// All of it.
    pub(super) all: String,
    /// Where each line begins, in bytes.
    starts: Vec<usize>,
}

impl Text {
    pub(super) fn new(name: &str, text: String) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.to_owned(), all: text, starts }
    }

    /// A line without its end, by its number from 1; empty if there is none.
    pub(super) fn line(&self, number: usize) -> &str {
        let start = self.starts.get(number.saturating_sub(1)).copied().unwrap_or(self.all.len());
        let end = self.starts.get(number).map_or(self.all.len(), |next| next - 1);
        self.all[start..end].trim_end_matches('\r')
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        // After a last line end there is nothing more.
        self.starts.len() - usize::from(self.all.ends_with('\n')).min(self.starts.len() - 1)
    }
}

/// A stretch of one line of a file.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) file: Arc<Text>,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// In characters, at least 1.
    pub(super) length: usize,
}

impl Spot {
    /// The same as a [`Place`], with the line's text.
    pub(super) fn place(&self) -> Place {
        let line = self.file.line(self.line);
        let text: String = line.chars().take(MAX_SNIPPET).map(visible).collect();
        Place { file: self.file.name.clone(), line: self.line, column: self.column, length: self.length, text }
    }
}

/// A snippet never shows what the check of characters refused.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if super::text::hidden(c).is_some() || c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// One value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where the value stands; of a block collection, where its key does.
    pub(super) at: Spot,
    /// Where its key stands.
    pub(super) key: Option<Spot>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A scalar, with the characters of the file (an unquoted `1.30` is the number 1.3, written `1.30`).
    Scalar { value: Value, raw: String },
    /// In order.
    List(Vec<Node>),
    /// In the file's order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Without places.
    pub(super) fn json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { value, .. } => value.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.clone(), node.json())).collect::<Map<_, _>>())
            }
        }
    }

    /// The entry of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text of a text scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value, .. } => value.as_str(),
            _ => None,
        }
    }

    /// The node at a path.
    pub(super) fn find(&self, path: &[Step]) -> Option<&Node> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        match (&self.kind, step) {
            (Kind::Map(_), Step::Key(key)) => self.get(key)?.find(rest),
            (Kind::List(items), Step::Index(index)) => items.get(*index)?.find(rest),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { value: Value::Null, .. })
    }

    /// `over` on top of this: maps merge by key, all else replaces; a null stays until [`Node::prune`].
    pub(super) fn merge(self, over: Node) -> Node {
        match (self.kind, over.kind) {
            (Kind::Map(mut below), Kind::Map(above)) => {
                let mut above: HashMap<String, (usize, Node)> =
                    above.into_iter().enumerate().map(|(order, (key, node))| (key, (order, node))).collect();
                for (key, node) in &mut below {
                    if let Some((_, over)) = above.remove(key) {
                        let under = std::mem::replace(&mut node.kind, Kind::List(Vec::new()));
                        *node = Node { kind: under, at: node.at.clone(), key: node.key.clone() }.merge(over);
                    }
                }
                let mut new: Vec<_> = above.into_iter().collect();
                new.sort_by_key(|(_, (order, _))| *order);
                below.extend(new.into_iter().map(|(key, (_, node))| (key, node)));
                Node { kind: Kind::Map(below), at: over.at, key: over.key }
            }
            (_, kind) => Node { kind, at: over.at, key: over.key },
        }
    }

    /// Removes every entry of a map that is null.
    pub(super) fn prune(&mut self) {
        match &mut self.kind {
            Kind::Map(entries) => {
                entries.retain(|(_, node)| !node.is_null());
                for (_, node) in entries {
                    node.prune();
                }
            }
            Kind::List(items) => items.iter_mut().for_each(Self::prune),
            Kind::Scalar { .. } => {}
        }
    }

    /// The same with every place replaced: what an alias stands for is shown where the alias is.
    pub(super) fn moved(&self, at: &Spot) -> Node {
        let kind = match &self.kind {
            Kind::Scalar { value, raw } => Kind::Scalar { value: value.clone(), raw: raw.clone() },
            Kind::List(items) => Kind::List(items.iter().map(|item| item.moved(at)).collect()),
            Kind::Map(entries) => Kind::Map(entries.iter().map(|(key, node)| (key.clone(), node.moved(at))).collect()),
        };
        Node { kind, at: at.clone(), key: Some(at.clone()) }
    }

    /// How many nodes this is.
    pub(super) fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|(_, node)| node.size()).sum(),
        }
    }
}

/// One step of a path into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// `nodePools.burst.requirements[0].values[1]`
pub(super) fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
    text
}

/// Where every value of an environment stands, by path: `network.cidr`, `nodePools.burst.requirements[0].values[1]`.
#[derive(Clone, Debug, Default)]
pub struct Places {
    values: HashMap<String, Spot>,
    keys: HashMap<String, Spot>,
}

impl Places {
    pub(super) fn of(root: &Node) -> Self {
        let mut places = Self::default();
        places.add(root, &mut Vec::new());
        places
    }

    fn add(&mut self, node: &Node, path: &mut Vec<Step>) {
        let text = path_text(path);
        if let Some(key) = &node.key {
            self.keys.insert(text.clone(), key.clone());
        }
        self.values.insert(text, node.at.clone());
        match &node.kind {
            Kind::Scalar { .. } => {}
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.add(item, path);
                    path.pop();
                }
            }
            Kind::Map(entries) => {
                for (key, entry) in entries {
                    path.push(Step::Key(key.clone()));
                    self.add(entry, path);
                    path.pop();
                }
            }
        }
    }

    /// Where the value at `path` stands, or its nearest ancestor that is written in a file; the empty path is the file.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Place> {
        nearest(path, &self.values).map(Spot::place)
    }

    /// Where the key of the entry at `path` stands, or as [`Places::at`].
    #[must_use]
    pub fn key(&self, path: &str) -> Option<Place> {
        self.keys.get(path).map(Spot::place).or_else(|| self.at(path))
    }

    /// Whether `path` is written in a file, rather than a default.
    #[must_use]
    pub fn written(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }
}

fn nearest<'a>(path: &str, spots: &'a HashMap<String, Spot>) -> Option<&'a Spot> {
    let mut path = path;
    loop {
        if let Some(spot) = spots.get(path) {
            return Some(spot);
        }
        if path.is_empty() {
            return None;
        }
        path = path.rfind(['.', '[']).map_or("", |cut| &path[..cut]);
    }
}
