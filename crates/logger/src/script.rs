//! What multilog's command line means: actions, carried out in order for each line (`multilog.c`).

use crate::{Pattern, ReadTime, Settings, Stamping};

/// The least and the most a log file may hold, in bytes: what daemontools' files are clamped to.
pub(crate) const SIZE_RANGE: std::ops::RangeInclusive<u64> = 4096..=16_777_215;
/// The size of a log file where the script says nothing.
const SIZE_DEFAULT: u64 = 99_999;
/// The least number of log files: `current` and one old one.
pub(crate) const KEEP_MIN: u64 = 2;
/// The number of log files where the script says nothing.
const KEEP_DEFAULT: u64 = 10;

/// The actions of a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// `t` or `%stamp=` as the first action: what is put before each line.
    pub stamping: Stamping,
    /// All others, in order.
    pub actions: Vec<Action>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `-PATTERN`: lines that match are no longer selected.
    Deselect(Pattern),
    /// `+PATTERN`: lines that match are selected again.
    Select(Pattern),
    /// `e`: selected lines go to standard error.
    Alert,
    /// `=FILE`: the last selected line is the content of this file.
    Status(Vec<u8>),
    /// A name that starts with `.` or `/`: selected lines go to this log directory.
    Log(LogSpec),
}

/// A log directory, with what `s`, `n` and `!` before it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpec {
    /// Its name, as given.
    pub dir: Vec<u8>,
    /// The most bytes a log file holds.
    pub size: u64,
    /// The number of log files, `current` among them.
    pub keep: u64,
    /// The shell command that turns a full log file into what is kept of it.
    pub processor: Option<Vec<u8>>,
    /// What words with `%` have asked for.
    pub settings: Settings,
}

impl Default for LogSpec {
    fn default() -> Self {
        Self {
            dir: Vec::new(),
            size: SIZE_DEFAULT,
            keep: KEEP_DEFAULT,
            processor: None,
            settings: Settings::default(),
        }
    }
}

impl Script {
    /// Reads the words of a command line. An action is known by its first letter, and one that is
    /// not known is left out.
    ///
    /// # Errors
    /// A sentence, where a word with `%` is no setting, or no directory follows it.
    pub fn parse<'a>(
        words: impl IntoIterator<Item = &'a [u8]>,
        time: ReadTime,
    ) -> Result<Self, String> {
        let mut script = Self::default();
        let (mut next, mut unused) = (LogSpec::default(), None);
        for (index, word) in words.into_iter().enumerate() {
            let Some((letter, rest)) = word.split_first() else { continue };
            match letter {
                b't' if index == 0 => script.stamping = Stamping::Tai,
                b's' => next.size = number(rest).clamp(*SIZE_RANGE.start(), *SIZE_RANGE.end()),
                b'n' => next.keep = number(rest).max(KEEP_MIN),
                b'!' => next.processor = Some(rest.to_vec()),
                b'.' | b'/' => {
                    unused = None;
                    script
                        .actions
                        .push(Action::Log(LogSpec { dir: word.to_vec(), ..next.clone() }));
                }
                b'-' => script.actions.push(Action::Deselect(Pattern::new(rest))),
                b'+' => script.actions.push(Action::Select(Pattern::new(rest))),
                b'e' => script.actions.push(Action::Alert),
                b'=' => script.actions.push(Action::Status(rest.to_vec())),
                b'%' => match rest.strip_prefix(b"stamp=") {
                    Some(value) if index == 0 => script.stamping = stamping(value)?,
                    Some(_) => return Err("%stamp= must be the first word of the script".into()),
                    None => {
                        next.settings.set(rest, time)?;
                        unused = Some(word);
                    }
                },
                _ => {}
            }
        }
        unused.map_or(Ok(script), |word| {
            let word = word.escape_ascii();
            Err(format!("{word} must stand before the log directory that it is for"))
        })
    }

    /// The log directories, in order.
    pub fn logs(&self) -> impl Iterator<Item = &LogSpec> {
        self.actions.iter().filter_map(|action| match action {
            Action::Log(spec) => Some(spec),
            Action::Deselect(_) | Action::Select(_) | Action::Alert | Action::Status(_) => None,
        })
    }

    /// The status files, in order.
    pub fn status_files(&self) -> impl Iterator<Item = &[u8]> {
        self.actions.iter().filter_map(|action| match action {
            Action::Status(file) => Some(file.as_slice()),
            Action::Deselect(_) | Action::Select(_) | Action::Alert | Action::Log(_) => None,
        })
    }
}

fn stamping(value: &[u8]) -> Result<Stamping, String> {
    match value {
        b"tai" => Ok(Stamping::Tai),
        b"utc" => Ok(Stamping::Utc),
        b"local" => Ok(Stamping::Local),
        _ => {
            let value = value.escape_ascii();
            Err(format!("%stamp={value} is not understood: %stamp= takes tai, utc or local"))
        }
    }
}

/// The digits at the start of `text`; 0 where there are none, and the largest number where there
/// are too many (`scan_ulong.c`, which overflows).
fn number(text: &[u8]) -> u64 {
    let digits = text.iter().map_while(|byte| char::from(*byte).to_digit(10));
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Full;

    fn parse(words: &[&str]) -> Script {
        Script::parse(words.iter().map(|word| word.as_bytes()), |_| None).unwrap()
    }

    #[test]
    fn settings_hold_for_the_directories_after_them_too() {
        let script = parse(&["./a", "%full=drop", "./b", "%full=oldest", "./c"]);
        let full: Vec<_> = script.logs().map(|log| log.settings.full).collect();
        assert_eq!(full, [Full::Block, Full::Drop, Full::Oldest]);
        assert!(Script::parse([b"%x".as_slice()], |_| None).is_err());
    }

    fn only_log(words: &[&str]) -> LogSpec {
        parse(words).logs().next().unwrap().clone()
    }

    #[test]
    fn t_counts_only_as_the_first_word() {
        for (words, stamping) in [
            (["t", "./a"], Stamping::Tai),
            (["the first letter counts", "x"], Stamping::Tai),
            (["./a", "t"], Stamping::None),
            (["", "t"], Stamping::None),
            (["%stamp=tai", "./a"], Stamping::Tai),
            (["%stamp=utc", "t"], Stamping::Utc),
            (["%stamp=local", "./a"], Stamping::Local),
        ] {
            assert_eq!(parse(&words).stamping, stamping, "{words:?}");
        }
    }

    #[test]
    fn a_stamp_that_is_not_known_or_comes_late_is_an_error() {
        for (words, said) in [
            (
                ["%stamp=iso", "./a"],
                "%stamp=iso is not understood: %stamp= takes tai, utc or local",
            ),
            (["%stamp=", "./a"], "%stamp= is not understood: %stamp= takes tai, utc or local"),
            (["./a", "%stamp=utc"], "%stamp= must be the first word of the script"),
            (
                ["./a", "%full=drop"],
                "%full=drop must stand before the log directory that it is for",
            ),
            (["%age=off", "e"], "%age=off must stand before the log directory that it is for"),
        ] {
            let words = words.iter().map(|word| word.as_bytes());
            assert_eq!(Script::parse(words, |_| None).unwrap_err(), said);
        }
    }

    #[test]
    fn sizes_are_clamped() {
        for (word, size) in [
            ("s0", 4096),
            ("s", 4096),
            ("s5000", 5000),
            ("s5000k", 5000),
            ("sx", 4096),
            ("s16777216", 16_777_215),
            ("s99999999999999999999999", 16_777_215),
        ] {
            assert_eq!(only_log(&[word, "./a"]).size, size, "{word}");
        }
        assert_eq!(only_log(&["./a"]).size, 99_999);
    }

    #[test]
    fn at_least_two_files_are_kept() {
        for (word, keep) in [("n0", 2), ("n1", 2), ("n2", 2), ("n", 2), ("n7", 7)] {
            assert_eq!(only_log(&[word, "./a"]).keep, keep, "{word}");
        }
        assert_eq!(only_log(&["./a"]).keep, 10);
    }

    #[test]
    fn settings_hold_for_the_directories_after_them() {
        let script = parse(&["./a", "s5000", "n3", "!sort", "/b", "n4", "./c"]);
        let kept: Vec<_> = script.logs().map(|log| (log.size, log.keep)).collect();
        assert_eq!(kept, [(99_999, 10), (5000, 3), (5000, 4)]);
        let processors: Vec<_> = script.logs().map(|log| log.processor.is_some()).collect();
        assert_eq!(processors, [false, true, true]);
    }

    #[test]
    fn actions_keep_their_order_and_unknown_letters_are_left_out() {
        let script = parse(&["t", "-a*", "+b", "xyz", "", "e", "=status", "./log", "T", "E"]);
        assert_eq!(
            script.actions,
            [
                Action::Deselect(Pattern::new(b"a*")),
                Action::Select(Pattern::new(b"b")),
                Action::Alert,
                Action::Status(b"status".to_vec()),
                Action::Log(only_log(&["./log"])),
            ]
        );
        assert_eq!(script.status_files().collect::<Vec<_>>(), [b"status"]);
    }
}
