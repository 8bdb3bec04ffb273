//! envdir: run a program with variables from the files of a directory (daemontools, `envdir.c`).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, EXIT_TEMPORARY, Flag, Unable, UnableExt as _};
use sys::dir::Dir;

use crate::chain::{Environment, Next};
use crate::service_dir::ServiceDir;

pub(crate) static COMMAND: Command = Command {
    name: "envdir",
    summary: "run a program with variables from the files of a directory",
    usage: "dir child",
    flags: &[
        Flag { names: &["clear"], value: None, help: "start with an empty environment" },
        Flag {
            names: &["I", "ignore-missing"],
            value: None,
            help: "a directory that does not exist changes nothing",
        },
        Flag {
            names: &["p", "prefix"],
            value: Some("PREFIX"),
            help: "put PREFIX before the name of each variable",
        },
    ],
    about: "\
The name of each file is that of a variable, its first line is the value: without
spaces and tabs at its end, and with newlines for NULs. A file that is empty takes
the variable away. Names that begin with a dot are passed over.

Exit codes: that of the program; 111 wrong usage, the directory or one of its files
cannot be read, or the program cannot be run.",
};

/// More than any kernel takes as environment and arguments of a program (6 MiB: 3/4 of
/// `_STK_LIM`), so that a directory without end ends here.
const ENVIRONMENT_MAX: usize = 8 * 1024 * 1024;

/// What a variable takes beside its name and its value: the sign, the NUL, the pointer.
const VARIABLE_OVERHEAD: usize = 10;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let [dir, rest @ ..] = args.operands.as_slice() else { return Ok(wrong_usage()) };
    let Ok(next) = Next::new(rest) else { return Ok(wrong_usage()) };
    let clear = args.has("clear");
    let environment = if clear { Environment::default() } else { Environment::inherited() };
    let prefix = args.value("p").map_or(&b""[..], |prefix| prefix.as_bytes());
    let mut reader = Reader { dir, prefix, environment, room: ENVIRONMENT_MAX };
    match ServiceDir::new(dir).refusal() {
        Some(error) if error.kind() == ErrorKind::NotFound && args.has("I") => {}
        Some(error) => Err(error).unable(format_args!("switch to directory {}", dir.display()))?,
        None => reader.read_all(next)?,
    }
    match next.run(reader.environment)? {}
}

/// The one program of daemontools whose answer to a wrong command line is not 100.
fn wrong_usage() -> ExitCode {
    // Where nobody hears it the exit code must do.
    let _ = writeln!(io::stderr(), "{}", COMMAND.usage_line());
    ExitCode::from(EXIT_TEMPORARY)
}

/// Files become variables.
struct Reader<'a> {
    dir: &'a OsStr,
    prefix: &'a [u8],
    environment: Environment,
    /// How many bytes of variables are still taken.
    room: usize,
}

impl Reader<'_> {
    fn read_all(&mut self, next: Next<'_>) -> Result<(), Unable> {
        let shown = self.dir.display();
        let dir = Dir::open(Path::new(self.dir));
        let dir = dir.unable(format_args!("read directory {shown}"))?;
        let mut outcome = Ok(());
        let listed = dir.each_name(|name| {
            if outcome.is_ok() && !name.starts_with(b".") {
                outcome = self.read(&dir, OsStr::from_bytes(name), next);
            }
        });
        outcome?;
        listed.unable(format_args!("read directory {shown}"))
    }

    fn read(&mut self, dir: &Dir, file: &OsStr, next: Next<'_>) -> Result<(), Unable> {
        let line = match dir.read(file) {
            // A link to nothing, or a file that is gone meanwhile: as one that is empty.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => first_line(file, self.room),
        };
        let unread = format_args!("read {}/{}", self.dir.display(), file.display());
        let line = line.unable(unread)?;
        let name = [self.prefix, file.as_bytes()].concat();
        if let Some(line) = &line {
            let taken = name.len() + line.len() + VARIABLE_OVERHEAD;
            let left = self.room.checked_sub(taken);
            let too_long = || next.unable(io::Error::from_raw_os_error(sys::E2BIG));
            self.room = left.ok_or_else(too_long)?;
        }
        self.environment.set(&name, line.map(value).as_deref());
        Ok(())
    }
}

/// The first line with its end, where it has one; `None` where the file is empty. A line longer
/// than `max` is cut, and is longer than `max` all the same.
fn first_line(file: File, max: usize) -> io::Result<Option<Vec<u8>>> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    BufReader::new(file.take(limit)).read_until(b'\n', &mut line)?;
    Ok(if line.is_empty() { None } else { Some(line) })
}

/// The value that a first line gives.
fn value(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    let kept = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
    line.truncate(kept);
    for byte in &mut line {
        if *byte == 0 {
            *byte = b'\n';
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value_of(line: &str) -> String {
        String::from_utf8(value(line.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn blanks_at_the_end_go_and_others_stay() {
        assert_eq!(value_of(" a\tb \t \n"), " a\tb");
        assert_eq!(value_of("a\r\n"), "a\r");
        assert_eq!(value_of(" \t\n"), "");
        assert_eq!(value_of("\n"), "");
        assert_eq!(value_of("a"), "a");
    }

    #[test]
    fn nuls_are_newlines_and_end_no_trimming() {
        assert_eq!(value_of("a\0b\0\n"), "a\nb\n");
        assert_eq!(value_of("a \0 \n"), "a \n");
    }

    proptest! {
        #[test]
        fn a_value_is_the_line_without_its_end(line in "[a \t\0]{0,20}", ends: bool) {
            let text = if ends { format!("{line}\n") } else { line.clone() };
            let expected = line.trim_end_matches([' ', '\t']).replace('\0', "\n");
            prop_assert_eq!(value_of(&text), expected);
        }

        #[test]
        fn no_value_holds_a_nul_or_ends_in_a_blank(line: Vec<u8>) {
            let value = value(line);
            prop_assert!(!value.contains(&0));
            prop_assert!(!matches!(value.last(), Some(b' ' | b'\t')));
        }
    }
}
