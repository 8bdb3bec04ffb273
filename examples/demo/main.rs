//! The demo: `cargo demo` builds everything, then shows svscan at work in a directory that is
//! thrown away at the end.
//!
//! It needs no network and no privileges, and it never touches the clock: both time services run
//! as observers on the loopback interface. See `place.rs` for what is set up, `look.rs` for what is
//! shown, `screen.rs` and `plain.rs` for how.

mod build;
mod look;
mod marked;
mod place;
mod plain;
mod screen;
mod signals;
mod sweep;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Child, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use cli::{Args, Command, EXIT_TEMPORARY, EXIT_USAGE, Flag, Stop, Usage};

use look::Look;
use place::Place;
use plain::Plain;
use screen::Screen;
use signals::Signals;

static COMMAND: Command = Command {
    name: "demo",
    summary: "show svscan at work in a directory that is thrown away",
    usage: "[--seconds n]",
    flags: &[Flag { names: &["seconds"], value: Some("N"), help: "end by itself after N seconds" }],
    about: "Exit codes: 0 all is stopped and removed, 111 something failed, 100 wrong usage.",
};

/// How often the picture is drawn again: svstat counts seconds.
const PICTURE_EVERY: Duration = Duration::from_secs(1);
/// How long svscan gets before the first look: it is a matter of milliseconds.
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(300);
/// How long svscan may take to stop its services: its own grace is 90 s.
const STOP_LIMIT: Duration = Duration::from_secs(100);

fn main() -> ExitCode {
    let outcome = match cli::parse(&COMMAND, std::env::args_os().skip(1)) {
        Ok(args) => run(&args),
        Err(Stop::Help(text)) => {
            print!("{text}");
            Ok(())
        }
        Err(Stop::Version) => {
            println!("demo (keepup) {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Err(Stop::Wrong(usage)) => Err(usage.into()),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("demo: fatal: {error:#}");
    if error.is::<Usage>() {
        eprintln!("{}", COMMAND.usage_line());
        return ExitCode::from(EXIT_USAGE);
    }
    ExitCode::from(EXIT_TEMPORARY)
}

fn run(args: &Args) -> anyhow::Result<()> {
    let time = time_given(args)?;
    let binaries = build::binaries()?;
    let mut signals = Signals::catch().context("unable to catch signals")?;
    let place = Place::make(&binaries)?;
    let mut svscan = place.start_svscan()?;
    let watched = watch(&place, &mut svscan, &mut signals, time);
    let stopped = stop(&mut svscan, &mut signals);
    let swept = sweep::end_all(place.marker(), &mut signals);
    watched.and(stopped)?;
    for (command, count) in swept.context("unable to end what svscan left")? {
        say(format_args!("ended what svscan had left: {count} x {command}"));
    }
    place.remove()?;
    say("all is stopped and removed");
    Ok(())
}

/// Says something; where nobody reads it any more, it is not missed.
fn say(what: impl std::fmt::Display) {
    let _ = writeln!(io::stdout(), "demo: {what}");
}

/// `--seconds`: how long the demo lasts; `None`: until it is told to end.
fn time_given(args: &Args) -> Result<Option<Duration>, Usage> {
    let wrong = || Usage::because("--seconds takes a whole number");
    let seconds = |text: &std::ffi::OsString| text.to_str()?.parse().ok();
    let given = args.value("seconds").map(|text| seconds(text).ok_or_else(wrong)).transpose()?;
    if args.operands.is_empty() {
        Ok(given.map(Duration::from_secs))
    } else {
        Err(Usage::default())
    }
}

/// Shows what happens until a signal, the time given, or the end of svscan or of the reader.
fn watch(
    place: &Place,
    svscan: &mut Child,
    signals: &mut Signals,
    time: Option<Duration>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut view = View::choose(place);
    signals.wait(FIRST_LOOK_AFTER).context("unable to wait")?;
    while !signals.asked_to_end() && time.is_none_or(|time| started.elapsed() < time) {
        if let Some(status) = svscan.try_wait().context("unable to ask for svscan")? {
            bail!("svscan ended by itself: {status}; its last words: {}", place.last_words());
        }
        match Look::at(place) {
            // Ctrl-C reaches svstat too.
            Err(_) if signals.asked_to_end() => break,
            look => {
                if view.show(&look?, started.elapsed(), signals.resized()).is_err() {
                    break; // nobody looks any more
                }
            }
        }
        signals.wait(PICTURE_EVERY).context("unable to wait")?;
    }
    if matches!(view, View::Screen(_)) {
        let _ = writeln!(io::stdout()); // the terminal has put a ^C where we would write
    }
    say("stopping the services");
    Ok(())
}

/// Ends svscan, which stops its services first and their loggers last, and waits for it.
fn stop(svscan: &mut Child, signals: &mut Signals) -> anyhow::Result<()> {
    signals.catch_ends_of_children().context("unable to catch signals")?;
    let deadline = Instant::now() + STOP_LIMIT;
    let mut asked = false;
    while svscan.try_wait().context("unable to wait for svscan")?.is_none() {
        if !asked {
            marked::send("TERM", &[svscan.id()]).context("unable to stop svscan")?;
            asked = true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("svscan, process {}, does not stop", svscan.id());
        }
        signals.wait(left).context("unable to wait for svscan")?;
    }
    Ok(())
}

/// How it is shown: a picture that changes, or lines.
enum View<'a> {
    Screen(Screen<'a>),
    Plain(Plain<'a>),
}

impl<'a> View<'a> {
    fn choose(place: &'a Place) -> Self {
        if io::stdout().is_terminal() {
            Self::Screen(Screen::new(place))
        } else {
            Self::Plain(Plain::new(place))
        }
    }

    fn show(&mut self, look: &Look, elapsed: Duration, resized: bool) -> io::Result<()> {
        match self {
            Self::Screen(screen) => screen.show(look, elapsed, resized),
            Self::Plain(plain) => plain.show(look, elapsed),
        }
    }
}
