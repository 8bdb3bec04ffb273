//! Who is at the other end of a local socket, and getting there.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Connects without waiting, and the stream never waits either. `WouldBlock` says that somebody
/// listens there who has no room for one more now.
///
/// # Errors
/// socket(2) and connect(2), and a path that is too long for a socket's.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).map_err(io::Error::other)?;
    let mut address = libc::sockaddr_un { sun_family: family, sun_path: [0; 108] };
    let bytes = path.as_os_str().as_bytes();
    // An empty path, or one that begins with 0, would be a name that is no file.
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if bytes.len() >= address.sun_path.len() {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let length = offset_of!(libc::sockaddr_un, sun_path) + bytes.len() + 1;
    let length = libc::socklen_t::try_from(length).map_err(io::Error::other)?;
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an address of ours, and no more of it than there is.
    let got = unsafe { libc::connect(fd, (&raw const address).cast(), length) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket.into())
}

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
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_connection_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let kind = |path: &Path| connect(path).unwrap_err().kind();
        assert_eq!(kind(&path), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        // SAFETY: a listening socket; once more, with room for one only.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let _first = connect(&path).unwrap();
        assert_eq!(kind(&path), io::ErrorKind::WouldBlock);
        drop(listener);
        assert_eq!(kind(&path), io::ErrorKind::ConnectionRefused);
        assert!(connect(Path::new(&"x".repeat(108))).is_err());
        assert_eq!(kind(Path::new("")), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn we_may_command_ourselves() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(may_command(&one));
    }
}
