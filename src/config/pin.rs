//! Writes a chart's digest into the text of an environment, and touches nothing else in it: comments, order and spelling stay.

use super::node::Places;
use crate::problem::Place;

/// One line that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file, as messages name it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// As it is; none where a line is added after `line`.
    pub before: Option<String>,
    /// As it is to be.
    pub after: String,
}

/// What to change so that `karpenter.chartDigest` is `digest`: where it is written, else beside the version, in whichever
/// file of `extends` that stands. None where no such place can be told from the text.
#[must_use]
pub fn chart_digest(places: &Places, digest: &str) -> Option<Edit> {
    const DIGEST: &str = "karpenter.chartDigest";
    if places.written(DIGEST) {
        let place = places.at(DIGEST)?;
        return replaced(&place, digest);
    }
    let place = places.key("karpenter.version").filter(|_| places.written("karpenter.version"))?;
    beside(&place, digest)
}

/// The line with another digest in the old one's place.
fn replaced(place: &Place, digest: &str) -> Option<Edit> {
    let at = place.text.find("sha256:")?;
    let end = at + "sha256:".len() + 64;
    let old = place.text.get(at..end)?;
    let after = place.text.replacen(old, digest, 1);
    Some(Edit { file: place.file.clone(), line: place.line, before: Some(place.text.clone()), after })
}

/// A line more after that of the version; in flow style, an entry more before it.
fn beside(place: &Place, digest: &str) -> Option<Edit> {
    let indent: String = place.text.chars().take_while(|letter| *letter == ' ').collect();
    if place.text[indent.len()..].starts_with("version:") {
        let after = format!("{indent}chartDigest: {digest}");
        return Some(Edit { file: place.file.clone(), line: place.line, before: None, after });
    }
    let start: usize = place.text.chars().take(place.column - 1).map(char::len_utf8).sum();
    let (before, rest) = place.text.split_at_checked(start).filter(|(_, rest)| rest.starts_with("version"))?;
    let after = format!("{before}chartDigest: \"{digest}\", {rest}");
    Some(Edit { file: place.file.clone(), line: place.line, before: Some(place.text.clone()), after })
}

impl Edit {
    /// A file's text with the change in it; none where its line is not the one that was seen.
    #[must_use]
    pub fn apply(&self, text: &str) -> Option<String> {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let line = lines.get_mut(self.line - 1)?;
        let bare = line.trim_end_matches(['\n', '\r']);
        let ending = line[bare.len()..].to_owned();
        match &self.before {
            Some(before) if before.trim_end() == bare.trim_end() => *line = format!("{}{ending}", self.after),
            Some(_) => return None,
            None => {
                // The last line of a file may have no end.
                let joint = if ending.is_empty() { "\n" } else { ending.as_str() };
                *line = format!("{bare}{joint}{}{ending}", self.after);
            }
        }
        Some(lines.concat())
    }
}

#[cfg(test)]
mod tests;
