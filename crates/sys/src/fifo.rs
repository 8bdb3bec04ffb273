//! Named pipes: how svc and supervise talk, and what lies between a service and its logger.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// For `custom_flags`: never wait, be it for the other end, for a lease or for a terminal's
/// carrier.
pub const O_NONBLOCK: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

/// What we open to be read or written by us alone; a link in its place was put there by somebody
/// who means another file than we do.
const OWN: i32 = O_NONBLOCK | libc::O_NOFOLLOW;

/// Makes a FIFO of mode 0600; one that is there already is as good.
///
/// # Errors
/// mkfifo(3), but for EEXIST.
pub fn make(path: &Path) -> io::Result<()> {
    match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(()) | Err(nix::Error::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens both ends at once, never waiting: there is always a reader and always a writer, so that
/// a reader sees no end and a writer finds somebody.
///
/// # Errors
/// open(2), `ELOOP` where `path` is a link, and `EINVAL` where it is no FIFO.
pub fn open_both(path: &Path) -> io::Result<File> {
    fifo(OpenOptions::new().read(true).write(true).custom_flags(OWN).open(path)?)
}

/// The same by a path below `/proc/PID/fd`, which is a link and leads to pipes without a name too.
///
/// # Errors
/// open(2), and `EINVAL` where it is no pipe.
pub fn reopen_both(path: &Path) -> io::Result<File> {
    fifo(OpenOptions::new().read(true).write(true).custom_flags(O_NONBLOCK).open(path)?)
}

/// Opens a file for reading that may turn out to be anything: a FIFO is not waited for.
///
/// # Errors
/// open(2).
pub fn open_whatever(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// Opens a plain file of ours for reading: no link is followed, nothing is waited for.
///
/// # Errors
/// open(2), `ELOOP` where `path` is a link, and `EINVAL` where it is no plain file of one name.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OWN).open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() && meta.nlink() == 1 {
        return Ok(file);
    }
    Err(io::Error::from_raw_os_error(libc::EINVAL))
}

/// Makes a plain file for writing in the place of whatever lies there: a link is not followed, a
/// FIFO not waited for; either is removed.
///
/// # Errors
/// unlink(2), and open(2): `EEXIST` where somebody was faster.
pub fn make_plain(path: &Path, mode: u32) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(mode).custom_flags(OWN).open(path)
}

/// Opens the reading end without waiting for a writer.
///
/// # Errors
/// As those of [`open_both`].
pub fn open_reader(path: &Path) -> io::Result<File> {
    fifo(OpenOptions::new().read(true).custom_flags(OWN).open(path)?)
}

fn fifo(file: File) -> io::Result<File> {
    if file.metadata()?.file_type().is_fifo() {
        return Ok(file);
    }
    Err(io::Error::from_raw_os_error(libc::EINVAL))
}

/// Opens the writing end without waiting for a reader; writes to it never block. Whatever is no
/// pipe is not opened, if it does not take the place of one meanwhile, and never given to write:
/// root's letters in another file would be an attack on that.
///
/// # Errors
/// `ENXIO` where nobody has it open for reading, `EINVAL` where it is no pipe, and all of open(2).
pub fn open_writer(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.file_type().is_fifo() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    fifo(OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(path)?)
}

/// Opens the pipe behind a descriptor once more: writes to the new description never block, and the
/// old one, which others may share, stays as it is. `None` where it is no pipe, it is a named one
/// that nobody reads, it belongs to somebody else, or there is no /proc.
pub fn reopen_writer(fd: impl AsFd) -> Option<File> {
    let stat = nix::sys::stat::fstat(fd.as_fd()).ok()?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFIFO {
        return None;
    }
    open_writer(Path::new(&format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()))).ok()
}

/// Whether an error of [`open_writer`] says that nobody reads: no such FIFO, or no reader.
#[must_use]
pub fn means_no_reader(error: &io::Error) -> bool {
    has_no_reader(error) || error.kind() == io::ErrorKind::NotFound
}

/// Whether an error of [`open_writer`] says that the FIFO is there and has no reader.
#[must_use]
pub fn has_no_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENXIO)
}

/// Whether anybody has the pipe, of which this is a writing end, open for reading.
#[must_use]
pub fn is_read(writer: &File) -> bool {
    let mut poll = libc::pollfd { fd: writer.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd of ours; a timeout of 0 does not wait.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready <= 0 || poll.revents & libc::POLLERR == 0
}

/// How many bytes wait in the pipe.
///
/// # Errors
/// ioctl(2).
pub fn waiting(pipe: &File) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, to `bytes`.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    if asked < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(usize::try_from(bytes).unwrap_or(0))
    }
}

/// Whether a write of up to `PIPE_BUF` bytes to `fd` would not wait now.
#[must_use]
pub fn is_writable(fd: impl AsFd) -> bool {
    let raw = fd.as_fd().as_raw_fd();
    let mut poll = libc::pollfd { fd: raw, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd of ours; a timeout of 0 does not wait.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready > 0 && poll.revents & libc::POLLOUT != 0
}
