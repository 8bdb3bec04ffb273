//! Where a logger writes: whether its directory is there, whether it may write in it, and whether
//! there is room.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use contract::layout;
use doctor::Finding;
use doctor::people::{self, Account};
use doctor::script::{Logger, Reading};

use crate::named::shown;
use crate::run::Part;
use crate::{Examiner, Report, joined};

/// What multilog and svlogd write or lock in a log directory.
const OWN: [&str; 3] = ["current", "lock", "state"];

/// A log directory, and who writes in it.
struct Place<'a> {
    path: &'a Path,
    /// What messages call it.
    name: &'a str,
    account: &'a Account,
    /// What messages call the account.
    who: &'a str,
}

impl Examiner {
    /// Looks at every log directory of the loggers that a script becomes.
    pub(crate) fn logs(&self, reading: &Reading, part: Part<'_>, report: &mut Report) {
        for logger in &reading.loggers {
            let Some((account, who)) = self.writer(logger, part) else { continue };
            for directory in &logger.directories {
                if !directory.starts_with('/') && !reading.stays_in_place {
                    continue;
                }
                let path = part.dir.join(directory);
                let name = shown(directory, part);
                let place = Place { path: &path, name: &name, account: &account, who: &who };
                place.look(logger, report);
            }
        }
    }

    /// Who writes; `None` where that is an account that is not there.
    fn writer(&self, logger: &Logger, part: Part<'_>) -> Option<(Account, String)> {
        if let Some(name) = &logger.user {
            return Some((people::account(&self.passwd, name)?, name.clone()));
        }
        let who = self.account_name(part.runner);
        let known = people::account(&self.passwd, &who);
        Some((known.unwrap_or(Account { uid: part.runner, gid: u32::MAX }), who))
    }
}

impl Place<'_> {
    fn look(&self, logger: &Logger, report: &mut Report) {
        let wrong = match fs::metadata(self.path) {
            Ok(meta) if !meta.is_dir() => Some("it is not a directory".to_owned()),
            Ok(meta) if !may_write(&meta, self.account) => Some(self.closed()),
            Ok(_) => {
                self.files(report);
                room(self.path)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => self.missing(logger),
            Err(_) => None,
        };
        if let Some(text) = wrong {
            report.say(self.name, Finding::wrong(text));
        }
    }

    fn closed(&self) -> String {
        format!("{} cannot write in it; chown {} {}", self.who, self.who, self.name)
    }

    /// multilog makes its directory, where it may; svlogd does not.
    fn missing(&self, logger: &Logger) -> Option<String> {
        let (who, name, program) = (self.who, self.name, &logger.program);
        let parent = fs::metadata(self.path.parent()?).ok()?;
        if logger.program != "svlogd" && may_write(&parent, self.account) {
            return room(self.path.parent()?);
        }
        Some(format!(
            "it is not there, and {program} as {who} cannot make it; mkdir {name} && chown {who} \
             {name}"
        ))
    }

    fn files(&self, report: &mut Report) {
        for file in OWN {
            let Ok(meta) = fs::symlink_metadata(self.path.join(file)) else { continue };
            let name = joined(self.name, file);
            if meta.is_symlink() || !meta.is_file() {
                let text = "it is not a plain file; move it away, and the logger makes a new one";
                report.say(name, Finding::wrong(text));
            } else if !is_open(&meta, self.account, 0o2) {
                let text = format!("{} cannot write it; chown {} {name}", self.who, self.who);
                report.say(name, Finding::wrong(text));
            }
        }
    }
}

/// Why nothing more can be written there.
fn room(path: &Path) -> Option<String> {
    let found = sys::place::file_system(path).ok()?;
    if found.read_only {
        return Some("its file system is read-only: nothing can be logged".into());
    }
    found.full.then(|| "its disk is full: the logger waits, and so does the service".into())
}

/// Whether the account may make files in the directory.
fn may_write(meta: &Metadata, account: &Account) -> bool {
    is_open(meta, account, 0o3)
}

/// Whether all the bits are open to the account. It may be in the file's group by other ways than
/// its own line in `/etc/passwd`: where the group may, so may it.
fn is_open(meta: &Metadata, account: &Account, bits: u32) -> bool {
    let has = |shift: u32| meta.mode() >> shift & bits == bits;
    if account.uid == 0 {
        return true;
    }
    if account.uid == meta.uid() {
        return has(6);
    }
    has(3) || (account.gid != meta.gid() && has(0))
}

/// The word on a service that has no logger.
pub(crate) fn none() -> Finding {
    Finding::remark(format!(
        "it has no directory {}: what it says goes where svscan's own words go",
        layout::LOG
    ))
}
