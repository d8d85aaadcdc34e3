//! Printing what a command has found out.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

/// What a command found out: a value for scripts, and its text for people.
pub(crate) trait Finding: Serialize {
    /// Lines for a person, the last one without its end.
    fn text(&self) -> String;
}

/// Prints a finding on standard output.
pub(crate) fn print(finding: &impl Finding, as_json: bool) -> Result<()> {
    let text = if as_json {
        serde_json::to_string_pretty(finding).context("this cannot be said in JSON")?
    } else {
        finding.text()
    };
    match text.is_empty() {
        true => Ok(()),
        false => write(&format!("{text}\n")),
    }
}

/// A reader that has gone, such as `head`, wants no more: that is no failure.
fn write(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

/// A name and a value on each line.
pub(crate) fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    aligned(&rows)
}

/// A line of titles above a line for each row; nothing at all without rows.
pub(crate) fn table(titles: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut lines = vec![titles.iter().map(|title| (*title).to_owned()).collect()];
    lines.extend(rows);
    match lines.len() {
        1 => String::new(),
        _ => aligned(&lines),
    }
}

/// Columns as wide as their widest cell; the last one is as wide as it likes.
fn aligned(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names and descriptions are anybody's text: what would move a terminal's cursor is written out.
fn printable(text: &str) -> String {
    let escape = |character: char| {
        let (kept, escaped) = match character.is_control() {
            true => (None, Some(character.escape_default())),
            false => (Some(character), None),
        };
        kept.into_iter().chain(escaped.into_iter().flatten())
    };
    text.chars().flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(
            table(&["NAME", "STATUS"], [row(&["测试 1", ""]), row(&["camera", "enabled"])]),
            "NAME    STATUS\n测试 1\ncamera  enabled"
        );
        assert_eq!(table(&["NAME"], []), "");
        assert_eq!(
            fields([("a", "1".to_owned()), ("name", String::new())]),
            "a     1\nname"
        );
    }

    #[test]
    fn no_name_reaches_the_terminal_as_a_command() {
        assert_eq!(printable("a\u{1b}[2J\nb测\u{9b}"), "a\\u{1b}[2J\\nb测\\u{9b}");
    }
}
