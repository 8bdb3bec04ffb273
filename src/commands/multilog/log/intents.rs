//! The intent in a log directory: written before lines are, read by the next logger
//! (`logger::Intent` has the whole story).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use logger::{CURRENT, INTENT, INTENT_MAX, Intent, Line, MARK_AT, Repair};
use sys::peek::{Mark, PipeId};

use super::super::trouble::Trouble;
use super::Log;

/// A block of lines that still wait in the pipe.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Block<'a> {
    pub(in super::super) session: u64,
    pub(in super::super) number: u64,
    pub(in super::super) pipe: PipeId,
    pub(in super::super) raw: &'a [u8],
    /// The start of a line that is held before it, and the one after it.
    pub(in super::super) held: (&'a [u8], &'a [u8]),
}

/// What is known of a directory's intent.
#[derive(Debug, Default)]
pub(super) struct Intents {
    /// What an earlier logger has left, and whether its mark is set.
    found: Option<(Intent, bool)>,
    file: Option<File>,
    mark: Option<Mark>,
    /// Of the block that is being written.
    now: Intent,
    packed: Vec<u8>,
    /// Whether `now` stands in the file.
    armed: bool,
    /// So many bytes of the next block stand in earlier files.
    skip: u64,
}

impl Log<'_> {
    /// Reads what an earlier logger has left. What cannot be read says nothing.
    pub(super) fn find_intent(&mut self) {
        let mut packed = Vec::with_capacity(INTENT_MAX);
        let limit = u64::try_from(INTENT_MAX).unwrap_or(u64::MAX);
        let read = self.dir.read(INTENT.as_ref());
        if read.is_ok_and(|file| file.take(limit).read_to_end(&mut packed).is_ok()) {
            self.intents.found = Intent::unpack(&packed);
        }
    }

    /// What an earlier logger has left.
    pub(in super::super) fn intent_found(&self) -> Option<&(Intent, bool)> {
        self.intents.found.as_ref()
    }

    /// Inode and length of `current`, where it is there and was not ended cleanly.
    pub(in super::super) fn unfinished(&self) -> Option<(u64, u64)> {
        let found = self.dir.find(CURRENT.as_ref()).ok().flatten();
        found.filter(|found| found.mode & logger::WHOLE == 0).map(|found| (found.ino, found.size))
    }

    /// Cuts off what still waits in the pipe, or ends a line whose rest is gone.
    pub(super) fn repair(&mut self, repair: &Repair) -> Result<(), Trouble> {
        self.intents.skip = repair.skip;
        if let Some(len) = repair.cut {
            let current = self.dir.write(CURRENT.as_ref());
            let cut = current.and_then(|current| current.set_len(len));
            cut.map_err(self.unable("cut", CURRENT))?;
        }
        if repair.end_line {
            let current = self.dir.append(CURRENT.as_ref());
            let ended = current.and_then(|mut current| current.write_all(b"\n"));
            ended.map_err(self.unable("write to", CURRENT))?;
        }
        Ok(())
    }

    /// Says what is about to be written: `output` bytes of `block`. `lines` is how the log stands
    /// to the line that has begun, before the block and after it. Where it cannot be said (a full
    /// disk), the log is written all the same.
    pub(in super::super) fn arm(
        &mut self,
        block: &Block<'_>,
        keeper: bool,
        lines: (Line, Line),
        output: usize,
    ) {
        let intent = &mut self.intents.now;
        intent.note(block.raw);
        intent.session = block.session;
        intent.number = block.number;
        intent.pipe = (block.pipe.dev, block.pipe.ino);
        intent.keeper = keeper;
        for (held, now) in [(&mut intent.held.0, block.held.0), (&mut intent.held.1, block.held.1)]
        {
            held.clear();
            held.extend_from_slice(if keeper { now } else { &[] });
        }
        intent.lines = lines;
        intent.output = u64::try_from(output).unwrap_or(u64::MAX);
        intent.skip = self.intents.skip;
        intent.file = self.current_ino;
        intent.offset = self.fill.bytes();
        self.write_intent();
    }

    /// Says that all of the block before `written` stands in files that are not touched any more:
    /// said once before a file ends within a block, and once after.
    pub(super) fn arm_again(&mut self, written: u64) {
        if self.intents.armed {
            self.intents.now.skip = self.intents.skip + written;
            self.intents.now.file = self.current_ino;
            self.intents.now.offset = self.fill.bytes();
            self.write_intent();
        }
    }

    fn write_intent(&mut self) {
        let Intents { file, mark, now, packed, armed, .. } = &mut self.intents;
        now.pack(packed);
        if file.is_none() {
            *file = self.dir.read_write(INTENT.as_ref()).ok();
        }
        let written = file.as_ref().is_some_and(|file| file.write_all_at(packed, 0).is_ok());
        *armed = written;
        if now.keeper && mark.is_none() {
            *mark = file.as_ref().filter(|_| written).and_then(|f| Mark::new(f, MARK_AT).ok());
        }
    }

    /// Where the kernel is to put the last byte of the block.
    pub(in super::super) fn mark(&self) -> Option<&Mark> {
        self.intents.mark.as_ref().filter(|_| self.intents.armed && self.intents.now.keeper)
    }

    /// The block was taken from the pipe. `marked` where the kernel has said so beside the intent.
    pub(in super::super) fn taken(&mut self, marked: bool) {
        let Intents { file, now, armed, .. } = &mut self.intents;
        if let Some(file) = file.as_ref().filter(|_| *armed && now.keeper && !marked) {
            let at = u64::try_from(MARK_AT).unwrap_or(0);
            // Where this fails as well, the next logger may write the block once more.
            let _ = file.write_all_at(&[now.last], at);
        }
        *armed = false;
        self.intents.skip = 0;
    }

    /// The block stays in the pipe for the next logger: what was written of it is cut off again.
    pub(in super::super) fn take_back(&mut self) {
        let same_file = self.intents.now.file == self.current_ino;
        if self.intents.armed && same_file {
            let cut = self.current.as_ref().map(|file| file.set_len(self.intents.now.offset));
            // Where this fails, the intent is still there, and the next logger does it.
            drop(cut);
        }
    }

    /// A part of a line was written that stands in earlier files already.
    pub(super) fn skip(&self, len: usize) -> usize {
        usize::try_from(self.intents.skip).map_or(len, |skip| skip.min(len))
    }

    /// After a clean end there is nothing to be said to the next logger; nor is there where the
    /// input is no pipe.
    pub(in super::super) fn forget_intent(&mut self) {
        if self.is_shut() {
            return;
        }
        (self.intents.file, self.intents.mark) = (None, None);
        let _ = self.dir.remove(INTENT.as_ref());
    }

    pub(super) fn note_current(&mut self, file: &File) -> std::io::Result<u64> {
        let found = file.metadata()?;
        self.current_ino = found.ino();
        Ok(found.len())
    }
}
