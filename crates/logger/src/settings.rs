//! Settings that daemontools has not: words that begin with `%`. Its multilog leaves such words
//! out, so a script with them still works there; and no script of old has one.

use std::time::Duration;

use crate::Rate;

/// The least time between two rotations by age, or two syncs: what comes more often is no longer a
/// log but a load.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// What there is, for who has asked for something else.
const NAMES: &str = "%full, %age, %total, %sync, %rate and %visible, and %stamp as the first word";

/// Reads a time in words, such as `12h`; `None` where it is none.
pub type ReadTime = fn(&str) -> Option<Duration>;

/// What becomes of lines while they cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Full {
    /// They wait, and their writer with them: nothing is lost.
    #[default]
    Block,
    /// They are dropped and counted, and the count is logged when it works again.
    Drop,
    /// Where the disk is full, the oldest files go first; then as [`Full::Drop`].
    Oldest,
}

/// The settings of a log directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `%full=block`, `drop` or `oldest`.
    pub full: Full,
    /// `%age=TIME`: a file ends so long after its first line.
    pub age: Option<Duration>,
    /// `%total=SIZE`: all log files together hold at most so many bytes.
    pub total: Option<u64>,
    /// `%sync=TIME`: what was written is on the disk so soon.
    pub sync: Option<Duration>,
    /// `%rate=LINES/TIME`: no more lines than that, the others are counted.
    pub rate: Option<Rate>,
    /// `%visible=on`: control characters are written as `\x1b`.
    pub visible: bool,
}

impl Settings {
    /// Takes a word without its `%`.
    ///
    /// # Errors
    /// A sentence about what is wrong with it. A setting that is not known is an error: a log that
    /// is not kept as was asked would be found out too late.
    pub fn set(&mut self, word: &[u8], time: ReadTime) -> Result<(), String> {
        let shown = String::from_utf8_lossy(word).into_owned();
        let (name, value) = shown.split_once('=').unwrap_or((&shown, ""));
        let (known, wanted) = match name {
            "full" => (full(value).map(|full| self.full = full), "block, drop or oldest"),
            "age" => {
                let known = unless_off(value, |value| interval(time(value)?), &mut self.age);
                (known, "a time of 10ms or more, such as 12h, or off")
            }
            "total" => {
                (unless_off(value, size, &mut self.total), "a size such as 500k, 20m or 1g, or off")
            }
            "rate" => {
                let known = unless_off(value, |value| rate(value, time), &mut self.rate);
                (known, "one line or more in a time of 10ms or more, such as 1000/1s, or off")
            }
            "visible" => (on(value).map(|on| self.visible = on), "on or off"),
            "sync" => {
                let known = unless_off(value, |value| interval(time(value)?), &mut self.sync);
                (known, "a time of 10ms or more, such as 500ms, or off")
            }
            _ => return Err(format!("%{shown} is no setting; there are {NAMES}")),
        };
        known.ok_or_else(|| format!("%{shown} is not understood: %{name}= takes {wanted}"))
    }
}

fn full(value: &str) -> Option<Full> {
    match value {
        "block" => Some(Full::Block),
        "drop" => Some(Full::Drop),
        "oldest" => Some(Full::Oldest),
        _ => None,
    }
}

/// `off` is what is there without the setting.
fn unless_off<T>(
    value: &str,
    read: impl Fn(&str) -> Option<T>,
    place: &mut Option<T>,
) -> Option<()> {
    *place = if value == "off" { None } else { Some(read(value)?) };
    Some(())
}

/// `1000/1s`; without a time, in a second.
fn rate(value: &str, time: ReadTime) -> Option<Rate> {
    let (lines, span) = match value.split_once('/') {
        Some((lines, span)) => (lines, interval(time(span)?)?),
        None => (value, Duration::from_secs(1)),
    };
    // A log that gets no line at all is none.
    let lines = digits(lines).filter(|lines| *lines > 0)?;
    Some(Rate { lines, time: span })
}

fn on(value: &str) -> Option<bool> {
    match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn interval(time: Duration) -> Option<Duration> {
    (time >= INTERVAL_MIN).then_some(time)
}

/// A number of bytes, or of `k`, `m` or `g` of them.
fn size(value: &str) -> Option<u64> {
    let units = [("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];
    let (number, unit) = units
        .into_iter()
        .find_map(|(letter, unit)| Some((value.strip_suffix(letter)?, unit)))
        .unwrap_or((value, 1));
    digits(number)?.checked_mul(unit)
}

/// A number without a sign.
fn digits(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Milliseconds.
    fn time(text: &str) -> Option<Duration> {
        Some(Duration::from_millis(text.parse().ok()?))
    }

    fn set(words: &[&str]) -> Result<Settings, String> {
        let mut settings = Settings::default();
        words.iter().try_for_each(|word| settings.set(word.as_bytes(), time))?;
        Ok(settings)
    }

    #[test]
    fn settings_are_read() {
        let words = ["full=drop", "age=86400000", "total=20m", "sync=500", "rate=9/60000"];
        let settings = set(&[&words[..], &["visible=on"]].concat()).unwrap();
        let expected = Settings {
            full: Full::Drop,
            age: Some(Duration::from_hours(24)),
            total: Some(20 << 20),
            sync: Some(Duration::from_millis(500)),
            rate: Some(Rate { lines: 9, time: Duration::from_mins(1) }),
            visible: true,
        };
        assert_eq!(settings, expected);
        let off = set(&["full=drop", "full=block", "age=10", "age=off", "total=7", "total=off"]);
        assert_eq!(off.unwrap(), Settings::default());
        let off = set(&["rate=5", "rate=off", "visible=on", "visible=off"]);
        assert_eq!(off.unwrap(), Settings::default());
        let second = Rate { lines: 5, time: Duration::from_secs(1) };
        assert_eq!(set(&["rate=5"]).unwrap().rate, Some(second));
        assert_eq!(set(&["full=oldest"]).unwrap().full, Full::Oldest);
        assert_eq!(set(&["total=1g"]).unwrap().total, Some(1 << 30));
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        let no_setting = " is no setting; there are %full, %age, %total, %sync, %rate and \
                          %visible, and %stamp as the first word";
        assert_eq!(set(&["ful=drop"]).unwrap_err(), format!("%ful=drop{no_setting}"));
        assert_eq!(set(&[""]).unwrap_err(), format!("%{no_setting}"));
    }

    #[test]
    fn a_value_that_is_not_understood_is_answered_with_what_the_setting_takes() {
        let time = "a time of 10ms or more, such as";
        let size = "a size such as 500k, 20m or 1g, or off";
        let rate = "one line or more in a time of 10ms or more, such as 1000/1s, or off";
        for (words, wanted) in [
            (&["full", "full=Drop", "full=off"][..], "block, drop or oldest"),
            (&["age=0", "age=9", "age=often"], &format!("{time} 12h, or off")),
            (&["sync=0", "sync="], &format!("{time} 500ms, or off")),
            (&["total=-1", "total=+1", "total=k", "total=99999999999g"], size),
            (&["rate=", "rate=1/", "rate=+1/10", "rate=/10", "rate=0", "rate=0/10"], rate),
            (&["visible", "visible=yes"], "on or off"),
        ] {
            for word in words {
                let name = word.split('=').next().unwrap();
                let said = format!("%{word} is not understood: %{name}= takes {wanted}");
                assert_eq!(set(&[word]).unwrap_err(), said);
            }
        }
    }

    proptest! {
        #[test]
        fn no_word_is_too_odd(name in "(full|age|total|sync|rate|visible|)", value: Vec<u8>) {
            let _ = Settings::default().set(&[name.as_bytes(), b"=", &value].concat(), time);
        }
    }
}
