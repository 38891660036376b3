//! Text that was written by somebody else, made visible, bounded and inert for each medium.
//!
//! Rules: no control, bidi or invisible character survives; 200 characters at most; no line of output starts with such
//! text, and a GitHub workflow command (`::name`, `##[name]`) inside it is broken all the same; in Markdown it stands in a
//! code span longer than any run of backticks in it.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};

/// Characters shown of one untrusted text.
pub const BOUND: usize = 200;

/// Text from YAML or from live state. Only the views can print it; JSON gets it as it is, as JSON escapes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untrusted(String);

impl Untrusted {
    /// Takes any text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came, for this room only.
    pub(in crate::view) fn raw(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Serialize for Untrusted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Characters that do something else than being seen: controls, bidi controls, joiners, fillers, tags, selectors.
pub(in crate::view) fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x3164 | 0xFEFF | 0xFFA0
            | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202F | 0x205F..=0x206F | 0xFE00..=0xFE0F
            | 0xFFF0..=0xFFFC | 0xE0000..=0xE0FFF | 0xE000..=0xF8FF)
        // Stacked marks paint over their neighbours.
        || matches!(u32::from(c), 0x300..=0x36F | 0x483..=0x489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF)
}

/// Visible, bounded, on one line.
#[must_use]
pub fn visible(text: &str) -> String {
    bounded(text, BOUND)
}

/// [`visible`] with another bound, in characters of the result.
#[must_use]
pub fn bounded(text: &str, bound: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bound * 4));
    let mut length = 0;
    let mut chars = text.chars().peekable();
    let mut before = ['\0'; 2];
    while let Some(c) = chars.next() {
        let mut piece = String::new();
        let next = chars.peek().copied().unwrap_or('\0');
        match c {
            '\n' => piece.push_str("\\n"),
            '\r' => piece.push_str("\\r"),
            '\t' => piece.push_str("\\t"),
            c if hidden(c) => {
                let _ = write!(piece, "\\u{{{:x}}}", u32::from(c));
            }
            // `::name` and `##[name]` are commands to a GitHub runner.
            ':' if before[1] == ':' && next.is_ascii_alphabetic() => piece.push_str("\\u{3a}"),
            '#' if before[1] == '#' && next == '[' => piece.push_str("\\u{23}"),
            c => piece.push(c),
        }
        before = [before[1], c];
        let width = piece.chars().count();
        if length + width > bound.saturating_sub(usize::from(chars.peek().is_some())) {
            out.push('…');
            return out;
        }
        length += width;
        out.push_str(&piece);
    }
    out
}

/// A Markdown code span, never empty.
#[must_use]
pub fn code(text: &str) -> String {
    let inner = visible(text);
    let inner = if inner.trim().is_empty() { "(empty)".to_owned() } else { inner };
    let fence = "`".repeat(longest_run(&inner) + 1);
    let pad = if inner.starts_with('`') || inner.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{inner}{pad}{fence}")
}

/// [`code`] inside a cell of a Markdown table, where a bar ends the cell even within a span.
#[must_use]
pub fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Longest run of backticks.
pub(in crate::view) fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A `<code>` element, for a `<summary>`, which is HTML to Markdown. GitHub links nothing inside one.
#[must_use]
pub fn html_code(text: &str) -> String {
    format!("<code>{}</code>", xml(text).replace('`', "&#96;"))
}

/// A sentence in Markdown: plain words stay plain, everything else stands in code spans. So nothing in it can become a
/// link, a mention, HTML, an image, a commit or an emoji.
#[must_use]
pub fn prose(text: &str) -> String {
    let shown = visible(text);
    let mut out = String::with_capacity(shown.len() + 16);
    let mut strange: Vec<&str> = Vec::new();
    let flush = |out: &mut String, strange: &mut Vec<&str>| {
        if !strange.is_empty() {
            let inner: String = strange.join(" ");
            if !out.is_empty() {
                out.push(' ');
            }
            // The author's own backticks around one name are not wanted twice.
            let bare =
                inner.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).filter(|rest| !rest.contains('`'));
            out.push_str(&code(bare.unwrap_or(&inner)));
            strange.clear();
        }
    };
    for word in shown.split(' ').filter(|word| !word.is_empty()) {
        let bare = word.trim_end_matches([',', ';', ')']);
        // Where a sentence begins, `1.` would begin a list.
        let item = out.is_empty() && strange.is_empty() && word.ends_with(['.', ')']) && figure(word);
        if !item && plain_word(word) || word == "->" {
            flush(&mut out, &mut strange);
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(if word == "->" { "→" } else { word });
        } else if bare.len() < word.len() && !bare.is_empty() {
            // Punctuation after a strange word belongs to the sentence.
            strange.push(bare);
            flush(&mut out, &mut strange);
            out.push_str(&word[bare.len()..]);
        } else {
            strange.push(word);
        }
    }
    flush(&mut out, &mut strange);
    out
}

/// A word of letters and digits, with hyphens inside and punctuation at its ends; nothing that GitHub would link.
fn plain_word(word: &str) -> bool {
    let inner = word.trim_start_matches('(').trim_end_matches([',', '.', ';', ':', ')']);
    let hex =
        inner.len() >= 7 && inner.bytes().all(|b| b.is_ascii_hexdigit()) && inner.bytes().any(|b| b.is_ascii_digit());
    let issue = inner.to_ascii_uppercase().starts_with("GH-");
    let ends = !inner.starts_with('-') && !inner.ends_with('-');
    let letters =
        inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '\'' || (c.is_alphabetic() && !hidden(c)));
    figure(word) || !inner.is_empty() && letters && ends && !hex && !issue && !inner.starts_with("www")
}

/// `13`, `1.36`, `-$1,234.50`, `13.5 %`: too short, or too much broken up, to be a commit's hash.
fn figure(word: &str) -> bool {
    let inner = word.trim_start_matches('(').trim_end_matches([',', '.', ';', ':', ')']);
    let bare = inner.trim_start_matches(['+', '-']);
    let bare = bare.strip_prefix('$').unwrap_or(bare);
    let digits = bare.strip_suffix('%').unwrap_or(bare);
    let whole = digits
        .split([',', '.'])
        .all(|part| !part.is_empty() && part.len() < 7 && part.bytes().all(|b| b.is_ascii_digit()));
    inner == "%" || whole && digits.len() < 20 && inner.len() - bare.len() < 3
}

/// A label in Mermaid: letters, digits and ` ._/:-`, the rest replaced.
#[must_use]
pub fn mermaid(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || " ._/:-".contains(c) { c } else { '_' };
    text.chars().take(80).map(kept).collect::<String>().replace("::", ":_")
}

/// Text and attribute values in SVG.
#[must_use]
pub fn xml(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A quoted string in DOT, with the quotes.
#[must_use]
pub fn dot(text: &str) -> String {
    format!("\"{}\"", visible(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// JSON text in which no bidi or other hidden character, and no runner command, survives: all of them stand inside
/// strings, where `\u` says the same.
#[must_use]
pub fn json_safe(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && hidden(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.replace("##[", "#\\u0023[")
}
