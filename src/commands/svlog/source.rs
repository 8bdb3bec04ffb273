//! One log, line by line, from file to file as they were written and through every rotation.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use cli::Unable;
use logbook::{Last, Part, ReadAt as _};
use tai::Stamp;

use super::files::{self, Held};
use super::place::Log;
use super::reader::{Head, Reader, Reading, count, cut_line, stamp_of};
use super::{Wanted, warn};

/// So much of two files is compared to see whether one is made of the other.
const ALIKE_LEN: usize = 256;

/// What a log has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There is a line.
    Line,
    /// There is none yet.
    Waits,
    /// There will be no more.
    Done,
}

/// A log that is being read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) log: Log,
    /// What is written from now on is read too.
    follow: bool,
    /// By how much its labels are ahead of multilog's.
    pub(super) ahead: Duration,
    queue: VecDeque<Held>,
    reading: Option<Reading>,
    reader: Reader,
    /// The newest file that was there when the directory was looked at last.
    last: Option<Last>,
    /// The file that is read has lost the name `current`; nothing more is written to it.
    is_ended: bool,
    /// The file that was read ended within a line, and perhaps that does not go on.
    seam: Option<Seam>,
    /// The line that is next.
    pub(super) head: Option<Head>,
    /// Lines that come before those asked for.
    skip: u64,
    /// Something could not be read.
    pub(super) unreadable: bool,
    /// It was said that the rest of a line is left out.
    cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seam {
    /// The next file goes on with the line, unless it begins with a stamp.
    May,
    /// An outage was between.
    Broken,
}

impl Source {
    pub(super) fn new(log: Log, follow: bool) -> Self {
        Self {
            ahead: files::ahead(&log.path),
            log,
            follow,
            queue: VecDeque::new(),
            reading: None,
            reader: Reader::default(),
            last: None,
            is_ended: false,
            seam: None,
            head: None,
            skip: 0,
            unreadable: false,
            cut: false,
        }
    }

    /// Finds where to begin; `limit`: only the last lines are wanted. Gives how many that are.
    pub(super) fn begin(&mut self, wanted: &Wanted, limit: Option<u64>) -> u64 {
        let mut held = match files::look(&self.log.path) {
            Ok(held) => held,
            // The logger will make it.
            Err(unable) if self.follow && unable.error().kind() == ErrorKind::NotFound => {
                return 0;
            }
            Err(unable) => {
                self.complain(&unable);
                return 0;
            }
        };
        let parts: Vec<Part> = held.iter().map(|held| held.part.clone()).collect();
        self.last = parts.last().map(|part| Last::new(part, &parts));
        if let Some(until) = wanted.until.filter(|_| !self.follow) {
            held.retain(|held| !held.part.is_after(until));
        }
        let from = wanted.since.map_or(0, |since| {
            let parts: Vec<Part> = held.iter().map(|held| held.part.clone()).collect();
            logbook::position_of(&parts, since)
        });
        held.drain(..from);
        self.queue = held.into();
        if self.follow {
            self.last.get_or_insert_default();
        }
        limit.map_or(0, |limit| self.shorten(wanted, limit))
    }

    /// Leaves out the files and lines before the last `limit` lines.
    fn shorten(&mut self, wanted: &Wanted, limit: u64) -> u64 {
        let (mut total, mut from) = (0, self.queue.len());
        // One to spare: the first line of a file may be the end of one in the file before.
        while total <= limit && from > 0 {
            from -= 1;
            let Some(held) = self.queue.get(from) else { break };
            let file = held.file.as_ref().and_then(|file| file.try_clone().ok());
            let held = Held { part: held.part.clone(), file };
            let counted = Reading::open(&self.log.path, held, wanted, false).map(|reading| {
                // What cannot be read is said when it is read.
                count(reading, wanted)
            });
            total += counted.unwrap_or(0);
        }
        self.queue.drain(..from);
        self.skip = total.saturating_sub(limit);
        total - self.skip
    }

    /// By what the lines of several logs are sorted.
    pub(super) fn time(&self) -> Option<Stamp> {
        let time = self.reader.stamp.or_else(|| self.reading.as_ref()?.part.began);
        time.map(|time| earlier(time, self.ahead))
    }

    /// The time of the line that is next.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.reader.stamp.map(|stamp| earlier(stamp, self.ahead))
    }

    pub(super) fn bytes(&self, head: Head) -> &[u8] {
        self.reader.lines.bytes(head.piece)
    }

    /// Goes on to the next line that is wanted.
    pub(super) fn advance(&mut self, wanted: &Wanted) -> State {
        while self.head.is_none() {
            if let Some(head) = self.reader.next_line(wanted) {
                self.keep(head);
            } else if self.reading.is_none() {
                match self.next_part(wanted) {
                    State::Line => {}
                    state @ (State::Waits | State::Done) => return state,
                }
            } else if !self.read() && self.is_at_end() {
                return State::Waits;
            }
        }
        State::Line
    }

    fn keep(&mut self, head: Head) {
        if self.skip == 0 {
            if std::mem::take(&mut self.reader.has_cut) && !std::mem::replace(&mut self.cut, true) {
                warn(&format!("{}: {}", self.log.path.display(), cut_line()));
                self.unreadable = true;
            }
            self.head = Some(head);
        } else {
            self.skip -= u64::from(head.piece.ends);
        }
    }

    /// Reads on in the file; whether something came.
    fn read(&mut self) -> bool {
        let Some(reading) = &mut self.reading else { return false };
        match self.reader.read(reading) {
            Ok(len) => len > 0,
            Err(error) => {
                let name = String::from_utf8_lossy(&reading.part.entry.name).into_owned();
                let what = format!("read {}/{name}", self.log.path.display());
                self.complain(&Unable::new(what, error));
                false
            }
        }
    }

    /// The file has no more; whether to wait for it.
    fn is_at_end(&mut self) -> bool {
        let Some(reading) = &mut self.reading else { return false };
        if !self.follow || !self.queue.is_empty() {
            self.leave();
            return false;
        }
        if reading.was_cut() {
            self.reader.lines.clear();
            let path = self.log.path.display();
            warn(&format!("{path}/current was made shorter; it is read anew"));
            return false;
        }
        let inode = self.last.as_ref().map(|last| last.inode);
        if !self.is_ended {
            // It is read once more after it has lost its name: then nothing of it can be missing.
            self.is_ended = files::current(&self.log.path) != inode;
            return !self.is_ended;
        }
        self.is_ended = false;
        self.look_again();
        if self.queue.is_empty() {
            return true;
        }
        self.leave();
        false
    }

    /// Leaves the file that has been read.
    fn leave(&mut self) {
        let Some(reading) = self.reading.take() else { return };
        if self.reader.lines.is_within_line() {
            self.seam = Some(if reading.part.is_cut_off() { Seam::Broken } else { Seam::May });
        }
    }

    /// Opens the next file, or shows what is left of the last one.
    fn next_part(&mut self, wanted: &Wanted) -> State {
        if self.queue.is_empty() && self.follow {
            self.look_again();
        }
        let Some(held) = self.queue.pop_front() else {
            if self.follow {
                return State::Waits;
            }
            return match self.reader.rest(wanted) {
                Some(head) => {
                    self.keep(head);
                    State::Line
                }
                None => State::Done,
            };
        };
        match Reading::open(&self.log.path, held, wanted, self.follow) {
            Ok(reading) => self.join(reading, wanted),
            Err(unable) => self.complain(&unable),
        }
        State::Line
    }

    /// Goes on with `reading`; a line that it does not go on with ends here.
    fn join(&mut self, reading: Reading, wanted: &Wanted) {
        if let Some(seam) = self.seam.take() {
            let breaks =
                seam == Seam::Broken || reading.begins_within() || reading.begins_with_stamp();
            if let Some(head) = breaks.then(|| self.reader.rest(wanted)).flatten() {
                self.keep(head);
            }
        }
        if reading.is_stamped && self.reader.stamp.is_none() {
            // Lines before its first stamp are of a time that is not wanted.
            self.reader.stamp = Some(Stamp::from_unix(Duration::ZERO));
        }
        self.reading = Some(reading);
    }

    /// Looks what has been written since the newest file that was known.
    fn look_again(&mut self) {
        let held = match files::look(&self.log.path) {
            Ok(held) => held,
            Err(unable) if unable.error().kind() == ErrorKind::NotFound => return,
            Err(unable) => return self.complain(&unable),
        };
        let parts: Vec<Part> = held.iter().map(|held| held.part.clone()).collect();
        let last = self.last.take().unwrap_or_default();
        if let Some(reading) = &mut self.reading
            && let Some(now) = parts.iter().find(|part| part.entry.inode == last.inode)
        {
            reading.part.entry.name.clone_from(&now.entry.name);
        }
        let is_made_of_last = |part: &Part| self.is_made_of_last(part);
        let (after, gap) = logbook::parts_after(&parts, &last, is_made_of_last);
        if gap {
            let path = self.log.path.display();
            warn(&format!(
                "files of {path} are removed as fast as they are read; lines may be missing"
            ));
        }
        if after.is_empty() {
            self.last = Some(last);
            return;
        }
        let is_new = |held: &Held| after.iter().any(|part| part.entry == held.part.entry);
        self.queue = held.into_iter().filter(is_new).collect();
        self.last = parts.last().map(|part| Last::new(part, &parts));
    }

    /// Whether a processor has made this file of the one that was read last: it begins before that
    /// has ended.
    fn is_made_of_last(&self, part: &Part) -> bool {
        let Some(reading) = &self.reading else { return false };
        let held = Held { part: part.clone(), file: None };
        let all = Wanted::default();
        let Ok(mut other) = Reading::open(&self.log.path, held, &all, true) else { return false };
        let (mut theirs, mut ours) = ([0; ALIKE_LEN], [0; ALIKE_LEN]);
        let len = other.read(&mut theirs).unwrap_or(0);
        let theirs = theirs.get(..len).unwrap_or_default();
        if let (Some(first), Some(last)) = (stamp_of(theirs), self.reader.stamp) {
            return first.stamp <= last;
        }
        let len = reading.file.read_at(&mut ours, 0).unwrap_or(0);
        ours.get(..len).unwrap_or_default().starts_with(theirs)
    }

    fn complain(&mut self, unable: &Unable) {
        warn(&unable.to_string());
        self.unreadable = true;
    }
}

/// A label of a log that is ahead, as multilog would have written it.
fn earlier(stamp: Stamp, ahead: Duration) -> Stamp {
    let unix = stamp.to_unix().and_then(|unix| unix.checked_sub(ahead));
    unix.map_or(stamp, Stamp::from_unix)
}
