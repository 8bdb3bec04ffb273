//! Whoever steers the same clock is named: by what the kernel says was changed, and by /proc, where
//! one is known to do such things.

use ntp::rival::{Reading, Watch};
use ntp::time::Raw;
use sys::timex::Adjtimex;

/// Programs that steer clocks, as the kernel cuts their names. `ntpd` is several of
/// them.
const KNOWN: [&str; 10] = [
    "chronyd",
    "ntpd",
    "ntp-daemon",
    "systemd-timesyn",
    "openntpd",
    "ptp4l",
    "phc2sys",
    "ts2phc",
    "timemaster",
    "sntp",
];

/// So many are named.
const NAMED_MAX: usize = 4;

/// What is known of rivals.
#[derive(Debug, Default)]
pub(crate) struct Rivals {
    watch: Watch,
    /// What was seen last, in a sentence.
    pub(crate) seen: Option<String>,
}

impl Rivals {
    /// We have steered just now.
    pub(crate) fn we_steered(&mut self, kernel: &dyn Adjtimex) {
        self.watch.left(reading(kernel));
    }

    /// A line on what somebody else has done since, where there is one to be said.
    pub(crate) fn look(&mut self, kernel: &dyn Adjtimex, now: Raw) -> Option<String> {
        let (what, is_due) = self.watch.look(reading(kernel)?, now)?;
        if !is_due && self.seen.is_some() {
            return None;
        }
        let who = known_ones();
        let suspects = if who.is_empty() {
            "no program known for that runs here now".to_owned()
        } else {
            format!("it may be {}", who.join(" or "))
        };
        let sentence = format!("somebody else steers this clock too: {what}; {suspects}");
        self.seen = Some(sentence.clone());
        is_due.then(|| format!("{sentence}. Only one may run"))
    }
}

fn reading(kernel: &dyn Adjtimex) -> Option<Reading> {
    let found = sys::timex::reading(kernel).ok()?;
    let sys::timex::Reading { frequency, tick, status, slew } = found;
    Some(Reading { frequency, tick, status, slew })
}

/// Who runs here and is known to steer clocks, without ourselves and our children.
fn known_ones() -> Vec<String> {
    let us = std::process::id();
    let of = |pid: u32| {
        let facts = sys::proc::facts(pid)?;
        let name = String::from_utf8_lossy(&facts.comm).into_owned();
        let is_ours = pid == us || facts.parent == us;
        (!is_ours && KNOWN.contains(&name.as_str())).then(|| format!("{name} (pid {pid})"))
    };
    sys::proc::everybody().into_iter().filter_map(of).take(NAMED_MAX).collect()
}
