//! svcheck: what is wrong with service directories, before or after the fact, a sentence a finding.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, EXIT_TEMPORARY, Flag, UnableExt as _, Usage};
use contract::layout;
use doctor::{Finding, Weight};
use examine::{Examiner, Found, Report};

use crate::ending::plain;

pub(crate) static COMMAND: Command = Command {
    name: "svcheck",
    summary: "say what is wrong with services, and how to mend it",
    usage: "[-v] [-s scandir] [dirs...]",
    flags: &[
        Flag { names: &["s", "scan"], value: Some("DIR"), help: "the scan directory (/service)" },
        Flag {
            names: &["v", "verbose"],
            value: None,
            help: "say what is merely worth knowing too",
        },
    ],
    about: "
Reads the service directories dirs, or all those of the scan directory, starts
nothing of them and changes nothing, and prints a sentence for each thing it
finds: the file, the line, what is wrong, what to write instead. A directory of
which nothing is to be said gets a line as well. One of dirs that is a scan
directory itself stands for its services. What it looks at: run, whether it can
be executed, whether its shell can read it, and what its script does; the logger
in log, what it is told, and its log directory; its settings and limits; users,
directories and programs that they name; who may change them; and of a service
that is supervised, its state and its process.

A note is about what may be meant so. It does not change the exit code.

Exit codes: 0 nothing is wrong, 1 something is wrong, 100 wrong usage, 111
something could not be looked at.",
};

/// Where services are linked, unless told otherwise.
const SERVICE: &str = "/service";

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // A shell that is asked about a script may have seen enough before its end.
    sys::entry::ignore_sigpipe();
    let scan = args.value("s").map(Path::new);
    let scan = scan.or_else(|| Some(Path::new(SERVICE)).filter(|path| path.is_dir()));
    let examiner = Examiner::new().with_ntpd(mistake);
    let mut outcome = Outcome { verbose: args.has("v"), lines: Vec::new(), code: 0 };
    if args.operands.is_empty() {
        let why = format!("there is no {SERVICE}; name a service directory, or -s scandir");
        let scan = scan.ok_or_else(|| Usage::because(why))?;
        examine_all(&examiner, scan, &mut outcome)?;
    }
    for dir in &args.operands {
        if examine::is_scan_directory(Path::new(dir)) {
            examine_all(&examiner, Path::new(dir), &mut outcome)?;
        } else {
            outcome.take(&dir.display().to_string(), &examine(&examiner, dir, scan));
        }
    }
    write(&outcome.lines)?;
    Ok(ExitCode::from(outcome.code))
}

fn examine_all(examiner: &Examiner, scan: &Path, outcome: &mut Outcome) -> anyhow::Result<()> {
    for (name, mut report) in examiner.scan(scan)? {
        let served = Path::new(&name).file_name().is_some_and(|name| !is_hidden(name));
        if served {
            check_settings(Path::new(&name), &mut report);
        }
        check_multilogs(&mut report);
        outcome.take(&name, &report);
    }
    Ok(())
}

/// The first mistake of an ntp.conf.
fn mistake(text: &str) -> Option<(u32, String)> {
    let mistake = ntp::config::parse(text).err()?;
    let line = u32::try_from(mistake.line).unwrap_or(u32::MAX);
    let said = mistake.to_string();
    let what = said.split_once(": ").map_or(said.as_str(), |(_, what)| what);
    Some((line, format!("{what}; ntpd does not start with that")))
}

fn examine(examiner: &Examiner, dir: &OsString, scan: Option<&Path>) -> Report {
    let dir = Path::new(dir);
    let mut report = examiner.service(dir);
    if let Some(scan) = scan {
        examiner.note_unlinked(dir, scan, &mut report);
    }
    check_settings(dir, &mut report);
    check_multilogs(&mut report);
    report
}

/// Adds what is wrong with the words that multilogs are told.
fn check_multilogs(report: &mut Report) {
    let time = |text: &str| humantime::parse_duration(text).ok();
    for told in std::mem::take(&mut report.multilogs) {
        let words: Vec<Option<&str>> = told.words.iter().map(Option::as_deref).collect();
        for doubt in logger::doubts(&words, time) {
            let finding = Finding::wrong(doubt).at(told.line);
            report.found.push(Found { place: told.place.clone(), finding });
        }
    }
}

/// Adds what is wrong with the settings of the service in `dir`, and of its logger.
fn check_settings(dir: &Path, report: &mut Report) {
    let is_logger = dir.file_name().is_some_and(|name| name == layout::LOG);
    let log = (!is_logger).then(|| dir.join(layout::LOG));
    for dir in std::iter::once(dir).chain(log.as_deref()) {
        for complaint in supervisor::check_settings(dir) {
            let (file, text) = complaint.split_once(": ").unwrap_or(("", &complaint));
            let place = dir.join(file).display().to_string();
            report.found.push(Found { place, finding: Finding::wrong(text) });
        }
    }
}

/// svscan does not look at it.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") && name != "." && name != ".."
}

/// What is to be printed, and the exit code.
struct Outcome {
    verbose: bool,
    lines: Vec<u8>,
    code: u8,
}

impl Outcome {
    /// Takes what was found of one directory.
    fn take(&mut self, name: &str, report: &Report) {
        let weights = || report.found.iter().map(|found| found.finding.weight);
        for found in &report.found {
            if self.verbose || found.finding.weight != Weight::Remark {
                self.line(&found.to_string());
            }
        }
        for unable in &report.unable {
            let _ = writeln!(io::stderr(), "svcheck: warning: {}", plain(&unable.to_string()));
            self.code = EXIT_TEMPORARY;
        }
        if weights().any(|weight| weight == Weight::Wrong) {
            self.code = self.code.max(1);
        }
        let silent = weights().all(|weight| weight == Weight::Remark);
        let hidden = Path::new(name).file_name().is_some_and(is_hidden);
        if silent && report.unable.is_empty() && !(hidden && self.code == 0) {
            self.line(&format!("{name}: nothing is wrong"));
        }
    }

    fn line(&mut self, text: &str) {
        self.lines.extend_from_slice(plain(text).as_bytes());
        self.lines.push(b'\n');
    }
}

/// A reader who has seen enough is no failure (`svcheck | head`).
fn write(lines: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(lines).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Ok(Err(error).unable("write to standard output")?)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
