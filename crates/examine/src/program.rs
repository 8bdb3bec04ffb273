//! Whether a file can be executed, and if not, why.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use doctor::program::{FIRST_LINE_MAX, Start, Unfit, start};

use crate::file;

/// Why the kernel would not execute `run`, which it said with `errno`, as far as a look at the file
/// tells.
#[must_use]
pub fn refused(run: &Path, errno: i32) -> Option<Unfit> {
    match of_metadata(run) {
        Ok(_) => by_errno(&beginning(run), errno),
        Err(unfit) => unfit,
    }
}

/// Why the kernel will not execute `run`, whose first bytes are `bytes`.
pub(crate) fn unfit(run: &Path, bytes: Option<&[u8]>) -> Option<Unfit> {
    if let Err(unfit) = of_metadata(run) {
        return unfit;
    }
    if sys::place::file_system(run).is_ok_and(|found| found.noexec) {
        return Some(Unfit::Noexec);
    }
    let bytes = bytes?;
    match start(bytes) {
        Start::Script(path, argument) => {
            let path = to_path(&path);
            of_interpreter(&path).or_else(|| of_env(&path, argument.as_deref()?))
        }
        Start::Empty => Some(Unfit::Empty),
        Start::ByteOrderMark => Some(Unfit::ByteOrderMark),
        // Somebody may have taught the kernel a format of his own (binfmt_misc).
        Start::Unknown if !bytes.contains(&0) => Some(Unfit::NoInterpreter),
        Start::Unknown | Start::Binary => None,
    }
}

/// What is known without opening it. `Err(None)`: it cannot be looked at.
pub(crate) fn of_metadata(run: &Path) -> Result<Metadata, Option<Unfit>> {
    match fs::metadata(run) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Some(missing(run))),
        Err(_) => Err(None),
        Ok(meta) if meta.is_dir() => Err(Some(Unfit::Directory)),
        Ok(meta) if !meta.is_file() => Err(Some(Unfit::Special)),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err(Some(Unfit::NotExecutable)),
        Ok(meta) => Ok(meta),
    }
}

fn missing(run: &Path) -> Unfit {
    match fs::read_link(run) {
        Ok(target) => Unfit::Dangling(target.display().to_string()),
        Err(_) => Unfit::Missing,
    }
}

fn beginning(run: &Path) -> Start {
    let limit = u64::try_from(FIRST_LINE_MAX).unwrap_or(u64::MAX);
    match file::read(run, limit) {
        Ok(Some(bytes)) => start(&bytes),
        Ok(None) | Err(_) => Start::Binary,
    }
}

/// It is an executable file, and still the kernel would not.
fn by_errno(beginning: &Start, errno: i32) -> Option<Unfit> {
    let kind = io::Error::from_raw_os_error(errno).kind();
    if let Start::Script(path, _) = beginning {
        let unfit = of_interpreter(&to_path(path));
        let fits = match &unfit {
            Some(Unfit::CarriageReturn) => true,
            Some(Unfit::InterpreterMissing(_)) => kind == io::ErrorKind::NotFound,
            Some(_) => kind == io::ErrorKind::PermissionDenied,
            None => false,
        };
        if fits {
            return unfit;
        }
    }
    match (beginning, kind) {
        (_, io::ErrorKind::PermissionDenied) => Some(Unfit::PerhapsNoexec),
        (_, io::ErrorKind::ExecutableFileBusy) => Some(Unfit::Busy),
        (Start::Empty, _) if errno == sys::ENOEXEC => Some(Unfit::Empty),
        (Start::ByteOrderMark, _) if errno == sys::ENOEXEC => Some(Unfit::ByteOrderMark),
        (Start::Unknown, _) if errno == sys::ENOEXEC => Some(Unfit::NoInterpreter),
        _ => None,
    }
}

fn to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Why the interpreter cannot read its script.
fn of_interpreter(path: &Path) -> Option<Unfit> {
    if path.as_os_str().as_bytes().ends_with(b"\r") {
        return Some(Unfit::CarriageReturn);
    }
    let shown = path.display().to_string();
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(Unfit::InterpreterMissing(shown))
        }
        Err(_) => None,
        Ok(meta) if may_execute(&meta) => None,
        Ok(_) => Some(Unfit::InterpreterNotExecutable(shown)),
    }
}

/// `#!/usr/bin/env bash`: what env will look for.
fn of_env(path: &Path, argument: &[u8]) -> Option<Unfit> {
    if path.file_name() != Some(OsStr::new("env")) {
        return None;
    }
    let name = OsStr::from_bytes(argument);
    let plain = !argument.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'=' | b'/' | b'-'));
    let found = find(name, &env::var_os("PATH").unwrap_or_default()).is_some();
    if !plain || found {
        return None;
    }
    if argument.ends_with(b"\r") {
        return Some(Unfit::CarriageReturn);
    }
    Some(Unfit::InterpreterMissing(name.display().to_string()))
}

/// The program called `name` in the directories of `path`.
pub(crate) fn find(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    let mut places = env::split_paths(path).map(|directory| directory.join(name));
    places.find(|place| fs::metadata(place).is_ok_and(|meta| may_execute(&meta)))
}

/// Whether it is a file that somebody may execute.
#[must_use]
pub fn may_execute(meta: &Metadata) -> bool {
    meta.is_file() && meta.permissions().mode() & 0o111 != 0
}
