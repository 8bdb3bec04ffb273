//! The clocks a supervisor lives by. Neither is the wall clock, which the time service next door
//! may step by years. Wall time is another type, `tai::Stamp`.

use std::ops::Add;
use std::time::Duration;

/// An instant for pacing and grace times: time since boot without suspends, so that a suspend is
/// neither a grace time gone nor a stable run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub Duration);

/// An instant for uptime: time since boot with suspends, as a person counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boottime(pub Duration);

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// For pacing and grace times.
    pub monotonic: Monotonic,
    /// For uptime.
    pub boottime: Boottime,
}

impl Monotonic {
    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    /// Saturates at the end of time: a grace of centuries is a grace without end.
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after))
    }
}

impl Boottime {
    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
