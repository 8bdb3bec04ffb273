//! Start a program: what the child does between its birth and `execve` is data ([`Step`]),
//! prepared before and walked after.
//!
//! # Two ways
//! *Borrowed* is the usual one: `clone(CLONE_VM | CLONE_VFORK)`. The child runs in our memory, on a
//! stack of its own, while we sleep; so nothing is copied and a failed step comes back as a value.
//! The descriptor table is shared as well (`CLONE_FILES`) and left by `close_range(UNSHARE)`, the
//! child's first call: a plain vfork copies the whole table, which with 1000 services is most of
//! the cost of a start. Where that call is refused (old kernel, seccomp) the table is copied after
//! all.
//!
//! *Apart* is a plain fork. We do not wait for it: whoever owns the service directory may make
//! `open` or `execve` hang (a lease, a dead network file system), and must not stop everybody. What
//! failed comes back through a pipe, when the child has ended.
//!
//! # What the child may do
//! It shares our memory, so it only makes system calls on what was prepared: it allocates nothing,
//! locks nothing, formats nothing, drops nothing, and does not return.

mod born;
mod stack;
mod walk;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt as _;
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::SigSet;

use crate::limits::Limit;
use crate::mapped::Birth;
use crate::reexec;
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

/// What the child does before it becomes the program.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Enter the control group with this `cgroup.procs` (`Group::entrance`). The first step: what
    /// the others cost is the service's already.
    Group(&'a CStr),
    /// Make the directory the working directory, if it is still the one we know.
    Enter(&'a CStr, Identity),
    /// Make the directory the working directory that is held open, and was seen to be the one we
    /// know: before all other steps, and only for [`Way::Borrowed`].
    EnterHeld(BorrowedFd<'a>),
    /// Open a FIFO afresh, if it is still the one we know: nobody gets a description of ours.
    Pipe(&'a CStr, Identity, PipeEnd),
    /// The same by a path below `/proc/PID/fd`, for a pipe that has lost its name or never had one.
    Reopen(&'a CStr, Identity, PipeEnd),
    /// Lead a session of its own.
    Session,
    /// Have this soft and this hard limit, neither above the hard one that we have ourselves.
    Limit(Limit, u64, u64),
    /// Be as likely to be killed for want of memory as we were ourselves ([`crate::oom::protect`]).
    /// Where that is refused nothing fails.
    OomScore(&'a CStr),
    /// Say nothing: descriptor 1 leads to /dev/null.
    Silence,
    /// Have the signal mask and the SIGPIPE that we were given ourselves.
    Signals,
}

/// A program and the way to it.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Walked in order.
    pub steps: &'a [Step<'a>],
    /// What to execute, a path with a slash in it, and its arguments after it: the program's
    /// `argv`. Without a first word the start fails (`ENOENT`).
    pub argv: &'a [&'a CStr],
    /// An entry `NAME=value` of the program's environment that says whose process it is. One of
    /// the same name that we were given ourselves is not passed on.
    pub marker: &'a CStr,
    /// Where the kernel stores the pid of the child before it runs, so that it is known even if we
    /// are killed in that instant.
    pub birth: Option<Birth<'a>>,
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

    const fn of(step: &Step<'_>) -> Self {
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
    stack: Stack,
    shares_table: bool,
    /// Whether a child can be born in its control group, as far as was tried.
    bears_into_groups: bool,
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
            shares_table: close_range(RawFd::MAX, libc::CLOSE_RANGE_UNSHARE) == 0,
            bears_into_groups: true,
            environment: Environment::capture(),
            mask,
        })
    }

    /// Starts a program.
    ///
    /// # Errors
    /// [`Failed`]; after [`Way::Apart`] only what fails before the fork, the rest is in the
    /// [`Verdict`].
    pub fn start(&mut self, plan: &Plan<'_>, way: Way) -> Result<Started, Failed> {
        match way {
            Way::Borrowed => self.borrow(plan).map(Started::Runs),
            Way::Apart => self.fork(plan),
        }
    }

    fn borrow(&mut self, plan: &Plan<'_>) -> Result<u32, Failed> {
        if let Some(group) = self.group_to_be_born_in(plan) {
            match self.bear(plan, Some(&group)) {
                Err(Unborn::NoChild(error)) => {
                    // It writes itself into the group instead.
                    self.bears_into_groups = !born::is_refused(&error);
                }
                born => return born.map_err(Unborn::into_failed),
            }
        }
        self.bear(plan, None).map_err(Unborn::into_failed)
    }

    /// The group that a child of this plan enters first.
    fn group_to_be_born_in(&self, plan: &Plan<'_>) -> Option<OwnedFd> {
        match plan.steps.first() {
            Some(Step::Group(procs)) if self.bears_into_groups => born::open_group(procs),
            Some(_) | None => None,
        }
    }

    fn bear(&mut self, plan: &Plan<'_>, group: Option<&OwnedFd>) -> Result<u32, Unborn> {
        let shares_table = self.shares_table;
        let table = if shares_table { libc::CLONE_FILES } else { 0 };
        let (noted, word) = Birth::arguments(plan.birth);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | table | noted;
        let stack = &self.stack;
        let mut orders = Orders::new(plan, &mut self.environment, &self.mask);
        (orders.unshare, orders.born) = (shares_table, group.is_some());
        let argument = (&raw mut orders).cast();
        let pid = if let Some(group) = group {
            // SAFETY: the stack is ours, big enough and not in use, for we sleep (VFORK) until the
            // child has executed or ended; `orders` lives until then; `child` keeps to what a child
            // in our memory may do; the kernel looks at `word` only if told so, and then it is a
            // place for it.
            unsafe { born::clone_into(group, child, stack, flags, argument, word) }
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
        // It is ending; whoever reaps must not take it for a service.
        let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid.cast_signed()), None);
        Err(unborn)
    }

    fn fork(&mut self, plan: &Plan<'_>) -> Result<Started, Failed> {
        let pipe = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
        let (verdict, report) =
            pipe.map_err(|errno| Failed { at: Place::Fork, errno: errno as i32 })?;
        let last = if self.shares_table { None } else { Some(last_descriptor()) };
        let mut orders = Orders::new(plan, &mut self.environment, &self.mask);
        let (noted, word) = Birth::arguments(plan.birth);
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
        close_range(FIRST_OWN_FD + 1, 0);
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

/// What the child is given.
struct Orders<'a> {
    plan: &'a Plan<'a>,
    /// Ends with a null pointer.
    argv: Vec<*const libc::c_char>,
    envp: *const *const libc::c_char,
    mask: &'a SigSet,
    /// Whether the descriptor table is the parent's and to be left first.
    unshare: bool,
    /// Whether it was born in its control group: then the first step is done.
    born: bool,
    /// Whether it has run at all.
    lives: bool,
    failed: Option<Failed>,
}

impl<'a> Orders<'a> {
    fn new(plan: &'a Plan<'a>, environment: &mut Environment, mask: &'a SigSet) -> Self {
        let words = plan.argv.iter().map(|word| word.as_ptr());
        let argv = words.chain(std::iter::once(ptr::null())).collect();
        let envp = environment.with(plan.marker);
        Self { plan, argv, envp, mask, unshare: false, born: false, lives: false, failed: None }
    }
}

/// The child's life before `execve`. It returns only when that failed, with `failed` filled in.
extern "C" fn child(orders: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the parent passed a pointer to its `Orders`, which live until we execute or end, and
    // it does not touch them meanwhile: it sleeps, or it is another process.
    let orders = unsafe { &mut *orders.cast::<Orders<'_>>() };
    orders.lives = true;
    if !walk::enter_held(orders.plan.steps) {
        orders.failed = Some(Failed { at: Place::Enter, errno: Errno::last_raw() });
        return EXIT_NOT_STARTED;
    }
    // No memory for a table of our own: a step would change the parent's descriptors.
    if orders.unshare && close_range(FIRST_OWN_FD, libc::CLOSE_RANGE_UNSHARE) != 0 {
        orders.failed = Some(Failed { at: Place::Setup, errno: Errno::last_raw() });
        return EXIT_NOT_STARTED;
    }
    for step in orders.plan.steps.iter().skip(usize::from(orders.born)) {
        if !walk::walk(step, orders.mask) {
            orders.failed = Some(Failed { at: Place::of(step), errno: Errno::last_raw() });
            return EXIT_NOT_STARTED;
        }
    }
    let program = orders.plan.argv.first().map_or(c"".as_ptr(), |program| program.as_ptr());
    // SAFETY: a path and two arrays of strings, each ended by a null pointer.
    unsafe { libc::execve(program, orders.argv.as_ptr(), orders.envp) };
    orders.failed = Some(Failed { at: Place::Exec, errno: Errno::last_raw() });
    EXIT_NOT_STARTED
}

fn failed_here() -> Failed {
    Failed { at: Place::Fork, errno: Errno::last_raw() }
}

/// `close_range(first, ~0, flags)`; negative where the kernel or a sandbox refuses.
fn close_range(first: RawFd, flags: libc::c_uint) -> libc::c_long {
    // SAFETY: takes three numbers. The callers close only what nobody of them owns: nothing
    // (`RawFd::MAX`), or the child's own copy of the table.
    unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) }
}

/// Marks every descriptor from 3 on as close-on-exec: what we were given by accident stays with us.
pub fn keep_descriptors_to_ourselves() {
    if close_range(FIRST_OWN_FD, libc::CLOSE_RANGE_CLOEXEC) == 0 {
        return;
    }
    let Ok(open) = own_descriptors() else { return };
    for fd in open.filter(|fd| *fd >= FIRST_OWN_FD) {
        // SAFETY: takes numbers; at worst the descriptor is closed by now and nothing happens.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// The environment as `execve` takes it. It does not change in our lifetime.
#[derive(Debug)]
struct Environment {
    /// The first is the marker's place; the others point into `_strings`, and a null pointer ends
    /// them.
    pointers: Vec<*const libc::c_char>,
    _strings: Vec<CString>,
}

impl Environment {
    fn capture() -> Self {
        let strings: Vec<CString> = std::env::vars_os()
            .filter(|(name, _)| name != MARKER && name != reexec::VARIABLE)
            .filter_map(|(name, value)| {
                let mut pair = name.into_vec();
                pair.push(b'=');
                pair.extend(value.into_vec());
                CString::new(pair).ok()
            })
            .collect();
        let mut pointers = vec![c"".as_ptr()];
        pointers.extend(strings.iter().map(|string| string.as_ptr()));
        pointers.push(ptr::null());
        Self { pointers, _strings: strings }
    }

    /// The environment with this entry in it: valid as long as that, and until the next call.
    fn with(&mut self, marker: &CStr) -> *const *const libc::c_char {
        if let Some(first) = self.pointers.first_mut() {
            *first = marker.as_ptr();
        }
        self.pointers.as_ptr()
    }
}
