//! What a file's characters may be, before anything parses them: a reviewer must see the text that the parser reads.

use std::sync::Arc;

use super::codes::code;
use super::node::{Spot, Text};
use crate::problem::Problem;

/// Most problems of this sort that one file reports.
const MOST: usize = 20;

/// Why a character may not stand in an environment file, if it may not.
///
/// Control characters but tab and line ends; direction marks (Unicode Bidirectional Algorithm, UAX 9); characters
/// without a width or with a width that is not what it looks like; tag characters and variation selectors, which carry
/// hidden text. U+FE0F alone is taken: it is the second half of common symbols.
pub(super) fn hidden(c: char) -> Option<&'static str> {
    match c {
        '\t' | '\n' | '\r' | '\u{fe0f}' => None,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("a direction mark, which makes text read differently than it is")
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Some("invisible"),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some("a space that is not the space")
        }
        c if c.is_control() => Some("a control character"),
        _ => None,
    }
}

/// The text of a file, or why it is none.
pub(super) fn decode(name: &str, bytes: Vec<u8>) -> Result<Arc<Text>, Box<Problem>> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Arc::new(Text::new(name, text))),
        Err(error) => {
            let upto = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let good = String::from_utf8_lossy(&bytes[..upto]).into_owned();
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let file = Arc::new(Text::new(name, good));
            let problem = Problem::error(
                code::NOT_UTF8,
                format!("byte {} is not UTF-8", upto + 1),
                "save the file as UTF-8; binary data has no place here",
            )
            .at(Some(Spot { file, line, column, length: 1 }.place()));
            Err(Box::new(problem))
        }
    }
}

/// Every character that may not stand in the file.
pub(super) fn check(file: &Arc<Text>) -> Vec<Problem> {
    let mut found = Vec::new();
    let (mut line, mut column) = (1, 1);
    let mut chars = file.all.chars().peekable();
    while let Some(c) = chars.next() {
        let why = match c {
            '\r' if chars.peek() != Some(&'\n') => Some("a control character"),
            c => hidden(c),
        };
        if let Some(why) = why {
            let spot = Spot { file: file.clone(), line, column, length: 1 };
            found.push(
                Problem::error(
                    code::HIDDEN_CHARACTER,
                    format!("U+{:04X} is {why}", u32::from(c)),
                    "delete it; it was most likely pasted in",
                )
                .at(Some(spot.place())),
            );
            if found.len() == MOST {
                break;
            }
        }
        if c == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    found
}

/// Lines (from 1) with a tab in their indentation, and its column (from 1).
pub(super) fn tabs(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let rest = line.trim_start_matches([' ', '\t']);
        let indent = &line[..line.len() - rest.len()];
        if let (Some(at), false) = (indent.find('\t'), rest.is_empty() || rest.starts_with('#')) {
            found.push((index + 1, at + 1));
        }
    }
    found
}
