//! readproctitle: show the end of what was said where ps shows it (daemontools, `readproctitle.c`).

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use cli::{Args, Command, EXIT_TEMPORARY, EXIT_USAGE};
use sys::title::LastWord;

use super::tai64n;

pub(crate) static COMMAND: Command = Command {
    name: "readproctitle",
    summary: "show the end of standard input in the list of processes",
    usage: "words... dots",
    flags: &[],
    about: "
Reads standard input and shifts it into its last argument, from the right, so that ps shows the
newest of it. The first three dots stay: `readproctitle service errors: ....................`.
It takes what it is given at once, and keeps as much as there are dots.

Exit codes: 0 the end of the input, 100 fewer than five dots, 111 the input cannot be read.",
};

/// A last argument that is shorter has no room for dots and text (daemontools).
const LEN_MIN: usize = 5;

/// So many dots stay in front, and say that there was more (daemontools).
const DOTS: usize = 3;

/// How much is read at once: what a pipe holds.
const BLOCK: usize = 64 * 1024;

/// Says nothing, whatever is wrong: its own standard error is where nobody looks.
#[expect(clippy::unnecessary_wraps, reason = "every command has this type")]
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let word = if args.operands.is_empty() { None } else { LastWord::take() };
    let Some(word) = word.filter(|word| word.len() >= LEN_MIN) else {
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    let code = if show_all(word).is_ok() { 0 } else { EXIT_TEMPORARY };
    Ok(ExitCode::from(code))
}

fn show_all(mut word: LastWord) -> io::Result<()> {
    sys::entry::close_what_was_closed();
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (mut tail, mut block) = (Tail::new(word.len()), vec![0; BLOCK]);
    loop {
        word.show(tail.text());
        let len = tai64n::read(&mut input, &mut block)?;
        if len == 0 {
            return Ok(());
        }
        tail.push(block.get(..len).unwrap_or_default());
    }
}

/// The last bytes of all that was pushed, behind three dots.
struct Tail(Vec<u8>);

impl Tail {
    fn new(len: usize) -> Self {
        Self(vec![b'.'; len])
    }

    fn text(&self) -> &[u8] {
        &self.0
    }

    /// A NUL would end the word, and is left out; every other byte is shown as it is.
    fn push(&mut self, bytes: &[u8]) {
        let len = self.0.len();
        self.0.extend(bytes.iter().filter(|&&byte| byte != 0));
        let more = self.0.len() - len;
        self.0.drain(DOTS..DOTS + more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(len: usize, blocks: &[&[u8]]) -> String {
        let mut tail = Tail::new(len);
        for block in blocks {
            tail.push(block);
        }
        String::from_utf8(tail.text().to_vec()).unwrap()
    }

    #[test]
    fn the_newest_is_at_the_right_and_three_dots_stay() {
        assert_eq!(shown(10, &[]), "..........");
        assert_eq!(shown(10, &[b"ab", b"c\n"]), "......abc\n");
        assert_eq!(shown(10, &[b"1234567"]), "...1234567");
        assert_eq!(shown(10, &[b"1234567", b"8"]), "...2345678");
        assert_eq!(shown(5, &[&[b'x'; 1000], b"yz"]), "...yz");
    }

    #[test]
    fn nuls_are_left_out() {
        assert_eq!(shown(8, &[b"a\0b\0\0", b"\0", b"c"]), ".....abc");
    }

    #[test]
    fn the_blocks_it_comes_in_make_no_difference() {
        let text = b"svscan: warning: unable to stat x\0: file does not exist\n";
        let whole = shown(20, &[text]);
        for len in 1..text.len() {
            assert_eq!(shown(20, &text.chunks(len).collect::<Vec<_>>()), whole, "{len}");
        }
    }
}
