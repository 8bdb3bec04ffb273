//! What is said on standard error: a sentence a line, and never a reason to wait.
//!
//! Standard error often ends in a pipe to readproctitle or to a logger. Should that stand still, we
//! must not: what cannot be said is counted, and the count is said when it can be.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};

use sys::fifo;

/// The longest line: what a pipe takes in one piece (`PIPE_BUF`).
const LINE_MAX: usize = 4096;

/// Standard error.
#[derive(Debug)]
pub(crate) struct Voice {
    program: &'static str,
    /// A description of our own, where standard error is a pipe: services write to the same one,
    /// and between a look and our write they may have filled it.
    pipe: Option<File>,
    unsaid: u64,
}

impl Voice {
    pub(crate) fn new(program: &'static str) -> Self {
        Self { program, pipe: fifo::reopen_writer(io::stderr()), unsaid: 0 }
    }

    pub(crate) fn program(&self) -> &'static str {
        self.program
    }

    /// Says `program: warning: sentence`, or counts it. Gives the line.
    pub(crate) fn warn(&mut self, sentence: impl fmt::Display) -> String {
        let line = line(self.program, "warning", sentence);
        self.say(&line);
        line
    }

    /// Says `program: info: sentence`, or counts it. Gives the line.
    pub(crate) fn tell(&mut self, sentence: impl fmt::Display) -> String {
        let line = line(self.program, "info", sentence);
        self.say(&line);
        line
    }

    fn say(&mut self, line: &str) {
        if self.unsaid > 0 {
            let unsaid = match self.unsaid {
                1 => "1 message is missing here: nobody read it".to_owned(),
                unsaid => format!("{unsaid} messages are missing here: nobody read them"),
            };
            if self.write(&self::line(self.program, "warning", unsaid)) {
                self.unsaid = 0;
            }
        }
        if !self.write(line) {
            self.unsaid += 1;
        }
    }

    /// One write, where it would not wait.
    fn write(&self, line: &str) -> bool {
        let mut stderr = io::stderr();
        match &self.pipe {
            Some(pipe) => (&*pipe).write_all(line.as_bytes()).is_ok(),
            None => fifo::is_writable(&stderr) && stderr.write_all(line.as_bytes()).is_ok(),
        }
    }
}

fn line(program: &str, kind: &str, sentence: impl fmt::Display) -> String {
    let line = format!("{program}: {kind}: {sentence}");
    // Names may hold what a terminal obeys.
    let mut line = line.replace(char::is_control, "?");
    let mut end = line.len().min(LINE_MAX - 1);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_a_bounded_length() {
        let long = "ä\n".repeat(LINE_MAX);
        let line = line("svscan", "warning", long);
        assert!(line.len() <= LINE_MAX && line.ends_with('\n'), "{}", line.len());
        assert_eq!(line.matches('\n').count(), 1);
    }
}
