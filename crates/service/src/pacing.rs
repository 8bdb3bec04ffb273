//! How long after its last start a service may start again.
//!
//! daemontools' rule is one start a second, for ever. That floor stays; but a service that keeps
//! dying quickly is given more and more room, with some jitter so that services that die together
//! do not come back together. One good run brings it back to the floor.

use std::time::Duration;

use crate::words::End;

/// The floor: no service is started more often than this (daemontools, `supervise.c: trystart`).
pub const START_SPACING: Duration = Duration::from_secs(1);
/// So many quick deaths are taken at the floor before the pauses grow: a dependency that is a few
/// seconds late must not cost a minute.
pub const FREE_DEATHS: u32 = 5;
/// The longest pause: long enough to cost nothing, short enough to wait for at a console.
pub const SPACING_MAX: Duration = Duration::from_mins(1);
/// A run of this length was a good one, whatever ended it.
pub const STABLE_RUN: Duration = Duration::from_secs(10);
/// A pause that grew is lengthened by up to one part in this many, at random.
const JITTER_PARTS: u32 = 4;

/// The limits of a service's pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest pause, its jitter aside (`backoff-max`).
    pub spacing_max: Duration,
    /// A run of this length was a good one (`stable-after`).
    pub stable_run: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { spacing_max: SPACING_MAX, stable_run: STABLE_RUN }
    }
}

/// What is remembered of the deaths so far.
#[derive(Debug, Clone)]
pub struct Pacing {
    pace: Pace,
    quick_deaths: u32,
    random: u64,
}

impl Pacing {
    /// `seed` makes the jitter: any number, a different one for each service.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::after(0, seed)
    }

    /// So many quick deaths have come one after another already.
    #[must_use]
    pub fn after(quick_deaths: u32, seed: u64) -> Self {
        Self { pace: Pace::default(), quick_deaths, random: seed | 1 }
    }

    /// Sets its limits.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// How many quick deaths came one after another.
    #[must_use]
    pub fn quick_deaths(&self) -> u32 {
        self.quick_deaths
    }

    /// Whether the pauses have grown.
    #[must_use]
    pub fn is_backing_off(&self) -> bool {
        self.quick_deaths > FREE_DEATHS
    }

    /// Notes that a run of length `ran` has ended, and gives the least time between its start and
    /// the next.
    pub fn ended(&mut self, ran: Duration, how: End) -> Duration {
        if self.is_good(ran, how) {
            self.quick_deaths = 0;
        } else if how != End::Unknown {
            // What nobody saw is neither a success nor a proven death: the count stays.
            self.quick_deaths = self.quick_deaths.saturating_add(1);
        }
        self.pause()
    }

    /// The least time between the last start and the next, as the count stands.
    pub fn pause(&mut self) -> Duration {
        let doublings = self.quick_deaths.saturating_sub(FREE_DEATHS);
        if doublings == 0 {
            return START_SPACING;
        }
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let spacing =
            START_SPACING.saturating_mul(factor).min(self.pace.spacing_max).max(START_SPACING);
        spacing + self.jitter(spacing / JITTER_PARTS)
    }

    /// No pause is longer, its jitter included.
    #[must_use]
    pub fn longest_pause(&self) -> Duration {
        self.pace.spacing_max.max(START_SPACING).saturating_mul(2)
    }

    /// Notes that a run was ended by the operator, who has taken the matter in hand: a fresh count,
    /// and the floor.
    pub fn forgive(&mut self) -> Duration {
        self.quick_deaths = 0;
        START_SPACING
    }

    /// A service that does its job and ends (a `run` used as a timer) is as good as one that lives
    /// long.
    fn is_good(&self, ran: Duration, how: End) -> bool {
        ran >= self.pace.stable_run || (how == End::Exited(0) && ran >= START_SPACING)
    }

    /// A random part of `most`.
    fn jitter(&mut self, most: Duration) -> Duration {
        // Marsaglia's xorshift: the jitter must only differ, nobody gains by guessing it.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let [part, ..] = self.random.to_le_bytes();
        most.saturating_mul(u32::from(part)) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::from_millis(3);
    const CRASH: End = End::Exited(1);

    fn after_deaths(deaths: u32) -> (Pacing, Duration) {
        let mut pacing = Pacing::new(7);
        let mut spacing = START_SPACING;
        for _ in 0..deaths {
            spacing = pacing.ended(AT_ONCE, CRASH);
        }
        (pacing, spacing)
    }

    #[test]
    fn the_first_deaths_cost_a_second_each() {
        for deaths in 0..=FREE_DEATHS {
            assert_eq!(after_deaths(deaths).1, START_SPACING);
        }
    }

    #[test]
    fn then_the_pauses_double_up_to_the_longest_with_a_quarter_of_jitter() {
        for (deaths, secs) in [(6, 2), (7, 4), (8, 8), (9, 16), (10, 32), (11, 60), (12, 60)] {
            let (least, spacing) = (Duration::from_secs(secs), after_deaths(deaths).1);
            assert!(spacing >= least && spacing <= least * 5 / 4, "{deaths}: {spacing:?}");
        }
        assert!(after_deaths(1000).1 <= SPACING_MAX * 5 / 4);
    }

    #[test]
    fn one_good_run_brings_the_floor_back() {
        let (mut pacing, _) = after_deaths(20);
        assert!(pacing.is_backing_off());
        assert_eq!(pacing.ended(STABLE_RUN, End::Signalled(9)), START_SPACING);
        assert!(!pacing.is_backing_off());
    }

    #[test]
    fn a_run_that_did_its_job_is_a_good_one_and_a_quick_success_is_not() {
        let (mut pacing, _) = after_deaths(20);
        assert!(pacing.ended(AT_ONCE, End::Exited(0)) > START_SPACING);
        assert!(pacing.ended(START_SPACING, CRASH) > START_SPACING);
        assert_eq!(pacing.ended(START_SPACING, End::Exited(0)), START_SPACING);
    }

    #[test]
    fn an_end_that_nobody_saw_counts_for_nothing_unless_the_run_was_stable() {
        let (mut pacing, before) = after_deaths(7);
        assert!(pacing.ended(START_SPACING, End::Unknown) >= before * 4 / 5);
        assert_eq!(pacing.quick_deaths(), 7);
        assert_eq!(pacing.ended(STABLE_RUN, End::Unknown), START_SPACING);
        assert_eq!(Pacing::new(7).ended(AT_ONCE, End::Unknown), START_SPACING);
    }

    #[test]
    fn a_count_that_is_taken_over_goes_on() {
        let mut pacing = Pacing::after(FREE_DEATHS, 7);
        assert_eq!(pacing.pause(), START_SPACING);
        assert!(pacing.ended(AT_ONCE, CRASH) >= START_SPACING * 2);
    }

    #[test]
    fn services_that_die_together_do_not_come_back_together() {
        let pauses: std::collections::HashSet<_> = (0..50u64)
            .map(|seed| {
                let mut pacing = Pacing::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                (0..9).map(|_| pacing.ended(AT_ONCE, CRASH)).last()
            })
            .collect();
        assert!(pauses.len() > 25, "{pauses:?}");
    }
}
