//! The lines for the environment's file: `state` and `roles`, and nothing else in it. Comments, order and spelling stay.

use crate::config::Places;
use crate::model::access::{Access, Job};

use super::Wish;

/// A change of one file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The line it is at, from 1.
    pub line: usize,
    /// Replaced in that line; nothing where lines are added after it.
    pub old: Option<String>,
    /// What stands there then, without the line's end.
    pub new: String,
}

/// What to change in `file` so that it names what was made: none where it does already. An error where the place cannot be
/// told from the text; it is what to write by hand.
///
/// # Errors
/// The lines to write by hand.
pub fn edits(places: &Places, file: &str, access: &Access, wish: &Wish) -> Result<Vec<Edit>, String> {
    let mut wanted = vec![("state.bucket".to_owned(), access.bucket())];
    wanted.extend(wish.jobs().into_iter().map(|job| (format!("roles.{}", job.word()), access.role_arn(job))));
    let mut edits = Vec::new();
    let mut missing = Vec::new();
    for (path, value) in wanted {
        if !places.written(&path) {
            missing.push((path, value));
            continue;
        }
        let place = places.at(&path).filter(|place| place.file == file).ok_or_else(|| by_hand(access, wish))?;
        let start: usize = place.text.chars().take(place.column - 1).map(char::len_utf8).sum();
        let old = place.text.get(start..).map(scalar).filter(|old| !old.is_empty());
        let old = old.ok_or_else(|| by_hand(access, wish))?;
        if old.trim_matches(['"', '\'']) != value {
            edits.push(Edit { line: place.line, old: Some(old.to_owned()), new: value });
        }
    }
    if missing.is_empty() {
        return Ok(edits);
    }
    // A block that is there in part has a form of its own; what it lacks goes beneath its last entry that is written.
    let block = |name: &str| places.written(name);
    let mut lines = Vec::new();
    for name in ["state", "roles"] {
        let of: Vec<_> = missing.iter().filter(|(path, _)| path.starts_with(&format!("{name}."))).collect();
        if of.is_empty() {
            continue;
        }
        if block(name) {
            let beside = Job::ALL.iter().rev().find_map(|job| {
                let path = format!("{name}.{}", job.word());
                let key = places.key(&path).filter(|_| places.written(&path))?;
                let lead: String = key.text.chars().take_while(|letter| *letter == ' ').collect();
                let plain = key.file == file && key.text[lead.len()..].starts_with(&format!("{}:", job.word()));
                plain.then_some((key.line, lead))
            });
            let (line, lead) = beside.ok_or_else(|| by_hand(access, wish))?;
            let new = of.iter().map(|(path, value)| format!("{lead}{}: {value}", &path[name.len() + 1..]));
            edits.push(Edit { line, old: None, new: new.collect::<Vec<_>>().join("\n") });
            continue;
        }
        lines.push(format!("{name}:"));
        lines.extend(of.iter().map(|(path, value)| format!("  {}: {value}", &path[name.len() + 1..])));
    }
    if !lines.is_empty() {
        // After who and where the environment is: those are single lines at the margin.
        let anchor = ["region", "account", "owner", "name"].into_iter().find_map(|name| {
            let key = places.key(name).filter(|_| places.written(name))?;
            let value = places.at(name)?;
            (key.file == file && key.line == value.line && key.text.starts_with(&format!("{name}:")))
                .then_some(key.line)
        });
        let line = anchor.ok_or_else(|| by_hand(access, wish))?;
        edits.push(Edit { line, old: None, new: lines.join("\n") });
    }
    Ok(edits)
}

/// The plain scalar at the beginning of a text.
fn scalar(text: &str) -> &str {
    let quoted = text.chars().next().filter(|first| ['"', '\''].contains(first));
    let end = match quoted {
        Some(quote) => text[1..].find(quote).map(|end| end + 2),
        None => text.find([',', '}', '#', ' ']).or(Some(text.len())),
    };
    text.get(..end.unwrap_or_default()).unwrap_or_default().trim_end()
}

/// What the file should say.
#[must_use]
pub fn by_hand(access: &Access, wish: &Wish) -> String {
    let roles = wish.jobs().into_iter().map(|job| format!("{}: {}", job.word(), access.role_arn(job)));
    let roles = roles.collect::<Vec<_>>().join(", ");
    format!("state: {{bucket: {}}}; roles: {{{roles}}}", access.bucket())
}

/// A file's text with the edits in it; none where a line is not the one that was seen.
#[must_use]
pub fn applied(edits: &[Edit], text: &str) -> Option<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for edit in edits {
        let line = lines.get_mut(edit.line - 1)?;
        let bare = line.trim_end_matches(['\n', '\r']).to_owned();
        let ending = line[bare.len()..].to_owned();
        match &edit.old {
            Some(old) if bare.contains(old.as_str()) => *line = format!("{}{ending}", bare.replacen(old, &edit.new, 1)),
            Some(_) => return None,
            None => {
                // The last line of a file may have no end.
                let joint = if ending.is_empty() { "\n" } else { ending.as_str() };
                *line = format!("{bare}{joint}{}{ending}", edit.new.replace('\n', joint));
            }
        }
    }
    Some(lines.concat())
}

#[cfg(test)]
mod tests;
