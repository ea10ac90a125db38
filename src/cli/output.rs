//! Results go to standard output, everything else to standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::remote::RemoteFault;

/// How a command ends other than well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// Refused, or found wanting: exit status 1. An empty text has been said already.
    Refused(String),
    /// Wrong use: exit status 2.
    Usage(String),
}

impl Failure {
    /// What it says.
    pub(crate) fn text(&self) -> &str {
        let (Self::Refused(text) | Self::Usage(text)) = self;
        text
    }

    /// Says it on standard error, as far as that listens.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Refused(text) => (text, 1),
            Self::Usage(text) => (text, 2),
        };
        if !text.is_empty() {
            let _ = writeln!(io::stderr(), "error: {text}");
        }
        ExitCode::from(code)
    }
}

impl From<RemoteFault> for Failure {
    fn from(fault: RemoteFault) -> Self {
        match fault {
            RemoteFault::BadBase(_) | RemoteFault::BadCredentials => Self::Usage(fault.to_string()),
            RemoteFault::Outbound(..) | RemoteFault::Refused(_) | RemoteFault::Unintelligible(_) => {
                Self::Refused(plain(&fault.to_string()))
            }
        }
    }
}

/// Prints a result. A reader that has gone away (`… | head`) is no fault.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Refused(format!("standard output: {error}"))),
        _ => Ok(()),
    }
}

/// Prints a result: one line of JSON where that is asked for, else as people read it.
///
/// # Errors
/// As [`print`].
pub(crate) fn show<T: Serialize>(json: bool, result: &T, for_people: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    if !json {
        return print(&for_people(result));
    }
    let mut line = serde_json::to_string(result).map_err(|error| Failure::Refused(error.to_string()))?;
    line.push('\n');
    print(&line)
}

/// Columns under their headings, each as wide as its widest text; the last is left ragged.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows: Vec<Vec<String>> =
        [headings].into_iter().chain(rows.iter().map(|row| row.iter().map(|text| plain(text)).collect())).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: String = row.iter().zip(&widths).map(|(text, &width)| format!("{text:<width$}  ")).collect();
        format!("{}\n", cells.trim_end())
    };
    rows.iter().map(line).collect()
}

/// One `name: value` a line, leaving out what is not there.
pub(crate) fn facts(facts: &[(&str, Option<String>)]) -> String {
    let there: Vec<_> = facts.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, plain(value)))).collect();
    let width = there.iter().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
    there.iter().map(|(name, value)| format!("{:<width$} {value}\n", format!("{name}:"))).collect()
}

/// A text that cannot move the cursor or change colours: device names come from strangers. Line breaks of ours stay.
pub(crate) fn plain(text: &str) -> String {
    let escape =
        |letter: char| if letter.is_control() && letter != '\n' { letter.escape_default().to_string() } else { letter.to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_named_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\u{9b}"), "a\\u{1b}[2Jb\\r\\u{9b}");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "é".to_owned(), "x y".to_owned()], vec!["long".to_owned(), "b".to_owned(), String::new()]];
        assert_eq!(table(&["ID", "N", "TEXT"], &rows), "ID    N  TEXT\na     é  x y\nlong  b\n");
        assert_eq!(facts(&[("sid", Some("1".into())), ("slot", None), ("state", Some("active".into()))]), "sid:   1\nstate: active\n");
    }
}
