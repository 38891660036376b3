//! Text to a tree with places: the only file that names a YAML crate.
//!
//! Two readers see every file. One gives events with positions, from which the tree is built; the other gives the values
//! of its scalars. A file on which they disagree is an error, so nobody can show one thing to a reviewer and another to
//! us. What YAML offers beyond plain maps, lists and scalars is refused: tags, merge keys, several documents, twins of a
//! key, more than a few aliases, great depth.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use serde_saphyr::granit_parser::{self, Event, Marker, Parser, ScalarStyle, Span, StructureStyle};

use super::codes::code;
use super::node::{Kind, Node, Spot, Text};
use super::text;
use crate::problem::Problem;

/// Deepest nesting. The deepest field that means anything is at 9.
const MAX_DEPTH: usize = 32;
/// Most values in a file, aliases expanded.
const MAX_NODES: usize = 20_000;
/// Most aliases in a file.
const MAX_ALIASES: usize = 16;

/// A file's tree, or everything that is wrong with it as YAML.
pub(super) fn read(file: &Arc<Text>) -> Result<Node, Vec<Problem>> {
    let hidden = text::check(file);
    if !hidden.is_empty() {
        return Err(hidden);
    }
    let mut walk = Walk::new(file);
    walk.run();
    if !walk.problems.is_empty() {
        return Err(walk.problems);
    }
    let Some(mut root) = walk.root else {
        let spot = Spot { file: file.clone(), line: 1, column: 1, length: 1 };
        return Err(vec![
            Problem::error(
                code::EMPTY_FILE,
                "the file is empty",
                "start from environments/dev.yaml, or run `rem-ci init`",
            )
            .at(Some(spot.place())),
        ]);
    };
    if !matches!(root.kind, Kind::Map(_)) {
        return Err(vec![
            Problem::error(
                code::WRONG_TYPE,
                "the file is not a map",
                "an environment file is a map: `name: prod`, `region: us-east-1` and so on",
            )
            .at(Some(root.at.place())),
        ]);
    }
    let values: Value = match serde_yaml::from_str(&file.all) {
        Ok(values) => values,
        Err(error) => {
            let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            let spot = Spot { file: file.clone(), line, column, length: 1 };
            return Err(vec![syntax(&error.to_string()).at(Some(spot.place()))]);
        }
    };
    let mut problems = Vec::new();
    fill(&mut root, &values, &mut problems);
    if problems.is_empty() { Ok(root) } else { Err(problems) }
}

fn syntax(why: &str) -> Problem {
    // The reader's own words end in a position that ours already says.
    let why = why.split(" at line ").next().unwrap_or(why);
    Problem::error(
        code::YAML_SYNTAX,
        format!("not valid YAML: {why}"),
        "check the indentation, and that brackets and quotes are closed",
    )
}

/// Puts the second reader's scalars into the first one's tree.
fn fill(node: &mut Node, seen: &Value, problems: &mut Vec<Problem>) {
    let plain = matches!(&node.kind, Kind::Scalar { value, .. } if !value.is_string());
    let agree = match (&mut node.kind, seen) {
        (Kind::List(items), Value::Array(seen)) if items.len() == seen.len() => {
            items.iter_mut().zip(seen).for_each(|(item, seen)| fill(item, seen, problems));
            true
        }
        (Kind::Map(entries), Value::Object(seen)) if entries.len() == seen.len() => {
            let mut all = true;
            for (key, entry) in entries {
                match seen.get(key.as_str()) {
                    Some(seen) => fill(entry, seen, problems),
                    None => all = false,
                }
            }
            all
        }
        (Kind::Scalar { value, raw }, seen) => {
            let quoted = value.is_string();
            let same = match seen {
                Value::String(text) => text == raw,
                Value::Array(_) | Value::Object(_) => false,
                _ => !quoted,
            };
            *value = seen.clone();
            same
        }
        _ => false,
    };
    if let Kind::Scalar { value: Value::String(text), raw } = &node.kind
        && plain
        && raw.len() > 1
        && raw.starts_with('0')
        && raw.bytes().all(|c| c.is_ascii_digit())
    {
        problems.push(
            Problem::error(
                code::UNQUOTED,
                format!("`{text}` without quotes is a number to some readers, without its leading zero"),
                format!("quote it: \"{text}\""),
            )
            .at(Some(node.at.place())),
        );
    } else if !agree {
        problems.push(
            Problem::error(
                code::YAML_AMBIGUOUS,
                "two YAML readers read this differently",
                "write it more plainly: quote it, or put it on a line of its own",
            )
            .at(Some(node.at.place())),
        );
    } else if let Kind::Scalar { value: Value::String(text), .. } = &node.kind
        && let Some((c, why)) = text.chars().find_map(|c| text::hidden(c).map(|why| (c, why)))
    {
        problems.push(
            Problem::error(
                code::HIDDEN_CHARACTER,
                format!("an escape here stands for U+{:04X}, which is {why}", u32::from(c)),
                "delete it",
            )
            .at(Some(node.at.place())),
        );
    }
}

enum Open {
    List {
        at: Spot,
        key: Option<Spot>,
        flow: bool,
        anchor: usize,
        items: Vec<Node>,
    },
    Map {
        at: Spot,
        key: Option<Spot>,
        flow: bool,
        anchor: usize,
        entries: Vec<(String, Node)>,
        names: BTreeSet<String>,
        next: Next,
    },
}

/// What a map waits for.
enum Next {
    Key,
    Value(String, Spot),
    /// The value of a key that was refused: read and dropped.
    Dropped(Spot),
}

struct Walk<'a> {
    file: &'a Arc<Text>,
    /// Characters of each line, and without white space at its end.
    widths: Vec<(usize, usize)>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    aliases: usize,
    nodes: usize,
    documents: usize,
    /// Lines of block scalars, whose tabs are text.
    blocks: Vec<(usize, usize)>,
    problems: Vec<Problem>,
    stop: bool,
}

impl<'a> Walk<'a> {
    fn new(file: &'a Arc<Text>) -> Self {
        Self {
            file,
            widths: (1..=file.lines())
                .map(|line| file.line(line))
                .map(|line| (line.chars().count(), line.trim_end().chars().count()))
                .collect(),
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            aliases: 0,
            nodes: 0,
            documents: 0,
            blocks: Vec::new(),
            problems: Vec::new(),
            stop: false,
        }
    }

    fn run(&mut self) {
        let options = granit_parser::options! {
            disallow_directives: true,
            block_scalar_eof_without_line_feed: true,
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH + 1,
            block_nesting_limit: MAX_DEPTH + 1,
        };
        let tabs = text::tabs(&self.file.all);
        let mut broken = None;
        for item in Parser::new_from_str_with_options(&self.file.all, options) {
            match item {
                Ok((event, span)) => self.event(event, span),
                Err(error) => {
                    broken = Some((self.mark(*error.marker()), error.info()));
                    break;
                }
            }
            if self.stop {
                return;
            }
        }
        let last = broken.as_ref().map_or(usize::MAX, |(spot, _)| spot.line);
        for (line, column) in tabs {
            let text = self.blocks.iter().any(|(from, to)| (*from..=*to).contains(&line));
            // A tab after plain text makes the reader stop a line early.
            if !text && line <= last.saturating_add(1) {
                let spot = Spot { file: self.file.clone(), line, column, length: 1 };
                self.refuse(&spot, code::TAB_INDENT, "a tab in the indentation", "indent with spaces");
            }
        }
        if let Some((spot, why)) = broken
            && !self.problems.iter().any(|problem| problem.code == code::TAB_INDENT)
        {
            let deep = why.contains("nesting") || why.contains("recursion");
            let problem = if deep { too_deep() } else { syntax(&why) };
            self.problems.push(problem.at(Some(spot.place())));
        }
    }

    fn refuse(&mut self, at: &Spot, code: &'static str, title: impl Into<String>, help: &str) {
        self.problems.push(Problem::error(code, title, help).at(Some(at.place())));
        if self.problems.len() >= 100 {
            self.stop = true;
        }
    }

    /// A place of one character, inside the file even if the reader's mark is at its end.
    fn mark(&self, at: Marker) -> Spot {
        let line = at.line().clamp(1, self.widths.len().max(1));
        let width = self.widths.get(line - 1).map_or(0, |(width, _)| *width);
        let column = if at.line() > line { width + 1 } else { (at.col() + 1).min(width + 1) };
        Spot { file: self.file.clone(), line, column, length: 1 }
    }

    fn spot(&self, span: Span) -> Spot {
        let mut spot = self.mark(span.start);
        let width = self.widths.get(spot.line - 1).map_or(0, |(_, width)| *width);
        let end = if span.end.line() == span.start.line() { span.end.col() } else { width };
        spot.length = (end + 1).saturating_sub(spot.column).max(1);
        spot
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let spot = self.spot(span);
                    self.refuse(&spot, code::SEVERAL_DOCUMENTS, "a second document", "one file is one environment");
                    self.stop = true;
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                let spot = self.spot(span);
                self.tagged(tag.is_some(), &spot);
                if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    self.blocks.push((span.start.line() + 1, span.end.line()));
                }
                self.scalar(&value, style, anchor, spot);
            }
            Event::SequenceStart(style, anchor, tag) => {
                let (at, key, flow) = self.begin(style, span, tag.is_some());
                self.open.push(Open::List { at, key, flow, anchor, items: Vec::new() });
            }
            Event::MappingStart(style, anchor, tag) => {
                let (at, key, flow) = self.begin(style, span, tag.is_some());
                let (entries, names) = (Vec::new(), BTreeSet::new());
                self.open.push(Open::Map { at, key, flow, anchor, entries, names, next: Next::Key });
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => {
                let spot = self.spot(span);
                self.alias(id, spot);
            }
            _ => {}
        }
    }

    fn tagged(&mut self, tagged: bool, spot: &Spot) {
        if tagged {
            self.refuse(
                spot,
                code::YAML_TAG,
                "a YAML tag",
                "tags (`!x`) mean nothing here; quote the value if it is text",
            );
        }
    }

    /// Where a collection stands, its key, and whether it is a flow one; a collection as a key is refused.
    fn begin(&mut self, style: StructureStyle, span: Span, tagged: bool) -> (Spot, Option<Spot>, bool) {
        let own = self.spot(span);
        self.tagged(tagged, &own);
        let key = self.key_spot();
        if let Some(Open::Map { next: next @ Next::Key, .. }) = self.open.last_mut() {
            *next = Next::Dropped(own.clone());
            self.refuse(&own, code::YAML_KEY, "a key that is not text", "keys are plain text");
            self.stop = true;
        }
        if self.open.len() >= MAX_DEPTH {
            self.problems.push(too_deep().at(Some(own.place())));
            self.stop = true;
        }
        self.count(1, &own);
        let flow = style == StructureStyle::Flow;
        let at = key.clone().filter(|_| !flow).unwrap_or(own);
        (at, key, flow)
    }

    fn key_spot(&self) -> Option<Spot> {
        match self.open.last() {
            Some(Open::Map { next: Next::Value(_, spot) | Next::Dropped(spot), .. }) => Some(spot.clone()),
            _ => None,
        }
    }

    fn count(&mut self, more: usize, at: &Spot) {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            self.refuse(
                at,
                code::YAML_TOO_LARGE,
                "more than 20,000 values",
                "an environment file is a few hundred lines",
            );
            self.stop = true;
        }
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, anchor: usize, spot: Spot) {
        self.count(1, &spot);
        let plain = style == ScalarStyle::Plain;
        if let Some(Open::Map { names, next: next @ Next::Key, .. }) = self.open.last_mut() {
            if plain && value == "<<" {
                *next = Next::Dropped(spot.clone());
                self.refuse(
                    &spot,
                    code::MERGE_KEY,
                    "a merge key",
                    "`<<` is not read; use `extends: base.yaml`, or write it out",
                );
            } else if let Some(c) = value.chars().find(|c| text::hidden(*c).is_some()) {
                *next = Next::Dropped(spot.clone());
                let title = format!("an escape in this key stands for U+{:04X}", u32::from(c));
                self.refuse(&spot, code::HIDDEN_CHARACTER, title, "delete it");
            } else if plain && not_text(value) {
                *next = Next::Dropped(spot.clone());
                self.refuse(&spot, code::YAML_KEY, format!("the key `{value}` is not text"), "quote it");
            } else if names.insert(value.to_owned()) {
                *next = Next::Value(value.to_owned(), spot);
            } else {
                *next = Next::Dropped(spot.clone());
                self.refuse(&spot, code::DUPLICATE_KEY, format!("`{value}` is there twice"), "keep one of them");
            }
            return;
        }
        // Text marks a quoted scalar; what a plain one is, the second reader says.
        let kind = Kind::Scalar {
            value: if plain { Value::Null } else { Value::String(String::new()) },
            raw: value.to_owned(),
        };
        let key = self.key_spot();
        self.put(Node { kind, at: spot, key }, anchor);
    }

    fn alias(&mut self, id: usize, spot: Spot) {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            self.refuse(
                &spot,
                code::YAML_ALIASES,
                "more than 16 aliases",
                "write it out, or put what is shared into a base file",
            );
            self.stop = true;
            return;
        }
        let Some(target) = self.anchors.get(&id) else {
            self.refuse(&spot, code::YAML_ALIASES, "an alias of something that is not complete", "write it out");
            self.stop = true;
            return;
        };
        let (size, copy) = (target.size(), target.moved(&spot));
        self.count(size, &spot);
        if let Some(Open::Map { next: next @ Next::Key, .. }) = self.open.last_mut() {
            *next = Next::Dropped(spot.clone());
            self.refuse(&spot, code::YAML_KEY, "an alias as a key", "write it out");
            return;
        }
        if !self.stop {
            let key = self.key_spot();
            self.put(Node { key, ..copy }, 0);
        }
    }

    fn end(&mut self, span: Span) {
        let (mut node, flow, anchor) = match self.open.pop() {
            Some(Open::List { at, key, flow, anchor, items }) => {
                (Node { kind: Kind::List(items), at, key }, flow, anchor)
            }
            Some(Open::Map { at, key, flow, anchor, entries, .. }) => {
                (Node { kind: Kind::Map(entries), at, key }, flow, anchor)
            }
            None => return,
        };
        if flow {
            // On one line it is underlined whole.
            let whole = (span.end.col() + 1).saturating_sub(node.at.column).max(1);
            node.at.length = if span.end.line() == node.at.line { whole } else { 1 };
        } else if let (None, Kind::Map(entries)) = (&node.key, &node.kind)
            && let Some(first) = entries.first().and_then(|(_, first)| first.key.clone())
        {
            // The file itself, or an item of a block list, stands where its first key does.
            node.at = first;
        }
        self.put(node, anchor);
    }

    fn put(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, next, .. }) => {
                if let Next::Value(name, _) = std::mem::replace(next, Next::Key) {
                    entries.push((name, node));
                }
            }
        }
    }
}

/// Whether a plain scalar would be read as something else than text.
fn not_text(value: &str) -> bool {
    !matches!(serde_yaml::from_str::<Value>(value), Ok(Value::String(_)))
}

fn too_deep() -> Problem {
    Problem::error(code::YAML_TOO_LARGE, "nested more than 32 deep", "nothing in an environment file is that deep")
}

/// A scalar as it must be written so that every reader takes it for this text.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
