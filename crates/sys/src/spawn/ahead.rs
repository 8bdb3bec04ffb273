//! A child that is on its way while we go on: `clone(CLONE_VM)` without `CLONE_VFORK`.
//!
//! While one processor executes a program the other prepares the next, and nobody is put to sleep
//! and woken. That the child has left our memory, by `execve` or by its end, the kernel says as it
//! says so to a thread's parent: it clears a word and wakes who waits for that
//! (`CLONE_CHILD_CLEARTID`). Until then stack and orders are the child's.
//!
//! Two things differ from a child for which we sleep. `errno` is ours, hence [`super::call`]. And
//! to the kernel we are then several processes with one memory, which are killed for want of it
//! together: `oom_score_adj` written by one is that of all (`__set_oom_adj`, fs/proc/base.c), so
//! nobody writes it meanwhile. That is until [`shares_our_memory`] is false: a moment after the
//! word is cleared, which is when the child uses nothing of ours any more.

use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::orders::Orders;
use super::stack::Stack;
use super::{Failed, reap_failed};
use crate::clock;

/// How long a child's word is waited for. The way to `execve` takes a tenth of a millisecond, and
/// from a disk that sleeps some seconds. Where a kernel never says it, this is lost once.
const WORD_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether the child has ended meanwhile: one that leaves a core does not
/// say so.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Not nought, whatever the child's pid is.
const ON_ITS_WAY: i32 = -1;

/// A child that is on its way to its program.
#[derive(Debug)]
pub struct Ahead {
    pid: u32,
    /// What the child has of our memory.
    share: Share,
}

/// `KCMP_VM` (linux/kcmp.h).
const KCMP_VM: libc::c_int = 1;
/// `PF_FORKNOEXEC` (linux/sched.h), which goes after the memory, and the place of the flags in
/// /proc/PID/stat, counted from behind the name.
const NEVER_EXECUTED: u64 = 0x40;
const FLAGS_AT: usize = 6;

/// Whether a child has the same memory as we, to the kernel.
#[must_use]
pub fn shares_our_memory(child: u32) -> bool {
    let own = std::process::id();
    // SAFETY: takes numbers.
    match unsafe { libc::syscall(libc::SYS_kcmp, own, child, KCMP_VM, 0, 0) } {
        0 => true,
        -1 if Errno::last() != Errno::ESRCH => has_never_executed(child),
        _ => false,
    }
}

/// The same by what /proc says, where a kernel or a sandbox does not compare.
fn has_never_executed(child: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let flags = fields.split_whitespace().nth(FLAGS_AT).and_then(|flags| flags.parse().ok());
    flags.is_some_and(|flags: u64| flags & NEVER_EXECUTED != 0)
}

/// What a child that goes ahead has of our memory. Never freed while it may be used.
#[derive(Debug)]
pub(super) struct Share {
    stack: ManuallyDrop<Stack>,
    /// From `Box::into_raw`: the child's until its word is nought.
    orders: *mut Orders,
    word: *mut AtomicI32,
}

/// What became of a child that went ahead.
#[derive(Debug)]
pub(super) enum Came {
    /// It runs, as far as is known.
    Through,
    /// A step failed; it has ended, and is reaped.
    ToNothing(Failed),
    /// It was killed before it did anything: kernels from 6.13 on kill who is born in a group whose
    /// `cgroup.kill` was ever used. It is reaped.
    Never,
}

impl Share {
    pub(super) fn new(stack: Stack, orders: Orders) -> Self {
        let orders = Box::into_raw(Box::new(orders));
        let word = Box::into_raw(Box::new(AtomicI32::new(ON_ITS_WAY)));
        Self { stack: ManuallyDrop::new(stack), orders, word }
    }

    /// What the child runs on.
    pub(super) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Where the child's orders are.
    pub(super) fn argument(&self) -> *mut libc::c_void {
        self.orders.cast()
    }

    /// The word that the kernel clears.
    pub(super) fn word(&self) -> *mut libc::pid_t {
        self.word.cast()
    }

    /// There is no child, or it has left: it is all ours again.
    pub(super) fn take_back(self) -> (Stack, Orders) {
        // SAFETY: from `Box::into_raw`, once: `self` ends here; nobody uses it any more, or ever
        // did.
        let orders = unsafe { Box::from_raw(self.orders) };
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(self.word) });
        (ManuallyDrop::into_inner(self.stack), *orders)
    }
}

impl Ahead {
    pub(super) fn new(pid: u32, share: Share) -> Self {
        Self { pid, share }
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it has left our memory; gives what became of it, and the stack back. `None`: we
    /// were not told, so what it has stays with it for ever. Without `patience` that is not waited
    /// for.
    pub(super) fn settle(self, patience: bool) -> Option<(Came, Stack)> {
        if !self.has_left(patience) {
            return None;
        }
        let (stack, orders) = self.share.take_back();
        let came = match orders.failed {
            Some(failed) => Came::ToNothing(failed),
            None if orders.born && !orders.lives => Came::Never,
            None => return Some((Came::Through, stack)),
        };
        reap_failed(self.pid);
        Some((came, stack))
    }

    fn has_left(&self, patience: bool) -> bool {
        // SAFETY: an atomic of ours that lives on; only the kernel writes it.
        let word = unsafe { &*self.share.word };
        let until = clock::monotonic() + if patience { WORD_MAX } else { Duration::ZERO };
        while word.load(Ordering::Acquire) != 0 {
            if clock::monotonic() >= until {
                return false;
            }
            if !sleep_on(word) && has_ended(self.pid) {
                return true;
            }
        }
        true
    }
}

/// Waits until somebody says that the word has changed; `false`: not in a while, or a sandbox does
/// not let us wait, and it is to be looked at.
fn sleep_on(word: &AtomicI32) -> bool {
    let limit = libc::timespec {
        tv_sec: 0,
        tv_nsec: libc::c_long::try_from(LOOK_EVERY.as_nanos()).unwrap_or_default(),
    };
    let none = ptr::null::<libc::c_void>();
    // SAFETY: a word that lives on, and a time that is read and not kept.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            ON_ITS_WAY,
            &raw const limit,
            none,
            0,
        )
    };
    woken == 0 || matches!(Errno::last(), Errno::EAGAIN | Errno::EINTR)
}

/// Whether a child has ended, which is then to be reaped. If we cannot know, it has not: it may be
/// using our memory.
fn has_ended(child: u32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(Pid::from_raw(child.cast_signed())), flags) {
        Ok(status) => status != WaitStatus::StillAlive,
        // There is no such child any more, or it was killed by a signal without a name.
        Err(errno) => matches!(errno, Errno::ECHILD | Errno::EINVAL),
    }
}
