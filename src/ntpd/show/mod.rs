//! What `ntpctl` prints: a view of the client as words, as a table, as a plot, as JSON.

mod json;
mod plot;

use std::fmt::Write as _;

use ntp::client::{Authority, Mark, SourceView, View, off_by};

use super::service::LOCAL;

pub(super) use json::object;
pub(super) use plot::plot;

/// What the daemon knows beyond its client.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Beyond {
    /// The command that heals a refused offset, while there is one.
    pub(super) cure: Option<String>,
    /// Who else steers this clock.
    pub(super) rival: Option<String>,
    /// The steps made so far: how many, and the last one in a sentence.
    pub(super) steps: u64,
    pub(super) last_step: Option<String>,
    /// Whether others may rely on the clock, where that was asked for.
    pub(super) ready: Option<bool>,
}

/// The state of the whole, a fact on a line.
pub(super) fn status(view: &View, beyond: &Beyond) -> String {
    let mut text = format!("state:       {}\n             {}\n", view.state, view.sentence);
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "{:<13}{value}", format!("{name}:"));
    };
    if let Some((offset, sd)) = view.offset {
        fact("offset", &format!("{} +- {}", signed(offset.seconds()), unsigned(sd)));
    }
    if let Some(distance) = view.distance {
        fact("bound", &format!("{} and the offset, at most", unsigned(distance)));
    }
    if let Some(frequency) = view.frequency {
        let (ratio, sd) = (frequency.ratio * 1e6, frequency.sd * 1e6);
        fact("frequency", &format!("{ratio:+.3} ppm +- {sd:.3} ppm"));
    }
    fact("stratum", &stratum(view));
    let heard = view.sources.iter().filter(|source| source.reach != 0).count();
    let agree = view.sources.iter().filter(|source| believed(source.mark)).count();
    let all = view.sources.len();
    let is_local = view.state == LOCAL;
    if !is_local {
        fact("servers", &format!("{all}: {heard} answer, {agree} agree (ntpctl sources)"));
    }
    for name in &view.unresolved {
        fact("not asked", name);
    }
    let kept = if is_local { "left alone" } else { authority(view.authority) };
    let off = view.offset.filter(|_| view.authority != Authority::Steer);
    fact("clock", &off.map_or(kept.to_owned(), |(by, _)| format!("{}, {kept}", off_by(by))));
    if let Some(step) = &beyond.last_step {
        fact("steps", &format!("{}, the last one {step}", beyond.steps));
    }
    if let Some(ready) = beyond.ready {
        fact("ready", if ready { "yes" } else { "not yet" });
    }
    if let Some(rival) = &beyond.rival {
        fact("rival", rival);
    }
    if let Some(cure) = &beyond.cure {
        fact("to allow it", cure);
    }
    text
}

fn stratum(view: &View) -> String {
    let reference = &view.reference;
    if reference.stratum == 0 {
        return "none: who asks us for the time is told that it is not known".to_owned();
    }
    format!(
        "{}, root delay {}, root dispersion {}",
        reference.stratum,
        unsigned(reference.root_delay),
        unsigned(reference.root_dispersion)
    )
}

fn authority(authority: Authority) -> &'static str {
    match authority {
        Authority::Steer => "kept by this ntpd",
        Authority::Observe => "left alone (--observe)",
        Authority::Powerless => "left alone: it is not ours to set",
    }
}

fn believed(mark: Mark) -> bool {
    matches!(mark, Mark::Best | Mark::Agrees)
}

/// The letter of a mark, as `ntpq -p` and chronyc have them.
fn letter(mark: Mark) -> char {
    match mark {
        Mark::Best => '*',
        Mark::Agrees => '+',
        Mark::False => 'x',
        Mark::Young => '?',
        Mark::Silent => ' ',
    }
}

/// A line for each server.
pub(super) fn sources(view: &View) -> String {
    let width = view.sources.iter().map(|source| source.label.chars().count()).max();
    let width = width.unwrap_or(0).max("server".len());
    let mut text = format!(
        "  {:<width$} st reach  poll   last      offset     delay    jitter  why\n",
        "server"
    );
    for source in &view.sources {
        text.push_str(&line(source, width));
    }
    for name in &view.unresolved {
        let _ = writeln!(text, "  {name}");
    }
    text.push_str("* best, + agrees, x contradicts the majority, ? too new\n");
    text
}

fn line(source: &SourceView, width: usize) -> String {
    let heard = source.age.is_some();
    let of_heard = |text: String| if heard { text } else { "-".to_owned() };
    let offset = source.offset.map_or_else(|| "-".to_owned(), |it| signed(it.seconds()));
    format!(
        "{} {:<width$} {:>2}   {:03o} {:>5} {:>6} {:>11} {:>9} {:>9}  {}{}\n",
        letter(source.mark),
        source.label,
        source.stratum.map_or_else(|| "-".to_owned(), |stratum| stratum.to_string()),
        source.reach,
        coarse(source.interval.seconds()),
        source.age.map_or_else(|| "-".to_owned(), |age| coarse(age.seconds())),
        offset,
        of_heard(unsigned(source.delay)),
        of_heard(unsigned(source.jitter)),
        source.why,
        if source.interleaved { ", interleaved" } else { "" },
    )
}

/// `+1.234 ms`: four figures and a unit, with the sign.
fn signed(seconds: f64) -> String {
    let sign = if seconds.is_sign_negative() { '-' } else { '+' };
    format!("{sign}{}", unsigned(seconds.abs()))
}

/// `1.234 ms`.
fn unsigned(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        size if size >= 1.0 => (seconds, "s"),
        size if size >= 1e-3 => (seconds * 1e3, "ms"),
        size if size >= 1e-6 => (seconds * 1e6, "us"),
        _ => (seconds * 1e9, "ns"),
    };
    let places = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.places$} {unit}")
}

/// A length of time in at most five letters: `64s`, `17m`, `34m`, `9h`, `36h`, `12d`.
fn coarse(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if seconds < 600.0 {
        format!("{seconds:.0}s")
    } else if minutes < 600.0 {
        format!("{minutes:.0}m")
    } else if minutes < 60.0 * 72.0 {
        format!("{:.0}h", minutes / 60.0)
    } else {
        format!("{:.0}d", minutes / 60.0 / 24.0)
    }
}

#[cfg(test)]
mod tests;
