//! Asking getent(1), which knows what the name services of this machine know.
//!
//! It is given only so much time and so much room: an LDAP server that does not answer must not
//! keep a service from saying why it does not start.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use sys::child::Reapable;

/// How long an answer may take. sssd and the C library's LDAP modules give a server up sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer: the line of a group with some 50,000 members.
const ANSWER_MAX: usize = 1024 * 1024;

/// Where it is looked for: in PATH, and where it is on almost every machine.
const PLACES: [&str; 2] = ["getent", "/usr/bin/getent"];

/// What `getent DATABASE KEY` prints; nothing where it knows no such key.
///
/// # Errors
/// `NotFound` where there is no getent, `TimedOut`, an answer too long, and all of fork(2).
pub(crate) fn ask(database: &str, key: &OsStr) -> io::Result<Vec<u8>> {
    let _reapable = Reapable::begin();
    let mut child = start(database, key)?;
    let answer = child.stdout.take().map_or(Ok(Vec::new()), |mut pipe| read(&mut pipe));
    // Whoever has closed his output has nothing more to say.
    let _ = child.kill();
    child.wait()?;
    answer
}

fn start(database: &str, key: &OsStr) -> io::Result<Child> {
    let mut outcome = Err(ErrorKind::NotFound.into());
    for place in PLACES {
        let mut command = Command::new(place);
        command.arg(database).arg(key);
        outcome = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        if outcome.as_ref().err().map(io::Error::kind) != Some(ErrorKind::NotFound) {
            break;
        }
    }
    outcome
}

fn read(pipe: &mut ChildStdout) -> io::Result<Vec<u8>> {
    let until = sys::clock::monotonic() + PATIENCE;
    let mut answer = Vec::new();
    let mut block = [0; 4096];
    loop {
        let wait = until.saturating_sub(sys::clock::monotonic());
        if wait.is_zero() {
            return Err(io::Error::from_raw_os_error(sys::ETIMEDOUT));
        }
        if sys::poll::readable([pipe.as_fd()], Some(wait))? == [false] {
            continue;
        }
        match pipe.read(&mut block)? {
            0 => return Ok(answer),
            len => answer.extend_from_slice(block.get(..len).unwrap_or_default()),
        }
        if answer.len() > ANSWER_MAX {
            return Err(io::Error::other("it says too much"));
        }
    }
}
