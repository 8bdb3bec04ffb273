//! The lines of one file after the other, those that are wanted.

use std::io;
use std::path::Path;

use cli::{Unable, UnableExt as _};
use logbook::{Lines, Part, Piece, ReadAt as _, Stamped, first_at, stamped, unix_of};
use tai::Stamp;

use super::files::{self, Held, Plain};
use super::unpack::Unpacker;
use super::{Wanted, local};

/// So much of a file is looked at to know whether it is packed, or begins with a stamp.
const START_LEN: usize = 64;

/// So much of a line is shown, as much as the largest file of multilog can hold (16777215 bytes):
/// what is longer than a whole log is no line, but the remains of a crash or a hole in a file.
const SHOWN_MAX: usize = 16 << 20;

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) part: Part,
    pub(super) file: Plain,
    unpacker: Option<Unpacker>,
    /// What comes next of a file that is not packed.
    at: u64,
    /// Where what is wanted of it ends; where there is none, what is written meanwhile is wanted.
    end: Option<u64>,
    /// Its lines have stamps, as far as that was looked at.
    pub(super) is_stamped: bool,
}

/// What has been read and not been shown.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) lines: Lines,
    /// The time of the last line that has one.
    pub(super) stamp: Option<Stamp>,
    /// Whether the line that has begun is wanted.
    wanted: bool,
    /// How much of it has come.
    come: usize,
    /// That line is wanted, and longer than is shown.
    pub(super) has_cut: bool,
}

/// A line that is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) piece: Piece,
    pub(super) stamp_len: usize,
    pub(super) is_label: bool,
}

/// The stamp at the start of a line.
pub(super) fn stamp_of(line: &[u8]) -> Option<Stamped> {
    stamped(line, |civil| unix_of(civil, &mut local))
}

impl Reading {
    /// Opens a file, and finds in it what is wanted. `grows`: it is followed.
    pub(super) fn open(
        dir: &Path,
        held: Held,
        wanted: &Wanted,
        grows: bool,
    ) -> Result<Self, Unable> {
        let Held { part, file } = held;
        let file = match file {
            Some(file) => Plain(file),
            None => Plain(files::open(dir, &part)?),
        };
        let name = String::from_utf8_lossy(&part.entry.name).into_owned();
        let what = || format!("read {}/{name}", dir.display());
        let mut start = [0; START_LEN];
        let len = file.read_at(&mut start, 0).unable(what())?;
        let start = start.get(..len).unwrap_or_default();
        let unpacker = Unpacker::of(start, &file.0).unable(what())?;
        let mut reading = Self { part, file, unpacker, at: 0, end: None, is_stamped: false };
        if reading.unpacker.is_none() {
            reading.find(wanted, grows).unable(what())?;
        }
        Ok(reading)
    }

    /// Leaves out what is before and after the times that are wanted, where its stamps rise.
    fn find(&mut self, wanted: &Wanted, grows: bool) -> io::Result<()> {
        let len = self.file.0.metadata()?.len();
        let find = |wanted| first_at(&self.file, len, wanted, |line| Some(stamp_of(line)?.stamp));
        let (mut at, mut end) = (0, None);
        if let Some(since) = wanted.since
            && let Some(found) = find(since)?
        {
            // What is before the first stamp belongs to a line of the file before.
            let first = find(Stamp::from_unix(std::time::Duration::ZERO))?;
            at = if first == Some(found) { 0 } else { found };
            self.is_stamped = true;
        }
        if let Some(until) = wanted.until.filter(|_| !grows) {
            end = find(until)?;
        }
        (self.at, self.end) = (at, end);
        Ok(())
    }

    /// Whether it was left out so much of it that the line before has nothing to do with it.
    pub(super) const fn begins_within(&self) -> bool {
        self.at > 0
    }

    /// Whether what will be read of it, where it is not packed, begins with a stamp.
    pub(super) fn begins_with_stamp(&self) -> bool {
        let mut start = [0; START_LEN];
        let len = self.file.read_at(&mut start, self.at).unwrap_or(0);
        stamp_of(start.get(..len).unwrap_or_default()).is_some()
    }

    /// Reads on; nothing at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(unpacker) = &mut self.unpacker {
            return unpacker.read(buffer);
        }
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.at));
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let len = self.file.read_at(buffer.get_mut(..room).unwrap_or_default(), self.at)?;
        self.at += len as u64;
        Ok(len)
    }

    /// Leaves out a hole: there is no line end in it.
    fn skip_hole(&mut self) {
        if self.unpacker.is_none()
            && let Ok(data) = sys::hole::end(&self.file.0, self.at)
        {
            self.at = data.max(self.at);
        }
    }

    /// Whether it was made shorter than what has been read of it; then it is read anew.
    pub(super) fn was_cut(&mut self) -> bool {
        let len = self.file.0.metadata().map_or(u64::MAX, |meta| meta.len());
        let was_cut = self.unpacker.is_none() && len < self.at;
        if was_cut {
            self.at = 0;
        }
        was_cut
    }
}

impl Reader {
    /// The next line that is wanted, of those that have been read.
    pub(super) fn next_line(&mut self, wanted: &Wanted) -> Option<Head> {
        while let Some(piece) = self.lines.next_line() {
            if let Some(head) = self.take(piece, wanted) {
                return Some(head);
            }
        }
        None
    }

    /// What has come of a line that will not go on, if that is wanted.
    pub(super) fn rest(&mut self, wanted: &Wanted) -> Option<Head> {
        let piece = self.lines.rest()?;
        self.take(piece, wanted)
    }

    /// Reads on in a file; how much came.
    pub(super) fn read(&mut self, reading: &mut Reading) -> io::Result<usize> {
        if self.come > SHOWN_MAX && self.lines.is_within_line() {
            reading.skip_hole();
        }
        let len = reading.read(self.lines.room())?;
        self.lines.filled(len);
        Ok(len)
    }

    fn take(&mut self, piece: Piece, wanted: &Wanted) -> Option<Head> {
        let before = if piece.begins { 0 } else { self.come };
        self.come = before.saturating_add(piece.len());
        let piece = piece.first(SHOWN_MAX.saturating_sub(before));
        let mut head = Head { piece, stamp_len: 0, is_label: false };
        if piece.begins {
            let line = self.lines.bytes(piece);
            if let Some(Stamped { stamp, len, is_label }) = stamp_of(line) {
                self.stamp = Some(stamp);
                (head.stamp_len, head.is_label) = (len, is_label);
            }
            let text = line.get(head.stamp_len..).unwrap_or_default();
            self.wanted = wanted.has_time(self.stamp) && wanted.has_text(text);
        }
        self.has_cut = self.wanted && self.come > SHOWN_MAX;
        let is_shown = piece.begins || piece.ends || !piece.is_empty();
        (self.wanted && is_shown).then_some(head)
    }
}

/// That of a line only the beginning is shown.
pub(super) fn cut_line() -> String {
    format!("a line is longer than {} MiB; the rest of it is left out", SHOWN_MAX >> 20)
}

/// How many lines of a file are wanted, as far as it can be read.
pub(super) fn count(mut reading: Reading, wanted: &Wanted) -> u64 {
    let (mut reader, mut count) = (Reader::default(), 0);
    loop {
        let len = reader.read(&mut reading).unwrap_or(0);
        while let Some(head) = reader.next_line(wanted) {
            count += u64::from(head.piece.begins);
        }
        if len == 0 {
            let is_last = reading.part.is_current() || reading.part.is_cut_off();
            let rest = reader.rest(wanted).is_some_and(|head| head.piece.begins);
            return count + u64::from(is_last && rest);
        }
    }
}
