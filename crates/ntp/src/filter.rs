//! One server's samples, and what they say of its clock.
//!
//! A sample is as good as its exchange was quick. What delays a packet is queues, and they only
//! add: the least delay seen lately is the path, what is above it is queueing, and if that is
//! exponential each way, the sample's error is spread evenly over plus and minus half of the
//! excess. So each sample is judged by its own excess, none is thrown away, and [`crate::bank`]
//! does the rest. If it is not exponential, the error's deviation is still that of the delays, as
//! long as the two ways have nothing to do with each other; the bank considers that as well. Where
//! queues are mostly on one way, `slope` finds out and the sample is set right.
//!
//! Samples live on the oscillator's scale. A step of our clock, by whomever, is not seen here. What
//! is seen is the server's time breaking away, or our oscillator having stood still in a suspend:
//! a sample that is off by more than its own delay can explain. One is set aside, a second that
//! agrees with it starts the history anew; only the frequency is kept.

use std::collections::VecDeque;

use crate::answer::Sample;
use crate::bank::{Bank, Estimate, Frequency, Noise};
use crate::slope::Slope;
use crate::time::{Raw, Span};

/// How many delays are remembered for the least of them: the more, the nearer it is to the path's.
const DELAYS: usize = 256;

/// So many of the last delays are looked at for a path that became longer: the old one is forgotten
/// where all of these are well above it.
const RECENT: u8 = 16;

/// Well above: so many times their own jitter. Independent exponential queues
/// hardly ever do that by chance.
const LONGER_JITTERS: f64 = 2.0;

/// A slope is not looked for in the first samples, while the frequency is being found.
const SLOPE_AFTER: u32 = 8;

/// What share of the first delay its jitter is guessed to be, until it is known.
const JITTER_GUESS: f64 = 0.125;

/// How many samples that guess weighs.
const JITTER_GUESS_WEIGHT: f64 = 2.0;

/// No exchange is timed better than this, in seconds: reading the clocks takes time as well.
const ERROR_MIN: f64 = 5e-7;

/// What reading the clocks adds to a sample's error, as a standard deviation, seconds.
const READING_SD: f64 = 3e-7;

/// How far the least of `n` delays is above the least possible, as a share of the jitter over the
/// square root of `n`: two exponential queues are seldom both empty.
const LEAST_ABOVE: f64 = 0.8;

/// And while `n` is small, this much more, over `n`: there is no telling yet.
const LEAST_ABOVE_AT_FIRST: f64 = 3.0;

/// What is not known of that, as a standard deviation, in units of it.
const LEAST_ABOVE_SD: f64 = 0.3;

/// How many samples a guess of how far delays scatter weighs.
const SCATTER_GUESS_WEIGHT: f64 = 2.0;

/// Where queues are mostly on one way errors lie closer together: so much of the slope is taken off
/// the width (chosen in simulation, of two exponential queues, one ten times as long).
const SLOPE_NARROWS: f64 = 0.7;

/// How many standard deviations off a prediction may be before the server is said to have broken.
const BREAK_SDS: f64 = 5.0;

/// How far a frequency is trusted after the server's time has broken away, as a ratio: perhaps it
/// was our frequency that did.
const FREQUENCY_SD_AFTER_BREAK: f64 = 5e-6;

/// The largest frequency error there is to reckon with, as a ratio: the kernel corrects no more.
const FREQUENCY_MAX: f64 = 5e-4;

/// Nobody is asked oftener for the sake of less than this, in seconds: quick networks would be
/// asked for microseconds without end.
const ERROR_THAT_MATTERS: f64 = 2e-5;

/// A server is asked oftener where a prediction over the interval is this much worse than a sample.
const OFTENER_SHARE: f64 = 1.2;

/// And more rarely where a prediction over twice the interval is still so much better than one. (In
/// simulation the error grows with this and requests become fewer; at this value a server gets
/// about as many as from chrony.)
const RARER_SHARE: f64 = 0.5;

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was weighed in.
    In,
    /// It does not fit what was known; it was set aside.
    Aside,
    /// It confirmed one that was set aside: the history begins anew.
    Anew,
}

/// Whether to ask a server more or less often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Twice as often: between two samples more is lost than one can tell.
    Oftener,
    /// As now.
    Stay,
    /// Half as often: even then a prediction is much better than a sample.
    Rarer,
}

/// What is known of one server's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    prior: Frequency,
    bank: Option<Bank>,
    /// Half of each delay of late, seconds.
    halves: VecDeque<f64>,
    slope: Slope,
    aside: Option<Sample>,
    count: u32,
    at: Raw,
}

impl Filter {
    /// Knows nothing but what is to be expected of the frequency.
    #[must_use]
    pub fn new(prior: Frequency) -> Self {
        Self {
            prior,
            bank: None,
            halves: VecDeque::with_capacity(DELAYS),
            slope: Slope::default(),
            aside: None,
            count: 0,
            at: Raw::default(),
        }
    }

    /// How many samples the estimate rests on.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The usual error of a sample, in seconds: what is said of a server as its jitter.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        let least = self.least();
        let guess = self.halves.front().map_or(0.0, |first| first * 2.0 * JITTER_GUESS);
        let excess: f64 = self.halves.iter().map(|half| half - least).sum();
        let count = f64::from(u32::try_from(self.halves.len()).unwrap_or(u32::MAX));
        (excess + guess * JITTER_GUESS_WEIGHT) / (count + JITTER_GUESS_WEIGHT)
    }

    /// The least delay seen lately, seconds.
    #[must_use]
    pub fn delay(&self) -> f64 {
        2.0 * self.least()
    }

    /// What is believed of the server's clock at `at`, once there is a sample.
    #[must_use]
    pub fn estimate(&self, at: Raw) -> Option<Estimate> {
        self.bank.as_ref().map(|bank| bank.predict(at))
    }

    /// Takes a sample.
    pub fn take(&mut self, sample: &Sample) -> Taken {
        if self.halves.len() == DELAYS {
            self.halves.pop_front();
        }
        self.halves.push_back(sample.delay.half().seconds());
        self.forget_old_path();
        let sample = &self.straightened(sample);
        let noise = self.noise(sample);
        let taken = match &mut self.bank {
            None => Taken::Anew,
            Some(bank) if fits(bank, sample) => {
                bank.update(sample.at, sample.theta, noise);
                Taken::In
            }
            Some(_) => match self.aside {
                Some(other) if agree(&other, sample) => Taken::Anew,
                Some(_) | None => Taken::Aside,
            },
        };
        match taken {
            Taken::In => self.count = self.count.saturating_add(1),
            Taken::Aside => {}
            Taken::Anew => self.begin(sample),
        }
        self.aside = (taken == Taken::Aside).then_some(*sample);
        self.at = sample.at;
        taken
    }

    /// Whether asking every `interval` is right.
    #[must_use]
    pub fn advice(&self, interval: Span) -> Advice {
        let Some(bank) = &self.bank else { return Advice::Stay };
        let sample = self.jitter().max(ERROR_THAT_MATTERS);
        if bank.predict(self.at + interval).sd > OFTENER_SHARE * sample {
            Advice::Oftener
        } else if bank.predict(self.at + interval + interval).sd < RARER_SHARE * sample {
            Advice::Rarer
        } else {
            Advice::Stay
        }
    }

    /// Of a first sample no more is known than that it is off by no more than half its delay.
    fn begin(&mut self, sample: &Sample) {
        let prior = match self.estimate(sample.at) {
            None => self.prior,
            Some(known) => Frequency {
                ratio: known.frequency.ratio.clamp(-FREQUENCY_MAX, FREQUENCY_MAX),
                sd: known.frequency.sd.clamp(FREQUENCY_SD_AFTER_BREAK, FREQUENCY_MAX),
            },
        };
        let error = ERROR_MIN.max(sample.delay.half().seconds());
        self.bank = Some(Bank::new(sample.at, sample.theta, error * error / 3.0, prior));
        self.count = 1;
    }

    /// What a sample may be off by: no more than half its delay, whatever the least of the path.
    fn noise(&self, sample: &Sample) -> Noise {
        let count = f64::from(u32::try_from(self.halves.len()).unwrap_or(u32::MAX).max(1));
        let share = LEAST_ABOVE / count.sqrt() + LEAST_ABOVE_AT_FIRST / count;
        let least_above = share * self.jitter();
        let half = sample.delay.half().seconds();
        let error = half.min(half - self.least() + least_above);
        let narrower = 1.0 - SLOPE_NARROWS * self.slope.believed().abs();
        let sd = READING_SD.hypot(LEAST_ABOVE_SD * least_above);
        Noise { half_width: error * narrower, sd, bell: READING_SD.hypot(self.scatter(count)) }
    }

    /// How far the delays scatter, half of each, as a standard deviation in seconds. Where the two
    /// ways are independent a sample's error scatters as far: one is half of the sum of two queues,
    /// the other of their difference.
    fn scatter(&self, count: f64) -> f64 {
        let mean = self.halves.iter().sum::<f64>() / count;
        let squares: f64 = self.halves.iter().map(|half| (half - mean) * (half - mean)).sum();
        let guess = self.jitter() * self.jitter() * SCATTER_GUESS_WEIGHT;
        ((squares + guess) / (count + SCATTER_GUESS_WEIGHT)).sqrt()
    }

    fn forget_old_path(&mut self) {
        let old = self.halves.len().saturating_sub(RECENT.into());
        let recent = || self.halves.iter().skip(old).copied();
        let least = recent().fold(f64::INFINITY, f64::min);
        let jitter = recent().map(|half| half - least).sum::<f64>() / f64::from(RECENT);
        if old > 0 && least - self.least() > LONGER_JITTERS * jitter + ERROR_MIN {
            self.halves.drain(..old);
        }
    }

    /// The sample as it would be if queues were equally long both ways.
    fn straightened(&mut self, sample: &Sample) -> Sample {
        let excess = sample.delay.half().seconds() - self.least();
        let by = Span::from_seconds(self.slope.believed() * excess);
        let jitter = self.jitter().max(ERROR_MIN);
        if let Some(bank) = self.bank.as_ref().filter(|bank| fits(bank, sample))
            && self.count >= SLOPE_AFTER
        {
            let expected = bank.predict(sample.at);
            let off = (sample.theta - expected.theta).seconds();
            self.slope.learn(off, excess, expected.sd, jitter);
        }
        Sample { theta: sample.theta - by, ..*sample }
    }

    fn least(&self) -> f64 {
        let least = self.halves.iter().copied().fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 0.0 }
    }
}

/// Whether a sample's delay, or what is not known, can explain where it lies.
fn fits(bank: &Bank, sample: &Sample) -> bool {
    let expected = bank.predict(sample.at);
    let off = (sample.theta - expected.theta).abs().seconds();
    off <= sample.delay.half().seconds() + BREAK_SDS * expected.sd + ERROR_MIN
}

/// Whether two samples can be of the same clock.
fn agree(one: &Sample, other: &Sample) -> bool {
    let between = (other.at - one.at).abs().seconds() * FREQUENCY_MAX;
    let delays = one.delay.half().seconds() + other.delay.half().seconds();
    (other.theta - one.theta).abs().seconds() <= delays + between + ERROR_MIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Origin;
    use crate::packet::Leap;

    const ORIGIN: Origin = Origin {
        stratum: 2,
        leap: Leap::None,
        reference_id: [0; 4],
        root_delay: 0.0,
        root_dispersion: 0.0,
    };
    const PRIOR: Frequency = Frequency { ratio: 0.0, sd: 1e-4 };

    fn sample(at: f64, theta: f64, delay: f64) -> Sample {
        Sample {
            at: Raw::default() + Span::from_seconds(at),
            theta: Span::from_seconds(theta),
            delay: Span::from_seconds(delay),
            origin: ORIGIN,
        }
    }

    fn fed(count: u32) -> Filter {
        let mut filter = Filter::new(PRIOR);
        for index in 0..count {
            let delay = 0.001 + 1e-5 * f64::from(index * 7 % 4);
            filter.take(&sample(16.0 * f64::from(index), 100.0, delay));
        }
        filter
    }

    fn theta(filter: &Filter, at: f64) -> f64 {
        let at = Raw::default() + Span::from_seconds(at);
        filter.estimate(at).unwrap().theta.seconds()
    }

    #[test]
    fn nothing_is_known_before_the_first_sample() {
        let filter = Filter::new(PRIOR);
        assert_eq!(filter.estimate(Raw::default()), None);
        assert_eq!(filter.count(), 0);
        assert!(filter.jitter().abs() < 1e-12);
    }

    /// The first exchange of all waits for caches and ARP; what it measures is half its delay off.
    #[test]
    fn a_slow_first_exchange_is_no_obstacle() {
        let mut filter = Filter::new(PRIOR);
        assert_eq!(filter.take(&sample(0.0, 100.007, 0.0144)), Taken::Anew);
        assert_eq!(filter.take(&sample(2.0, 100.0, 0.0003)), Taken::In);
        assert_eq!(filter.take(&sample(4.0, 100.0, 0.0003)), Taken::In);
        assert!((theta(&filter, 4.0) - 100.0).abs() < 0.001);
    }

    #[test]
    fn a_slow_exchange_hardly_counts() {
        let mut filter = fed(20);
        let before = theta(&filter, 320.0);
        assert_eq!(filter.take(&sample(320.0, 100.004, 0.010)), Taken::In);
        assert!((theta(&filter, 320.0) - before).abs() < 2e-5);
    }

    #[test]
    fn the_delay_is_the_least_and_jitter_is_what_is_above_it() {
        let filter = fed(64);
        assert!((filter.delay() - 0.001).abs() < 1e-8, "{}", filter.delay());
        assert!((5e-6..2e-5).contains(&filter.jitter()), "{}", filter.jitter());
    }

    #[test]
    fn a_path_that_becomes_longer_is_believed_after_sixteen_exchanges() {
        let mut filter = fed(64);
        for index in 0..16_u32 {
            assert!(filter.delay() < 0.0011, "{index}");
            let delay = 0.02 + 1e-5 * f64::from(index % 4);
            filter.take(&sample(1024.0 + 16.0 * f64::from(index), 100.0, delay));
        }
        assert!((filter.delay() - 0.02).abs() < 1e-8, "{}", filter.delay());
        assert!(filter.jitter() < 1e-3, "{}", filter.jitter());
    }

    #[test]
    fn queues_on_one_way_do_not_pull_the_estimate() {
        let mut filter = Filter::new(PRIOR);
        for index in 0..100_u32 {
            let queue = 1e-3 * f64::from(index * 7 % 10) / 5.0;
            let at = 16.0 * f64::from(index);
            filter.take(&sample(at, 100.0 + queue / 2.0, 0.001 + queue));
        }
        assert!((theta(&filter, 1600.0) - 100.0).abs() < 2e-5, "{}", theta(&filter, 1600.0));
    }

    /// After 100 samples whose errors are `share` of their queues, the half width of one more.
    fn width_after(share: f64) -> (f64, f64) {
        let mut filter = Filter::new(PRIOR);
        for index in 0..100_u32 {
            let queue = 1e-3 * f64::from(index * 7 % 10) / 5.0;
            let at = 16.0 * f64::from(index);
            filter.take(&sample(at, 100.0 + share * queue / 2.0, 0.001 + queue));
        }
        let noise = filter.noise(&sample(1600.0, 100.0, 0.003));
        (noise.half_width, filter.slope.believed())
    }

    #[test]
    fn where_queues_are_on_one_way_errors_lie_closer_together_whichever_way_it_is() {
        let (equal, none) = width_after(0.0);
        assert!(none.abs() < 1e-9 && equal > 0.9e-3, "{equal} {none}");
        for share in [-1.0, 1.0] {
            let (narrow, slope) = width_after(share);
            assert!(slope * share > 0.7, "{slope}");
            let left = narrow / equal;
            assert!((left - (1.0 - 0.7 * slope.abs())).abs() < 0.01, "{left} {slope}");
        }
    }

    /// Delays of 1 to 1.9 ms, all alike often: half of each has a deviation of 0.1436 ms.
    #[test]
    fn a_bell_curve_is_as_wide_as_delays_differ() {
        let mut filter = Filter::new(PRIOR);
        for index in 0..250_u32 {
            let delay = 1e-3 + 1e-4 * f64::from(index * 7 % 10);
            filter.take(&sample(16.0 * f64::from(index), 100.0, delay));
        }
        let bell = filter.noise(&sample(4000.0, 100.0, 0.0015)).bell;
        assert!((1.42e-4..1.46e-4).contains(&bell), "{bell}");
    }

    /// The ends of a sample are farther apart and less sharp while few delays are known.
    #[test]
    fn the_more_samples_there_are_the_sharper_are_the_ends() {
        let known = |count: u32| {
            let noise = fed(count).noise(&sample(0.0, 100.0, 0.00103));
            (noise.half_width, noise.sd)
        };
        let (early, late) = (known(4), known(256));
        assert!(early.0 > 3.0 * late.0 && early.1 > 3.0 * late.1, "{early:?} {late:?}");
        assert!((1.4e-5..1.7e-5).contains(&late.0), "half of the excess: {late:?}");
    }

    #[test]
    fn a_single_impossible_sample_is_set_aside() {
        let mut filter = fed(20);
        assert_eq!(filter.take(&sample(320.0, 107.0, 0.001)), Taken::Aside);
        assert_eq!(filter.take(&sample(336.0, 100.0, 0.001)), Taken::In);
        assert!((theta(&filter, 336.0) - 100.0).abs() < 1e-4);
        assert_eq!(filter.count(), 21);
    }

    #[test]
    fn two_that_agree_begin_a_new_history_and_keep_the_frequency() {
        let mut filter = fed(20);
        let known = filter.estimate(Raw::default()).unwrap().frequency.ratio;
        assert_eq!(filter.take(&sample(320.0, 107.0, 0.001)), Taken::Aside);
        assert_eq!(filter.take(&sample(322.0, 107.0, 0.001)), Taken::Anew);
        assert_eq!(filter.count(), 1);
        assert!((theta(&filter, 322.0) - 107.0).abs() < 1e-9);
        let frequency = filter.estimate(Raw::default()).unwrap().frequency;
        assert!((frequency.ratio - known).abs() < 1e-12, "{frequency:?}");
        assert!((4e-6..1e-5).contains(&frequency.sd), "it may be the frequency: {frequency:?}");
    }

    #[test]
    fn impossible_samples_that_contradict_each_other_change_nothing() {
        let mut filter = fed(20);
        for index in 0..20_u32 {
            let at = 320.0 + 16.0 * f64::from(index);
            let theta = 200.0 + 10.0 * f64::from(index);
            assert_eq!(filter.take(&sample(at, theta, 0.001)), Taken::Aside);
        }
        assert!((theta(&filter, 320.0) - 100.0).abs() < 1e-4);
    }

    #[test]
    fn a_quiet_clock_may_be_asked_rarely_and_a_lost_one_often() {
        let filter = fed(40);
        assert_eq!(filter.advice(Span::from_secs(16)), Advice::Rarer);
        assert_eq!(filter.advice(Span::from_secs(1 << 20)), Advice::Oftener);
    }

    #[test]
    fn a_server_is_asked_oftener_before_a_prediction_is_half_again_as_bad_as_a_sample() {
        let filter = fed(40);
        let worth = |seconds: i64| {
            let at = filter.at + Span::from_secs(seconds);
            filter.estimate(at).unwrap().sd / filter.jitter().max(ERROR_THAT_MATTERS)
        };
        let (mut staying, mut asked) = (0, 0);
        for seconds in (1..2000).map(|step| step * 16) {
            let oftener = filter.advice(Span::from_secs(seconds)) == Advice::Oftener;
            staying += i32::from((0.8..1.1).contains(&worth(seconds)) && !oftener);
            asked += i32::from((1.5..1.9).contains(&worth(seconds)) && oftener);
            assert!(worth(seconds) > 1.1 || !oftener, "{seconds}");
            assert!(worth(seconds) < 1.5 || oftener, "{seconds}");
        }
        assert!(staying > 0 && asked > 0, "{staying} {asked}");
    }
}
