//! A `run` file: whether it can be executed, whom it belongs to, and what its script says.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cli::Unable;
use contract::layout;
use doctor::Finding;
use doctor::program::{Start, Unfit, start};
use doctor::script::{self, Place, Reading};

use crate::{Examiner, Found, Report, Told, file, joined, program, syntax};

/// So much of a script is read; people write a page or two.
const SCRIPT_MAX: u64 = 64 * 1024;

/// The service directory of a service or of its logger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) dir: &'a Path,
    /// What messages call it.
    pub(crate) name: &'a str,
    pub(crate) place: Place,
    /// The user that supervises it.
    pub(crate) runner: u32,
}

impl Examiner {
    /// Looks at `run`; gives what its script says, where it is one of the shell.
    pub(crate) fn run(&self, part: Part<'_>, report: &mut Report) -> Option<Reading> {
        let (path, place) = (part.dir.join(layout::RUN), joined(part.name, layout::RUN));
        let bytes = match file::read(&path, SCRIPT_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                self.unreadable(&path, &place, error, report);
                None
            }
        };
        if let Some(unfit) = program::unfit(&path, bytes.as_deref()) {
            report.say(&place, Finding::wrong(words(&unfit, part)));
        }
        let meta = std::fs::metadata(&path).ok()?;
        self.trust(&place, &meta, part.runner, report);
        let bytes = bytes?;
        let Start::Script(interpreter, _) = start(&bytes) else { return None };
        self.named_interpreter(&meta, &bytes, &interpreter, part, report)
    }

    /// Looks at `finish`, where there is one: whether it can be executed and read.
    pub(crate) fn finish(&self, part: Part<'_>, report: &mut Report) {
        let path = part.dir.join(layout::FINISH);
        let Ok(meta) = std::fs::symlink_metadata(&path) else { return };
        let place = joined(part.name, layout::FINISH);
        let bytes = file::read(&path, SCRIPT_MAX).ok().flatten();
        if let Some(unfit) = program::unfit(&path, bytes.as_deref()) {
            report.say(&place, Finding::wrong(unfit.words(part.name, layout::FINISH)));
        } else if let Some(bytes) = bytes.filter(|_| meta.size() <= SCRIPT_MAX) {
            let finding = syntax::error(&bytes);
            report.found.extend(finding.map(|finding| Found { place: place.clone(), finding }));
        }
        if !meta.is_symlink() {
            self.trust(&place, &meta, part.runner, report);
        }
    }

    /// A script: reads it where it is one of the shell.
    fn named_interpreter(
        &self,
        meta: &Metadata,
        bytes: &[u8],
        interpreter: &[u8],
        part: Part<'_>,
        report: &mut Report,
    ) -> Option<Reading> {
        let place = joined(part.name, layout::RUN);
        let text = String::from_utf8_lossy(bytes);
        let by_env = interpreter.ends_with(b"/env");
        let asked = if by_env { first_line(&text) } else { &String::from_utf8_lossy(interpreter) };
        let is_shell = asked.split_whitespace().any(script::is_shell);
        if let Some(line) = returns(&text).filter(|_| is_shell) {
            let text = "it ends in a carriage return, which becomes a part of its last word; save \
                        the file with Unix line ends";
            report.say(&place, Finding::wrong(text).at(line));
            return None;
        }
        if !is_shell || meta.size() > SCRIPT_MAX {
            return None;
        }
        if let Some(finding) = syntax::error(bytes) {
            report.say(&place, finding);
            return None;
        }
        let reading = script::read(&text, part.place);
        let findings = reading.findings.iter().cloned();
        findings.for_each(|finding| report.say(&place, finding));
        for logger in reading.loggers.iter().filter(|logger| logger.program == "multilog") {
            let (line, words) = (logger.line, logger.words.clone());
            report.multilogs.push(Told { place: place.clone(), line, words });
        }
        self.named(&reading, part, report);
        Some(reading)
    }

    /// An ordinary user cannot read all files of others, and that says nothing of the service. Its
    /// own supervisor must be able to, though, for a script is opened by its interpreter.
    fn unreadable(&self, path: &Path, place: &str, error: std::io::Error, report: &mut Report) {
        let own = std::fs::metadata(path).is_ok_and(|meta| meta.uid() == self.uid);
        if own && error.kind() == ErrorKind::PermissionDenied {
            let text = format!("its interpreter cannot read it; chmod u+r {place}");
            report.say(place, Finding::wrong(text));
        } else {
            report.unable.push(Unable::new(format_args!("read {place}"), error));
        }
    }
}

/// The sentence about a `run` that cannot be executed.
fn words(unfit: &Unfit, part: Part<'_>) -> String {
    if *unfit == Unfit::Missing && part.place.is_logger {
        return format!(
            "there is none; write it, or remove {} if nothing is to be logged",
            part.name
        );
    }
    if *unfit == Unfit::Missing {
        return format!("there is none; {}", unfit.words(part.name, layout::RUN));
    }
    unfit.words(part.name, layout::RUN)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The first line, after the first, that ends in a carriage return.
fn returns(text: &str) -> Option<u32> {
    let mut lines = text.split('\n').zip(1_u32..).skip(1);
    lines.find(|(line, _)| line.ends_with('\r')).map(|(_, number)| number)
}
