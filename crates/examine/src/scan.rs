//! A scan directory: which of its names svscan serves, and what is wrong with those it does not.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cli::{Unable, UnableExt as _};
use contract::layout;
use doctor::{Finding, Weight, scan};

use crate::{Examiner, Report, joined};

/// So many names of a scan directory are looked at: more services than one machine has room for.
const NAMES_MAX: usize = 100_000;

/// What has been seen of a scan directory: device and inode of each service, and its name.
type Seen = HashMap<(u64, u64), String>;

impl Examiner {
    /// The names of the scan directory `dir`, in order, and what was found of each.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn scan(&self, dir: &Path) -> Result<Vec<(String, Report)>, Unable> {
        let mut seen = Seen::new();
        let mut reports = Vec::new();
        let is_served = is_served(dir);
        for name in names(dir)? {
            let path = dir.join(&name);
            let name = joined(&dir.display().to_string(), &name.to_string_lossy());
            let mut report = Report::default();
            self.entry(&path, &name, &mut seen, &mut report);
            if is_served && path.is_dir() && !path.file_name().is_some_and(is_hidden) {
                note_unattended(&path, &name, &mut report);
            }
            reports.push((name, report));
        }
        Ok(reports)
    }

    fn entry(&self, path: &Path, name: &str, seen: &mut Seen, report: &mut Report) {
        if path.file_name().is_some_and(is_hidden) {
            let text = "its name begins with a dot: svscan does not look at it";
            return report.say(name, Finding::remark(text));
        }
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) => return unseen(path, name, error, report),
        };
        if !meta.is_dir() {
            let text = format!("it is no service: {}", scan::NOT_A_DIRECTORY);
            return report.say(name, Finding::wrong(text));
        }
        if let Some(other) = seen.get(&(meta.dev(), meta.ino())) {
            return report.say(name, Finding::wrong(format!("it {}", scan::same_as(other))));
        }
        seen.insert((meta.dev(), meta.ino()), name.to_owned());
        self.whole(path, name, report);
    }

    /// Adds a note where no name of the scan directory leads to the service directory `dir`, or one
    /// does that svscan has not seen yet, and nobody supervises it either.
    pub fn note_unlinked(&self, dir: &Path, scan: &Path, report: &mut Report) {
        let Ok(meta) = fs::metadata(dir) else { return };
        let is_logger = dir.file_name().is_some_and(|name| name == layout::LOG);
        let ok = dir.join(layout::OK);
        if !meta.is_dir() || is_logger || sys::fifo::open_writer(&ok).is_ok() {
            return;
        }
        let Ok(names) = names(scan) else { return };
        let leads = |name: &OsString| {
            let there = fs::metadata(scan.join(name));
            there.is_ok_and(|there| (there.dev(), there.ino()) == (meta.dev(), meta.ino()))
        };
        if !names.iter().filter(|name| !is_hidden(name)).any(leads) {
            let (dir, scan) = (dir.display(), scan.display());
            let text = format!(
                "no name in {scan} leads to it, so svscan does not start it; ln -s its whole path \
                 into {scan}"
            );
            report.say(dir.to_string(), Finding::note(text));
        } else if is_served(scan) {
            note_unattended(dir, &dir.display().to_string(), report);
        }
    }
}

/// Whether `dir` holds services and is none itself: svscan has run there, or a name in it leads to
/// a directory with a `run`.
#[must_use]
pub fn is_scan_directory(dir: &Path) -> bool {
    let has_run = |dir: &Path| fs::symlink_metadata(dir.join(layout::RUN)).is_ok();
    if has_run(dir) {
        return false;
    }
    let is_service = |name: &OsString| name != layout::LOG && has_run(&dir.join(name));
    dir.join(layout::SVSCAN).is_dir() || names(dir).is_ok_and(|names| names.iter().any(is_service))
}

/// Whether a svscan runs there, and would take letters from us.
fn is_served(scan: &Path) -> bool {
    sys::fifo::open_writer(&scan.join(layout::SVSCAN_CONTROL)).is_ok()
}

/// Adds a note where svscan should supervise a service, nobody does, and no reason was found.
fn note_unattended(dir: &Path, name: &str, report: &mut Report) {
    let ok = sys::fifo::open_writer(&dir.join(layout::OK));
    let nobody = ok.is_err_and(|error| sys::fifo::means_no_reader(&error));
    if nobody && report.found.iter().all(|found| found.finding.weight == Weight::Remark) {
        report.say(name, Finding::note(scan::NOT_PICKED_UP));
    }
}

/// The names in a directory, in order.
fn names(dir: &Path) -> Result<Vec<OsString>, Unable> {
    let what = format!("read {}", dir.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).unable(&what)?.take(NAMES_MAX) {
        names.push(entry.unable(&what)?.file_name());
    }
    names.sort();
    Ok(names)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// A name that cannot be looked at.
fn unseen(path: &Path, name: &str, error: std::io::Error, report: &mut Report) {
    match fs::read_link(path) {
        Ok(target) if error.kind() == ErrorKind::NotFound => {
            let text = format!(
                "it is a link to {}, which is not there; remove it: rm {name}",
                target.display()
            );
            report.say(name, Finding::wrong(text));
        }
        Ok(_) if error.kind() != ErrorKind::PermissionDenied => {
            let text = format!("it is a link that leads nowhere: {}", cli::reason(&error));
            report.say(name, Finding::wrong(text));
        }
        Ok(_) | Err(_) => report.unable.push(Unable::new(format_args!("stat {name}"), error)),
    }
}
