//! What happens, as a picture on a terminal. Plain ANSI; only the lines that changed are written,
//! so that text marked with the mouse stays marked.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use crate::look::Look;
use crate::place::Place;

/// The rows of the smallest terminal in use, less one where the cursor rests.
const ROWS: usize = 23;
/// The columns of the same terminal.
const COLUMNS: usize = 80;
/// So many lines of the logs are always shown.
const LOG_LINES_MIN: usize = 3;

const CLEAR: &str = "\x1b[2J";
const CLEAR_LINE: &str = "\x1b[2K";
const BOLD: &str = "\x1b[1m";
const NORMAL: &str = "\x1b[0m";
/// A line that is too long is cut, or every row below would be a wrong one.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

/// The terminal.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    place: &'a Place,
    /// What stands on it.
    shown: Vec<String>,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(place: &'a Place) -> Self {
        Self { place, shown: Vec::new() }
    }

    /// Draws what has changed; everything where the terminal has another size.
    pub(crate) fn show(&mut self, look: &Look, elapsed: Duration, resized: bool) -> io::Result<()> {
        let mut text = String::from(WRAP_OFF);
        if resized || self.shown.is_empty() {
            self.shown.clear();
            text.push_str(CLEAR);
        }
        let picture = picture(self.place, look, elapsed);
        for row in 0..picture.len().max(self.shown.len()) {
            let line = picture.get(row).map_or("", String::as_str);
            if self.shown.get(row).is_none_or(|shown| shown != line) {
                // Writing into a string cannot fail.
                let _ = write!(text, "\x1b[{};1H{CLEAR_LINE}{line}", row + 1);
            }
        }
        let _ = write!(text, "{WRAP_ON}\x1b[{};1H", picture.len() + 1);
        self.shown = picture;
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// All rows: what runs, what it says, what to try.
fn picture(place: &Place, look: &Look, elapsed: Duration) -> Vec<String> {
    let seconds = elapsed.as_secs();
    let time = format!("{}:{:02}", seconds / 60, seconds % 60);
    let mut rows = vec![format!("{BOLD}keepup: services under svscan{NORMAL} for {time}")];
    rows.extend(look.states.iter().cloned());
    rows.push(String::new());
    let mut below = vec![String::new()];
    below.extend(hints(place));
    let svscan = look.svscan.last().map_or(Vec::new(), |said| folded(said));
    let taken = rows.len() + svscan.len() + below.len();
    let room = ROWS.saturating_sub(taken).max(LOG_LINES_MIN);
    let newest = &look.log[look.log.len().saturating_sub(room)..];
    rows.extend(newest.iter().map(|line| line.text.clone()));
    rows.resize(rows.len() + room - newest.len(), String::new());
    rows.extend(svscan);
    rows.extend(below);
    rows
}

/// A sentence in bold, over as many rows as it needs.
fn folded(sentence: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in sentence.split_whitespace() {
        let full = rows.last().is_some_and(|row| row.len() + 1 + word.len() > COLUMNS);
        if full {
            rows.push("   ".into());
        }
        if let Some(row) = rows.last_mut() {
            row.push_str(if row.is_empty() { "" } else { " " });
            row.push_str(word);
        }
    }
    rows.iter().map(|row| format!("{BOLD}{row}{NORMAL}")).collect()
}

/// What to try from another terminal.
pub(crate) fn hints(place: &Place) -> Vec<String> {
    let root = place.path("");
    let root = root.display().to_string();
    vec![
        "Try this in another terminal:".into(),
        format!("  cd {}; export PATH=\"$PWD/bin:$PATH\"", root.trim_end_matches('/')),
        "  svstat service/* service/*/log".into(),
        "  svc -d service/ntp     # down; svc -u: up again; svc -t: restart".into(),
        "  tail -F service/ntp/log/main/current | tai64nlocal".into(),
        "  ln -s ../store/backgrounds-itself service   # one that does it wrongly".into(),
        "Ctrl-C here stops everything and removes the directory.".into(),
    ]
}
