//! Waiting on a few descriptors at once, for programs without an event loop: `multilog` and the
//! filters. A signal whose handler wakes a pipe is waited for with the pipe.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of `fds` can be read without blocking, and says which; an end of file, a hang-up
/// and an error count as readable, for the read will tell. After `wait` (for ever where `None`), or
/// when a signal has come, none may be.
pub fn readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    wait: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    match poll(&mut polled, timeout(wait)) {
        Ok(_) => Ok(polled.map(|fd| fd.any() != Some(false))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(errno) => Err(errno.into()),
    }
}

/// poll(2) counts milliseconds: rounded up, so that a deadline has passed when it returns.
fn timeout(wait: Option<Duration>) -> PollTimeout {
    match wait {
        None => PollTimeout::NONE,
        Some(wait) => {
            let rounded = wait.saturating_add(Duration::from_micros(999));
            PollTimeout::try_from(rounded.as_millis()).unwrap_or(PollTimeout::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write as _, pipe};
    use std::os::fd::AsFd as _;

    #[test]
    fn what_can_be_read_is_named() {
        let (quiet, _open) = pipe().unwrap();
        let (full, mut writer) = pipe().unwrap();
        writer.write_all(b"x").unwrap();
        assert_eq!(readable([quiet.as_fd(), full.as_fd()], None).unwrap(), [false, true]);
    }

    #[test]
    fn an_end_of_file_can_be_read() {
        let (ended, writer) = pipe().unwrap();
        drop(writer);
        assert_eq!(readable([ended.as_fd()], None).unwrap(), [true]);
    }

    #[test]
    fn a_wait_ends_with_nothing_to_read() {
        let (quiet, _open) = pipe().unwrap();
        let wait = Some(Duration::from_micros(1));
        assert_eq!(readable([quiet.as_fd()], wait).unwrap(), [false]);
        assert_eq!(readable([quiet.as_fd()], Some(Duration::ZERO)).unwrap(), [false]);
    }
}
