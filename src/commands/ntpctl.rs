//! ntpctl: ask the ntpd of this machine how it stands, or allow what it refuses.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Args, Command, Flag, UnableExt as _, Usage};

use crate::ending;
use crate::ntpd::control::{NO, RIGHT, UNSURE, USUAL, private};

/// A running ntpd answers in its next turn; one that was stopped never does.
const PATIENCE: Duration = Duration::from_secs(10);

/// No answer is longer: what is was not ntpd.
const ANSWER_MAX: usize = 1 << 20;

/// A terminal that does not say how wide it is.
const WIDTH: usize = 80;

/// Where the ntpd of `service-examples/ntp` listens, linked as its README says.
const OF_SERVICE: &str = "/service/ntp/socket";

/// The clock is not right, or nobody knows.
const EXIT_UNSURE: u8 = 1;

pub(crate) static COMMAND: Command = Command {
    name: "ntpctl",
    summary: "ask ntpd how it stands, or allow the step it refuses",
    usage: "[-s socket] [--json] [sources | history | step]",
    flags: &[
        Flag { names: &["s", "socket"], value: Some("PATH"), help: "ask at PATH" },
        Flag { names: &["json"], value: None, help: "write all of it as one JSON object" },
    ],
    about: "\
It asks at /run/ntpd/ntpd.sock, or else at /service/ntp/socket. Without a word more it says how
things stand: 0 is the exit code while the clock is synchronised, whoever keeps it so, and 1 while
it is not. `sources` lists the servers, what each says, and why it is believed or not; `history`
draws how far off the clock was; `step` lets ntpd set the clock at once by an offset that it refuses
or slews, which takes root or the user that ntpd runs as.

Exit codes: 0 done, or synchronised; 1 not synchronised; 100 wrong usage; 111 ntpd cannot be asked,
or it refuses.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let words: Vec<_> = args.operands.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let (question, judges) = match (words.as_slice(), args.has("json")) {
        ([], false) => ("status".to_owned(), true),
        ([], true) => ("json".to_owned(), true),
        (["sources"], false) => ("sources".to_owned(), false),
        (["history"], false) => (format!("history {}", width()), false),
        (["step"], false) => ("step".to_owned(), false),
        ([word], false) => return Err(Usage::because(format!("no such word: {word}")).into()),
        (_, true) => return Err(Usage::because("--json is the whole, without a word more").into()),
        (_, false) => return Err(Usage::default().into()),
    };
    let (path, stream) = find(args.value("s").map(Path::new))?;
    let answer = ask(path, stream, &question)?;
    if let Some(why) = answer.strip_prefix(NO) {
        anyhow::bail!("ntpd says no: {}", why.trim_end());
    }
    let (is_right, text) = match (answer.strip_prefix(RIGHT), answer.strip_prefix(UNSURE)) {
        (Some(text), _) => (true, text),
        (None, Some(text)) => (false, text),
        (None, None) => anyhow::bail!("what answers at {} is no ntpd", path.display()),
    };
    let printed = ending::print(&COMMAND, &ending::plain_lines(text));
    let unsure = judges && !is_right && printed == ExitCode::SUCCESS;
    Ok(if unsure { ExitCode::from(EXIT_UNSURE) } else { printed })
}

/// The ntpd at `path`, or else the first that is there.
fn find(path: Option<&Path>) -> anyhow::Result<(&Path, UnixStream)> {
    let usual = Path::new(USUAL);
    if path.is_none()
        && let Ok(stream) = connect(Path::new(OF_SERVICE))
        && !usual.exists()
    {
        return Ok((Path::new(OF_SERVICE), stream));
    }
    let connected = match path {
        Some(path) => connect(path),
        None => connect(usual).map_err(nowhere),
    };
    let path = path.unwrap_or(usual);
    Ok((path, connected.unable(format_args!("ask ntpd at {}", path.display()))?))
}

/// No ntpd is where one usually is.
fn nowhere(error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let reason = cli::reason(&error);
    let why = format!(
        "{reason}, and none answers at {OF_SERVICE}; start ntpd with --socket PATH and ask by \
         ntpctl -s PATH"
    );
    io::Error::new(error.kind(), why)
}

/// By the private door, if that is for us: at the other one there may be a crowd.
fn connect(path: &Path) -> io::Result<UnixStream> {
    sys::peer::connect(&private(path)).or_else(|_| sys::peer::connect(path))
}

fn ask(path: &Path, mut stream: UnixStream, question: &str) -> anyhow::Result<String> {
    let heard = stream.write_all(format!("{question}\n").as_bytes());
    let heard = heard.and_then(|()| hear(stream, sys::clock::monotonic() + PATIENCE));
    let answer = heard.unable(format_args!("hear from ntpd at {}", path.display()))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// All that is said until `deadline`, by when it must have ended: who says a little now and then
/// does not keep us.
fn hear(mut stream: UnixStream, deadline: Duration) -> io::Result<Vec<u8>> {
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while answer.len() < ANSWER_MAX {
        let left = deadline.saturating_sub(sys::clock::monotonic());
        if left.is_zero() {
            return Err(io::Error::from_raw_os_error(sys::ETIMEDOUT));
        }
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend(part.iter().take(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sys::poll::readable([stream.as_fd()], Some(left))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// As wide as the terminal is, by what the shell says.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(sys::terminal::columns).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_ntpd_is_told_how_it_is_found() {
        let said = nowhere(ErrorKind::NotFound.into()).to_string();
        let rest = ", and none answers at /service/ntp/socket; start ntpd with --socket PATH and \
                    ask by ntpctl -s PATH";
        assert!(said.ends_with(rest), "{said}");
        let refused = nowhere(io::Error::from(ErrorKind::ConnectionRefused)).to_string();
        assert!(!refused.contains("/service"), "{refused}");
    }

    #[test]
    fn who_says_a_little_now_and_then_is_not_heard_for_ever() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let talker = std::thread::spawn(move || {
            while theirs.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let heard = hear(ours, sys::clock::monotonic() + Duration::from_millis(100));
        assert_eq!(heard.unwrap_err().raw_os_error(), Some(sys::ETIMEDOUT));
        talker.join().unwrap();
    }
}
