//! What to do about an offset: nothing, slew, step, or refuse. Never: end.
//!
//! An offset above the step threshold is stepped away, a smaller one slewed. One above the panic
//! limit is refused: more likely the servers are wrong than we. ntpd and others exit at that point,
//! and under a supervisor that means a restart, which takes the limit for the first offset away
//! again. We stay, and refuse for as long as it takes.
//!
//! Two things lift the limit. The operator may allow the *first* offset to be of any size (`-g`);
//! that is used up by the first offset that is acted upon, large or small (CVE-2015-5300). And it
//! does not hold against those who moved *our* clock: where the servers' time goes on as it was
//! accepted before, seen from the oscillator, the clock is brought back however far it was moved.

use crate::bank::{Estimate, Frequency};
use crate::time::{Now, Raw, Span};

/// Above this many seconds an offset is stepped (ntpd's `tinker step`).
pub const STEP_THRESHOLD: f64 = 0.128;

/// Above this many seconds an offset is refused (ntpd's `tinker panic`).
pub const PANIC_LIMIT: f64 = 1000.0;

/// The most that is slewed at once, in seconds. The kernel takes a quarter of it in the first
/// second ([`Decision::Slew`]), so that no clock is ever more than 5 % fast or slow.
pub const SLEW_MAX: f64 = 0.2;

/// With [`SLEW_MAX`] still to go, the rest is looked at again this soon.
pub const SLEW_AGAIN: Span = Span::from_secs(1);

/// A slew takes at least this share of the interval between two samples: faster buys nothing, as
/// nobody knows more before the next one.
const SLEW_SHARE: f64 = 0.1;

/// The smaller an offset is against its own uncertainty, the slower it is slewed.
const SLEW_CAUTION: f64 = 1.5;

/// Once the clock is right, a small offset is brought in with no more than this, as a ratio: about
/// what an oscillator itself may be off. Programs that measure with this clock see its speed, and
/// in haste little is won.
const GENTLE_RATE: f64 = 5e-5;

/// What is a small offset, seconds; one that is larger is brought in quickly.
const GENTLE_MAX: f64 = 2e-2;

/// Within this many seconds the clock is right.
const SETTLED_MAX: f64 = 1e-3;

/// The time in which the kernel's loop takes away all but a part of 1/e at time constant 0 (kernel,
/// `SHIFT_PLL`); each time constant doubles it.
const SLEW_TIME_MIN: f64 = 4.0;

/// The largest time constant (kernel, `MAXTC`).
const TIME_CONSTANT_MAX: f64 = 10.0;

/// An offset is stepped only where it is this many standard deviations away from none at all.
const STEP_SDS: f64 = 3.0;

/// What the operator allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Seconds above which to step; `None`: slew whatever it takes (`-x`).
    pub step: Option<f64>,
    /// Seconds above which to refuse; `None`: never (`tinker panic 0`).
    pub panic: Option<f64>,
    /// The first offset may be of any size (`-g`).
    pub any_first: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { step: Some(STEP_THRESHOLD), panic: Some(PANIC_LIMIT), any_first: false }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The offset may be noise: more samples are needed before anything is done.
    Wait,
    /// The offset is beyond the limit.
    Refuse(Span),
    /// Set the clock by this much, at once.
    Step(Span),
    /// Bring the clock by this much over a while: each second the kernel takes the part
    /// 1/2^(2 + `time_constant`) of what is left. It ends by itself, also if we are killed.
    Slew {
        /// How far.
        by: Span,
        /// The kernel's `constant`, 0 to 10.
        time_constant: u8,
        /// Whether more is left than may be slewed at once.
        more: bool,
    },
}

/// What was accepted before, and what is still allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Discipline {
    policy: Policy,
    accepted: Option<Accepted>,
    /// The operator is here and allows the next decision whatever it takes.
    permitted: bool,
    /// The clock was right, and was not far off since.
    settled: bool,
}

/// The time as it was last acted upon.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Accepted {
    at: Raw,
    theta: Span,
    frequency: Frequency,
}

impl Discipline {
    /// Nothing has been accepted yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, accepted: None, permitted: false, settled: false }
    }

    /// Whether an offset has been acted upon: whether the first one is over.
    #[must_use]
    pub fn has_accepted(&self) -> bool {
        self.accepted.is_some()
    }

    /// An operator allows one decision, or takes that back: any offset may be stepped away in it.
    pub fn permit(&mut self, permitted: bool) {
        self.permitted = permitted;
    }

    /// Decides about the time that the servers agree on. `interval` is how long it will be until
    /// more is known.
    pub fn decide(&mut self, now: Now, agreed: &Estimate, interval: Span) -> Decision {
        let offset = agreed.theta - now.theta();
        if self.is_refused(now, agreed, offset) {
            return Decision::Refuse(offset);
        }
        let size = offset.abs().seconds();
        let step = self.must_step(size) || self.permitted && size > STEP_THRESHOLD;
        if step && size < STEP_SDS * agreed.sd {
            return Decision::Wait;
        }
        self.accepted =
            Some(Accepted { at: now.raw, theta: agreed.theta, frequency: agreed.frequency });
        if step {
            self.settled = false;
            return Decision::Step(offset);
        }
        self.settled = size < if self.settled { GENTLE_MAX } else { SETTLED_MAX };
        let least = if self.settled { size / GENTLE_RATE } else { 0.0 };
        slew(offset, agreed.sd, interval, least)
    }

    /// The time of day goes on differently than the oscillator counts.
    pub fn leap_second(&mut self, by: Span) {
        if let Some(accepted) = &mut self.accepted {
            accepted.theta = accepted.theta + by;
        }
    }

    fn is_refused(&self, now: Now, agreed: &Estimate, offset: Span) -> bool {
        let Some(limit) = self.policy.panic.filter(|_| !self.permitted) else { return false };
        let beyond = |span: Span| span.abs().seconds() > limit;
        match &self.accepted {
            None => beyond(offset) && !self.policy.any_first,
            Some(accepted) => beyond(offset) && beyond(accepted.surprise(now.raw, agreed)),
        }
    }

    /// Slewing only is for the running clock: what is allowed for the first offset beyond the limit
    /// is a step also then, for slewing it would take days.
    fn must_step(&self, size: f64) -> bool {
        match (self.policy.step, self.policy.panic) {
            (Some(threshold), _) => size > threshold,
            (None, Some(limit)) => size > limit,
            (None, None) => false,
        }
    }
}

impl Accepted {
    /// How far the servers are from where they were and should have gone.
    fn surprise(&self, at: Raw, agreed: &Estimate) -> Span {
        let gone = self.frequency.ratio * (at - self.at).seconds();
        agreed.theta - self.theta - Span::from_seconds(gone)
    }
}

/// Takes no less than `least` seconds.
fn slew(offset: Span, sd: f64, interval: Span, least: f64) -> Decision {
    let size = offset.abs().seconds();
    let by = Span::from_seconds(offset.seconds().clamp(-SLEW_MAX, SLEW_MAX));
    if size > SLEW_MAX {
        return Decision::Slew { by, time_constant: 0, more: true };
    }
    let caution = if size > 0.0 { SLEW_CAUTION * sd / size } else { f64::INFINITY };
    let time = (interval.seconds() * caution.max(SLEW_SHARE)).max(least);
    let exponent = (time / SLEW_TIME_MIN).log2().round().clamp(0.0, TIME_CONSTANT_MAX);
    Decision::Slew { by, time_constant: whole(exponent), more: false }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was clamped to 0 and 10"
)]
fn whole(exponent: f64) -> u8 {
    exponent as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Wall;

    const MINUTE: Span = Span::from_secs(64);

    fn now(seconds: f64, wall: f64) -> Now {
        let wall = Wall::from_nanos(1_795_305_600_000_000_000) + Span::from_seconds(wall);
        Now { raw: Raw::default() + Span::from_seconds(seconds), wall }
    }

    /// Servers say that the true time is `truth`, as [`now`] counts it.
    fn agreed(at: f64, truth: f64, sd: f64) -> Estimate {
        let frequency = Frequency { ratio: 0.0, sd: 1e-7 };
        Estimate { theta: now(at, truth).theta(), sd, frequency }
    }

    fn with(policy: Policy) -> Discipline {
        Discipline::new(policy)
    }

    fn policy() -> Policy {
        Policy::default()
    }

    fn generous() -> Policy {
        Policy { any_first: true, ..policy() }
    }

    /// Decides at `at`, the clock being `offset` seconds behind the servers.
    fn decide(discipline: &mut Discipline, at: f64, offset: f64) -> Decision {
        discipline.decide(now(at, at), &agreed(at, at + offset, 1e-5), MINUTE)
    }

    fn step(seconds: f64) -> Decision {
        Decision::Step(Span::from_seconds(seconds))
    }

    #[test]
    fn a_small_offset_is_slewed() {
        let decision = decide(&mut with(policy()), 0.0, 0.05);
        let by = Span::from_seconds(0.05);
        assert_eq!(decision, Decision::Slew { by, time_constant: 1, more: false });
    }

    #[test]
    fn above_the_threshold_it_is_stepped() {
        assert!(matches!(decide(&mut with(policy()), 0.0, 0.128), Decision::Slew { .. }));
        assert_eq!(decide(&mut with(policy()), 0.0, 0.13), step(0.13));
        assert_eq!(decide(&mut with(policy()), 0.0, -999.0), step(-999.0));
    }

    #[test]
    fn above_the_panic_limit_it_is_refused_for_as_long_as_it_takes() {
        let mut discipline = with(policy());
        for index in 0..1000 {
            let at = f64::from(index) * 64.0;
            assert_eq!(
                decide(&mut discipline, at, 7200.0),
                Decision::Refuse(Span::from_secs(7200))
            );
        }
        assert!(!discipline.has_accepted());
        assert_eq!(decide(&mut discipline, 64_000.0, 500.0), step(500.0));
    }

    #[test]
    fn with_g_the_first_offset_may_be_of_any_size() {
        assert_eq!(decide(&mut with(generous()), 0.0, 1e8), step(1e8));
        assert_eq!(decide(&mut with(generous()), 0.0, -4000.0), step(-4000.0));
    }

    /// CVE-2015-5300.
    #[test]
    fn g_is_used_up_by_the_first_step() {
        let mut discipline = with(generous());
        assert_eq!(decide(&mut discipline, 0.0, 4000.0), step(4000.0));
        let lied = discipline.decide(now(64.0, 4064.0), &agreed(64.0, 9000.0, 1e-5), MINUTE);
        assert_eq!(lied, Decision::Refuse(Span::from_secs(4936)));
    }

    /// CVE-2015-5300.
    #[test]
    fn g_is_used_up_by_the_first_slew_as_well() {
        let mut discipline = with(generous());
        assert!(matches!(decide(&mut discipline, 0.0, 0.001), Decision::Slew { .. }));
        assert_eq!(decide(&mut discipline, 64.0, 4000.0), Decision::Refuse(Span::from_secs(4000)));
    }

    #[test]
    fn a_clock_that_somebody_moved_is_brought_back_however_far_it_is() {
        let mut discipline = with(policy());
        assert!(matches!(decide(&mut discipline, 0.0, 0.001), Decision::Slew { .. }));
        let moved = discipline.decide(now(64.0, 2064.0), &agreed(64.0, 64.0, 1e-5), MINUTE);
        assert_eq!(moved, step(-2000.0));
    }

    /// After a suspend the oscillator has stood still and the servers seem to have run ahead; but
    /// the system clock was set from the hardware clock.
    #[test]
    fn a_suspend_is_no_reason_to_refuse() {
        let mut discipline = with(policy());
        assert!(matches!(decide(&mut discipline, 0.0, 0.001), Decision::Slew { .. }));
        let resumed = discipline.decide(now(64.0, 30_064.0), &agreed(64.0, 30_064.7, 1e-5), MINUTE);
        assert_eq!(resumed, step(0.7));
    }

    #[test]
    fn what_may_be_noise_is_not_stepped() {
        let mut discipline = with(policy());
        let vague = discipline.decide(now(0.0, 0.0), &agreed(0.0, 0.2, 0.1), MINUTE);
        assert_eq!(vague, Decision::Wait);
        assert!(!discipline.has_accepted());
    }

    #[test]
    fn slewing_only_never_steps_and_never_hurries() {
        let mut discipline = with(Policy { step: None, ..policy() });
        let decision = decide(&mut discipline, 0.0, 900.0);
        let by = Span::from_seconds(SLEW_MAX);
        assert!(
            matches!(decision, Decision::Slew { by: b, more: true, .. } if b == by),
            "{decision:?}"
        );
        assert_eq!(decide(&mut discipline, 1.0, -1100.0), Decision::Refuse(Span::from_secs(-1100)));
    }

    #[test]
    fn slewing_only_steps_what_is_allowed_for_the_first_offset() {
        let mut discipline = with(Policy { step: None, ..generous() });
        assert_eq!(decide(&mut discipline, 0.0, 1e8), step(1e8));
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let mut discipline = with(Policy { panic: None, ..policy() });
        assert_eq!(decide(&mut discipline, 0.0, 1e8), step(1e8));
        assert_eq!(decide(&mut discipline, 64.0, -1e8), step(-1e8));
    }

    #[test]
    fn a_doubtful_offset_is_slewed_slowly() {
        let time_constant = |offset: f64, sd: f64| {
            let agreed = agreed(0.0, offset, sd);
            match with(policy()).decide(now(0.0, 0.0), &agreed, MINUTE) {
                Decision::Slew { time_constant, .. } => time_constant,
                other @ (Decision::Wait | Decision::Refuse(_) | Decision::Step(_)) => {
                    panic!("{other:?}")
                }
            }
        };
        assert_eq!(time_constant(0.01, 1e-5), 1);
        assert_eq!(time_constant(1e-5, 1e-5), 5);
        assert_eq!(time_constant(1e-6, 1e-5), 8);
        assert_eq!(time_constant(0.0, 1e-5), 10);
    }

    fn time_constant(discipline: &mut Discipline, at: f64, offset: f64) -> u8 {
        match decide(discipline, at, offset) {
            Decision::Slew { time_constant, .. } => time_constant,
            other @ (Decision::Wait | Decision::Refuse(_) | Decision::Step(_)) => {
                panic!("{other:?}")
            }
        }
    }

    #[test]
    fn a_clock_that_was_right_is_brought_back_gently_and_one_that_is_far_off_at_once() {
        let mut discipline = with(policy());
        assert_eq!(time_constant(&mut discipline, 0.0, 5e-3), 1, "it was never right");
        assert_eq!(time_constant(&mut discipline, 64.0, 5e-4), 1);
        assert_eq!(time_constant(&mut discipline, 128.0, 5e-3), 5, "100 s");
        assert_eq!(time_constant(&mut discipline, 192.0, 3e-2), 1, "far off");
        assert_eq!(time_constant(&mut discipline, 256.0, 5e-3), 1, "not right yet");
        assert_eq!(time_constant(&mut discipline, 320.0, 5e-4), 1);
        assert_eq!(time_constant(&mut discipline, 384.0, 1e-3), 2, "20 s");
        assert_eq!(decide(&mut discipline, 448.0, 0.5), step(0.5));
        assert_eq!(time_constant(&mut discipline, 512.0, 5e-3), 1, "it was stepped");
    }

    proptest! {
        #[test]
        fn no_slew_makes_the_clock_run_wild(offset in -1e3_f64..1e3, sd in 0.0_f64..1.0) {
            let mut discipline = with(Policy { step: None, panic: None, any_first: false });
            let decision = discipline.decide(now(0.0, 0.0), &agreed(0.0, offset, sd), MINUTE);
            if let Decision::Slew { by, time_constant, .. } = decision {
                let first_second = by.abs().seconds() / f64::from(1 << (2 + time_constant));
                prop_assert!(first_second <= 0.05);
            } else {
                prop_assert!(matches!(decision, Decision::Wait), "{:?}", decision);
            }
        }
    }
}
