//! Becoming the program that the rest of a command line names (daemontools, `pathexec_run.c`).

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

use cli::EXIT_TEMPORARY;
use sys::{entry, fork_exec};

/// Where programs are sought without PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Becomes the program that `words` begin with, looked for in PATH unless its name has a slash.
/// Comes back only with an error.
#[must_use]
pub(crate) fn exec(words: &[OsString]) -> io::Error {
    entry::close_what_was_closed();
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let name = words.first().map_or(&[][..], |name| name.as_bytes());
    let Some(words) =
        words.iter().map(|word| c_string(word.as_bytes())).collect::<Option<Vec<_>>>()
    else {
        return ErrorKind::InvalidInput.into();
    };
    first_to_run(places(name, path.as_bytes()), |place| match c_string(place) {
        Some(place) => fork_exec::exec(&place, &words),
        None => ErrorKind::InvalidInput.into(),
    })
}

/// Says that the program cannot be run: in the original's words, its name in the bytes it has.
pub(crate) fn refused(prog: &str, name: &OsStr, error: &io::Error) -> ExitCode {
    let mut line = format!("{prog}: fatal: unable to run ").into_bytes();
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(format!(": {}\n", cli::reason(error)).as_bytes());
    let _ = io::stderr().write_all(&line);
    ExitCode::from(EXIT_TEMPORARY)
}

/// The paths a program may be at, in the order to try them. An empty element of PATH is `.`.
pub(crate) fn places(name: &[u8], path: &[u8]) -> Vec<Vec<u8>> {
    if name.contains(&b'/') {
        return vec![name.to_vec()];
    }
    let dirs = path.split(|&byte| byte == b':').map(|dir| if dir.is_empty() { b"." } else { dir });
    dirs.map(|dir| [dir, b"/", name].concat()).collect()
}

/// Tries each place, and gives the error worth telling. What is not there, or may not be run, does
/// not stop the search; but that it may not be run is remembered.
pub(crate) fn first_to_run(
    places: Vec<Vec<u8>>,
    mut run: impl FnMut(&[u8]) -> io::Error,
) -> io::Error {
    let mut worth = None;
    for place in places {
        let error = run(&place);
        if error.kind() == ErrorKind::NotFound {
            worth = worth.or(Some(error));
        } else if is_refusal(&error) {
            worth = Some(error);
        } else {
            return error;
        }
    }
    worth.unwrap_or_else(|| ErrorKind::NotFound.into())
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::IsADirectory)
}

fn c_string(bytes: &[u8]) -> Option<CString> {
    CString::new(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOENT: i32 = 2;
    const EACCES: i32 = 13;
    const ENOTDIR: i32 = 20;
    const EISDIR: i32 = 21;

    fn tried(name: &str, path: &str) -> Vec<String> {
        let text = |place: Vec<u8>| String::from_utf8(place).unwrap();
        places(name.as_bytes(), path.as_bytes()).into_iter().map(text).collect()
    }

    #[test]
    fn a_name_is_sought_in_every_element_of_path_and_an_empty_one_is_here() {
        assert_eq!(tried("run", "/bin:/usr/bin"), ["/bin/run", "/usr/bin/run"]);
        assert_eq!(tried("run", ":/bin:"), ["./run", "/bin/run", "./run"]);
        assert_eq!(tried("run", ""), ["./run"]);
        assert_eq!(tried("", "/bin"), ["/bin/"]);
    }

    #[test]
    fn a_name_with_a_slash_is_not_sought() {
        assert_eq!(tried("./run", "/bin"), ["./run"]);
        assert_eq!(tried("/", "/bin"), ["/"]);
    }

    /// The error told when the places answer so, and how many were asked.
    fn told(answers: &[i32]) -> (Option<i32>, usize) {
        let mut asked = 0;
        let places = answers.iter().map(|_| Vec::new()).collect();
        let told = first_to_run(places, |_| {
            asked += 1;
            io::Error::from_raw_os_error(answers[asked - 1])
        });
        (told.raw_os_error(), asked)
    }

    #[test]
    fn a_refusal_is_told_rather_than_an_absence_and_anything_else_stops_the_search() {
        assert_eq!(told(&[ENOENT, ENOENT]), (Some(ENOENT), 2));
        assert_eq!(told(&[EACCES, ENOENT]), (Some(EACCES), 2));
        assert_eq!(told(&[ENOENT, EISDIR, ENOENT]), (Some(EISDIR), 3));
        assert_eq!(told(&[EISDIR, EACCES]), (Some(EACCES), 2));
        assert_eq!(told(&[EACCES, ENOTDIR, ENOENT]), (Some(ENOTDIR), 2));
    }
}
