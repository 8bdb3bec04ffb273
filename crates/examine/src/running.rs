//! A service that is supervised, or was: its status, its process, and who holds its lock.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use cli::Unable;
use contract::remarks::{self, Remark};
use contract::{Status, Wish, layout, status};
use doctor::script::{self, Reading};
use doctor::{Finding, Weight, locks};
use tai::Stamp;

use crate::run::Part;
use crate::{Examiner, Found, Report, file, joined};

/// So much of `/proc/PID/cmdline` is read: the names of the interpreter and of its script.
const CMDLINE_MAX: u64 = 4096;
/// A service that has been up for so long has passed what a run script does first.
const SETTLED_SECONDS: u64 = 10;
/// A service that has been down for less may just have been linked, or wait for the second between
/// two starts, with some more for a machine under load.
const START_SECONDS: u64 = 5;

/// Supervisors whose files look like ours.
const OTHERS: [&str; 3] = ["runsv", "s6-supervise", "perpd"];

impl Examiner {
    /// Looks at `supervise/`.
    pub(crate) fn running(&self, part: Part<'_>, reading: Option<&Reading>, report: &mut Report) {
        let ok = part.dir.join(layout::OK);
        let is_fifo = fs::symlink_metadata(&ok).map(|meta| meta.file_type().is_fifo());
        let opened =
            is_fifo.and_then(|is_fifo| is_fifo.then(|| sys::fifo::open_writer(&ok)).transpose());
        match opened {
            Ok(Some(_)) => self.supervised(part, reading, report),
            Ok(None) => {
                let text = "it is not a FIFO; remove it, and supervise makes a new one";
                report.say(joined(part.name, layout::OK), Finding::wrong(text));
            }
            Err(error) if sys::fifo::means_no_reader(&error) => self.unsupervised(part, report),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let what = format!("open {}", joined(part.name, layout::OK));
                report.unable.push(Unable::new(what, error));
            }
            Err(_) => {}
        }
    }

    fn supervised(&self, part: Part<'_>, reading: Option<&Reading>, report: &mut Report) {
        if let Some((pid, name)) = self.holder(part.dir).filter(|(_, name)| is_other(name)) {
            let text = format!("it is supervised by {name}, process {pid}, and not by svscan");
            report.say(part.name, Finding::note(text));
        }
        let Some(status) = status_of(part.dir) else { return };
        let remarks = remarks(part.dir);
        for remark in &remarks {
            if let Some(finding) = judged(remark, part, status.pid) {
                report.say(part.name, finding);
            }
        }
        let now = Stamp::from_unix(sys::clock::realtime());
        let seconds = now.secs().saturating_sub(status.since.secs());
        if status.pid == 0 && status.want == Wish::Up && remarks.is_empty() {
            // What is wrong with its run keeps it from starting, which is no ending.
            let run = joined(part.name, layout::RUN);
            let is_why = |it: &Found| it.place == run && it.finding.weight == Weight::Wrong;
            if !report.found.iter().any(is_why) {
                report.say(part.name, not_up(part, seconds));
            }
        }
        if status.paused {
            let text = format!("it is paused; svc -c {}", part.name);
            report.say(part.name, Finding::note(text));
        }
        let by_design = reading.is_some_and(|reading| reading.stays_a_shell);
        if status.pid != 0 && seconds >= SETTLED_SECONDS && !by_design {
            shell_above(part, status.pid, report);
        }
    }

    /// No supervise runs: what did the last one leave?
    fn unsupervised(&self, part: Part<'_>, report: &mut Report) {
        if let Some((pid, name)) = self.holder(part.dir) {
            let text = format!(
                "{name}, process {pid}, holds {} and does not answer to svc: while it runs nobody \
                 else can supervise the service",
                layout::LOCK
            );
            return report.say(part.name, Finding::wrong(text));
        }
        let Some(status) = status_of(part.dir).filter(|status| status.pid != 0) else { return };
        let pid = status.pid;
        let finding = if is_in(pid, part.dir) {
            Finding::wrong(format!(
                "process {pid} still runs, and nobody supervises it; start svscan, which goes on \
                 with what runs"
            ))
        } else {
            Finding::note(format!("its supervise ended and left process {pid}, which is gone"))
        };
        report.say(part.name, finding);
    }

    /// Who holds the lock of a service directory, and what it is called.
    fn holder(&self, dir: &Path) -> Option<(u32, String)> {
        let meta = fs::symlink_metadata(dir.join(layout::LOCK)).ok()?;
        let pid = locks::holder(&self.locks, sys::place::device(meta.dev()), meta.ino())?;
        Some((pid, comm(pid).unwrap_or_else(|| "a process of another namespace".into())))
    }
}

fn is_other(name: &str) -> bool {
    OTHERS.contains(&name)
}

fn status_of(dir: &Path) -> Option<Status> {
    let limit = u64::try_from(status::LEN).ok()?;
    Status::decode(&file::read(&dir.join(layout::STATUS), limit).ok()??)
}

/// It is wanted up and is not, and its supervisor does not say why.
fn not_up(part: Part<'_>, seconds: u64) -> Finding {
    if seconds < START_SECONDS {
        return Finding::note("it is wanted up, and is to be started in a moment");
    }
    let look = where_to_look(part);
    let text =
        format!("it is wanted up, and has been down for {seconds} s: it keeps ending; {look}");
    Finding::wrong(text)
}

fn where_to_look(part: Part<'_>) -> String {
    let current = part.dir.join(layout::LOG).join("main/current");
    if current.exists() {
        format!("look at the end of {}", current.display())
    } else {
        "look at what it and svscan say on standard error".into()
    }
}

/// What the supervisor has left to be read of a service, beyond its status.
fn remarks(dir: &Path) -> Vec<Remark> {
    let limit = u64::try_from(remarks::LEN_MAX).unwrap_or(u64::MAX);
    let text = file::text(&dir.join(layout::REMARKS), limit).unwrap_or_default();
    text.lines().filter_map(Remark::decode).collect()
}

/// What a remark means to the operator.
fn judged(remark: &Remark, part: Part<'_>, pid: u32) -> Option<Finding> {
    let words = |now| remark.words(now).trim_start_matches(", ").to_owned();
    let now = sys::clock::monotonic();
    match remark {
        Remark::Background => Some(Finding::wrong(in_background(part, pid))),
        Remark::BackingOff { .. } => {
            let look = where_to_look(part);
            Some(Finding::wrong(format!("it keeps ending: {}; {look}", words(now))))
        }
        Remark::GivenUp => Some(Finding::wrong(format!(
            "it ended too often, or asked for it, and is not started again; svc -u {} starts it",
            part.name
        ))),
        Remark::CannotStart(sentence) => Some(Finding::wrong(sentence.clone())),
        Remark::Delayed(_)
        | Remark::Clearing(_)
        | Remark::Limit { .. }
        | Remark::KilledFor { .. } => Some(Finding::note(words(now))),
        Remark::Finishing | Remark::Ready(_) => None,
    }
}

/// It has put itself in the background, and is supervised there.
fn in_background(part: Part<'_>, pid: u32) -> String {
    let name = comm(pid).unwrap_or_default();
    let script = file::text(&part.dir.join(layout::RUN), CMDLINE_MAX);
    let cure = match doctor::cure_for(&name, script.as_deref()) {
        Some(cure) => format!("write: exec {cure}"),
        None => "have it stay in the foreground".to_owned(),
    };
    format!("it has put itself in the background, as process {pid} ({name}); {cure}")
}

/// The supervised process is a shell, and what it should have become is below it.
fn shell_above(part: Part<'_>, pid: u32, report: &mut Report) {
    let Some(child) = only_child(pid) else { return };
    let command = file::proc(pid, "cmdline", CMDLINE_MAX).unwrap_or_default();
    let mut words = command.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let is_shell = words.next().is_some_and(|name| script::is_shell(&name));
    let of_run = words.any(|word| word == "./run");
    let name = comm(child).unwrap_or_default();
    // What a loop waits with.
    if is_shell && of_run && name != "sleep" {
        let text = format!(
            "the supervised process {pid} is a shell, and the program is its child {child} \
             ({name}): svc signals the shell only; write exec before {name}"
        );
        report.say(joined(part.name, layout::RUN), Finding::wrong(text));
    }
}

/// Its child, where it has one thread and that has one child.
fn only_child(pid: u32) -> Option<u32> {
    let children = file::proc(pid, &format!("task/{pid}/children"), CMDLINE_MAX)?;
    let children = String::from_utf8_lossy(&children).into_owned();
    let mut children = children.split_whitespace();
    match (children.next(), children.next()) {
        (Some(only), None) => only.parse().ok(),
        _ => None,
    }
}

/// The name of a process, as the kernel keeps it.
fn comm(pid: u32) -> Option<String> {
    let name = file::proc(pid, "comm", CMDLINE_MAX)?;
    Some(String::from_utf8_lossy(&name).trim_end().to_owned())
}

/// Whether the process is alive, and works in the directory `dir`: then it is not a stranger that
/// got an old number.
fn is_in(pid: u32, dir: &Path) -> bool {
    let there = fs::metadata(PathBuf::from(format!("/proc/{pid}/cwd")));
    let (Ok(there), Ok(here)) = (there, fs::metadata(dir)) else { return false };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}
