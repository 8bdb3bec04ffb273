//! Standard input: a pipe, from which lines are taken only once they are written, or anything else,
//! which is read as it comes.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use sys::peek::{Look, Mark, More, Peek, PipeId};

use super::signals::Signals;

/// How much is read at once: what a pipe holds.
pub(super) const BLOCK: usize = 64 * 1024;

/// What a writer may write at once, or wait for room (`PIPE_BUF`): a pipe with less room is full.
const ROOM_MIN: usize = 4096;

/// A part of a line that has not grown for so long is taken if its start is all that is matched of
/// it: whatever the pipe holds, its writer does not wait for ever. Kernels before 5.14 may leave us
/// without word of what came meanwhile; then it is also the time until we look ourselves.
const STALE_AFTER: Duration = Duration::from_secs(1);

/// Where so much has come at once, more is looked for before anything is waited for.
const BUSY: usize = 4096;

/// Standard input.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    pipe: Option<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    peek: Peek,
    more: More,
    /// A part of a line so long is taken: nearly all that the pipe holds.
    part_max: usize,
    /// The length of the part of a line that waits after all lines were taken.
    tail: usize,
    stale: bool,
    hang_up: bool,
    busy: bool,
}

/// What was seen or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing yet.
    Nothing,
    /// So many bytes to be processed. Of a pipe, they are still in there.
    Bytes(usize),
    /// The end.
    End,
}

impl Input {
    pub(super) fn new(file: File, signals: &Signals) -> Self {
        let pipe = Pipe::new(&file, signals).ok().flatten();
        Self { file, pipe }
    }

    /// Which pipe it is, where lines are taken only once they are written.
    pub(super) fn pipe(&self) -> Option<PipeId> {
        self.pipe.as_ref().map(|pipe| pipe.peek.id())
    }

    /// What waits in the pipe now.
    pub(super) fn look<'a>(&mut self, block: &'a mut [u8]) -> &'a [u8] {
        let Some(pipe) = &self.pipe else { return &[] };
        match pipe.peek.look(&self.file, block) {
            Ok(Look::Bytes(len)) => block.get(..len).unwrap_or_default(),
            Ok(Look::Empty | Look::Ended) => &[],
            Err(_) => {
                // Refused here (seccomp): read as from anything else.
                self.pipe = None;
                &[]
            }
        }
    }

    /// Waits for something to process, or a signal. Of a pipe, whole lines are seen where they can
    /// be.
    pub(super) fn next(&mut self, block: &mut [u8], signals: &Signals) -> io::Result<Seen> {
        let Some(pipe) = &mut self.pipe else { return self.read(block, signals) };
        if !pipe.wait(&self.file, signals)? {
            return Ok(Seen::Nothing);
        }
        match pipe.peek.look(&self.file, block) {
            Ok(Look::Bytes(len)) => Ok(pipe.whole_lines(block.get(..len).unwrap_or_default())),
            Ok(Look::Ended) => Ok(Seen::End),
            Ok(Look::Empty) => {
                (pipe.busy, pipe.hang_up) = (false, false);
                Ok(Seen::Nothing)
            }
            Err(_) => {
                self.pipe = None;
                Ok(Seen::Nothing)
            }
        }
    }

    /// Waits at most so long for the end of the line that has begun, or that `within` says has been
    /// taken in part; sees what is there of it.
    pub(super) fn line_end(
        &mut self,
        block: &mut [u8],
        within: bool,
        wait: Duration,
        signals: &Signals,
    ) -> io::Result<Seen> {
        let Some(pipe) = &mut self.pipe else {
            let byte = block.get_mut(..1).unwrap_or_default();
            let ready = within && signals.wait_for_input(self.file.as_fd(), Some(wait))?;
            return if ready { self.read_now(byte) } else { Ok(Seen::Nothing) };
        };
        if pipe.tail == 0 && !within {
            return Ok(Seen::End);
        }
        let came = pipe.more.wait(wait.min(STALE_AFTER))?;
        if came.woken {
            signals.drain();
        }
        pipe.hang_up |= came.hang_up;
        match pipe.peek.look(&self.file, block)? {
            Look::Ended => Ok(Seen::End),
            Look::Empty => Ok(Seen::Nothing),
            Look::Bytes(len) => {
                let seen = block.get(..len).unwrap_or_default();
                let end = logger::line_end(seen);
                let whole = end.or((pipe.hang_up || len >= pipe.part_max).then_some(len));
                Ok(whole.map_or(Seen::Nothing, Seen::Bytes))
            }
        }
    }

    /// How much of a line waits in the pipe.
    pub(super) fn tail(&self) -> usize {
        self.pipe.as_ref().map_or(0, |pipe| pipe.tail)
    }

    /// Takes bytes that were written; whether `mark` says so now.
    pub(super) fn take(&mut self, len: usize, mark: Option<&Mark>) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(true) };
        let (mut taken, marked) = pipe.peek.take(&self.file, len, mark)?;
        while taken < len {
            match pipe.peek.take(&self.file, len - taken, None)? {
                (0, _) => break,
                (more, _) => taken += more,
            }
        }
        Ok(marked)
    }

    fn read(&mut self, block: &mut [u8], signals: &Signals) -> io::Result<Seen> {
        if signals.wait_for_input(self.file.as_fd(), None)? {
            self.read_now(block)
        } else {
            Ok(Seen::Nothing)
        }
    }

    /// One read(2). Somebody else may be faster: the input may be shared, so it is not made
    /// non-blocking.
    fn read_now(&mut self, block: &mut [u8]) -> io::Result<Seen> {
        match self.file.read(block) {
            Ok(0) => Ok(Seen::End),
            Ok(len) => Ok(Seen::Bytes(len)),
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) =>
            {
                Ok(Seen::Nothing)
            }
            Err(error) => Err(error),
        }
    }
}

impl Pipe {
    fn new(file: &File, signals: &Signals) -> io::Result<Option<Self>> {
        let Some(peek) = Peek::new(file)? else { return Ok(None) };
        let more = More::new(file.as_fd(), signals.wake())?;
        let capacity = sys::peek::capacity(file).unwrap_or(BLOCK).min(BLOCK);
        let part_max = capacity.saturating_sub(ROOM_MIN).max(logger::MATCHED_MAX);
        let (stale, hang_up, busy) = (false, false, false);
        Ok(Some(Self { peek, more, part_max, tail: 0, stale, hang_up, busy }))
    }

    /// Waits until there is something to look at; false where a signal came first.
    fn wait(&mut self, file: &File, signals: &Signals) -> io::Result<bool> {
        if self.busy || self.hang_up {
            return Ok(true);
        }
        if self.tail == 0 {
            return signals.wait_for_input(file.as_fd(), None);
        }
        let came = self.more.wait(STALE_AFTER)?;
        if came.woken {
            signals.drain();
            return Ok(false);
        }
        self.stale = !came.more;
        self.hang_up = came.hang_up;
        Ok(true)
    }

    /// How much of what was seen is to be processed: whole lines; a part of one only where no more
    /// of it can come for now.
    fn whole_lines(&mut self, seen: &[u8]) -> Seen {
        let lines = logger::last_line_end(seen).unwrap_or(0);
        let grown = seen.len() != self.tail;
        let stale = self.stale && !grown && seen.len() >= logger::MATCHED_MAX;
        let part = lines == 0 && (stale || self.hang_up || seen.len() >= self.part_max);
        let len = if part { seen.len() } else { lines };
        self.tail = seen.len() - len;
        self.busy = len >= BUSY;
        if len == 0 { Seen::Nothing } else { Seen::Bytes(len) }
    }
}
