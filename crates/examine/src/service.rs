//! A service directory: `run`, `log/`, `down`, `supervise/`.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cli::Unable;
use contract::layout;
use doctor::Finding;
use doctor::script::{Place, Reading};

use crate::run::Part;
use crate::{Examiner, Report, joined, log};

/// The word on a `supervise/` that supervise cannot make or fill.
const UNWRITABLE: &str =
    "nothing can be written there; make it a link to a directory that can be written";

impl Examiner {
    /// Looks at the service directory `dir`, and at its logger's.
    #[must_use]
    pub fn service(&self, dir: &Path) -> Report {
        let mut report = Report::default();
        self.whole(dir, &dir.display().to_string(), &mut report);
        report
    }

    /// The service in `dir`, which messages call `name`.
    pub(crate) fn whole(&self, dir: &Path, name: &str, report: &mut Report) {
        let logged = fs::symlink_metadata(dir.join(layout::LOG)).is_ok();
        let is_logger = dir.file_name().is_some_and(|name| name == layout::LOG);
        let runner = self.runner(dir);
        let part = Part { dir, name, place: Place { logged, is_logger }, runner };
        if !self.part(part, report) || is_logger {
            return;
        }
        if !logged {
            return report.say(name, log::none());
        }
        let (dir, name) = (dir.join(layout::LOG), joined(name, layout::LOG));
        if fs::metadata(&dir).is_ok_and(|meta| !meta.is_dir()) {
            let text = "it is not a directory, so nothing is logged; make it one, with a run";
            return report.say(name, Finding::wrong(text));
        }
        let place = Place { logged: false, is_logger: true };
        self.part(Part { dir: &dir, name: &name, place, runner }, report);
    }

    /// One service directory without what is below it; `false` where it cannot be looked at.
    fn part(&self, part: Part<'_>, report: &mut Report) -> bool {
        let meta = match fs::metadata(part.dir) {
            Ok(meta) if meta.is_dir() => meta,
            Ok(_) => {
                report.say(part.name, Finding::wrong("it is not a directory"));
                return false;
            }
            Err(error) if dangles(part.dir) && error.kind() == ErrorKind::NotFound => {
                report.say(part.name, Finding::wrong("it is a link that leads nowhere"));
                return false;
            }
            Err(error) => {
                report.unable.push(Unable::new(format_args!("open {}", part.name), error));
                return false;
            }
        };
        self.trust(part.name, &meta, part.runner, report);
        if sys::place::is_remote(part.dir).unwrap_or(false) {
            let text = "it lies on a file system that is served by others: where they do not \
                        answer, nothing of it can be started or stopped";
            report.say(part.name, Finding::note(text));
        }
        let reading = self.run(part, report);
        self.finish(part, report);
        if let Some(reading) = &reading {
            self.logs(reading, part, report);
        }
        self.state(part, meta.uid(), reading.as_ref(), report);
        true
    }

    /// What tells of its past and its present.
    fn state(&self, part: Part<'_>, owner: u32, reading: Option<&Reading>, report: &mut Report) {
        if fs::symlink_metadata(part.dir.join(layout::DOWN)).is_ok() {
            let file = joined(part.name, layout::DOWN);
            let text = format!("it keeps the service from being started by itself; rm {file}");
            report.say(file, Finding::note(text));
        }
        let (path, name) = (part.dir.join(layout::SUPERVISE), joined(part.name, layout::SUPERVISE));
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let ours = self.uid == 0 || self.uid == meta.uid();
                if ours && !sys::place::is_writable(&path) {
                    report.say(name, Finding::wrong(UNWRITABLE));
                }
                self.running(part, reading, report);
            }
            Ok(_) => report.say(name, Finding::wrong("it is not a directory; remove it")),
            Err(_) if dangles(&path) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Somebody who may not write there is not the one who will supervise it.
                let ours = self.uid == 0 || self.uid == owner;
                if ours && !sys::place::is_writable(part.dir) {
                    report.say(name, Finding::wrong(UNWRITABLE));
                }
            }
            Err(error) => report.unable.push(Unable::new(format_args!("open {name}"), error)),
        }
    }
}

/// Whether it is a link, wherever that leads.
pub(crate) fn dangles(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
}
