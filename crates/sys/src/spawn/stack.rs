//! What the child runs on while we sleep.

use std::io;
use std::ptr;

/// Enough for the deepest call the child makes, a handful of system calls.
const STACK_LEN: usize = 64 * 1024;
/// What overruns the stack hits this page and ends the child, not us.
const GUARD_LEN: usize = 4096;

/// The child's stack, with a page below it that ends who overruns it.
#[derive(Debug)]
pub(super) struct Stack {
    base: *mut libc::c_void,
}

impl Stack {
    pub(super) fn new() -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        let len = GUARD_LEN + STACK_LEN;
        // SAFETY: a new mapping where the kernel likes; nothing of ours is there.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the first page of the mapping just made, in which nothing lies yet.
        if unsafe { libc::mprotect(base, GUARD_LEN, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { base })
    }

    /// All of it but its guard: where it ends, and how long it is.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn room(&self) -> (*mut libc::c_void, usize) {
        (self.base.wrapping_byte_add(GUARD_LEN), STACK_LEN)
    }

    /// Where it begins: it grows downwards. Aligned as every mapping's end is.
    pub(super) fn top(&self) -> *mut libc::c_void {
        self.base.wrapping_byte_add(GUARD_LEN + STACK_LEN)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no child runs on it, for we do.
        unsafe { libc::munmap(self.base, GUARD_LEN + STACK_LEN) };
    }
}
