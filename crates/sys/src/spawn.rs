//! Start a program: what the child does between its birth and `execve` is data ([`Step`]),
//! prepared before and walked after.
//!
//! # Three ways
//! *Borrowed* is the usual one: `clone(CLONE_VM | CLONE_VFORK)`. The child runs in our memory, on a
//! stack of its own, while we sleep; so nothing is copied and a failed step comes back as a value.
//! The descriptor table is shared as well (`CLONE_FILES`) and left by `close_range(UNSHARE)`, the
//! child's first call: a plain vfork copies the whole table, which with 1000 services is most of
//! the cost of a start. Where that call is refused (old kernel, seccomp) the table is copied after
//! all.
//!
//! *Ahead* is the same without our sleep (`ahead.rs`), for many starts in a row. Where it is
//! refused we sleep.
//!
//! *Apart* is a plain fork. We do not wait for it: whoever owns the service directory may make
//! `open` or `execve` hang (a lease, a dead network file system), and must not stop everybody. What
//! failed comes back through a pipe, when the child has ended.
//!
//! # What the child may do
//! It shares our memory, so it only makes system calls on what was prepared: it allocates nothing,
//! locks nothing, formats nothing, drops nothing, and does not return.

mod ahead;
mod born;
mod call;
mod orders;
mod stack;
mod walk;

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::ptr;
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::signal::SigSet;

use crate::held::Held;
use crate::limits::Limit;
use crate::mapped::Birth;
pub use ahead::{Ahead, shares_our_memory};
use ahead::{Came, Share};
use call::close_range;
use orders::{Environment, Orders, child};
use stack::Stack;

/// The exit code of a child that never became its program (daemontools).
const EXIT_NOT_STARTED: i32 = 111;
/// The first descriptor a program does not inherit.
const FIRST_OWN_FD: RawFd = 3;
/// Enough for a few hundred services (`RLIMIT_NOFILE`, as it is where nobody raised it).
const LAST_GUESSED: RawFd = 1023;

/// Device and inode: what a file is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `st_dev`
    pub dev: u64,
    /// `st_ino`
    pub ino: u64,
}

/// Which end of a FIFO the program gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeEnd {
    /// Its descriptor 0, read-only: it sees the end of the pipe.
    Stdin,
    /// Its descriptor 1, read-write: a write waits for a reader and never fails for want of one.
    Stdout,
    /// A descriptor of this number, write-only: we see when nobody has it any more.
    Notification(RawFd),
}

/// A path or a word as the kernel takes it, which the child may need longer than we do.
pub type Text = Cow<'static, CStr>;

/// What the child does before it becomes the program.
#[derive(Debug, Clone)]
pub enum Step {
    /// Enter the control group with this `cgroup.procs` (`Group::entrance`). The first step: what
    /// the others cost is the service's already.
    Group(Text),
    /// Make the directory the working directory, if it is still the one we know.
    Enter(Text, Identity),
    /// Make the directory the working directory that is held open, and was seen to be the one we
    /// know: before all other steps, and not for [`Way::Apart`].
    EnterHeld(Rc<Held>),
    /// Open a FIFO afresh, if it is still the one we know: nobody gets a description of ours.
    Pipe(Text, Identity, PipeEnd),
    /// The same by a path below `/proc/PID/fd`, for a pipe that has lost its name or never had one.
    Reopen(Text, Identity, PipeEnd),
    /// Lead a session of its own.
    Session,
    /// Have this soft and this hard limit, neither above the hard one that we have ourselves.
    Limit(Limit, u64, u64),
    /// Be as likely to be killed for want of memory as we were ourselves ([`crate::oom::protect`]).
    /// Where that is refused nothing fails. Not for a child that goes ahead: it would be our own.
    OomScore(Text),
    /// Say nothing: descriptor 1 leads to /dev/null.
    Silence,
    /// Have the signal mask and the SIGPIPE that we were given ourselves.
    Signals,
}

/// A program and the way to it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Walked in order.
    pub steps: Vec<Step>,
    /// What to execute, a path with a slash in it, and its arguments after it: the program's
    /// `argv`. Without a first word the start fails (`ENOENT`).
    pub argv: Vec<Text>,
    /// An entry `NAME=value` of the program's environment that says whose process it is. One of
    /// the same name that we were given ourselves is not passed on.
    pub marker: Text,
}

/// The name of the marker in the environment of every program.
pub const MARKER: &str = "KEEPUP_SERVICE";

/// How much the way is trusted not to hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// We sleep until the program runs.
    Borrowed,
    /// We do not wait.
    Apart,
}

/// A program that was started.
#[derive(Debug)]
pub enum Started {
    /// It runs.
    Runs(u32),
    /// There is a process; what became of it is known when it has ended.
    Forked(u32, Verdict),
}

/// What became of a child that went ahead.
#[derive(Debug)]
pub enum Settled {
    /// It runs.
    Runs(u32),
    /// It does not.
    Failed(Failed),
    /// It was killed before it did anything. A child for which we sleep is not.
    TryAgain,
}

/// What will be known of a child that was forked, when it has ended.
#[derive(Debug)]
pub struct Verdict(OwnedFd);

/// Why there is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// What failed.
    pub at: Place,
    /// The errno.
    pub errno: i32,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// No process could be made.
    Fork,
    /// [`Step::Group`]
    Group,
    /// [`Step::Enter`]
    Enter,
    /// [`Step::Pipe`]
    Pipe,
    /// Any other step.
    Setup,
    /// The program could not be executed.
    Exec,
}

impl Place {
    /// Every place, numbered for a child's report.
    const ALL: [Self; 6] =
        [Self::Fork, Self::Group, Self::Enter, Self::Pipe, Self::Setup, Self::Exec];

    const fn of(step: &Step) -> Self {
        match step {
            Step::Group(_) => Self::Group,
            Step::Enter(..) | Step::EnterHeld(_) => Self::Enter,
            Step::Pipe(..) | Step::Reopen(..) => Self::Pipe,
            Step::Session | Step::Limit(..) | Step::OomScore(_) | Step::Silence | Step::Signals => {
                Self::Setup
            }
        }
    }
}

/// Starts programs.
#[derive(Debug)]
pub struct Spawner {
    /// Of children for which we sleep.
    stack: Stack,
    /// Of children that went ahead and have come through.
    spare: Vec<Stack>,
    shares_table: bool,
    /// Whether a child can be born in its control group, and go ahead, as far as was tried.
    bears_into_groups: bool,
    goes_ahead: bool,
    environment: Environment,
    mask: SigSet,
}

impl Spawner {
    /// `mask` is the signal mask that programs start with.
    ///
    /// # Errors
    /// mmap(2): no memory for the child's stack.
    pub fn new(mask: SigSet) -> io::Result<Self> {
        Ok(Self {
            stack: Stack::new()?,
            spare: Vec::new(),
            shares_table: close_range(RawFd::MAX, libc::CLOSE_RANGE_UNSHARE).is_ok(),
            bears_into_groups: true,
            goes_ahead: true,
            environment: Environment::capture(),
            mask,
        })
    }

    /// Starts a program. `birth` is where the kernel stores the pid of the child before it runs, so
    /// that it is known even if we are killed in that instant.
    ///
    /// # Errors
    /// [`Failed`]; after [`Way::Apart`] only what fails before the fork, the rest is in the
    /// [`Verdict`].
    pub fn start(
        &mut self,
        plan: Plan,
        birth: Option<Birth<'_>>,
        way: Way,
    ) -> Result<Started, Failed> {
        let orders = Orders::new(plan, &self.environment, self.mask);
        match way {
            Way::Borrowed => self.borrow(orders, birth).map(Started::Runs),
            Way::Apart => self.fork(orders, birth),
        }
    }

    /// Starts a program without sleeping until it runs: [`Spawner::settle`] is to be called soon.
    ///
    /// # Errors
    /// The plan, where that cannot be done: it is to be started in another way.
    pub fn start_ahead(&mut self, plan: Plan, birth: Option<Birth<'_>>) -> Result<Ahead, Plan> {
        let stack = self.goes_ahead.then(|| self.spare.pop().or_else(|| Stack::new().ok()));
        let Some(stack) = stack.flatten() else { return Err(plan) };
        let group = self.group_to_be_born_in(&plan);
        let mut orders = Orders::new(plan, &self.environment, self.mask);
        (orders.unshare, orders.born) = (self.shares_table, group.is_some());
        let table = if self.shares_table { libc::CLONE_FILES } else { 0 };
        let (noted, word) = Birth::arguments(birth);
        let flags = libc::CLONE_VM | libc::CLONE_CHILD_CLEARTID | table | noted;
        let share = Share::new(stack, orders);
        let (words, argument) = ((word, share.word()), share.argument());
        // SAFETY: stack, orders and word are the child's until it has left our memory; `child`
        // keeps to what a child in our memory may do, and leaves errno alone.
        let pid =
            unsafe { born::clone(group.as_ref(), child, share.stack(), flags, argument, words) };
        match pid {
            Ok(pid) => Ok(Ahead::new(pid, share)),
            Err(error) => {
                // It may be the group that is refused.
                self.goes_ahead = group.is_some() || !born::is_refused(&error);
                let (stack, orders) = share.take_back();
                self.spare.push(stack);
                Err(orders.plan)
            }
        }
    }

    /// Waits until a child that went ahead is its program.
    pub fn settle(&mut self, ahead: Ahead) -> Settled {
        let pid = ahead.pid();
        let Some((came, stack)) = ahead.settle(self.goes_ahead) else {
            self.goes_ahead = false; // A kernel that does not say so.
            return Settled::Runs(pid);
        };
        self.spare.push(stack);
        match came {
            Came::Through => Settled::Runs(pid),
            Came::ToNothing(failed) => Settled::Failed(failed),
            Came::Never => Settled::TryAgain,
        }
    }

    /// Nobody is to go ahead soon.
    pub fn shrink(&mut self) {
        self.spare = Vec::new();
    }

    fn borrow(&mut self, mut orders: Orders, birth: Option<Birth<'_>>) -> Result<u32, Failed> {
        if let Some(group) = self.group_to_be_born_in(&orders.plan) {
            match self.bear(&mut orders, birth, Some(&group)) {
                Err(Unborn::NoChild(error)) => {
                    // It writes itself into the group instead.
                    self.bears_into_groups = !born::is_refused(&error);
                }
                born => return born.map_err(Unborn::into_failed),
            }
        }
        self.bear(&mut orders, birth, None).map_err(Unborn::into_failed)
    }

    /// The group that a child of this plan enters first.
    fn group_to_be_born_in(&self, plan: &Plan) -> Option<OwnedFd> {
        match plan.steps.first() {
            Some(Step::Group(procs)) if self.bears_into_groups => born::open_group(procs),
            Some(_) | None => None,
        }
    }

    fn bear(
        &mut self,
        orders: &mut Orders,
        birth: Option<Birth<'_>>,
        group: Option<&OwnedFd>,
    ) -> Result<u32, Unborn> {
        let table = if self.shares_table { libc::CLONE_FILES } else { 0 };
        let (noted, word) = Birth::arguments(birth);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | table | noted;
        let stack = &self.stack;
        (orders.unshare, orders.born) = (self.shares_table, group.is_some());
        let argument = ptr::from_mut(orders).cast();
        let pid = if group.is_some() {
            let words = (word, ptr::null_mut());
            // SAFETY: the stack is ours, big enough and not in use, for we sleep (VFORK) until the
            // child has executed or ended; `orders` lives until then; `child` keeps to what a child
            // in our memory may do; the kernel looks at `word` only if told so, and then it is a
            // place for it.
            unsafe { born::clone(group, child, stack, flags, argument, words) }
        } else {
            let flags = flags | libc::SIGCHLD;
            // SAFETY: as above.
            let pid = unsafe { libc::clone(child, stack.top(), flags, argument, word) };
            u32::try_from(pid).map_err(|_| io::Error::last_os_error())
        };
        let pid = pid.map_err(Unborn::NoChild)?;
        let unborn = match orders.failed {
            Some(failed) => Unborn::Failed(failed),
            // Kernels from 6.13 on kill who is born in a group whose `cgroup.kill` was ever used.
            None if group.is_some() && !orders.lives => Unborn::NoChild(Errno::EAGAIN.into()),
            None => return Ok(pid),
        };
        reap_failed(pid);
        Err(unborn)
    }

    fn fork(&mut self, mut orders: Orders, birth: Option<Birth<'_>>) -> Result<Started, Failed> {
        let pipe = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
        let (verdict, report) =
            pipe.map_err(|errno| Failed { at: Place::Fork, errno: errno as i32 })?;
        let last = if self.shares_table { None } else { Some(last_descriptor()) };
        let (noted, word) = Birth::arguments(birth);
        let flags = libc::c_long::from(libc::SIGCHLD | noted);
        let none = ptr::null_mut::<libc::c_void>();
        // The call itself and not fork(3), which has no place for a birth. Its handlers and its
        // locks are for children that use the library.
        // SAFETY: we have a single thread; without a stack and CLONE_VM this is fork(2); the child
        // makes only system calls, and does not return; `word` as above.
        match unsafe { libc::syscall(libc::SYS_clone, flags, none, word, none, none) } {
            0 => {
                keep_only(report.as_raw_fd(), last);
                child(ptr::from_mut(&mut orders).cast());
                send(FIRST_OWN_FD, orders.failed);
                // SAFETY: ends the child without running anything of the parent's.
                unsafe { libc::_exit(EXIT_NOT_STARTED) }
            }
            pid => {
                let pid = u32::try_from(pid).map_err(|_| failed_here())?;
                Ok(Started::Forked(pid, Verdict(verdict)))
            }
        }
    }
}

/// Why there is no program.
#[derive(Debug)]
enum Unborn {
    /// There was never a process.
    NoChild(io::Error),
    /// It did not get there.
    Failed(Failed),
}

impl Unborn {
    fn into_failed(self) -> Failed {
        match self {
            Self::NoChild(error) => {
                Failed { at: Place::Fork, errno: error.raw_os_error().unwrap_or_default() }
            }
            Self::Failed(failed) => failed,
        }
    }
}

impl Verdict {
    /// What failed, if anything did: to be asked once the child has ended, then it never waits.
    #[must_use]
    pub fn read(self) -> Option<Failed> {
        let mut bytes = [0; REPORT_LEN];
        File::from(self.0).read_exact(&mut bytes).ok()?;
        let [at, errno @ ..] = bytes;
        let at = *Place::ALL.get(usize::from(at))?;
        Some(Failed { at, errno: i32::from_le_bytes(errno) })
    }
}

/// Closes the forked child's copies of the parent's descriptors, but for `report`, which becomes
/// [`FIRST_OWN_FD`]. They would go at `execve`; but a child that hangs before it would hold locks,
/// and FIFOs that svc takes for somebody who reads. One by one up to `last`, where it is known that
/// `close_range` is refused.
fn keep_only(report: RawFd, last: Option<RawFd>) {
    if report != FIRST_OWN_FD {
        // SAFETY: takes numbers; the table is the child's own, and nothing uses it but its steps.
        unsafe { libc::dup3(report, FIRST_OWN_FD, libc::O_CLOEXEC) };
    }
    let Some(last) = last else {
        let _ = close_range(FIRST_OWN_FD + 1, 0);
        return;
    };
    for fd in FIRST_OWN_FD + 1..=last {
        // SAFETY: takes a number; as above.
        unsafe { libc::close(fd) };
    }
}

/// Our last descriptor; a guess, where /proc does not tell.
fn last_descriptor() -> RawFd {
    own_descriptors().into_iter().flatten().max().unwrap_or(LAST_GUESSED)
}

/// What /proc says that we have open.
fn own_descriptors() -> io::Result<impl Iterator<Item = RawFd>> {
    let entries = std::fs::read_dir("/proc/self/fd")?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// A failed child's report: the place and the errno.
const REPORT_LEN: usize = 5;

fn send(fd: RawFd, failed: Option<Failed>) {
    let Some(Failed { at, errno }) = failed else { return };
    let [a, b, c, d] = errno.to_le_bytes();
    let bytes: [u8; REPORT_LEN] = [at as u8, a, b, c, d];
    // SAFETY: `bytes` is as long as is said.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

fn failed_here() -> Failed {
    Failed { at: Place::Fork, errno: Errno::last_raw() }
}

/// A child that has failed is ending; whoever reaps must not take it for a service.
fn reap_failed(pid: u32) {
    let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid.cast_signed()), None);
}

/// Marks every descriptor from 3 on as close-on-exec: what we were given by accident stays with us.
pub fn keep_descriptors_to_ourselves() {
    if close_range(FIRST_OWN_FD, libc::CLOSE_RANGE_CLOEXEC).is_ok() {
        return;
    }
    let Ok(open) = own_descriptors() else { return };
    for fd in open.filter(|fd| *fd >= FIRST_OWN_FD) {
        // SAFETY: takes numbers; at worst the descriptor is closed by now and nothing happens.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
