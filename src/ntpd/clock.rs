//! What the kernel's clocks and stamps say, on our scales.

use std::time::Duration;

use ntp::time::{Now, Raw, Span, Wall};

/// No datagram waits longer than this between the kernel and us; a stamp that says so is of a clock
/// that was stepped meanwhile.
const QUEUED_MAX: Span = Span::from_secs(1);

/// 2026-11-23, when this was written, in seconds since 1970. It has passed for sure, as has the day
/// it was built for, where the builder says which (`SOURCE_DATE_EPOCH`).
pub(crate) const WRITTEN: u64 = 1_795_392_000;

/// What the time is, for what is good only for a time, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) now: u64,
    /// Whether that is certain.
    pub(crate) is_known: bool,
    /// What has passed for sure.
    pub(crate) floor: u64,
}

impl When {
    /// The latest time that has passed for sure.
    pub(crate) fn passed(self) -> u64 {
        if self.is_known { self.now } else { self.floor }
    }
}

/// What has passed for sure, where the time was known to be right at `last_good`.
pub(crate) fn floor(last_good: Option<u64>) -> u64 {
    let built = option_env!("SOURCE_DATE_EPOCH").and_then(|built| built.parse().ok());
    WRITTEN.max(built.unwrap_or(0)).max(last_good.unwrap_or(0))
}

/// Whole seconds since 1970.
pub(crate) fn seconds(wall: Wall) -> u64 {
    u64::try_from((wall - Wall::default()).nanos() / 1_000_000_000).unwrap_or(0)
}

/// What the oscillator has counted.
pub(crate) fn raw(since_boot: Duration) -> Raw {
    Raw::from_nanos(nanos(since_boot))
}

/// A time of day as the kernel gives it.
pub(crate) fn wall(since_epoch: Duration) -> Wall {
    Wall::from_nanos(nanos(since_epoch))
}

/// When a datagram came, on the oscillator's scale: from the kernel's stamp where there is one.
pub(crate) fn arrival(now: Now, stamp: Option<Duration>) -> Raw {
    stamp.and_then(|stamp| stamped(now, stamp)).unwrap_or(now.raw)
}

/// When the kernel stamped what is read now, where that can be.
pub(crate) fn stamped(now: Now, stamp: Duration) -> Option<Raw> {
    let queued = now.wall - wall(stamp);
    let believable = queued >= Span::ZERO && queued <= QUEUED_MAX;
    believable.then(|| now.raw - queued)
}

/// When a datagram left, on the oscillator's scale: by the kernel's stamp, where that is after
/// `before`, when it was sent.
pub(crate) fn departure(before: Raw, now: Now, stamp: Duration) -> Raw {
    let at = now.raw - (now.wall - wall(stamp));
    if at >= before && at <= now.raw { at } else { before }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_mapped_to_the_oscillator_and_nonsense_is_not() {
        let now = Now { raw: Raw::from_nanos(5_000), wall: wall(Duration::from_secs(1_000_000)) };
        let at = |nanos| arrival(now, Some(Duration::from_nanos(nanos)));
        assert_eq!(arrival(now, None), now.raw);
        assert_eq!(at(999_999_999_999_000), Raw::from_nanos(4_000));
        assert_eq!(at(1_000_000_000_000_001), now.raw, "it comes from the future");
        assert_eq!(at(0), now.raw, "it comes from 1970");
        assert_eq!(stamped(now, Duration::ZERO), None);
    }

    #[test]
    fn a_stamp_of_departure_lies_between_before_and_now() {
        let now = Now { raw: Raw::from_nanos(5_000), wall: Wall::from_nanos(1_000_000) };
        let left = |nanos| departure(Raw::from_nanos(3_000), now, Duration::from_nanos(nanos));
        assert_eq!(left(999_000), Raw::from_nanos(4_000));
        assert_eq!(left(997_000), Raw::from_nanos(3_000), "before it was sent");
        assert_eq!(left(1_000_001), Raw::from_nanos(3_000), "it comes from the future");
    }
}
