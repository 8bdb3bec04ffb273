//! How wide the terminal is.

use std::mem::MaybeUninit;

/// The columns of the terminal on standard output; `None` where that is none, or does not say.
#[must_use]
pub fn columns() -> Option<usize> {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: the kernel is given room for one `struct winsize`.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) };
    if asked != 0 {
        return None;
    }
    // SAFETY: it was zeroed, which is a value of this struct of integers, and then filled.
    let columns = unsafe { size.assume_init() }.ws_col;
    (columns > 0).then(|| columns.into())
}
