//! The small files of a service directory: what they are called stands in [`contract::layout`],
//! what they say becomes [`Settings`]. They are read at each start.
//!
//! A file that cannot be understood is as if it were not there, and told of: a service with a
//! misspelt setting is better than none.

use std::io::{self, Read as _};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use contract::layout;
use service::words::{self, DeathLimit, Policy};

use crate::limits::{Limits, Machine};
use crate::look::Names;

/// A setting is a line, not a book.
const SETTING_MAX: u64 = 256;

/// Numbers that every limit of open files allows, and that are not the standard ones.
const DESCRIPTORS: std::ops::RangeInclusive<i32> = 3..=255;

/// What the files of a service directory say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What concerns its life.
    pub(crate) life: words::Settings,
    /// What it may use.
    pub(crate) limits: Limits,
    /// The descriptor on which it says that it is ready.
    pub(crate) notification: Option<i32>,
    /// Whether it leads a session of its own (no file `no-setsid`).
    pub(crate) session: bool,
}

impl Settings {
    /// What holds where there is no file.
    pub(crate) fn built_in(machine: Machine) -> Self {
        let limits = Limits::built_in(machine);
        Self { life: words::Settings::default(), limits, notification: None, session: true }
    }

    /// Reads the settings in `dir`, which has these names. `defaults` is what holds where there is
    /// no file; what is wrong with a file is given to `complain`, a sentence each.
    pub(crate) fn read(
        dir: &Path,
        names: Names,
        defaults: &Self,
        mut complain: impl FnMut(String),
    ) -> Self {
        let mut life = defaults.life;
        let limits = if names.may_have(layout::LIMITS) {
            Limits::read(dir, &defaults.limits, &mut complain)
        } else {
            defaults.limits.clone()
        };
        let mut take = |file: &str, apply: &mut dyn FnMut(&str) -> Option<()>| {
            let there = names.may_have(file).then(|| read_small(&dir.join(file)));
            let Some(text) = there.flatten() else { return };
            let wrong = match &text {
                Ok(text) => apply(text.trim()).is_none().then(|| wanted(file).into()),
                Err(error) => Some(refused(error).unwrap_or_else(|| wanted(file).into())),
            };
            if let Some(wrong) = wrong {
                complain(format!("{file}: {wrong}"));
            }
        };
        take(layout::TIMEOUT_KILL, &mut |text| set_timeout(text, &mut life.timeout_kill));
        take(layout::TIMEOUT_FINISH, &mut |text| set_timeout(text, &mut life.timeout_finish));
        take(layout::SURVIVORS, &mut |text| policy(text).map(|policy| life.policy = policy));
        take(layout::MAX_DEATHS, &mut |text| set_deaths(text, &mut life.death_limit));
        take(layout::BACKOFF_MAX, &mut |text| duration(text).map(|t| life.pace.spacing_max = t));
        take(layout::STABLE_AFTER, &mut |text| duration(text).map(|t| life.pace.stable_run = t));
        let mut notification = None;
        take(layout::NOTIFICATION_FD, &mut |text| {
            notification = text.parse().ok().filter(|number| DESCRIPTORS.contains(number));
            notification.map(|_| ())
        });
        let no_session = layout::NO_SETSID;
        let stays = names.may_have(no_session) && dir.join(no_session).exists();
        let session = defaults.session && !stays;
        Self { life, limits, notification, session }
    }
}

/// What [`Settings::read`] complains of in the service directory `dir`.
pub(crate) fn check(dir: &Path) -> Vec<String> {
    let mut complaints = Vec::new();
    // Of a directory that cannot be looked into nothing is known.
    if dir.join(".").is_dir() {
        let defaults = Settings::built_in(Machine::default());
        Settings::read(dir, Names::UNKNOWN, &defaults, |complaint| complaints.push(complaint));
    }
    complaints
}

/// What is said of a file that we may not read, instead of what it should say.
pub(crate) fn refused(error: &io::Error) -> Option<String> {
    let is_refused = error.kind() == io::ErrorKind::PermissionDenied;
    is_refused.then(|| format!("{}: ignored", cli::reason(error)))
}

/// What a file is to say.
fn wanted(file: &str) -> &'static str {
    match file {
        layout::SURVIVORS => "not one of adopt, end, leave: ignored",
        layout::NOTIFICATION_FD => "not a number from 3 to 255: ignored",
        layout::MAX_DEATHS => "not a number and a time (5 in 1m): ignored",
        _ => "not milliseconds and not a time (90s, 2m 30s): ignored",
    }
}

/// A time limit; 0 is none.
fn set_timeout(text: &str, timeout: &mut Option<Duration>) -> Option<()> {
    *timeout = Some(duration(text)?).filter(|timeout| !timeout.is_zero());
    Some(())
}

/// Milliseconds as s6 has them, or a duration with a unit.
fn duration(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(millis) => Some(Duration::from_millis(millis)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

fn policy(text: &str) -> Option<Policy> {
    match text {
        "adopt" => Some(Policy::Adopt),
        "end" => Some(Policy::End),
        "leave" => Some(Policy::Leave),
        _ => None,
    }
}

/// `5 in 1m`; `0` is no limit.
fn set_deaths(text: &str, limit: &mut Option<DeathLimit>) -> Option<()> {
    if text == "0" {
        *limit = None;
        return Some(());
    }
    let (deaths, within) = text.split_once(" in ")?;
    let (deaths, within) = (u32::from_str(deaths.trim()).ok()?, duration(within.trim())?);
    *limit = Some(DeathLimit { deaths, within }).filter(|limit| limit.deaths > 0);
    limit.map(|_| ())
}

/// The text of a setting; `None` where there is no such file.
pub(crate) fn read_small(path: &Path) -> Option<io::Result<String>> {
    let read = || -> io::Result<String> {
        // Before it is opened: a device or a FIFO may notice that.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = sys::fifo::open_whatever(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut text = String::new();
        file.take(SETTING_MAX).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    fn read(dir: &TempDir) -> (words::Settings, Vec<String>) {
        let (mut complaints, names) = (Vec::new(), Names::UNKNOWN);
        let settings = Settings::read(
            dir.path(),
            names,
            &Settings::built_in(Machine::default()),
            |complaint| {
                complaints.push(complaint);
            },
        );
        (settings.life, complaints)
    }

    fn with(file: &str, text: &str) -> (words::Settings, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(file), text).unwrap();
        read(&dir)
    }

    #[test]
    fn a_file_that_we_may_not_read_is_not_called_wrong() {
        let told = refused(&io::ErrorKind::PermissionDenied.into());
        assert!(told.is_some_and(|told| told.ends_with(": ignored")));
        assert_eq!(refused(&io::ErrorKind::InvalidData.into()), None);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(layout::TIMEOUT_KILL);
        fs::write(&file, "5s").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read(&file).is_err() {
            assert_eq!(read(&dir).1, ["timeout-kill: access denied: ignored"]);
        }
    }

    #[test]
    fn without_files_the_defaults_hold() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir), (words::Settings::default(), vec![]));
    }

    #[test]
    fn a_time_is_milliseconds_or_has_a_unit_and_zero_is_no_limit() {
        for (text, timeout) in [
            ("1500\n", Some(Duration::from_millis(1500))),
            (" 2m 30s \n", Some(Duration::from_secs(150))),
            ("0", None),
            ("0s", None),
        ] {
            assert_eq!(with(layout::TIMEOUT_KILL, text).0.timeout_kill, timeout, "{text:?}");
            assert_eq!(with(layout::TIMEOUT_FINISH, text).0.timeout_finish, timeout, "{text:?}");
        }
        let pace = with(layout::BACKOFF_MAX, "5m").0.pace;
        assert_eq!(pace.spacing_max, Duration::from_mins(5));
        assert_eq!(with(layout::STABLE_AFTER, "500").0.pace.stable_run, Duration::from_millis(500));
    }

    #[test]
    fn survivors_and_deaths_have_words_of_their_own() {
        for (text, policy) in
            [("adopt", Policy::Adopt), ("end\n", Policy::End), ("leave", Policy::Leave)]
        {
            assert_eq!(with(layout::SURVIVORS, text).0.policy, policy);
        }
        let limit = DeathLimit { deaths: 5, within: Duration::from_mins(1) };
        assert_eq!(with(layout::MAX_DEATHS, "5 in 1m\n").0.death_limit, Some(limit));
        assert_eq!(with(layout::MAX_DEATHS, "5  in  60000").0.death_limit, Some(limit));
        assert_eq!(with(layout::MAX_DEATHS, "0").0.death_limit, None);
    }

    #[test]
    fn what_cannot_be_understood_is_told_and_ignored() {
        for (file, text, told) in [
            (layout::TIMEOUT_KILL, "soon", "timeout-kill: not milliseconds and not a time"),
            (layout::TIMEOUT_KILL, "-1", "timeout-kill: not milliseconds and not a time"),
            (layout::TIMEOUT_FINISH, "", "timeout-finish: not milliseconds and not a time"),
            (layout::SURVIVORS, "kill", "survivors: not one of adopt, end, leave"),
            (layout::NOTIFICATION_FD, "2", "notification-fd: not a number from 3 to 255"),
            (layout::NOTIFICATION_FD, "256", "notification-fd: not a number from 3 to 255"),
            (layout::MAX_DEATHS, "5", "max-deaths: not a number and a time"),
            (layout::MAX_DEATHS, "0 in 1m", "max-deaths: not a number and a time"),
        ] {
            let (settings, complaints) = with(file, text);
            assert_eq!(settings, words::Settings::default());
            assert!(complaints.len() == 1 && complaints[0].starts_with(told), "{complaints:?}");
        }
    }

    #[test]
    fn only_a_directory_is_checked_and_with_its_limits() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check(dir.path()), Vec::<String>::new());
        fs::write(dir.path().join(layout::SURVIVORS), "kill").unwrap();
        fs::create_dir(dir.path().join(layout::LIMITS)).unwrap();
        fs::write(dir.path().join(layout::LIMITS).join("core"), "abc").unwrap();
        let told = [
            "limits/core: neither a number, such as 64M, nor unlimited: ignored",
            "survivors: not one of adopt, end, leave: ignored",
        ];
        assert_eq!(check(dir.path()), told);
        assert_eq!(check(&dir.path().join(layout::SURVIVORS)), Vec::<String>::new());
        assert_eq!(check(&dir.path().join("nowhere")), Vec::<String>::new());
    }

    #[test]
    fn a_setting_that_is_no_file_or_a_book_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(layout::TIMEOUT_KILL);
        sys::fifo::make(&path).unwrap();
        let fifo = sys::fifo::open_both(&path).unwrap();
        io::Write::write_all(&mut &fifo, b"1500").unwrap();
        assert_eq!(read(&dir).0.timeout_kill, None);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(read(&dir).0.timeout_kill, None);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "9".repeat(1_000_000)).unwrap();
        assert_eq!(read(&dir).0.timeout_kill, None);
    }
}
