//! The last word of our own command line, as ps shows it.
//!
//! The kernel keeps no copy of a command line: `/proc/PID/cmdline`, and so ps, read the very memory
//! that `execve` has put the words into. What is written over it is what they show (daemontools,
//! `readproctitle.c`).

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::entry;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The memory of the last word.
#[derive(Debug)]
pub struct LastWord {
    start: NonNull<u8>,
    len: usize,
}

impl LastWord {
    /// The last word we were called with, the program's name among them; `None` where there is
    /// none, or where it was taken before.
    #[must_use]
    pub fn take() -> Option<Self> {
        let start = entry::last_word()?;
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the kernel ends each word with a NUL, and nobody has overwritten this one: only
        // `show` does, and there was no `LastWord` before.
        let len = unsafe { CStr::from_ptr(start.as_ptr().cast()) }.to_bytes().len();
        Some(Self { start, len })
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Overwrites it with `text`, as much as there is room for. A NUL would end the word; there
    /// should be none.
    pub fn show(&mut self, text: &[u8]) {
        let len = text.len().min(self.len);
        // SAFETY: the words of a process are writable memory that is there as long as the process;
        // these `len` bytes are of one word. No reference to them exists: std reads the words
        // through its own pointers, by copying them in `std::env::args`, and a second thread that
        // could do so meanwhile there is not. `text` is a Rust slice, and so lies elsewhere.
        unsafe { self.start.as_ptr().copy_from_nonoverlapping(text.as_ptr(), len) };
    }
}
