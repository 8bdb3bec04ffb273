//! What happens, as lines: for a pipe or a file.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::look::Look;
use crate::place::Place;
use crate::screen;

/// How often the states are written: they say little that is new.
const STATES_EVERY: Duration = Duration::from_secs(3);

/// Lines on standard output.
#[derive(Debug)]
pub(crate) struct Plain<'a> {
    place: &'a Place,
    /// When the states are due.
    states_due: Duration,
    /// The label of the last log line that was written.
    last_label: String,
    /// How many lines of svscan were written.
    svscan_lines: usize,
}

impl<'a> Plain<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        let last_label = String::new();
        Self { place, states_due: Duration::ZERO, last_label, svscan_lines: 0 }
    }

    /// Writes what is new; at first also what there is to try.
    pub(crate) fn show(&mut self, look: &Look, elapsed: Duration) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.states_due.is_zero() {
            for line in screen::hints(self.place) {
                writeln!(out, "{line}")?;
            }
        }
        for line in look.svscan.iter().skip(self.svscan_lines) {
            writeln!(out, "{line}")?;
        }
        self.svscan_lines = look.svscan.len();
        for line in look.log.iter().filter(|line| line.label > self.last_label) {
            writeln!(out, "{}", line.text)?;
        }
        if let Some(last) = look.log.last() {
            self.last_label.clone_from(&last.label);
        }
        if elapsed >= self.states_due {
            self.states_due = elapsed + STATES_EVERY;
            for line in &look.states {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()
    }
}
