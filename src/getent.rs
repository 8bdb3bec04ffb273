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

/// What `getent DATABASE KEY` prints: nothing where it knows no such key; `None` without getent.
///
/// # Errors
/// `ETIMEDOUT`, an answer too long, and all of fork(2).
pub(crate) fn ask(database: &str, key: &OsStr) -> io::Result<Option<Vec<u8>>> {
    let _reapable = Reapable::begin();
    let Some(mut child) = start(database, key)? else { return Ok(None) };
    let answer = child.stdout.take().map(|mut pipe| read(&mut pipe)).transpose();
    // Whoever has closed his output has nothing more to say.
    let _ = child.kill();
    child.wait()?;
    answer
}

fn start(database: &str, key: &OsStr) -> io::Result<Option<Child>> {
    for place in PLACES {
        let mut command = Command::new(place);
        command.arg(database).arg(key);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        match command.spawn() {
            Err(error) if is_absent(&error) => {}
            outcome => return outcome.map(Some),
        }
    }
    Ok(None)
}

/// Also where a directory in PATH may not be searched.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
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
