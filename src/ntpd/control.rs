//! The socket behind `ntpctl`: a question is one line, an answer is text up to its end.
//!
//! It is there only where it was asked for (`--socket`) or where its usual directory exists: in a
//! sandbox that refuses `AF_UNIX`, and in clknetsim, which knows UDP only, nothing is tried.
//!
//! Everybody may ask; to change something takes root, or the user ntpd runs as. The kernel says who
//! asks. Beside the socket for everybody lies one for those two ([`private`]): however many others
//! crowd at the first door, root is heard.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::lchown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use cli::{Unable, UnableExt as _};
use ntp::time::Raw;

use super::door::{Door, Heard};

/// Where `ntpctl` looks and ntpd listens, if that directory exists.
pub(crate) const USUAL: &str = "/run/ntpd/ntpd.sock";

/// The masks that make a socket for everybody, and one for its owner.
const EVERYBODY: u32 = 0o111;
const OWNER: u32 = 0o177;

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

/// The sockets and who is connected to them.
#[derive(Debug)]
pub(crate) struct Control {
    public: Door,
    private: Option<Door>,
}

/// The socket for root and for ntpd's own user, beside the one for everybody at `path`.
pub(crate) fn private(path: &Path) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".private");
    path.into()
}

impl Control {
    /// Listens at `path` and beside it. What lies there and is not listened to was left behind and
    /// is replaced.
    ///
    /// # Errors
    /// Somebody listens there, or it cannot be had.
    pub(crate) fn listen(path: &Path) -> Result<Self, Unable> {
        let open = |path: &Path, mask| {
            Door::open(path, mask).unable(format_args!("listen at {}", path.display()))
        };
        let public = open(path, EVERYBODY)?;
        // Without it root has to wait with the others.
        Ok(Self { public, private: open(&private(path), OWNER).ok() })
    }

    /// Gives the private door to the user that ntpd becomes.
    ///
    /// # Errors
    /// lchown(2).
    pub(crate) fn give_to(&self, uid: u32) -> io::Result<()> {
        // Nobody but root may write the directory, or there would be no door.
        self.private.as_ref().map_or(Ok(()), |door| lchown(door.path(), Some(uid), None))
    }

    /// How `ntpctl` is called to come here.
    pub(crate) fn command(&self) -> String {
        let path = self.public.path();
        if path == Path::new(USUAL) {
            return "ntpctl".to_owned();
        }
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        format!("ntpctl -s {}", super::options::quoted(path.as_os_str()))
    }

    fn doors(&self) -> impl Iterator<Item = &Door> {
        self.private.iter().chain([&self.public])
    }

    /// What to wait for.
    pub(crate) fn descriptors(&self, now: Raw) -> Vec<BorrowedFd<'_>> {
        self.doors().flat_map(|door| door.descriptors(now)).collect()
    }

    /// When to come back though nothing happens.
    pub(crate) fn deadline(&self, now: Raw) -> Option<Raw> {
        self.doors().filter_map(|door| door.deadline(now)).min()
    }

    /// Lets one in at each door and hears all: what was asked, and whether the one who asks may
    /// change things. Each is to be given its answer.
    pub(crate) fn hear(&mut self, now: Raw) -> Vec<Asked> {
        let doors = self.private.iter_mut().chain([&mut self.public]);
        let heard = doors.flat_map(|door| door.hear(now));
        heard.map(Asked::of).collect()
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
    fn of(heard: Heard) -> Self {
        let Heard { line, stream } = heard;
        let question = Question::parse(&line);
        Self { question, may_change: sys::peer::may_command(&stream), stream }
    }

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
