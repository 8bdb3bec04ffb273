//! Ends what svscan could not: an example that goes into the background on purpose leaves processes
//! behind, and so does a svscan that was killed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use crate::marked::{processes, send};
use crate::signals::Signals;

/// How long what was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How often to look: these are nobody's children, so nobody is told of their end.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// More rounds than this: something starts faster than it is ended.
const ROUNDS_MAX: u32 = 600;

/// Ends every process with the marker. Gives their command lines, and how many there were of each.
pub(crate) fn end_all(marker: &str, signals: &mut Signals) -> io::Result<BTreeMap<String, u32>> {
    let mut told: Vec<u32> = Vec::new();
    let mut ended = BTreeMap::new();
    let started = Instant::now();
    for _ in 0..ROUNDS_MAX {
        let left = processes(marker)?;
        if left.is_empty() {
            return Ok(ended);
        }
        let new: Vec<u32> = left.iter().copied().filter(|pid| !told.contains(pid)).collect();
        for pid in &new {
            *ended.entry(command_line(*pid)).or_default() += 1;
        }
        if started.elapsed() > GRACE {
            send("KILL", &left)?;
        } else if !new.is_empty() {
            send("TERM", &new)?;
            send("CONT", &new)?;
        }
        told.extend(new);
        signals.wait(LOOK_EVERY)?;
    }
    Err(io::Error::other("there are always more"))
}

fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    words.join(" ").trim_end().to_owned()
}
