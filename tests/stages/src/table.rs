use std::fmt::Write;
use std::fs;
use std::path::Path;

use alluvium_stages::{Load, all};
use anyhow::{Context, Result};

use crate::count;

/// The instructions of every stage, and the tools that they were counted with.
pub(crate) struct Table {
    tools: String,
    lines: Vec<Line>,
}

struct Line {
    /// Stage and input.
    name: [String; 2],
    instructions: u64,
    load: Load,
}

/// What has become of a table.
pub(crate) struct Verdict {
    /// Whether some stage has grown by more than is allowed.
    pub(crate) grown: bool,
    /// A line for every stage that differs.
    pub(crate) text: String,
}

impl Table {
    pub(crate) fn count() -> Result<Self> {
        let mut lines = Vec::new();
        for (number, row) in all().iter().enumerate() {
            lines.push(Line {
                name: [row.stage, row.input].map(str::to_owned),
                instructions: count::instructions(number)?,
                load: row.warm().load(),
            });
        }
        let tools = format!("{}, {}", count::version("rustc")?, count::version("valgrind")?);
        Ok(Self { tools, lines })
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let tools = text.lines().find_map(|line| line.strip_prefix(TOOLS));
        let lines = text
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(1)
            .map(Line::parse);
        Ok(Self {
            tools: tools.context("it names no tools")?.trim_end_matches('.').to_owned(),
            lines: lines.collect::<Result<_>>()?,
        })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = format!("{ABOUT}\n{TOOLS}{}.\n\n{HEAD}", self.tools);
        for line in &self.lines {
            line.write(&mut text);
        }
        Ok(fs::write(path, text)?)
    }

    /// Compares what was counted now with what was kept.
    pub(crate) fn compare(&self, kept: &Self) -> Verdict {
        let mut verdict = Verdict {
            grown: false,
            text: String::new(),
        };
        for line in &self.lines {
            let [stage, input] = &line.name;
            let Some(before) = kept.lines.iter().find(|before| before.name == line.name) else {
                verdict.grown = true;
                verdict.say(&format!("{stage}, {input}: not in the table"));
                continue;
            };
            let (now, before) = (line.instructions, before.instructions);
            if now == before {
                continue;
            }
            let percent = (now as f64 - before as f64) / before as f64 * 100.0;
            let grown = percent > GROWTH_MAX_PERCENT;
            verdict.grown |= grown;
            let words = if grown { "  TOO MUCH" } else { "" };
            verdict.say(&format!(
                "{stage}, {input}: {before} -> {now} instructions, {percent:+.1} %{words}"
            ));
        }
        if verdict.text.is_empty() {
            verdict.say("as in the table");
        }
        if verdict.grown {
            verdict.say(&format!(
                "More than {GROWTH_MAX_PERCENT} % is a step back, unless something is had for it: then, make instructions-update."
            ));
            if self.tools != kept.tools {
                verdict.say(&format!(
                    "The table was made with {}; this is {}.",
                    kept.tools, self.tools
                ));
            }
        }
        verdict
    }
}

impl Verdict {
    fn say(&mut self, words: &str) {
        self.text.push_str(words);
        self.text.push('\n');
    }
}

impl Line {
    fn write(&self, text: &mut String) {
        let [stage, input] = &self.name;
        let per = |count: usize| self.instructions / count as u64;
        let (frame, kilobyte) = match self.load {
            Load::Gop { frames, bytes } => (
                per(frames).to_string(),
                (self.instructions * 1_000 / bytes as u64).to_string(),
            ),
            Load::One => (String::new(), String::new()),
        };
        let instructions = self.instructions;
        writeln!(text, "| {stage} | {input} | {instructions} | {frame} | {kilobyte} |")
            .expect("a String takes any text");
    }

    /// Reads what `write` has written, but for what follows from it.
    fn parse(line: &str) -> Result<Self> {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let mut next = || cells.next().with_context(|| format!("too few cells: {line}"));
        Ok(Self {
            name: [next()?.to_owned(), next()?.to_owned()],
            instructions: next()?.parse().with_context(|| format!("no number: {line}"))?,
            load: Load::One,
        })
    }
}

/// A change of the compiler or of a library moves a count by a few per cent.
const GROWTH_MAX_PERCENT: f64 = 5.0;

const TOOLS: &str = "Counted with ";

const ABOUT: &str = "# Instructions

What each stage of the way of a frame executes, counted by callgrind: the same on a busy machine and on an idle one.
`make instructions` counts again, tells every difference, and fails where a stage has grown by more than 5 %; it is a
part of `make test`. `make instructions-update` writes this table anew.

The release profile, one warm run of each stage: for those that handle frames a GOP of two seconds, made media with 60
pictures and 86 audio frames of 128 kbit/s, one message in one read. The socket, the spool and the store are not in it.
Valgrind shows programs a processor of its own, with AVX2 and carry-less multiplication where the machine has them, and
without AVX-512 and the SHA instructions: CRC-64 takes 16 bytes at a time here, and signatures are hashed in plain code.
";

const HEAD: &str = "| stage | input | instructions | for each frame | for each KB |
|---|---|---:|---:|---:|
";

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, u64)]) -> Table {
        let line = |&(stage, instructions): &(&str, u64)| Line {
            name: [stage.to_owned(), "two seconds".to_owned()],
            instructions,
            load: Load::Gop {
                frames: 10,
                bytes: 2_000,
            },
        };
        Table {
            tools: "a compiler".to_owned(),
            lines: rows.iter().map(line).collect(),
        }
    }

    #[test]
    fn five_per_cent_are_told_and_more_is_refused() {
        let kept = table(&[("a", 1_000), ("b", 1_000), ("c", 1_000)]);
        for (now, grown) in [(1_050, false), (1_051, true), (500, false)] {
            let verdict = table(&[("a", 1_000), ("b", now), ("c", 1_000)]).compare(&kept);
            assert_eq!(verdict.grown, grown, "{now}");
            assert!(verdict.text.starts_with("b, two seconds: 1000 -> "), "{}", verdict.text);
        }
    }

    #[test]
    fn a_stage_that_is_not_in_the_table_is_refused() {
        assert!(table(&[("a", 1)]).compare(&table(&[("b", 1)])).grown);
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.md");
        let written = table(&[("a", 1_000), ("b", 7)]);
        written.write(&path).unwrap();
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .ends_with("| b | two seconds | 7 | 0 | 3 |\n")
        );
        let read = Table::read(&path).unwrap();
        assert_eq!(read.tools, written.tools);
        assert_eq!(written.compare(&read).text, "as in the table\n");
    }
}
