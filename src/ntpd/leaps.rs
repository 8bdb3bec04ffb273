//! Leap seconds: the table is read, the kernel is told, and what it has made is noticed.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cli::UnableExt as _;
use ntp::client::Client;
use ntp::leap::{self, LeapSecond, Table};
use ntp::packet::Leap;
use ntp::time::{Now, Raw, Span, Wall};
use sys::timex::{self, Adjtimex, Steering};

use super::log::Log;

/// The table is looked into, and read again, this often.
const LOOK_EVERY: Span = Span::from_secs(3600);

/// Before it expires, somebody should fetch a new one: IERS gives half a year's notice.
const EXPIRES_SOON: Span = Span::from_secs(28 * 86_400);

/// What to do then.
pub(super) const FETCH: &str = "somebody should fetch a new table of leap seconds";

/// A kernel that has made none so long after it was due has made none.
const OVERDUE: Span = Span::from_secs(3);

/// No table is longer; that of today has 5 kB.
const TABLE_MAX: u64 = 64 * 1024;

/// Around a leap second the kernel is asked at each turn.
const NEAR: Span = Span::from_secs(3);

/// What is known of leap seconds.
#[derive(Debug, Default)]
pub(crate) struct Leaps {
    file: Option<PathBuf>,
    table: Option<Table>,
    looked: Option<Raw>,
    /// The one that is announced, and the one that was last.
    ahead: Option<LeapSecond>,
    behind: Option<LeapSecond>,
    tai: Option<i32>,
    /// What was said of the table last.
    said: Option<String>,
}

impl Leaps {
    /// With the table in `file` (`leapfile`).
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// What is announced to those who ask.
    pub(crate) fn warning(&self, now: Wall) -> Leap {
        self.ahead.map_or(Leap::None, |ahead| ahead.warning(now))
    }

    /// The leap second that is nearest, ahead or behind.
    pub(crate) fn near(&self, now: Wall) -> Option<LeapSecond> {
        let known = self.ahead.into_iter().chain(self.behind);
        known.min_by_key(|leap| (leap.at - now).abs())
    }

    /// When to look again.
    pub(crate) fn wait(&self, now: Now) -> Span {
        let next = self.looked.map_or(Span::ZERO, |looked| looked + LOOK_EVERY - now.raw);
        let made = self.ahead.map(|ahead| ahead.at - now.wall + Span::from_nanos(500_000_000));
        made.filter(|made| *made > Span::ZERO).map_or(next, |made| made.min(next))
    }

    /// Looks whether there is one to announce, and whether one was made: then the client knows.
    pub(crate) fn look(
        &mut self,
        now: Now,
        client: &mut Client,
        kernel: &dyn Adjtimex,
        steering: Option<&Steering>,
        log: &mut Log,
    ) {
        self.notice(now, client, kernel, steering, log);
        let due = self.looked.is_none_or(|looked| now.raw - looked >= LOOK_EVERY);
        if due {
            self.looked = Some(now.raw);
            self.read(now.wall, log);
        }
        let status = client.status(now);
        if status.reference.stratum == 0 {
            // A clock that may be years off has no leap seconds.
            return;
        }
        let table = self.table.as_ref().filter(|table| now.wall < table.expires);
        let announced = match table {
            Some(table) => table.next(now.wall).filter(|l| l.warning(now.wall) != Leap::None),
            None => leap::announced(status.leaps, now.wall),
        };
        let last = table.and_then(|table| table.last(now.wall)).into_iter().chain(self.behind);
        self.behind = last.max_by_key(|leap| leap.at);
        // The clock shows its last second twice: the second time nothing is announced.
        let announced = announced.filter(|leap| self.behind != Some(*leap));
        let tai = table.and_then(|table| table.tai(now.wall));
        // Servers that come and go do not make us waver.
        let kept = if due { announced } else { announced.or(self.ahead) };
        self.announce(kept, tai, kernel, steering, log);
    }

    fn announce(
        &mut self,
        announced: Option<LeapSecond>,
        tai: Option<i32>,
        kernel: &dyn Adjtimex,
        steering: Option<&Steering>,
        log: &mut Log,
    ) {
        if announced != self.ahead {
            self.ahead = announced;
            let what = match announced {
                None => "no leap second tonight after all",
                Some(leap) if leap.is_left_out => "a leap second is left out at the end of the day",
                Some(_) => "a leap second is put in at the end of the day",
            };
            log.info(what);
            tell(kernel, steering, announced, log);
        }
        if tai != self.tai {
            self.tai = tai;
            let told = steering.zip(tai).map(|(steering, tai)| steering.set_tai(kernel, tai));
            if let Some(Err(error)) = told {
                let why = cli::reason(&error);
                log.warning(&format!("unable to tell the kernel the offset of TAI: {why}"));
            }
        }
    }

    /// Whether the one that was announced was made.
    fn notice(
        &mut self,
        now: Now,
        client: &mut Client,
        kernel: &dyn Adjtimex,
        steering: Option<&Steering>,
        log: &mut Log,
    ) {
        let Some(ahead) = self.ahead.filter(|ahead| ahead.at - now.wall < NEAR) else { return };
        if timex::leap_was_made(kernel) {
            client.leap_second(now.raw, ahead.moves());
            let what = if ahead.is_left_out { "left out" } else { "put in" };
            log.info(&format!("a leap second was {what}"));
            // The kernel has counted it.
            let by = if ahead.is_left_out { -1 } else { 1 };
            self.tai = self.tai.map(|tai| tai + by);
        } else if now.wall - ahead.at < OVERDUE {
            return;
        } else {
            log.warning("the kernel has made no leap second");
        }
        self.behind = Some(ahead);
        self.ahead = None;
        tell(kernel, steering, None, log);
    }

    fn read(&mut self, now: Wall, log: &mut Log) {
        let Some(file) = &self.file else { return };
        let place = file.display();
        let said = match table(file) {
            Err(error) => Some(format!("leapfile {place}: {error}")),
            Ok(table) => {
                let left = table.expires - now;
                self.table = Some(table);
                if left < Span::ZERO {
                    Some(format!("{place} has expired, the servers are asked instead: {FETCH}"))
                } else if left < EXPIRES_SOON {
                    let days = match left.nanos() / DAY {
                        1 => "1 day".to_owned(),
                        days => format!("{days} days"),
                    };
                    Some(format!("{place} expires in {days}: {FETCH}"))
                } else {
                    None
                }
            }
        };
        if said != self.said {
            if let Some(said) = &said {
                log.warning(said);
            }
            self.said = said;
        }
    }
}

/// Reads the table.
///
/// # Errors
/// A sentence on why it cannot be used.
pub(super) fn table(file: &Path) -> Result<Table, String> {
    let text = text(file).unable("read it").map_err(|error| error.to_string())?;
    Table::parse(&text).map_err(|error| format!("it is of no use: {error}"))
}

fn text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    sys::fifo::open_whatever(file)?.take(TABLE_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A day in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

fn tell(
    kernel: &dyn Adjtimex,
    steering: Option<&Steering>,
    announced: Option<LeapSecond>,
    log: &mut Log,
) {
    let leap = match announced {
        None => timex::Leap::None,
        Some(leap) if leap.is_left_out => timex::Leap::Delete,
        Some(_) => timex::Leap::Insert,
    };
    if let Some(Err(error)) = steering.map(|steering| steering.announce(kernel, leap)) {
        let why = cli::reason(&error);
        log.warning(&format!("unable to tell the kernel of a leap second: {why}"));
    }
}
