//! tai64n: put a TAI64N label before each line (daemontools, `tai64n.c`).

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use cli::{Args, Command, EXIT_TEMPORARY, UnableExt as _};
use logger::Prefixer;
use tai::Stamp;

pub(crate) static COMMAND: Command = Command {
    name: "tai64n",
    summary: "put a TAI64N label before each line",
    usage: "",
    flags: &[],
    about: "\
Reads standard input, writes it to standard output with a label and a space before each line: the
time when its first byte was read. tai64nlocal makes the labels readable.",
};

/// How much is read at once: what a pipe holds.
const BLOCK: usize = 64 * 1024;

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    let mut prefixer = Prefixer::default();
    let now = || Stamp::from_unix(sys::clock::realtime());
    filter(|block, out| prefixer.feed(block.unwrap_or_default(), now, out))
}

/// Passes standard input through `feed`, block by block, and `None` at the end. What comes out of a
/// block is written before the next is read, so a line that was typed is a line seen.
pub(super) fn filter(
    mut feed: impl FnMut(Option<&[u8]>, &mut Vec<u8>),
) -> anyhow::Result<ExitCode> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned().unable("open input")?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned().unable("open output")?);
    let (mut block, mut out) = (vec![0; BLOCK], Vec::new());
    loop {
        let len = read(&mut input, &mut block).unable("read input")?;
        feed(block.get(..len).filter(|block| !block.is_empty()), &mut out);
        match output.write_all(&out) {
            // Whoever read this wants no more: no news to anybody.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                return Ok(ExitCode::from(EXIT_TEMPORARY));
            }
            written => written.unable("write output")?,
        }
        out.clear();
        if len == 0 {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// One read; the input may be shared with somebody who made it non-blocking.
pub(super) fn read(input: &mut File, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(block) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                sys::poll::readable([input.as_fd()], None)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
