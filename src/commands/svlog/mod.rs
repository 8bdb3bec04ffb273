//! svlog: a service's log, read back across all its files, and followed.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Args, Command, Flag, Unable, Usage};
use logbook::{Form, Looks, Search, Show};
use tai::Stamp;

use crate::ending;

mod files;
mod merge;
mod place;
mod reader;
mod source;
mod unpack;

use merge::Merge;
use place::Log;
use source::Source;

pub(crate) static COMMAND: Command = Command {
    name: "svlog",
    summary: "read the logs of services back",
    usage: "[-fi] [-n N] [--since T] [--until T] [-g TEXT] [-v TEXT] [--raw|--json] services...",
    flags: &[
        Flag {
            names: &["f", "follow"],
            value: None,
            help: "go on with what is written from now on, after the last 10 lines",
        },
        Flag { names: &["n", "lines"], value: Some("N"), help: "only the last N lines" },
        Flag { names: &["since"], value: Some("TIME"), help: "only lines of this time or later" },
        Flag { names: &["until"], value: Some("TIME"), help: "only lines before this time" },
        Flag {
            names: &["g", "grep"],
            value: Some("TEXT"),
            help: "only lines with this text in them, or with any of several",
        },
        Flag { names: &["v", "without"], value: Some("TEXT"), help: "no lines with this text" },
        Flag { names: &["i", "ignore-case"], value: None, help: "find texts in either case" },
        Flag { names: &["raw"], value: None, help: "leave labels as they are" },
        Flag { names: &["json"], value: None, help: "write a JSON object for each line" },
        Flag { names: &["s", "scan"], value: Some("DIR"), help: "the scan directory (/service)" },
    ],
    about: "\
Each service is the name of one in the scan directory, a service directory, or a log directory. All
files are read, oldest first, those that a processor has packed too; the lines of several logs are
sorted by their labels. Labels become local time.

TIME: a duration (10m, 2h30m: so long ago), a time of day (14:00), a date, both
(\"2026-11-22 14:00\"), today, yesterday, now, a label. TEXT is found anywhere in a line; a star in
it stands for anything.

Exit codes: 0 all was read, 100 wrong usage, 111 something could not be read.",
};

/// So many lines come first when a log is followed, as `tail -f` has it.
const LINES_BEFORE: u64 = 10;

/// Which lines are wanted.
#[derive(Debug, Default, Clone)]
struct Wanted {
    since: Option<Stamp>,
    until: Option<Stamp>,
    with: Vec<Search>,
    without: Vec<Search>,
}

impl Wanted {
    /// The same lines, of a log whose labels are so much ahead.
    fn ahead_by(&self, ahead: Duration) -> Self {
        let later = |stamp: Stamp| {
            let unix = stamp.to_unix().and_then(|unix| unix.checked_add(ahead));
            unix.map_or(stamp, Stamp::from_unix)
        };
        let mut wanted = self.clone();
        (wanted.since, wanted.until) = (self.since.map(later), self.until.map(later));
        wanted
    }

    /// By its time, as far as that is known.
    fn has_time(&self, stamp: Option<Stamp>) -> bool {
        let Some(stamp) = stamp else { return true };
        self.since.is_none_or(|since| stamp >= since) && self.until.is_none_or(|it| stamp < it)
    }

    fn has_text(&self, text: &[u8]) -> bool {
        (self.with.is_empty() || self.with.iter().any(|search| search.finds(text)))
            && !self.without.iter().any(|search| search.finds(text))
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    sys::localtime::load_zone();
    if args.operands.is_empty() {
        return Err(Usage::default().into());
    }
    let (wanted, follow) = (wanted(args)?, args.has("f"));
    let last = match args.value("n") {
        Some(number) => Some(read_number(number)?),
        None if follow && wanted.since.is_none() => Some(LINES_BEFORE),
        None => None,
    };
    let form = match (args.has("raw"), args.has("json")) {
        (_, true) => Form::Json,
        (true, false) => Form::Raw,
        (false, false) => Form::Local,
    };
    let scan = args.value("s").map(Path::new);
    let (logs, all_were_found) = find(&args.operands, scan)?;
    let is_one = logs.len() == 1;
    let sources = logs.into_iter().map(|log| Source::new(log, follow));
    let show = Show::new(form, looks());
    let merge = Merge::new(sources.collect(), show, !is_one);
    let all_was_read = merge.run(&wanted, last, follow)?;
    Ok(if all_was_read && all_were_found {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(cli::EXIT_TEMPORARY)
    })
}

/// The logs of `services`, and whether each has one. What can be shown of several is shown.
fn find(services: &[OsString], scan: Option<&Path>) -> Result<(Vec<Log>, bool), Unable> {
    let (mut logs, mut missing) = (Vec::new(), Vec::new());
    for service in services {
        match place::find(service, scan) {
            Ok(found) => logs.extend(found),
            Err(unable) => missing.push(unable),
        }
    }
    if logs.is_empty() {
        missing.drain(..).next().map_or(Ok(()), Err)?;
    }
    for unable in &missing {
        warn(&unable.to_string());
    }
    Ok((logs, missing.is_empty()))
}

fn wanted(args: &Args) -> anyhow::Result<Wanted> {
    let now = Stamp::from_unix(sys::clock::realtime());
    let time = |key| args.value(key).map(|text| read_time(key, text, now)).transpose();
    let ignores_case = args.has("i");
    let searches = |key| {
        let texts = args.values(key).into_iter();
        texts.map(|text| Search::new(text.as_bytes(), ignores_case)).collect()
    };
    let (with, without) = (searches("g"), searches("v"));
    Ok(Wanted { since: time("since")?, until: time("until")?, with, without })
}

fn read_time(key: &str, text: &OsStr, now: Stamp) -> Result<Stamp, Usage> {
    let duration = |text: &str| humantime::parse_duration(text).ok();
    let time = text.to_str().and_then(|text| logbook::time(text, now, &mut local, duration));
    let why = || format!("--{key} takes a time such as 10m, 14:00 or \"2026-11-22 14:00\"");
    time.ok_or_else(|| Usage::because(why()))
}

fn read_number(text: &OsStr) -> Result<u64, Usage> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Usage::because("-n takes a number of lines"))
}

/// The zone of this machine.
fn local(unix: i64) -> Option<logger::Civil> {
    super::tai64nlocal::civil(unix)
}

fn looks() -> Looks {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !io::stdout().is_terminal() {
        return Looks::Plain;
    }
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    if is_set("NO_COLOR") || is_dumb { Looks::Harmless } else { Looks::Coloured }
}

/// What could not be read is said, and the rest is read.
fn warn(what: &str) {
    ending::complain(format_args!("svlog: warning: {}", ending::plain(what)));
}
