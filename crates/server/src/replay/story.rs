use std::io::{self, Write};

/// Lines, each at the place in what was sent that it is about.
pub(super) struct Story<W> {
    out: W,
}

impl<W: Write> Story<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    /// Something at this byte.
    pub(super) fn at(&mut self, byte: u64, words: &str) -> io::Result<()> {
        writeln!(self.out, "{byte:>9}  {words}")
    }

    /// More about the line before.
    pub(super) fn more(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.out, "{:>9}    {words}", "")
    }

    /// A line of its own.
    pub(super) fn line(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.out, "{words}")
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
