//! A comment that was written before: its marker, and each environment's own parts between the lines that name it.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::marker::{Marker, seal};
use super::{Comment, Kept, PLACES};
use crate::view::markdown::document::{Part, Rank};

const END: &str = "<!-- rem-ci:end -->";

/// How an environment is called in these lines. A name that is none (`^[a-z][a-z0-9-]{0,31}$`) cannot end one early.
pub(super) fn key(name: &str) -> String {
    let plain = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && !name.is_empty() && !name.contains("--") {
        return name.to_owned();
    }
    format!("_{}", hex::encode(&Sha256::digest(name.as_bytes())[..8]))
}

/// The lines around a part.
pub(super) fn fences(place: &str, name: &str) -> (String, String) {
    (format!("<!-- rem-ci:{place}:{} -->\n", key(name)), format!("{END}\n\n"))
}

/// The parts by the [`key`] of their environment. Lines of a fence never begin as these do: a mark stands before them.
pub(super) fn sections(body: &str) -> BTreeMap<String, [String; 3]> {
    let mut all: BTreeMap<String, [String; 3]> = BTreeMap::new();
    let mut open: Option<(usize, String)> = None;
    for line in body.lines() {
        let line = line.trim_end();
        if line == END {
            open = None;
            continue;
        }
        let named = line.strip_prefix("<!-- rem-ci:").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some((place, name)) = named.and_then(|named| named.split_once(':'))
            && let Some(at) = PLACES.iter().position(|known| *known == place)
        {
            open = Some((at, name.to_owned()));
            continue;
        }
        if let Some((at, name)) = &open {
            let text = &mut all.entry(name.clone()).or_default()[*at];
            text.push_str(line);
            text.push('\n');
        }
    }
    for parts in all.values_mut() {
        for part in parts {
            // As the composer wrote it: one empty line at the end.
            let text = part.trim();
            *part = if text.is_empty() { String::new() } else { format!("{text}\n\n") };
        }
    }
    all
}

pub(super) fn parse(body: &str) -> Option<Comment> {
    let marker = Marker::decode(body)?;
    let mut sections = sections(body);
    let environments = marker.environments.into_iter().map(|(name, entry)| {
        let texts = sections.remove(&key(&name)).unwrap_or_default();
        let whole = seal(&texts) == entry.seal;
        let [danger, detail, foot] = texts;
        let laid =
            |rank, what, text: String| if text.is_empty() { Vec::new() } else { vec![Part::laid(rank, what, text)] };
        let parts = if whole {
            [
                laid(Rank::Danger, "the dangers", danger),
                laid(Rank::Outline, "what changes", detail),
                laid(Rank::Footer, "where it is from", foot),
            ]
        } else {
            let text = format!(
                "**{}**: this part of the comment was edited, so it is not shown again. The summary of {} has it.\n\n",
                crate::view::text::code(&name),
                entry.run.link()
            );
            [Vec::new(), laid(Rank::Stage, "an edited part", text), Vec::new()]
        };
        (name, Kept { entry, parts })
    });
    Some(Comment { environments: environments.collect() })
}
