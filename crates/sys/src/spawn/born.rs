//! A child that is born in its control group, or goes ahead (`clone3(2)`).
//!
//! A child that writes itself into its group waits for a grace period of RCU, ten milliseconds and
//! more, and we with it. Born there it waits for nothing. libc has no function for this call with a
//! stack and memory of ours, hence the few instructions; where we have none for the processor, or
//! the kernel refuses, the child writes, and nobody goes ahead.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::stack::Stack;

/// What a group's `cgroup.procs` ends with, after its directory.
const PROCS: &[u8] = b"/cgroup.procs";

/// The group of this `cgroup.procs`, opened; `None` where it is none or cannot be.
pub(super) fn open_group(procs: &CStr) -> Option<OwnedFd> {
    let dir = CString::new(procs.to_bytes().strip_suffix(PROCS)?).ok()?;
    open(dir.as_c_str(), OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Whether the kernel, or a sandbox, will never allow it.
pub(super) fn is_refused(error: &io::Error) -> bool {
    let refusals = [libc::ENOSYS, libc::EPERM, libc::E2BIG, libc::EINVAL];
    error.raw_os_error().is_some_and(|errno| refusals.contains(&errno))
}

/// What a child does: [`super::child`].
pub(super) type Life = extern "C" fn(*mut libc::c_void) -> libc::c_int;

/// Where the kernel stores the child's pid as the parent's, and as the child's.
pub(super) type Words = (*mut libc::pid_t, *mut libc::pid_t);

/// As `clone(life, stack, flags | SIGCHLD, argument, parent's word, child's word)`, and into the
/// group if there is one.
///
/// # Errors
/// `clone3(2)`; `ENOSYS` on a processor of which we do not know how.
///
/// # Safety
/// As that of clone(2): whatever `life` does in our memory, it may do, and does not return from.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn clone(
    group: Option<&OwnedFd>,
    life: Life,
    stack: &Stack,
    flags: libc::c_int,
    argument: *mut libc::c_void,
    words: Words,
) -> io::Result<u32> {
    let args = arguments(group, stack, flags, words);
    let (mut result, len) = (libc::SYS_clone3, size_of_val(&args));
    // The child goes on behind the first `syscall` with the same registers and a stack of its own;
    // it calls `life` and ends. The parent jumps over that.
    // SAFETY: `args` is as long as is said and names a stack that is ours; the child leaves none of
    // our registers changed, for they are copies.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "mov edi, eax",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") result,
            in("rdi") &raw const args,
            in("rsi") len,
            in("r12") argument,
            in("r13") life,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    let error = |_| io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(libc::EINVAL));
    u32::try_from(result).map_err(error)
}

/// As above.
///
/// # Errors
/// `ENOSYS`, always.
///
/// # Safety
/// It does nothing.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn clone(
    _: Option<&OwnedFd>,
    _: Life,
    _: &Stack,
    _: libc::c_int,
    _: *mut libc::c_void,
    _: Words,
) -> io::Result<u32> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(target_arch = "x86_64")]
fn arguments(
    group: Option<&OwnedFd>,
    stack: &Stack,
    flags: libc::c_int,
    (of_parent, of_child): Words,
) -> libc::clone_args {
    use std::os::fd::AsRawFd as _;

    /// `CLONE_INTO_CGROUP` (linux/sched.h).
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let (base, len) = stack.room();
    libc::clone_args {
        flags: u64::from(flags.cast_unsigned()) | group.map_or(0, |_| INTO_CGROUP),
        pidfd: 0,
        child_tid: of_child as u64,
        parent_tid: of_parent as u64,
        exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
        stack: base as u64,
        stack_size: len as u64,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: group.map_or(0, |group| u64::from(group.as_raw_fd().cast_unsigned())),
    }
}
