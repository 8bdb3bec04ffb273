//! Standard input: a pipe, from which lines are taken only once they are written, or anything else,
//! which is read as it comes.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use sys::fifo;
use sys::peek::{Look, Mark, Peek, PipeId};

use super::signals::Signals;

/// How much is read at once: what a pipe holds.
pub(super) const BLOCK: usize = 64 * 1024;

/// Where so much has come at once, more is looked for before anything is waited for.
const BUSY: usize = 4096;

/// Standard input.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    pipe: Option<Peek>,
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
    pub(super) fn new(file: File) -> Self {
        let pipe = Peek::new(&file).ok().flatten();
        Self { file, pipe, busy: false }
    }

    /// Which pipe it is, where lines are taken only once they are written.
    pub(super) fn pipe(&self) -> Option<PipeId> {
        self.pipe.as_ref().map(Peek::id)
    }

    /// The start of what waits in the pipe now, and how much that is; nothing where it is none.
    pub(super) fn waiting<'a>(&mut self, block: &'a mut [u8]) -> (&'a [u8], u64) {
        let seen = match self.look(block) {
            Seen::Bytes(len) => block.get(..len).unwrap_or_default(),
            Seen::Nothing | Seen::End => return (&[], 0),
        };
        let count = fifo::waiting(&self.file).unwrap_or(0).max(seen.len());
        (seen, u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Waits for something to process, or a signal, at most so long.
    pub(super) fn next(
        &mut self,
        block: &mut [u8],
        wait: Option<Duration>,
        signals: &Signals,
    ) -> io::Result<Seen> {
        if !self.busy && !signals.wait_for_input(self.file.as_fd(), wait)? {
            return Ok(Seen::Nothing);
        }
        if self.pipe.is_some() { Ok(self.look(block)) } else { self.read(block) }
    }

    /// Takes bytes that were written; whether `mark` says so now.
    pub(super) fn take(&mut self, len: usize, mark: Option<&Mark>) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(true) };
        let (mut taken, marked) = pipe.take(&self.file, len, mark)?;
        while taken < len {
            match pipe.take(&self.file, len - taken, None)? {
                (0, _) => break,
                (more, _) => taken += more,
            }
        }
        Ok(marked)
    }

    /// Where we may not look (seccomp), the pipe is read as anything else.
    fn look(&mut self, block: &mut [u8]) -> Seen {
        let looked = self.pipe.as_ref().map(|pipe| pipe.look(&self.file, block));
        self.busy = matches!(looked, Some(Ok(Look::Bytes(len))) if len >= BUSY);
        match looked {
            Some(Ok(Look::Bytes(len))) => Seen::Bytes(len),
            Some(Ok(Look::Ended)) => Seen::End,
            Some(Ok(Look::Empty)) | None => Seen::Nothing,
            Some(Err(_)) => {
                self.pipe = None;
                Seen::Nothing
            }
        }
    }

    /// One read(2). Somebody else may be faster: the input may be shared, so it is not made
    /// non-blocking.
    fn read(&mut self, block: &mut [u8]) -> io::Result<Seen> {
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
