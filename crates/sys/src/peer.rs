//! Who is at the other end of a local socket.

use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;

/// Whether the one who connected was root, or the user that we are.
#[must_use]
pub fn may_command(stream: &UnixStream) -> bool {
    let uid = nix::unistd::geteuid().as_raw();
    user_of(stream).is_some_and(|peer| peer == 0 || peer == uid)
}

/// The effective user of the one who connected, at that moment.
fn user_of(stream: &UnixStream) -> Option<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(size_of_val(&credentials)).ok()?;
    // SAFETY: the pointers are to a `struct ucred` and its length, which are ours alone.
    let got = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    (got == 0).then_some(credentials.uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_may_command_ourselves() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(may_command(&one));
    }
}
