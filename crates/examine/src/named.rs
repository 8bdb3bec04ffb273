//! What a script names and has to be there: accounts, directories, programs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use contract::layout;
use doctor::script::{Named, Reading};
use doctor::{Finding, people};

use crate::run::Part;
use crate::{Examiner, Report, file, joined, program};

/// ntpd itself reads no longer one.
const CONFIG_MAX: u64 = 64 * 1024;

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
        for named in &reading.configs {
            if let Some(finding) = absent(named, reading, part) {
                report.say(&place, finding.at(named.line));
            } else if let Some(finding) = self.judged(named, reading, part, &path) {
                report.say(shown(&named.name, part), finding);
            }
        }
    }

    /// What our ntpd will say of its configuration.
    fn judged(
        &self,
        named: &Named,
        reading: &Reading,
        part: Part<'_>,
        path: &OsStr,
    ) -> Option<Finding> {
        let judge = self.ntpd.filter(|_| is_our_ntpd(&named.by, path))?;
        let text = file::text(&place(&named.name, reading, part)?, CONFIG_MAX)?;
        let (line, what) = judge(&text)?;
        Some(Finding::wrong(what).at(line))
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

/// The configuration that a daemon is told to read.
fn absent(named: &Named, reading: &Reading, part: Part<'_>) -> Option<Finding> {
    let path = place(&named.name, reading, part)?;
    let Named { name, by, .. } = named;
    match fs::metadata(&path) {
        Ok(meta) if meta.is_dir() => {
            Some(Finding::wrong(format!("{by} reads {name}, which is a directory")))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(Finding::wrong(format!("{by} reads {name}, which is not there; write it")))
        }
        Ok(_) | Err(_) => None,
    }
}

/// Whether it is the one that was installed with this program: others have other words.
fn is_our_ntpd(program: &str, path: &OsStr) -> bool {
    let found = if program.contains('/') {
        Some(program.into())
    } else {
        program::find(OsStr::new(program), path)
    };
    let ours = std::env::current_exe().and_then(fs::canonicalize);
    let ours = ours.map(|ours| ours.with_file_name("ntpd"));
    found.and_then(|found| fs::canonicalize(found).ok()).is_some_and(|it| {
        it.file_name() == Some(OsStr::new("ntpd")) && ours.is_ok_and(|ours| ours == it)
    })
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
