//! Giving this process to the next program, with everything as it was found: `setuidgid`,
//! `envuidgid`, `envdir`, `softlimit`, `setlock`.
//!
//! The standard library's `exec` will not do: it empties the signal mask and disposes of SIGPIPE.

use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use crate::entry;

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// Where a program is looked for without PATH (daemontools, `pathexec_run.c`).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The strings of our environment as they are: also those that are no `NAME=value`, and those that
/// are there twice.
#[must_use]
pub fn environment() -> Vec<CString> {
    let mut strings = Vec::new();
    // SAFETY: the C library's own variable. Only setenv(3) and its kin change it, which nothing
    // here calls.
    let mut at = unsafe { environ };
    while !at.is_null() {
        // SAFETY: `at` is within the array, whose end is the null pointer below.
        let string = unsafe { *at };
        if string.is_null() {
            break;
        }
        // SAFETY: every pointer before the end is to a string.
        strings.push(unsafe { CStr::from_ptr(string) }.to_owned());
        // SAFETY: `at` is not the end, so there is one more.
        at = unsafe { at.add(1) };
    }
    strings
}

/// A program with its words and its environment, ready to take this process over. All memory that
/// needs is here: [`Program::execute`] works where no more is to be had.
#[derive(Debug)]
pub struct Program {
    /// What is executed: its name, or room for each path that is tried.
    path: Vec<u8>,
    /// Its name, with a NUL.
    name: Vec<u8>,
    /// Where it is looked for; `None`: its name is a path.
    search: Option<Vec<u8>>,
    argv: Pointers,
    envp: Pointers,
}

/// The array of pointers that execve(2) wants, and what they point to.
#[derive(Debug)]
struct Pointers {
    pointers: Vec<*const c_char>,
    _strings: Vec<CString>,
}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let end = [std::ptr::null()];
        Self {
            pointers: strings.iter().map(|it| it.as_ptr()).chain(end).collect(),
            _strings: strings,
        }
    }
}

impl Program {
    /// The program `name`, the first of its `words`. Where that name has no slash it is looked for
    /// in our PATH, not in that of `environment`.
    ///
    /// # Errors
    /// `InvalidInput`: a word holds a NUL, which none of our own command line can.
    pub fn new(name: &OsStr, words: &[OsString], environment: Vec<CString>) -> io::Result<Self> {
        let words = words.iter().map(|word| CString::new(word.as_bytes()));
        let search = (!name.as_bytes().contains(&b'/')).then(|| {
            std::env::var_os("PATH").map_or_else(|| DEFAULT_PATH.to_vec(), OsString::into_vec)
        });
        let name = CString::new(name.as_bytes())?.into_bytes_with_nul();
        let longest = elements(search.as_deref().unwrap_or_default()).map(<[u8]>::len).max();
        Ok(Self {
            path: Vec::with_capacity(longest.unwrap_or(0) + "./".len() + name.len()),
            name,
            search,
            argv: Pointers::new(words.collect::<Result<_, _>>()?),
            envp: Pointers::new(environment),
        })
    }

    /// Executes the program; returns only where that fails, with the errno that daemontools gives
    /// (`pathexec_run.c`): a file that is not there is looked for further on, one that may not be
    /// executed as well, but is remembered, and anything else is the end of the search.
    pub fn execute(&mut self) -> io::Error {
        entry::leave_closed();
        let Some(search) = &self.search else {
            return exec(&self.name, &self.argv, &self.envp);
        };
        let mut said = io::Error::from_raw_os_error(libc::ENOENT);
        for element in elements(search) {
            self.path.clear();
            self.path.extend_from_slice(if element.is_empty() { b"." } else { element });
            self.path.push(b'/');
            self.path.extend_from_slice(&self.name);
            let error = exec(&self.path, &self.argv, &self.envp);
            match error.raw_os_error() {
                Some(libc::ENOENT) => {}
                Some(libc::EACCES | libc::EPERM | libc::EISDIR) => said = error,
                Some(_) | None => return error,
            }
        }
        said
    }
}

fn elements(search: &[u8]) -> impl Iterator<Item = &[u8]> {
    search.split(|&byte| byte == b':')
}

/// `path` ends with a NUL, as all [`Program`] makes.
fn exec(path: &[u8], argv: &Pointers, envp: &Pointers) -> io::Error {
    let (argv, envp) = (argv.pointers.as_ptr(), envp.pointers.as_ptr());
    // SAFETY: a string, and two arrays of pointers to strings that live as long as they do, each
    // array with a null pointer at its end.
    unsafe { libc::execve(path.as_ptr().cast(), argv, envp) };
    io::Error::last_os_error()
}
