//! Becoming the next program: what setuidgid, envuidgid, envdir, softlimit and setlock end with.

use std::collections::HashSet;
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

use cli::{EXIT_TEMPORARY, Unable, UnableExt as _, Usage};
use sys::exec::Program;

/// The rest of a command line: a program and its arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next<'a> {
    name: &'a OsStr,
    words: &'a [OsString],
}

impl<'a> Next<'a> {
    /// # Errors
    /// [`Usage`]: there is none.
    pub(crate) fn new(words: &'a [OsString]) -> Result<Self, Usage> {
        words.first().map(|name| Self { name, words }).ok_or_else(Usage::default)
    }

    /// The program, ready to run with this environment.
    pub(crate) fn ready(self, environment: Environment) -> Result<Program, Unable> {
        let program = Program::new(self.name, self.words, environment.strings);
        program.unable(format_args!("run {}", self.name.display()))
    }

    /// What is said where it cannot be executed.
    pub(crate) fn unable(self, error: std::io::Error) -> Unable {
        Unable::new(format_args!("run {}", self.name.display()), error)
    }

    /// Becomes it, as it is called and in our environment. Comes back only where that failed, and
    /// has said so: its name in the bytes it has.
    pub(crate) fn run_or_say(self, prog: &str) -> ExitCode {
        let program = Program::new(self.name, self.words, sys::exec::environment());
        let error = program.map_or_else(|error| error, |mut program| program.execute());
        let mut line = format!("{prog}: fatal: unable to run ").into_bytes();
        line.extend_from_slice(self.name.as_bytes());
        line.extend_from_slice(format!(": {}\n", cli::reason(&error)).as_bytes());
        let _ = io::stderr().write_all(&line);
        ExitCode::from(EXIT_TEMPORARY)
    }

    /// Becomes it.
    ///
    /// # Errors
    /// execve(2), in the words of daemontools.
    pub(crate) fn run(self, environment: Environment) -> Result<Infallible, Unable> {
        Err(self.unable(self.ready(environment)?.execute()))
    }
}

/// The environment of the next program: ours with changes (daemontools, `pathexec_env.c`).
#[derive(Debug, Default)]
pub(crate) struct Environment {
    strings: Vec<CString>,
    /// The names in `strings`, and maybe more. Most that is set is new: a look here spares one
    /// through all strings, which many files in a directory would make very slow.
    names: HashSet<Vec<u8>>,
}

impl Environment {
    /// Ours as it is.
    pub(crate) fn inherited() -> Self {
        sys::exec::environment().into()
    }

    /// Sets the variable, or takes it away where `value` is `None`. The first `=` ends the name,
    /// also where it stands in `name`; of a variable that is there twice the first one goes.
    pub(crate) fn set(&mut self, name: &[u8], value: Option<&[u8]>) {
        let mut string = name.to_vec();
        if let Some(value) = value {
            string.push(b'=');
            string.extend(value);
        }
        // Neither a file name nor a value holds a NUL.
        let Ok(string) = CString::new(string) else { return };
        let name = name_of(string.as_bytes());
        let is_named = |it: &CString| {
            it.as_bytes().strip_prefix(name).is_some_and(|rest| rest.starts_with(b"="))
        };
        if self.names.contains(name)
            && let Some(at) = self.strings.iter().position(is_named)
        {
            self.strings.swap_remove(at);
        }
        if string.as_bytes().len() > name.len() {
            self.names.insert(name.to_vec());
            self.strings.push(string);
        }
    }
}

impl From<Vec<CString>> for Environment {
    fn from(strings: Vec<CString>) -> Self {
        let names = strings.iter().map(|string| name_of(string.as_bytes()).to_vec()).collect();
        Self { strings, names }
    }
}

/// What stands before the first `=`.
fn name_of(string: &[u8]) -> &[u8] {
    string.split(|&byte| byte == b'=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environment(strings: &[&str]) -> Environment {
        strings.iter().map(|&it| CString::new(it).unwrap()).collect::<Vec<_>>().into()
    }

    fn strings(environment: &Environment) -> Vec<&str> {
        environment.strings.iter().map(|it| it.to_str().unwrap()).collect()
    }

    #[test]
    fn the_last_string_takes_the_place_of_one_that_goes() {
        let mut it = environment(&["A=1", "B=2", "C=3"]);
        it.set(b"A", None);
        assert_eq!(strings(&it), ["C=3", "B=2"]);
        it.set(b"C", Some(b"4"));
        assert_eq!(strings(&it), ["B=2", "C=4"]);
        it.set(b"D", None);
        assert_eq!(strings(&it), ["B=2", "C=4"]);
    }

    #[test]
    fn of_a_variable_that_is_there_twice_the_first_goes() {
        let mut it = environment(&["A=1", "A=2", "nothing", "B=3"]);
        it.set(b"A", Some(b""));
        assert_eq!(strings(&it), ["B=3", "A=2", "nothing", "A="]);
        it.set(b"nothing", None);
        assert_eq!(strings(&it), ["B=3", "A=2", "nothing", "A="]);
    }

    #[test]
    fn the_first_equals_sign_ends_the_name() {
        let mut it = environment(&["A=1"]);
        it.set(b"A=B", Some(b"2"));
        assert_eq!(strings(&it), ["A=B=2"]);
        it.set(b"A=C", None);
        assert_eq!(strings(&it), ["A=C"]);
        it.set(b"=", Some(b"x"));
        assert_eq!(strings(&it), ["A=C", "==x"]);
    }

    proptest! {
        /// The set of names is an index and nothing else: without it all is the same.
        #[test]
        fn the_names_change_nothing(
            before in proptest::collection::vec("[AB=]{0,3}", 0..4),
            changes in proptest::collection::vec(("[AB=]{1,2}", proptest::option::of("[x=]{0,2}")),
                0..8),
        ) {
            let before: Vec<&str> = before.iter().map(String::as_str).collect();
            let (mut ours, mut theirs) = (environment(&before), before.clone());
            let mut pluses = Vec::new();
            for (name, value) in changes {
                ours.set(name.as_bytes(), value.as_deref().map(str::as_bytes));
                pluses.push(value.map_or(name.clone(), |value| format!("{name}={value}")));
            }
            for plus in &pluses {
                let split = plus.find('=').unwrap_or(plus.len());
                let start = format!("{}=", &plus[..split]);
                if let Some(at) = theirs.iter().position(|it| it.starts_with(&start)) {
                    theirs.swap_remove(at);
                }
                if split < plus.len() {
                    theirs.push(plus);
                }
            }
            prop_assert_eq!(strings(&ours), theirs);
        }
    }
}
