//! Where things stand, and how they are shown in messages.

use std::fmt;
use std::path::PathBuf;

/// Where in a source something stands: a line of a text file, or a row of a Parquet file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// `line` or `row`.
    pub unit: &'static str,
    /// Its number, from 1.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} {}", self.path.display(), self.unit, self.number)
    }
}

/// At most a dozen names, for a message.
pub(crate) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|n| format!("`{}`", shortened(n))).collect();
    let more =
        if names.len() > shown.len() { format!(" and {} more", names.len() - shown.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// A value as it stands in a message: at most 60 characters, and none that moves the cursor of a terminal or changes its
/// colours, or the direction of writing.
pub(crate) fn shortened(value: &str) -> String {
    let mut chars = value.chars();
    let mut head = String::new();
    for c in chars.by_ref().take(60) {
        let hidden =
            matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || hidden {
            head.extend(c.escape_default());
        } else {
            head.push(c);
        }
    }
    if chars.next().is_some() { format!("{head}…") } else { head }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_no_control_characters() {
        let value = "\u{1b}[31mred\0\u{9b}\u{202e}\nend";
        assert_eq!(shortened(value), r"\u{1b}[31mred\u{0}\u{9b}\u{202e}\nend");
        assert!(!listed(&[value.to_owned()]).contains(char::is_control));
    }
}
