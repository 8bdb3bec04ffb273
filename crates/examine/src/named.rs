//! What a script names and has to be there: accounts, directories, programs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use contract::layout;
use doctor::script::{Named, Reading};
use doctor::{Finding, people};

use crate::run::Part;
use crate::{Examiner, Report, joined, program};

impl Examiner {
    /// Looks for all that the script of `part` names.
    pub(crate) fn named(&self, reading: &Reading, part: Part<'_>, report: &mut Report) {
        let place = joined(part.name, layout::RUN);
        let mut say = |named: &Named, finding: Option<Finding>| {
            if let Some(finding) = finding {
                report.say(&place, finding.at(named.line));
            }
        };
        for named in &reading.users {
            say(named, self.user(named));
        }
        for named in &reading.envdirs {
            say(named, environment(named, reading, part));
        }
        let path = self.path_of(reading);
        for named in &reading.programs {
            say(named, started(named, reading, part, &path));
        }
    }

    fn user(&self, named: &Named) -> Option<Finding> {
        let Named { name, by, .. } = named;
        if people::account(&self.passwd, name).is_some() {
            return None;
        }
        Some(if self.passwd_is_all {
            Finding::wrong(format!("{by} asks for the user {name}, who is not there; create it"))
        } else {
            Finding::note(format!(
                "{by} asks for the user {name}, who is not in /etc/passwd; other sources of users \
                 are not asked"
            ))
        })
    }

    fn path_of(&self, reading: &Reading) -> OsString {
        let Some(own) = &reading.path else { return self.path.clone() };
        let mut path = OsString::new();
        for (number, part) in own.split("$PATH").enumerate() {
            if number > 0 {
                path.push(&self.path);
            }
            path.push(part);
        }
        path
    }
}

/// The directory that an envdir is told to read.
fn environment(named: &Named, reading: &Reading, part: Part<'_>) -> Option<Finding> {
    let path = place(&named.name, reading, part)?;
    let Named { name, by, .. } = named;
    match fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => None,
        Ok(_) => Some(Finding::wrong(format!("{by} reads {name}, which is not a directory"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Finding::wrong(format!(
            "{by} reads {name}, which is not there; mkdir {}",
            shown(name, part)
        ))),
        Err(_) => None,
    }
}

/// The path of a name, as the operator would write it.
pub(crate) fn shown(name: &str, part: Part<'_>) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    joined(part.name, name.strip_prefix("./").unwrap_or(name))
}

/// Where a name leads that a script in the service directory uses, where that is known.
fn place(name: &str, reading: &Reading, part: Part<'_>) -> Option<std::path::PathBuf> {
    (name.starts_with('/') || reading.stays_in_place).then(|| part.dir.join(Path::new(name)))
}

/// A program that a script becomes.
fn started(named: &Named, reading: &Reading, part: Part<'_>, path: &OsStr) -> Option<Finding> {
    let name = &named.name;
    if !name.contains('/') {
        let known = reading.names_are_open || program::find(OsStr::new(name), path).is_some();
        return (!known).then(|| {
            Finding::wrong(format!(
                "starts {name}, which is not in PATH; install it, or write its whole path"
            ))
        });
    }
    match fs::metadata(place(name, reading, part)?) {
        Ok(meta) if program::may_execute(&meta) => None,
        Ok(meta) if meta.is_dir() => {
            Some(Finding::wrong(format!("starts {name}, which is a directory")))
        }
        Ok(_) => Some(Finding::wrong(format!("starts {name}, which is not executable"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(Finding::wrong(format!("starts {name}, which is not there")))
        }
        Err(_) => None,
    }
}
