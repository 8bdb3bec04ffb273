//! One way in: a local socket, and those who have come in by it and have not asked yet.
//!
//! Nobody who asks can keep us from the time: few are heard at once, one is let in per turn and so
//! many per second, and who says nothing for a while or takes too long to say it is hung up on.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use ntp::time::{Raw, Span};
use sys::way::{self, Way};

use super::held::not_roots_alone;

/// So many are heard at once; whoever has waited longest makes room.
const CLIENTS_MAX: usize = 8;

/// So many are let in per second. A local user who asks for ever gets no more of our time.
const PER_SECOND: u32 = 50;

/// Who has not asked by then is hung up on: a question is one write.
const PATIENCE: Span = Span::from_secs(5);

/// The longest question there is to ask.
const QUESTION_MAX: usize = 64;

/// Somebody who has been let in.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    until: Raw,
    asked: Vec<u8>,
}

/// A question, and who is to be answered.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) line: String,
    pub(super) stream: UnixStream,
}

/// The socket and who is connected to it.
#[derive(Debug)]
pub(super) struct Door {
    listener: UnixListener,
    path: PathBuf,
    inode: Option<u64>,
    clients: Vec<Client>,
    /// The second that is counted, and how many were let in.
    second: Raw,
    let_in: u32,
}

impl Door {
    /// Listens at `path`, with `mask` for those who may not come in.
    ///
    /// # Errors
    /// Somebody listens there, or it cannot be had.
    pub(super) fn open(path: &Path, mask: u32) -> io::Result<Self> {
        let listener = bind(path, mask)?;
        let (path, inode) = (path.to_path_buf(), inode(path));
        let (clients, second) = (Vec::new(), Raw::default());
        Ok(Self { listener, path, inode, clients, second, let_in: 0 })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What to wait for. Where too many have come it waits for nobody new.
    pub(super) fn descriptors(&self, now: Raw) -> Vec<BorrowedFd<'_>> {
        let listener = self.may_let_in(now).then(|| self.listener.as_fd());
        listener.into_iter().chain(self.clients.iter().map(|it| it.stream.as_fd())).collect()
    }

    /// When to come back though nothing happens.
    pub(super) fn deadline(&self, now: Raw) -> Option<Raw> {
        let again = (!self.may_let_in(now)).then(|| self.second + Span::from_secs(1));
        self.clients.iter().map(|client| client.until).chain(again).min()
    }

    /// Lets one in and hears all.
    pub(super) fn hear(&mut self, now: Raw) -> Vec<Heard> {
        self.let_in(now);
        let mut heard = Vec::new();
        for mut client in std::mem::take(&mut self.clients) {
            match client.read() {
                Said::Nothing if now < client.until => self.clients.push(client),
                Said::Nothing | Said::End => {}
                Said::Line(line) => heard.push(Heard { line, stream: client.stream }),
            }
        }
        heard
    }

    fn may_let_in(&self, now: Raw) -> bool {
        self.let_in < PER_SECOND || now - self.second >= Span::from_secs(1)
    }

    fn let_in(&mut self, now: Raw) {
        if !self.may_let_in(now) {
            return;
        }
        let Ok((stream, _)) = self.listener.accept() else { return };
        if now - self.second >= Span::from_secs(1) {
            (self.second, self.let_in) = (now, 0);
        }
        self.let_in += 1;
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        if self.clients.len() >= CLIENTS_MAX {
            self.clients.remove(0);
        }
        self.clients.push(Client { stream, until: now + PATIENCE, asked: Vec::new() });
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Another may have taken its place; then it is his.
        if inode(&self.path) == self.inode {
            let _ = fs::remove_file(&self.path);
        }
    }
}

enum Said {
    Nothing,
    End,
    Line(String),
}

impl Client {
    fn read(&mut self) -> Said {
        let mut buffer = [0; QUESTION_MAX];
        match self.stream.read(&mut buffer) {
            Ok(0) => Said::End,
            Ok(length) => {
                self.asked.extend(buffer.iter().take(length));
                let end = self.asked.iter().position(|byte| *byte == b'\n');
                match end.and_then(|end| self.asked.get(..end)) {
                    Some(line) => Said::Line(String::from_utf8_lossy(line).into_owned()),
                    None if self.asked.len() >= QUESTION_MAX => Said::End,
                    None => Said::Nothing,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Said::Nothing,
            Err(_) => Said::End,
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|meta| meta.ino())
}

fn bind(path: &Path, mask: u32) -> io::Result<UnixListener> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Whoever may exchange what is in there would have root remove and make what he likes.
    if sys::place::own_uid() == 0 && dir.exists() {
        if sys::place::is_exposed(dir) {
            return Err(io::Error::other("others than root may write its directory"));
        }
        let way = way::of(dir)?;
        if let Way::Exposed(_) = way {
            return Err(not_roots_alone(&way));
        }
    }
    if let Ok(meta) = fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return Err(io::Error::other("a file is there that is no socket"));
        }
        match sys::peer::connect(path).map_err(|error| (error.kind(), error)) {
            Err((io::ErrorKind::ConnectionRefused, _)) => fs::remove_file(path)?,
            Ok(_) | Err((io::ErrorKind::WouldBlock, _)) => {
                return Err(io::Error::other("another ntpd listens there"));
            }
            Err((_, error)) => return Err(error),
        }
    }
    // By the mask and not by the path, which may lead elsewhere by then.
    let listener = sys::dir::with_umask(mask, || UnixListener::bind(path))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
