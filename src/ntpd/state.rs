//! What outlives us: the drift file, that this boot's first offset is over, and what was good last.
//!
//! The drift file holds one number, the frequency in parts per million, as ntpd's does. Beside it
//! lies `FILE.first`, with the boot in which `-g` was used up: a restart by a supervisor must not
//! make the *next* offset the first one again. `FILE.last` has the last good time and addresses.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cli::{Unable, UnableExt as _};

use super::held::Held;
use super::last_good::LastGood;

/// A frequency beyond this, in parts per million, is no oscillator's: the file is damaged.
const FREQUENCY_MAX: f64 = 500.0;

/// No file that we read here is longer.
const TEXT_MAX: u64 = 4096;

/// Everybody may read these files: there is nothing in them but the time.
const MODE: u32 = 0o644;

/// Where Linux says which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The drift file and its neighbour.
#[derive(Debug, Clone)]
pub(crate) struct State {
    drift: PathBuf,
    first: PathBuf,
    last: PathBuf,
    held: Rc<Held>,
}

impl State {
    /// Of the drift file `drift`.
    pub(crate) fn new(drift: PathBuf) -> Self {
        let beside = |end: &str| {
            let mut name = drift.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        Self { first: beside(".first"), last: beside(".last"), drift, held: Rc::default() }
    }

    /// Opens now what this user may not replace later; whether there was any such file. One that
    /// only observes has no first offset to remember.
    ///
    /// # Errors
    /// It can be neither opened nor made.
    pub(crate) fn hold(&mut self, uid: u32, groups: &[u32], steers: bool) -> Result<bool, Unable> {
        let mut held = Held::default();
        for path in [&self.drift, &self.last].into_iter().chain(steers.then_some(&self.first)) {
            held.hold(path, MODE, uid, groups).unable(format_args!("open {}", path.display()))?;
        }
        let any = held.holds(&self.drift);
        self.held = Rc::new(held);
        Ok(any)
    }

    fn keep(&self, path: &Path, text: &str) -> io::Result<()> {
        self.held.write(path, text).unwrap_or_else(|| replace(path, text, MODE))
    }

    /// The frequency that was kept, if one was.
    ///
    /// # Errors
    /// The file cannot be read, or holds no frequency.
    pub(crate) fn frequency(&self) -> Result<Option<f64>, Unable> {
        let text = match read(&self.drift) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.unable(format_args!("read {}", self.drift.display()))?,
        };
        if text.is_empty() && self.held.holds(&self.drift) {
            // It was made when it was opened.
            return Ok(None);
        }
        let number = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
        let sane = number.filter(|ppm: &f64| ppm.abs() <= FREQUENCY_MAX);
        sane.map(Some)
            .ok_or_else(|| io::Error::other("it holds no frequency"))
            .unable(format_args!("use {}", self.drift.display()))
    }

    /// Keeps the frequency, in parts per million.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep_frequency(&self, ppm: f64) -> Result<(), Unable> {
        self.keep(&self.drift, &format!("{ppm:.3}\n"))
            .unable(format_args!("write {}", self.drift.display()))
    }

    /// When the frequency was last kept: the time was right then. Seconds since 1970.
    pub(crate) fn frequency_kept_at(&self) -> Option<u64> {
        let kept = fs::metadata(&self.drift).and_then(|file| file.modified()).ok()?;
        kept.duration_since(std::time::UNIX_EPOCH).ok().map(|kept| kept.as_secs())
    }

    /// Whether this boot's first offset is over.
    pub(crate) fn first_is_over(&self) -> bool {
        match (read(&self.first), read(Path::new(BOOT_ID))) {
            (Ok(kept), Ok(boot)) => kept.trim() == boot.trim(),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// Keeps that this boot's first offset is over.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep_first_is_over(&self) -> Result<(), Unable> {
        read(Path::new(BOOT_ID))
            .and_then(|boot| self.keep(&self.first, &boot))
            .unable(format_args!("write {}", self.first.display()))
    }

    /// The last good time and addresses, as far as there are any.
    pub(crate) fn last_good(&self) -> LastGood {
        read(&self.last).map(|text| LastGood::parse(&text)).unwrap_or_default()
    }

    /// Keeps them.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn keep_last_good(&self, good: &LastGood) -> Result<(), Unable> {
        self.keep(&self.last, &good.text()).unable(format_args!("write {}", self.last.display()))
    }

    /// The file that says so.
    pub(crate) fn first(&self) -> &Path {
        &self.first
    }
}

fn read(path: &Path) -> io::Result<String> {
    read_from(sys::fifo::open_whatever(path)?)
}

pub(super) fn read_from(file: File) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    file.take(TEXT_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file so that whoever reads it finds the old text or the new one, also after a crash.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut new = path.to_path_buf().into_os_string();
    new.push(".new");
    let mut file = sys::fifo::make_plain(Path::new(&new), mode)?;
    let mut whole = || {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    // Half of a key is nothing to leave lying about.
    whole().inspect_err(|_| drop(fs::remove_file(&new)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let dir = tempfile::tempdir().unwrap();
        let state = State::new(dir.path().join("ntp.drift"));
        (dir, state)
    }

    #[test]
    fn a_frequency_is_kept_as_ntpd_keeps_it() {
        let (dir, state) = state();
        assert_eq!(state.frequency().unwrap(), None);
        state.keep_frequency(-12.3456).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("ntp.drift")).unwrap(), "-12.346\n");
        assert_eq!(state.frequency().unwrap(), Some(-12.346));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn what_is_no_frequency_is_refused() {
        let (dir, state) = state();
        for text in ["", "fast\n", "nan\n", "500.1\n", "-1e9\n"] {
            fs::write(dir.path().join("ntp.drift"), text).unwrap();
            assert!(state.frequency().is_err(), "{text:?}");
        }
        fs::write(dir.path().join("ntp.drift"), "1.5 0.01\n").unwrap();
        assert_eq!(state.frequency().unwrap(), Some(1.5));
    }

    #[test]
    fn the_first_offset_is_over_in_this_boot_only() {
        let (dir, state) = state();
        assert!(!state.first_is_over());
        state.keep_first_is_over().unwrap();
        assert!(state.first_is_over());
        fs::write(dir.path().join("ntp.drift.first"), "another-boot\n").unwrap();
        assert!(!state.first_is_over());
    }

    #[test]
    fn what_lies_in_the_place_of_the_new_file_is_replaced() {
        let (dir, state) = state();
        let (new, precious) = (dir.path().join("ntp.drift.new"), dir.path().join("precious"));
        fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, &new).unwrap();
        state.keep_frequency(1.0).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        sys::fifo::make(&new).unwrap();
        state.keep_frequency(2.0).unwrap();
        assert!(fs::symlink_metadata(dir.path().join("ntp.drift")).unwrap().is_file());
        assert_eq!(state.frequency().unwrap(), Some(2.0));
        assert!(fs::symlink_metadata(&new).is_err());
    }

    #[test]
    fn what_could_not_be_put_in_its_place_is_not_left_behind() {
        let (dir, state) = state();
        fs::create_dir_all(dir.path().join("ntp.drift/full")).unwrap();
        assert!(state.keep_frequency(1.0).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_a_sentence() {
        let state = State::new("/nonexistent/ntp.drift".into());
        let error = state.keep_frequency(1.0).unwrap_err().to_string();
        assert_eq!(error, "unable to write /nonexistent/ntp.drift: file does not exist");
    }
}
