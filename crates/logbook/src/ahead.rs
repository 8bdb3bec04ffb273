//! By how much the labels of a log are ahead of multilog's.
//!
//! multilog and svlogd count the seconds of the clock from 10 s (daemontools: TAI as it was in
//! 1970); s6-log adds every leap second since, as TAI64 has it. The labels look the same. What
//! tells is when the file was written: s6-log's last label is later than that.

use std::time::Duration;

use tai::Stamp;

/// The leap seconds from 1972 to 2017; there was none since. Lines of s6-log that are older than
/// 2017 are shown some seconds too early.
const LEAP_SECONDS: u64 = 27;

/// A line is written later than it is stamped, but hardly so much later: then it is not known.
const WRITTEN_AFTER_MAX: u64 = 17;

/// A file is said to be written at the last tick of the kernel's clock, not now.
const TICK: Duration = Duration::from_millis(500);

/// The permission bits of `lock` that s6-log gives and multilog and svlogd do not: reading by
/// others.
const READ_BY_OTHERS: u32 = 0o044;

/// By how much the labels of a log directory are ahead, from the mode of its `lock`, the last label
/// in its newest file and the time since 1970 at which that was written. Both must say so: modes
/// are changed and files are copied by people.
#[must_use]
pub fn ahead(lock: u32, last: Stamp, written: Duration) -> Duration {
    let latest = written.saturating_add(Duration::from_secs(LEAP_SECONDS)).saturating_add(TICK);
    let earliest = written.saturating_add(Duration::from_secs(LEAP_SECONDS - WRITTEN_AFTER_MAX));
    let is_ahead = last.to_unix().is_some_and(|last| (earliest..=latest).contains(&last));
    if lock & READ_BY_OTHERS != 0 && is_ahead {
        Duration::from_secs(LEAP_SECONDS)
    } else {
        Duration::ZERO
    }
}

/// The last label in the end of a file; `is_all` where that is the whole file.
#[must_use]
pub fn last_label(end: &[u8], is_all: bool) -> Option<Stamp> {
    // The first line of an end has lost its beginning.
    let lines = end.split(|byte| *byte == b'\n').skip(usize::from(!is_all));
    lines.filter_map(Stamp::parse_label).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(secs: u64) -> Stamp {
        Stamp::from_unix(Duration::from_secs(secs))
    }

    #[test]
    fn only_a_readable_lock_and_labels_later_than_the_file_say_s6_log() {
        let written = Duration::from_secs(1_000_000);
        for (lock, label, expected) in [
            (0o644, 1_000_027, 27),
            (0o640, 1_000_026, 27),
            (0o644, 1_000_010, 27),
            (0o644, 1_000_009, 0),
            (0o644, 1_000_028, 0),
            (0o644, 1_000_000, 0),
            (0o644, 0, 0),
            (0o600, 1_000_027, 0),
        ] {
            let found = ahead(lock, unix(label), written);
            assert_eq!(found, Duration::from_secs(expected), "{lock:o} {label}");
        }
        assert_eq!(ahead(0o644, unix(5), Duration::MAX), Duration::ZERO);
    }

    #[test]
    fn the_last_label_is_at_the_start_of_a_whole_line() {
        let (a, b) = (unix(1), unix(2));
        let text = format!("{a} x\n{b} y\nmore\n");
        assert_eq!(last_label(text.as_bytes(), true), Some(b));
        assert_eq!(last_label(format!("{a} x").as_bytes(), true), Some(a));
        assert_eq!(last_label(format!("{a} x").as_bytes(), false), None);
        assert_eq!(last_label(b"no\n", true), None);
        assert_eq!(last_label(b"", true), None);
    }
}
