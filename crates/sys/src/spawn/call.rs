//! System calls that leave `errno` alone. It is our own while a child runs in our memory, and we
//! may well be running ourselves.

use std::ffi::{CStr, c_int, c_long};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// What a call gives, or its errno.
pub(super) type Answer<T = usize> = Result<T, i32>;

/// What a call gives that fails is its errno below nought (`MAX_ERRNO`, linux/err.h).
#[cfg(target_arch = "x86_64")]
const FAILURES: std::ops::Range<isize> = -4095..0;

/// The system call of this number.
///
/// # Errors
/// Its errno.
///
/// # Safety
/// As that of the call.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn call(number: c_long, [a, b, c, d]: [usize; 4]) -> Answer {
    let mut result = usize::try_from(number).unwrap_or(usize::MAX);
    // SAFETY: what the kernel changes is said; the rest is the caller's to know.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    let signed = result.cast_signed();
    if FAILURES.contains(&signed) {
        return Err(i32::try_from(-signed).unwrap_or(libc::EINVAL));
    }
    Ok(result)
}

/// The same with the library's `errno`: here nobody goes ahead ([`super::ahead`]), so we sleep.
///
/// # Errors
/// Its errno.
///
/// # Safety
/// As that of the call.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn call(number: c_long, [a, b, c, d]: [usize; 4]) -> Answer {
    // SAFETY: the caller's to know.
    let result = unsafe { libc::syscall(number, a, b, c, d) };
    usize::try_from(result).map_err(|_| nix::errno::Errno::last_raw())
}

/// A number as a call takes it.
pub(super) const fn word(number: c_int) -> usize {
    (number as isize).cast_unsigned()
}

/// `close_range(first, ~0, flags)`. The callers close only what nobody of them owns: nothing
/// (`RawFd::MAX`), or a child's own copy of the table.
///
/// # Errors
/// `close_range(2)`: `ENOSYS` or `EPERM` where the kernel or a sandbox refuses.
pub(super) fn close_range(first: RawFd, flags: libc::c_uint) -> Answer<()> {
    let args = [word(first), TO_THE_LAST, word(flags.cast_signed()), 0];
    // SAFETY: takes three numbers, of which the callers know that nobody owns what goes.
    unsafe { call(libc::SYS_close_range, args) }.map(drop)
}

/// The last descriptor there can be.
const TO_THE_LAST: usize = libc::c_uint::MAX as usize;

/// `open(path, flags)`.
///
/// # Errors
/// open(2).
pub(super) fn open(path: &CStr, flags: c_int) -> Answer<RawFd> {
    let args = [word(libc::AT_FDCWD), path.as_ptr().addr(), word(flags), 0];
    // SAFETY: a C string.
    let fd = unsafe { call(libc::SYS_openat, args) }?;
    RawFd::try_from(fd).map_err(|_| libc::EBADF)
}

/// What a descriptor leads to, or a path from it on: `fstatat(fd, path, ..)`.
///
/// # Errors
/// fstatat(2).
pub(super) fn look(fd: RawFd, path: &CStr) -> Answer<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let to = stat.as_mut_ptr();
    #[cfg(target_arch = "x86_64")]
    {
        let args = [word(fd), path.as_ptr().addr(), to.addr(), word(libc::AT_EMPTY_PATH)];
        // SAFETY: a C string, and room for one stat, which the library has as the kernel has it.
        unsafe { call(libc::SYS_newfstatat, args) }?;
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: a C string, and room for one stat.
    if unsafe { libc::fstatat(fd, path.as_ptr(), to, libc::AT_EMPTY_PATH) } != 0 {
        return Err(nix::errno::Errno::last_raw());
    }
    // SAFETY: the call has filled it in; all zeroes are a valid value as well.
    Ok(unsafe { stat.assume_init() })
}
