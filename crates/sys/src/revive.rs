//! A crash of ours is not the end: the handler of its signal executes us anew, in place. The pid
//! stays, and so children stay ours; process 1 cannot end without the machine.
//!
//! Memory may be in any state by then. So what is to be executed was made beforehand, and the
//! handler only makes system calls, on a stack of its own. Which descriptors are to be handed over
//! it cannot know: all FIFOs and files are, and the successor drops what he does not look for
//! ([`crate::reexec`]).

use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::time::Duration;

use nix::sys::signal::SigSet;

use crate::limits::OpenFiles;
use crate::reexec::{
    self, CRASHES_DIGITS, FIRST, HIGHEST_DIGITS, HIGHEST_MAX, VARIABLE, arguments, environment,
    pointers,
};
use crate::{clock, entry, limits, oom};

/// The signals of a crash, and what they are called.
const CRASHES: [(c_int, &CStr); 5] = [
    (libc::SIGSEGV, c"SIGSEGV"),
    (libc::SIGBUS, c"SIGBUS"),
    (libc::SIGILL, c"SIGILL"),
    (libc::SIGFPE, c"SIGFPE"),
    (libc::SIGABRT, c"SIGABRT"),
];

/// After so long a crash is the first of a row.
pub const STABLE_AFTER: Duration = Duration::from_mins(1);
/// So many crashes in a row are survived.
pub const CRASHES_MAX: u32 = 8;
/// The program that runs, whatever its name leads to.
const RUNNING: &CStr = c"/proc/self/exe";
/// The stack of the handler: far more than a dozen system calls need.
const STACK: usize = 64 * 1024;

/// How a process was when it was executed, before it raised its limits and protected itself.
#[derive(Debug)]
pub struct Original {
    /// The signal mask.
    pub mask: SigSet,
    /// The limits of open files.
    pub open_files: OpenFiles,
    /// How likely it was to be killed for want of memory.
    pub oom_score: Option<CString>,
}

/// What the handler needs.
#[derive(Debug)]
struct Will {
    pid: u32,
    program: CString,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// The digits of the highest descriptor in the environment, and after a space those of the
    /// crashes.
    digits: *mut u8,
    original: Original,
    crashes: u32,
    since: Duration,
    /// Whether we must never end.
    stays: bool,
}

static WILL: AtomicPtr<Will> = AtomicPtr::new(ptr::null_mut());
/// The handler is at work: a crash in it is one too many.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// From now on a crash executes `program` anew, with our arguments and our environment. `crashes`
/// have been survived in a row already; where we `stay`, any number is. To be called once, by a
/// process of one thread.
///
/// # Errors
/// No memory; a program with a NUL in its name.
pub fn arm(program: &Path, original: Original, crashes: u32, stays: bool) -> io::Result<()> {
    let pid = std::process::id();
    let handed = reexec::value(pid, &original.mask, FIRST);
    let length = VARIABLE.len() + 1 + handed.len();
    let program = reexec::path(program)?;
    // They are needed for as long as we live.
    let arguments = Vec::leak(arguments()?);
    let mut strings = environment(&handed)?;
    let mut last = strings.pop().unwrap_or_default().into_bytes_with_nul();
    last.shrink_to_fit();
    let last = Vec::leak(last);
    let mut environment = pointers(Vec::leak(strings));
    environment.insert(environment.len() - 1, last.as_ptr().cast());
    let at = length - CRASHES_DIGITS - 1 - HIGHEST_DIGITS;
    let digits = last.get_mut(at..).ok_or(io::ErrorKind::InvalidInput)?.as_mut_ptr();
    let arguments = pointers(arguments);
    let since = clock::monotonic();
    let will =
        Will { pid, program, arguments, environment, digits, original, crashes, since, stays };
    WILL.store(Box::leak(Box::new(will)), Ordering::Release);
    use_own_stack()?;
    CRASHES.iter().try_for_each(|(number, _)| set_handler(*number, crashed as *const () as usize))
}

/// Executes us anew as after a crash: what we know is wrong. Without [`arm`] it ends us.
pub fn crash() -> ! {
    std::process::abort()
}

/// Executes us anew as after a crash, but that this is none. Returns only where that is refused, or
/// without [`arm`].
pub fn again() {
    // SAFETY: null, or a `Will` that was leaked, so nobody frees it or writes to it.
    if let Some(will) = unsafe { WILL.load(Ordering::Acquire).as_ref() } {
        will.execute(0);
    }
}

fn use_own_stack() -> io::Result<()> {
    let memory = Vec::leak(vec![0_u8; STACK]);
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK };
    // SAFETY: memory that is used for nothing else as long as we live.
    let set = unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set_handler(number: c_int, handler: libc::sighandler_t) -> io::Result<()> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeroes are a valid value: no handler, no mask, no flags.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = handler;
    // What is executed inherits the mask: the signal itself must not be in it.
    action.sa_flags = libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the handler is SIG_DFL, or `crashed`, which keeps to what a handler may do.
    let set = unsafe { libc::sigaction(number, action, ptr::null_mut()) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The handler. A child that runs in our memory has inherited it, and ends.
extern "C" fn crashed(number: c_int) {
    // SAFETY: null, or a `Will` that was leaked, so nobody frees it or writes to it.
    let will = unsafe { WILL.load(Ordering::Acquire).as_ref() };
    let Some(will) = will.filter(|will| will.pid == std::process::id()) else {
        return die(number);
    };
    if AT_WORK.swap(true, Ordering::Relaxed) {
        return will.end(number);
    }
    let quick = clock::monotonic().saturating_sub(will.since) < STABLE_AFTER;
    let crashes = if quick { will.crashes.saturating_add(1) } else { 1 };
    let name = CRASHES.iter().find(|(other, _)| *other == number);
    say(&[c"svscan: warning: crashed (", name.map_or(c"?", |(_, name)| name)]);
    if crashes > CRASHES_MAX && !will.stays {
        say(&[c"), one time too many: services are left running\n"]);
        return die(number);
    }
    say(&[c"): executing the program anew; services go on\n"]);
    will.execute(crashes);
    say(&[c"svscan: warning: unable to execute the program anew\n"]);
    will.end(number);
}

impl Will {
    /// Returns only where that failed.
    fn execute(&self, crashes: u32) {
        entry::restore_sigpipe();
        let highest = hand_over();
        let _ = limits::set_open_files(self.original.open_files);
        if let Some(had) = &self.original.oom_score {
            oom::expose_plainly(had);
        }
        self.note(highest, crashes);
        let (arguments, environment) = (self.arguments.as_ptr(), self.environment.as_ptr());
        // SAFETY: a path and two arrays of strings, each ended by a null pointer, that live on.
        unsafe { libc::execve(self.program.as_ptr(), arguments, environment) };
        // It was removed: what runs is still there.
        // SAFETY: as above.
        unsafe { libc::execve(RUNNING.as_ptr(), arguments, environment) };
    }

    /// Writes the last two words for the successor.
    fn note(&self, highest: RawFd, crashes: u32) {
        let mut text = [b' '; HIGHEST_DIGITS + 1 + CRASHES_DIGITS];
        let (first, rest) = text.split_at_mut(HIGHEST_DIGITS);
        write_digits(first, highest.unsigned_abs());
        write_digits(rest.split_at_mut(1).1, crashes);
        // SAFETY: `digits` is where as many bytes of the environment lie, which nobody else reads.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), self.digits, text.len()) };
    }

    /// There is no way on.
    fn end(&self, number: c_int) {
        if !self.stays {
            return die(number);
        }
        loop {
            // SAFETY: waits for any child, and wants to know nothing of it.
            if unsafe { libc::waitpid(-1, ptr::null_mut(), 0) } < 0 {
                // SAFETY: waits for a signal.
                unsafe { libc::pause() };
            }
        }
    }
}

/// In decimal, filled up with zeroes; a number that is too long loses its first digits.
fn write_digits(field: &mut [u8], mut number: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// Lets FIFOs and files be inherited; gives the highest of them.
fn hand_over() -> RawFd {
    let most = limits::open_files().map_or(HIGHEST_MAX, |limits| {
        RawFd::try_from(limits.soft).unwrap_or(HIGHEST_MAX).min(HIGHEST_MAX)
    });
    let mut highest = FIRST;
    for fd in FIRST..most {
        if is_file_or_fifo(fd) {
            // SAFETY: a number and a flag; nothing of ours looks at it any more.
            unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
            highest = fd;
        }
    }
    highest
}

fn is_file_or_fifo(fd: RawFd) -> bool {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the kernel is given room for what it says of a number.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } < 0 {
        return false;
    }
    // SAFETY: the call has filled it in.
    let mode = unsafe { stat.assume_init_ref() }.st_mode & libc::S_IFMT;
    mode == libc::S_IFREG || mode == libc::S_IFIFO
}

/// Ends as if there were no handler.
fn die(number: c_int) {
    let _ = set_handler(number, libc::SIG_DFL);
    // SAFETY: two numbers: our own pid and a signal.
    unsafe { libc::kill(std::process::id().cast_signed(), number) };
}

fn say(words: &[&CStr]) {
    for word in words {
        let bytes = word.to_bytes();
        // Whoever does not read must not hold us.
        if crate::fifo::is_writable(std::io::stderr()) {
            // SAFETY: bytes that live on.
            unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_their_fields() {
        let mut field = *b"xxx";
        for (number, text) in [(0, b"000"), (42, b"042"), (999, b"999"), (1000, b"000")] {
            write_digits(&mut field, number);
            assert_eq!(&field, text);
        }
    }
}
