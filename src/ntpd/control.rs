//! The socket behind `ntpctl`: a question is one line, an answer is text up to its end.
//!
//! It is there only where it was asked for (`--socket`) or where its usual directory exists: in a
//! sandbox that refuses `AF_UNIX`, and in clknetsim, which knows UDP only, nothing is tried. Nobody
//! who asks can keep us from the time: few are heard at once, one is let in per turn and so many
//! per second, an answer goes out in one write that never waits, and who says nothing for a while
//! or takes too long to read is hung up on.
//!
//! Everybody may ask; to change something takes root, or the user ntpd runs as. The kernel says who
//! asks.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use cli::{Unable, UnableExt as _};
use ntp::time::{Raw, Span};

/// Where `ntpctl` looks and ntpd listens, if that directory exists.
pub(crate) const USUAL: &str = "/run/ntpd/ntpd.sock";

/// So many are heard at once; whoever has waited longest makes room.
const CLIENTS_MAX: usize = 8;

/// So many are let in per second. A local user who asks for ever gets no more of our time.
const PER_SECOND: u32 = 50;

/// Who has not asked by then is hung up on: a question is one write.
const PATIENCE: Span = Span::from_secs(5);

/// The longest question there is to ask.
const QUESTION_MAX: usize = 64;

/// The first line of an answer while the clock is right.
pub(crate) const RIGHT: &str = "synchronised\n";
/// And while it is not, or nobody knows.
pub(crate) const UNSURE: &str = "unsynchronised\n";
/// The beginning of a refusal, before a sentence.
pub(crate) const NO: &str = "no: ";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Status,
    Sources,
    /// For a terminal of so many columns.
    History(usize),
    Json,
    /// Allow a refused offset, once.
    Step,
}

impl Question {
    /// Reads a line without its end.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let question = match words.next()? {
            "status" => Self::Status,
            "sources" => Self::Sources,
            "history" => Self::History(words.next()?.parse().ok()?),
            "json" => Self::Json,
            "step" => Self::Step,
            _ => return None,
        };
        words.next().is_none().then_some(question)
    }
}

/// Somebody who has been let in.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    until: Raw,
    asked: Vec<u8>,
    may_change: bool,
}

/// The socket and who is connected to it.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
    inode: Option<u64>,
    clients: Vec<Client>,
    /// The second that is counted, and how many were let in.
    second: Raw,
    let_in: u32,
}

impl Control {
    /// Listens at `path`. What lies there and is not listened to was left behind and is replaced.
    ///
    /// # Errors
    /// Somebody listens there, or it cannot be had.
    pub(crate) fn listen(path: &Path) -> Result<Self, Unable> {
        let listener = bind(path).unable(format_args!("listen at {}", path.display()))?;
        let never = Raw::default();
        let (path, inode) = (path.to_path_buf(), inode(path));
        Ok(Self { listener, path, inode, clients: Vec::new(), second: never, let_in: 0 })
    }

    /// How `ntpctl` is called to come here.
    pub(crate) fn command(&self) -> String {
        if self.path == Path::new(USUAL) {
            return "ntpctl".to_owned();
        }
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        format!("ntpctl -s {}", super::options::quoted(path.as_os_str()))
    }

    /// What to wait for. Where too many have come it waits for nobody new.
    pub(crate) fn descriptors(&self, now: Raw) -> Vec<BorrowedFd<'_>> {
        let listener = self.may_let_in(now).then(|| self.listener.as_fd());
        listener.into_iter().chain(self.clients.iter().map(|it| it.stream.as_fd())).collect()
    }

    /// When to come back though nothing happens.
    pub(crate) fn deadline(&self, now: Raw) -> Option<Raw> {
        let again = (!self.may_let_in(now)).then(|| self.second + Span::from_secs(1));
        self.clients.iter().map(|client| client.until).chain(again).min()
    }

    /// Lets one in and hears all: what was asked, and whether the one who asks may change things.
    /// Each is to be given its answer.
    pub(crate) fn hear(&mut self, now: Raw) -> Vec<Asked> {
        self.let_in(now);
        let mut asked = Vec::new();
        for mut client in std::mem::take(&mut self.clients) {
            match client.read() {
                Heard::Nothing if now < client.until => self.clients.push(client),
                Heard::Nothing | Heard::End => {}
                Heard::Line(line) => {
                    let question = Question::parse(&line);
                    let Client { stream, may_change, .. } = client;
                    asked.push(Asked { question, may_change, stream });
                }
            }
        }
        asked
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
        let may_change = sys::peer::may_command(&stream);
        self.clients.push(Client { stream, until: now + PATIENCE, asked: Vec::new(), may_change });
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Another may have taken its place; then it is his.
        if inode(&self.path) == self.inode {
            let _ = fs::remove_file(&self.path);
        }
    }
}

enum Heard {
    Nothing,
    End,
    Line(String),
}

impl Client {
    fn read(&mut self) -> Heard {
        let mut buffer = [0; QUESTION_MAX];
        match self.stream.read(&mut buffer) {
            Ok(0) => Heard::End,
            Ok(length) => {
                self.asked.extend(buffer.iter().take(length));
                let end = self.asked.iter().position(|byte| *byte == b'\n');
                match end.and_then(|end| self.asked.get(..end)) {
                    Some(line) => Heard::Line(String::from_utf8_lossy(line).into_owned()),
                    None if self.asked.len() >= QUESTION_MAX => Heard::End,
                    None => Heard::Nothing,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Heard::Nothing,
            Err(_) => Heard::End,
        }
    }
}

/// A question that wants its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The question, if it is one.
    pub(crate) question: Option<Question>,
    /// Root asks, or the user that we are.
    pub(crate) may_change: bool,
    stream: UnixStream,
}

impl Asked {
    /// Answers in one write: a fresh socket has room for more than we ever say. For whom it has
    /// none, the rest is lost.
    pub(crate) fn answer(mut self, is_right: bool, answer: Result<String, String>) {
        let text = match answer {
            Ok(text) => format!("{}{text}", if is_right { RIGHT } else { UNSURE }),
            Err(why) => format!("{NO}{why}\n"),
        };
        let _ = self.stream.write(text.as_bytes());
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|meta| meta.ino())
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Ok(meta) = fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return Err(io::Error::other("a file is there that is no socket"));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::other("another ntpd listens there"));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
