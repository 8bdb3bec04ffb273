//! What a logger is about to do with lines that still wait in the pipe: kept in the log directory,
//! so that the next logger neither loses nor doubles a line, wherever this one was killed.
//!
//! ```text
//! 1  look at the lines in the pipe
//! 2  write an intent into each log directory: which lines, where they will begin in `current`
//! 3  write the lines to every `current`
//! 4  take the lines from the pipe; the kernel puts their last byte beside the keeper's intent
//! ```
//!
//! Killed before 4, the lines are in the pipe: what stands in `current` from the intent's offset
//! on is cut off, and they are written again. Killed after 4, they are whole in `current`. The byte
//! tells which. The start of a line whose end has not come is taken as well, for nobody is woken
//! where a pipe that is not empty grows; it stands in the keeper's intent. So does the start of a
//! character, where some log shows characters. Several directories of one script have a number in
//! common; one of them, the keeper, has the byte.
//!
//! An intent is stale where `current` is another file by now, or the pipe another pipe (a
//! daemontools multilog wrote meanwhile, the machine was booted): then nothing is cut off.

use crate::MATCHED_MAX;

/// The file of the intent in a log directory.
pub const INTENT: &str = "intent";

/// Where the mark stands.
pub const MARK_AT: usize = 8;
/// Where the last byte of the lines stands: what the mark will be.
const LAST_AT: usize = 9;
/// Where the numbers begin.
const NUMBERS_AT: usize = 10;
/// How many they are.
const NUMBERS: usize = 13;
/// Where the texts begin.
const TEXTS_AT: usize = NUMBERS_AT + 8 * NUMBERS;

/// So much of the lines stands in the intent, to know them in the pipe.
const HEAD_MAX: usize = 128;

/// The most bytes of an intent file: less than a page, so that no kill comes between them.
pub const INTENT_MAX: usize = TEXTS_AT + HEAD_MAX + 2 * MATCHED_MAX;

/// Says that it is an intent, of this layout.
const MAGIC: u64 = u64::from_be_bytes(*b"keepup\x01\n");

/// How a log stands to the line that has begun: a line that is longer than the pipe holds is taken
/// in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Line {
    /// None has begun.
    #[default]
    None,
    /// One has, and goes to this log.
    Selected,
    /// One has, and does not.
    Deselected,
}

/// An intent. The pipe is (device, inode).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    /// Of the logger: a random number.
    pub session: u64,
    /// Of the block of lines, counted by the logger.
    pub number: u64,
    /// Whether the mark stands here.
    pub keeper: bool,
    /// Before the block and after it.
    pub lines: (Line, Line),
    /// Where the lines come from.
    pub pipe: (u64, u64),
    /// The inode of `current`.
    pub file: u64,
    /// The length of `current` before the block is written.
    pub offset: u64,
    /// How many bytes are to be written.
    pub output: u64,
    /// So many of them stand in earlier files: a line that was cut.
    pub skip: u64,
    /// How many bytes wait in the pipe.
    pub raw: u64,
    /// The last of them: what the mark will be.
    pub last: u8,
    /// The first of them.
    pub head: Vec<u8>,
    /// The start of a line, or of a character within one, that was taken before them, and the one
    /// that is once they are taken.
    pub held: (Vec<u8>, Vec<u8>),
}

impl Intent {
    /// Takes note of the lines in the pipe.
    pub fn note(&mut self, raw: &[u8]) {
        self.raw = u64::try_from(raw.len()).unwrap_or(u64::MAX);
        self.last = raw.last().copied().unwrap_or_default();
        self.head.clear();
        self.head.extend_from_slice(raw.get(..HEAD_MAX).unwrap_or(raw));
    }

    /// Writes the content of the file to `packed`, with a mark that says: not taken.
    pub fn pack(&self, packed: &mut Vec<u8>) {
        let len = |text: &[u8]| u64::try_from(text.len()).unwrap_or(0);
        let numbers: [u64; NUMBERS] = [
            self.session,
            self.number,
            u64::from(self.keeper) | code(self.lines.0) << 8 | code(self.lines.1) << 16,
            self.pipe.0,
            self.pipe.1,
            self.file,
            self.offset,
            self.output,
            self.skip,
            self.raw,
            len(&self.head),
            len(&self.held.0),
            len(&self.held.1),
        ];
        packed.clear();
        packed.extend_from_slice(&MAGIC.to_be_bytes());
        packed.extend_from_slice(&[!self.last, self.last]);
        packed.extend(numbers.into_iter().flat_map(u64::to_be_bytes));
        for text in [&self.head, &self.held.0, &self.held.1] {
            packed.extend_from_slice(text);
        }
    }

    /// Reads a file; also whether the mark says that the lines were taken. `None` where it is no
    /// intent. What follows is of an earlier, longer one.
    #[must_use]
    pub fn unpack(packed: &[u8]) -> Option<(Self, bool)> {
        if packed.get(..MARK_AT)? != MAGIC.to_be_bytes() {
            return None;
        }
        let (mark, last) = (*packed.get(MARK_AT)?, *packed.get(LAST_AT)?);
        let (numbers, rest) = packed.get(NUMBERS_AT..)?.split_first_chunk::<{ 8 * NUMBERS }>()?;
        let mut numbers = numbers.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
        let (session, number, codes) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let pipe = (numbers.next()?, numbers.next()?);
        let (file, offset, output) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let (skip, raw) = (numbers.next()?, numbers.next()?);
        let mut rest = rest;
        let mut text = || {
            let len = usize::try_from(numbers.next()?).ok()?;
            let (text, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(text.to_vec())
        };
        let intent = Self {
            session,
            number,
            keeper: codes & 1 == 1,
            lines: (line(codes >> 8)?, line(codes >> 16)?),
            pipe,
            file,
            offset,
            output,
            skip,
            raw,
            last,
            head: text()?,
            held: (text()?, text()?),
        };
        Some((intent, mark == last))
    }
}

const fn code(line: Line) -> u64 {
    match line {
        Line::None => 0,
        Line::Selected => 1,
        Line::Deselected => 2,
    }
}

const fn line(code: u64) -> Option<Line> {
    match code & 255 {
        0 => Some(Line::None),
        1 => Some(Line::Selected),
        2 => Some(Line::Deselected),
        _ => None,
    }
}

/// Whether the lines of `of` were taken, as far as the intents of all directories of the script
/// tell; `None` where its keeper is none of them.
#[must_use]
pub fn was_taken(of: &Intent, all: &[(Intent, bool)]) -> Option<bool> {
    let session = all.iter().filter(|(other, _)| other.session == of.session);
    let keepers = session.filter(|(other, _)| other.keeper && other.number >= of.number);
    // A later block was begun only after this one was taken.
    keepers.map(|(other, taken)| *taken || other.number > of.number).max()
}

/// What is known when a log directory is opened that holds an intent.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What [`was_taken`] says.
    pub taken: Option<bool>,
    /// The pipe we read.
    pub pipe: Option<(u64, u64)>,
    /// What waits in it, or the start of that.
    pub waiting: &'a [u8],
    /// How many bytes wait in it.
    pub count: u64,
    /// Inode and length of `current`, where it is there and was not ended cleanly.
    pub current: Option<(u64, u64)>,
}

/// What the next logger does first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repair {
    /// Cut `current` to this length.
    pub cut: Option<u64>,
    /// End the last line of `current`: the rest of it is gone.
    pub end_line: bool,
    /// Leave out so many bytes of the first block: they stand in earlier files.
    pub skip: u64,
    /// How the log stands to the first line.
    pub line: Line,
    /// The start of the first line; of the last line of a pipe that is gone where `held_ends`.
    pub held: Vec<u8>,
    /// That line will not go on.
    pub held_ends: bool,
}

/// What is to be done, in this log directory, with what an earlier logger has left.
#[must_use]
pub fn repair(intent: &Intent, scene: &Scene<'_>) -> Repair {
    let same_pipe = scene.pipe == Some(intent.pipe);
    let full = intent.offset.saturating_add(intent.output.saturating_sub(intent.skip));
    let ours = scene.current.filter(|(file, len)| {
        *file == intent.file && (intent.offset..=full).contains(len) && scene.taken != Some(true)
    });
    let waits = same_pipe && scene.count >= intent.raw && starts_with(scene.waiting, intent);
    match scene.taken {
        Some(false) if waits => Repair {
            cut: ours.map(|_| intent.offset),
            end_line: false,
            skip: intent.skip,
            line: intent.lines.0,
            held: intent.held.0.clone(),
            held_ends: false,
        },
        Some(true) if same_pipe => {
            Repair { line: intent.lines.1, held: intent.held.1.clone(), ..Repair::default() }
        }
        Some(_) | None => {
            let torn = ours.is_some_and(|(_, len)| len > intent.offset && len < full);
            let (line, held) = match scene.taken {
                Some(true) => (intent.lines.1, &intent.held.1),
                Some(false) | None => (intent.lines.0, &intent.held.0),
            };
            // Of a line that stands in a file already, what is held is the start of a character,
            // and worth nothing without its rest.
            let held = if line == Line::None { held.clone() } else { Vec::new() };
            Repair { end_line: torn, held, held_ends: true, ..Repair::default() }
        }
    }
}

/// A user who has much in pipes already sees less of them at once.
fn starts_with(waiting: &[u8], intent: &Intent) -> bool {
    let seen = waiting.len().min(intent.head.len());
    seen > 0 && intent.head.starts_with(waiting.get(..seen).unwrap_or_default())
}

#[cfg(test)]
mod tests;
