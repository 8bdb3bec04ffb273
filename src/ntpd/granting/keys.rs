//! The keys that seal cookies: a new one every day, kept in a file, so that a restart costs no
//! client a handshake.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ntp::nts::cookies::{DAY, FIRST_LINE, Jar, KEYS_MAX};
use ntp::nts::ke::KEY_LENGTH;
use ntp::time::{Now, Raw, Span, Wall};
use nts::cipher::AesSiv;
use sys::place::is_trusted_owner;

use crate::ntpd::held::{Held, is_for_others};
use crate::ntpd::state;

/// Nobody else may read keys.
const MODE: u32 = 0o600;

/// A file that could not be written is tried again so often.
const AGAIN: Span = Span::from_secs(3600);

/// The keys, and where they are kept.
#[derive(Debug)]
pub(super) struct Keys {
    jar: Jar<AesSiv>,
    /// When the newest is to be followed by another.
    next: Raw,
    /// When it was made, in seconds since 1970.
    made: u64,
    path: Option<PathBuf>,
    held: Held,
    /// When the file is to be written, if it is.
    keep: Option<Raw>,
    /// It could not be, and that was said.
    has_failed: bool,
}

impl Keys {
    /// Those of the file, or new ones; and what there is to warn of. `keeper`: whom we become.
    ///
    /// # Errors
    /// The kernel has nothing random to give.
    pub(super) fn open(
        mut path: Option<PathBuf>,
        keeper: Option<u32>,
        now: Now,
    ) -> io::Result<(Self, Option<String>)> {
        let read = path.as_deref().map_or(Ok(Read::Nothing), |path| read(path, keeper));
        let mut warning = None;
        let found = match read {
            Ok(Read::Keys(jar, made)) => Some((jar, made)),
            Ok(Read::Nothing) => None,
            Ok(Read::Known) => {
                let shown = path.as_deref().unwrap_or(Path::new("")).display();
                warning = Some(format!(
                    "{shown}: {KNOWN}; NTS's keys are new, and every client of it shakes hands \
                     again"
                ));
                None
            }
            Err(why) => {
                let path = path.take().unwrap_or_default();
                let shown = path.display();
                warning = Some(format!(
                    "NTS's keys are not kept in {shown}: {why}; after a restart every client of \
                     NTS shakes hands again"
                ));
                None
            }
        };
        let today = seconds(now);
        let (jar, made, is_new) = match found {
            Some((jar, made)) => (jar, made, false),
            None => (Jar::new(number()?, key()?), today, true),
        };
        // A clock that went back has made no key older.
        let age =
            Span::from_secs(i64::try_from(today.saturating_sub(made)).unwrap_or(i64::MAX >> 32));
        let keep = (is_new && path.is_some()).then_some(now.raw);
        let next = now.raw + -age + DAY;
        let held = Held::default();
        let keys = Self { jar, next, made, path, held, keep, has_failed: false };
        Ok((keys, warning))
    }

    /// Those that are in use.
    pub(super) fn jar(&self) -> &Jar<AesSiv> {
        &self.jar
    }

    /// Opens the file, where this user may not replace it.
    ///
    /// # Errors
    /// It can be neither opened nor made.
    pub(super) fn hold(&mut self, uid: u32, groups: &[u32]) -> io::Result<()> {
        let path = self.path.as_deref();
        path.map_or(Ok(()), |path| self.held.hold(path, MODE, uid, groups))
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Raw {
        self.keep.map_or(self.next, |keep| keep.min(self.next))
    }

    /// Makes a new key and writes the file, where it is time to. What there is to warn of.
    pub(super) fn turn(&mut self, now: Now) -> Option<String> {
        // Of days that have passed without us each counts, until none of the old keys is left.
        for _ in 0..KEYS_MAX {
            if now.raw < self.next {
                break;
            }
            // Where there is nothing random the old one serves until there is.
            let Ok(key) = key() else { break };
            self.jar.rotate(key);
            self.next = self.next + DAY;
            self.made = seconds(now);
            self.keep = self.path.as_ref().map(|_| now.raw);
        }
        if self.next <= now.raw {
            self.next = now.raw + DAY;
        }
        self.keep.filter(|at| *at <= now.raw)?;
        self.write(now.raw)
    }

    fn write(&mut self, now: Raw) -> Option<String> {
        self.keep = None;
        let path = self.path.as_deref()?;
        let text = self.jar.text(self.made);
        let written =
            self.held.write(path, &text).unwrap_or_else(|| state::replace(path, &text, MODE));
        let error = written.err();
        let is_news = error.is_some() && !self.has_failed;
        self.has_failed = error.is_some();
        self.keep = error.as_ref().map(|_| now + AGAIN);
        let why = error.filter(|_| is_news)?;
        Some(format!("unable to write {}: {}", path.display(), cli::reason(&why)))
    }
}

/// What a file holds.
enum Read {
    /// Nothing, or it is not there, or it was cut.
    Nothing,
    /// Keys that others may know, or may have written.
    Known,
    Keys(Jar<AesSiv>, u64),
}

const KNOWN: &str = "everybody can get at it";
const OTHER: &str = "it holds something else";

/// # Errors
/// It is not ours to write, or not ours to believe.
fn read(path: &Path, keeper: Option<u32>) -> Result<Read, String> {
    let unable = |error: &io::Error| cli::reason(error).into_owned();
    let file = match sys::fifo::open_whatever(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::Nothing),
        opened => opened.map_err(|error| unable(&error))?,
    };
    let found = file.metadata().map_err(|error| unable(&error))?;
    // Before anything else: what is written to a file of his, an empty one too, he can read.
    if !is_trusted_owner(found.uid()) && keeper != Some(found.uid()) {
        let uid = found.uid();
        return Err(format!("it belongs to user {uid}, who would know the keys; remove it"));
    }
    match state::read_from(file) {
        Ok(text) if text.is_empty() => Ok(Read::Nothing),
        Ok(text) if !text.starts_with(FIRST_LINE) => Err(OTHER.to_owned()),
        Ok(_) if is_for_others(found.mode()) => Ok(Read::Known),
        Ok(text) => Ok(Jar::parse(&text).map_or(Read::Nothing, |(jar, at)| Read::Keys(jar, at))),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(OTHER.to_owned()),
        Err(error) => Err(unable(&error)),
    }
}

/// What speaks against keeping keys in this file, for one who becomes `keeper`.
pub(in crate::ntpd) fn refusal(path: &Path, keeper: Option<u32>) -> Option<String> {
    match read(path, keeper) {
        Ok(Read::Known) => Some(KNOWN.to_owned()),
        Ok(Read::Nothing | Read::Keys(..)) => None,
        Err(why) => Some(why),
    }
}

fn key() -> io::Result<[u8; KEY_LENGTH]> {
    let mut key = [0; KEY_LENGTH];
    sys::random::fill(&mut key)?;
    Ok(key)
}

/// The first key's number: another one after each loss of the file, so that a cookie of an older
/// key is known to be one.
fn number() -> io::Result<u32> {
    let [a, b, c, d, ..] = sys::random::nonce()?.get().to_ne_bytes();
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

fn seconds(now: Now) -> u64 {
    let since = (now.wall - Wall::default()).nanos() / 1_000_000_000;
    u64::try_from(since).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use ntp::nts::cookies::Pair;

    use super::*;

    const PAIR: Pair = Pair { requests: [1; 32], answers: [2; 32] };
    const BEGUN: i64 = 1_795_392_000;

    fn at(seconds: i64) -> Now {
        Now {
            raw: Raw::default() + Span::from_secs(seconds),
            wall: Wall::default() + Span::from_secs(BEGUN + seconds),
        }
    }

    fn open(path: &Path, seconds: i64) -> (Keys, Option<String>) {
        Keys::open(Some(path.to_owned()), None, at(seconds)).unwrap()
    }

    fn cookie(keys: &Keys) -> Vec<u8> {
        keys.jar().seal(&PAIR, &[3; 16])
    }

    #[test]
    fn a_restart_knows_the_cookies_and_goes_on_with_the_day() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        let (mut keys, warning) = open(&path, 0);
        assert_eq!(warning, None);
        assert_eq!((keys.deadline(), keys.turn(at(0))), (at(0).raw, None));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left there");
        let (mut again, _) = open(&path, 80_000);
        assert_eq!(again.jar().open(&cookie(&keys)), Some(PAIR));
        assert_eq!(again.deadline(), at(86_400).raw);
        assert_eq!(again.turn(at(80_001)), None);
        assert_eq!(cookie(&again), cookie(&keys), "the day is not over");
        assert_eq!(again.turn(at(86_400)), None);
        assert_ne!(cookie(&again), cookie(&keys));
        let (third, _) = open(&path, 86_401);
        assert_eq!(cookie(&third), cookie(&again), "the new key is kept at once");
        assert_eq!(third.jar().open(&cookie(&keys)), Some(PAIR));
    }

    #[test]
    fn days_that_passed_without_us_end_the_old_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        let (mut keys, _) = open(&path, 0);
        keys.turn(at(0));
        for (days, is_opened) in [(2, true), (3, false), (30_000, false)] {
            let (mut later, _) = open(&path, days * 86_400);
            later.turn(at(days * 86_400));
            assert_eq!(later.jar().open(&cookie(&keys)).is_some(), is_opened, "{days}");
            assert!(later.deadline() > at(days * 86_400).raw);
            state::replace(&path, &keys.jar.text(keys.made), MODE).unwrap();
        }
    }

    #[test]
    fn a_clock_that_went_back_costs_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        let (mut keys, _) = open(&path, 0);
        keys.turn(at(0));
        let (mut again, _) = open(&path, -BEGUN);
        again.turn(at(-BEGUN));
        assert_eq!(cookie(&again), cookie(&keys));
        assert_eq!(again.deadline(), at(-BEGUN + 86_400).raw);
    }

    #[test]
    fn what_was_cut_is_begun_anew_and_what_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        let (mut keys, _) = open(&path, 0);
        keys.turn(at(0));
        let text = fs::read_to_string(&path).unwrap();
        for cut in ["", &text[..FIRST_LINE.len() + 5], &text[..text.len() - 3]] {
            fs::write(&path, cut).unwrap();
            let (mut again, warning) = open(&path, 0);
            assert_eq!((warning, again.turn(at(0))), (None, None));
            assert!(Jar::<AesSiv>::parse(&fs::read_to_string(&path).unwrap()).is_some());
        }
        for other in [&b"root:x:0:0\n"[..], &[0xff; 10]] {
            fs::write(&path, other).unwrap();
            let (mut again, warning) = open(&path, 0);
            assert!(warning.unwrap().contains(": it holds something else; after a restart"));
            assert_eq!(again.turn(at(0)), None);
            assert_eq!(fs::read(&path).unwrap(), other);
        }
    }

    #[test]
    fn keys_that_others_can_get_at_are_no_secret_and_are_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        for (open_to, is_held) in [(0o644, false), (0o602, false), (0o666, true)] {
            let (mut keys, _) = open(&path, 0);
            keys.turn(at(0));
            fs::set_permissions(&path, fs::Permissions::from_mode(open_to)).unwrap();
            assert_eq!(refusal(&path, None).as_deref(), Some("everybody can get at it"));
            let (mut again, warning) = open(&path, 0);
            assert!(warning.unwrap().contains("cookies: everybody can get at it; NTS's keys are"));
            if is_held {
                // Nobody who is not the owner may write a directory of mode 700.
                again.hold(u32::MAX - 1, &[u32::MAX - 1]).unwrap();
            }
            assert_eq!((again.turn(at(0)), mode(), refusal(&path, None)), (None, 0o600, None));
            assert_eq!(again.jar().open(&cookie(&keys)), None);
            let (third, warning) = open(&path, 0);
            assert_eq!((warning, third.jar().open(&cookie(&again))), (None, Some(PAIR)));
        }
    }

    #[test]
    fn keys_of_somebody_else_are_neither_believed_nor_written_over() {
        const ALICE: u32 = 54_321;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cookies");
        let (mut planted, _) = open(&path, 0);
        planted.turn(at(0));
        let text = fs::read_to_string(&path).unwrap();
        if chown(&path, Some(ALICE), None).is_err() {
            // Only root can give a file away.
            return;
        }
        for text in [&text[..], "", "something else"] {
            fs::write(&path, text).unwrap();
            let (mut keys, warning) = open(&path, 0);
            let why = "it belongs to user 54321, who would know the keys; remove it";
            assert!(warning.unwrap().contains(&format!("{}: {why}; after", path.display())));
            assert_eq!(refusal(&path, None).as_deref(), Some(why));
            assert_eq!(keys.turn(at(0)), None);
            assert_eq!(keys.jar().open(&cookie(&planted)), None);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, &text).unwrap();
        let (keys, warning) = Keys::open(Some(path.clone()), Some(ALICE), at(0)).unwrap();
        assert_eq!((warning, refusal(&path, Some(ALICE))), (None, None), "she is whom we become");
        assert_eq!(keys.jar().open(&cookie(&planted)), Some(PAIR));
    }

    #[test]
    fn what_cannot_be_written_is_said_once_and_tried_again() {
        let (mut keys, warning) = open(Path::new("/nonexistent/cookies"), 0);
        assert_eq!(warning, None);
        let said = "unable to write /nonexistent/cookies: file does not exist";
        assert_eq!(keys.turn(at(0)).as_deref(), Some(said));
        assert_eq!((keys.turn(at(1)), keys.deadline()), (None, at(3600).raw));
        assert_eq!(keys.turn(at(3600)), None);
        assert_eq!(keys.deadline(), at(7200).raw);
    }

    #[test]
    fn without_a_file_there_are_keys_all_the_same() {
        let (mut keys, warning) = Keys::open(None, None, at(0)).unwrap();
        assert_eq!((warning, keys.turn(at(0))), (None, None));
        assert_eq!(keys.jar().open(&cookie(&keys)), Some(PAIR));
        assert_eq!(keys.deadline(), at(86_400).raw);
    }
}
