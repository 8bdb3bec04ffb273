//! Where the log of a service is: what a word of the command line means.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use cli::Unable;
use contract::layout;
use doctor::script::{self, Place};

use super::files;

/// Where services are linked.
const SCAN: [&str; 2] = ["/service", "/etc/service"];

/// The log directory that most people name in `log/run`.
const USUAL: &str = "main";

/// So much of a script is read; people write a page or two.
const SCRIPT_MAX: u64 = 64 * 1024;

/// A log directory, and what its lines are said to be of.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) path: PathBuf,
    pub(super) name: String,
}

/// The log directories of a service, or the one that `word` itself names.
pub(super) fn find(word: &OsStr, scan: Option<&Path>) -> Result<Vec<Log>, Unable> {
    let dir = directory(word, scan)?;
    let name = shown(&dir);
    if files::is_log(&dir) {
        return Ok(vec![Log { name: dir.display().to_string(), path: dir }]);
    }
    let log = Some(dir.join(layout::LOG)).filter(|log| log.is_dir()).unwrap_or(dir);
    let mut paths = named_by(&log);
    if paths.is_empty() {
        let usual = [log.join(USUAL), log.clone()];
        paths.extend(usual.into_iter().find(|path| files::is_log(path)));
    }
    let is_one = paths.len() == 1;
    let logs = paths.into_iter().map(|path| {
        let own = path.file_name().unwrap_or_default().display().to_string();
        let name = if is_one { name.clone() } else { format!("{name}/{own}") };
        Log { path, name }
    });
    let logs: Vec<Log> = logs.collect();
    if logs.is_empty() { Err(no_log(word, &log)) } else { Ok(logs) }
}

/// `log` is where the logger should be.
fn no_log(word: &OsStr, log: &Path) -> Unable {
    let word = word.display();
    let none = "no log directory is there";
    let why = if log.ends_with(layout::LOG) {
        format!("{none}; svcheck {word} may say why")
    } else if log.join(layout::RUN).exists() {
        "it has no logger, and writes to where svscan's messages go".into()
    } else {
        none.into()
    };
    Unable::new(format_args!("find the log of {word}"), io::Error::other(why))
}

/// A directory here, as svc and svstat have it; else a service of that name.
fn directory(word: &OsStr, scan: Option<&Path>) -> Result<PathBuf, Unable> {
    let mut here = PathBuf::from(word);
    // The file that people know from `tail -F`.
    if here.ends_with(logger::CURRENT) && here.is_file() {
        here = Path::new(".").join(here).parent().map_or(".".into(), Path::to_owned);
    }
    if here.is_dir() && here.as_os_str() != word {
        return Ok(here);
    }
    if word.is_empty() || word.as_bytes().contains(&b'/') || here.is_dir() {
        let found = here.metadata().and_then(|_| here.read_dir());
        let what = || format!("read {}", word.display());
        return found.map(|_| here).map_err(|error| Unable::new(what(), error));
    }
    let usual = SCAN.map(Path::new);
    let scans = scan.as_ref().map_or(usual.as_slice(), std::slice::from_ref);
    let found = scans.iter().map(|scan| scan.join(word)).find(|path| path.is_dir());
    found.ok_or_else(|| {
        let places: Vec<String> = scans.iter().map(|scan| scan.display().to_string()).collect();
        let why = format!("there is none in {}", places.join(" or "));
        let what = format!("find a service {}", word.display());
        Unable::new(what, io::Error::other(why))
    })
}

/// The name of a service: `web` for `/service/web`, and for `/service/web/log`.
fn shown(dir: &Path) -> String {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let own = if dir.file_name().is_some() { dir } else { &full };
    let is_logger = own.file_name().is_some_and(|name| name == layout::LOG);
    let own = if is_logger { full.parent().unwrap_or(own) } else { own };
    own.file_name().unwrap_or(dir.as_os_str()).display().to_string()
}

/// The directories that the logger's script says it writes to.
fn named_by(log: &Path) -> Vec<PathBuf> {
    let Some(text) = script(&log.join(layout::RUN)) else { return Vec::new() };
    let reading = script::read(&text, Place { logged: false, is_logger: true });
    let mut paths: Vec<PathBuf> = Vec::new();
    for directory in reading.loggers.iter().flat_map(|logger| &logger.directories) {
        // After a `cd` it may be anywhere.
        if !directory.starts_with('/') && !reading.stays_in_place {
            continue;
        }
        let path: PathBuf = log.join(directory).components().collect();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn script(path: &Path) -> Option<String> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    sys::fifo::open_whatever(path).ok()?.take(SCRIPT_MAX).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let first = text.lines().next()?.strip_prefix("#!")?;
    first.split_whitespace().any(script::is_shell).then(|| text.clone().into_owned())
}
