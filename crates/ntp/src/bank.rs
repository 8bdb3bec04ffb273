//! A clock's offset and frequency, estimated under several opinions of how steady it is.
//!
//! The model is the plainest there is: the offset grows by the frequency, and the frequency wanders
//! as a random walk. How fast it wanders differs by a factor of a million between a good crystal
//! and one beside a fan, and nobody tells us which we have. So a Kalman filter runs for each of
//! thirteen rates, each is weighed by how well it has foretold the samples so far, old evidence is
//! slowly forgotten, and the mixture is the estimate. Its standard deviation is honest: where the
//! hypotheses disagree it is wide. (Bar-Shalom, Li, Kirubarajan: Estimation with Applications to
//! Tracking and Navigation, 2001, section 11.6: the static multiple-model estimator.)
//!
//! What queues do to a sample is no bell curve: its error lies anywhere between two ends and never
//! beyond. So it is taken for a comb of a few narrow curves, each of which says where the clock
//! would be; those that contradict what is known hardly count. A quick exchange pins the clock
//! down, and a slow one says nothing unless the clock has left its ends. (Section 1.4.16 of the
//! same: Gaussian mixtures.)
//!
//! That holds where a quick exchange is much quicker than most. Where all take about as long, their
//! errors are a bell curve after all, as wide as their delays differ. So there is a second filter
//! for each rate that believes just this, and the samples decide.

use crate::time::{Raw, Span};

/// How many rates of wander there are.
const RATES: u8 = 13;

/// The slowest wander of the frequency: 10^-11 per square root of a second, an oven's. Each next
/// hypothesis is half a decade up; the last is 10^-5, a machine that changes its speed under load.
const WANDER_EXPONENT_MIN: f64 = -11.0;

/// The wander of an ordinary crystal indoors, 10^-9: where belief begins.
const WANDER_EXPONENT_USUAL: f64 = -9.0;

/// What belief is lost, in units of log likelihood, for each decade away from the usual wander.
const DOUBT_PER_DECADE: f64 = 0.5;

/// What belief is lost, in the same units, for holding errors for a bell curve.
const DOUBT_BELL: f64 = 1.0;

/// How much of the evidence so far still counts when a sample comes: some 20 samples are
/// remembered, so that the bank follows a machine whose surroundings change.
const MEMORY: f64 = 0.95;

/// And how much when a sample comes as a surprise: what spoke for a steady clock is old news.
const MEMORY_SURPRISED: f64 = 0.5;

/// So many standard deviations off are a surprise. What queues do to a sample stays within two.
const SURPRISE_SDS: f64 = 3.0;

/// Where the teeth of the comb stand, in units of its half width. With half as many its ends are so
/// blunt that errors are larger by a tenth where queues are long; with more, errors at first are.
const TEETH: [f64; 16] = [
    -0.9375, -0.8125, -0.6875, -0.5625, -0.4375, -0.3125, -0.1875, -0.0625, 0.0625, 0.1875, 0.3125,
    0.4375, 0.5625, 0.6875, 0.8125, 0.9375,
];

/// The variance of a tooth, in units of the square of the half width: wide enough for the comb's
/// top to be flat.
const TOOTH: f64 = 1.0 / 128.0;

/// What is believed of a frequency, as a ratio (1e-6 is one part per million).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frequency {
    /// The best guess.
    pub ratio: f64,
    /// Its standard deviation.
    pub sd: f64,
}

/// What is believed of a clock at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Clock minus oscillator.
    pub theta: Span,
    /// Standard deviation of `theta`, seconds.
    pub sd: f64,
    /// How fast theta grows.
    pub frequency: Frequency,
}

/// By how much a sample may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// By anything up to this, either way and alike, in seconds: queues.
    pub half_width: f64,
    /// And besides by a noise of this standard deviation, seconds, not zero.
    pub sd: f64,
    /// Or else, as another opinion has it, by a bell curve of this standard deviation and by
    /// nothing else, seconds, not zero.
    pub bell: f64,
}

impl Noise {
    fn variance(self) -> f64 {
        self.half_width * self.half_width / 3.0 + self.sd * self.sd
    }

    fn as_held(self, bell: bool) -> Self {
        if bell { Self { half_width: 0.0, sd: self.bell, ..self } } else { self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Hypothesis {
    /// Variance that the frequency gains per second.
    wander: f64,
    /// Whether errors are held for a bell curve.
    bell: bool,
    /// Log of the weight before any sample.
    prior: f64,
    /// Log of the weight.
    weight: f64,
    offset: f64,
    frequency: f64,
    offset_variance: f64,
    covariance: f64,
    frequency_variance: f64,
}

/// The filters and the instant up to which they know.
#[derive(Debug, Clone, PartialEq)]
pub struct Bank {
    at: Raw,
    /// What all offsets are counted from.
    reference: Span,
    hypotheses: Vec<Hypothesis>,
}

impl Bank {
    /// Begins with one sample of variance `variance` (square seconds) and what is known of the
    /// frequency.
    #[must_use]
    pub fn new(at: Raw, theta: Span, variance: f64, frequency: Frequency) -> Self {
        let hypothesis = |(index, bell): (u8, bool)| {
            let exponent = WANDER_EXPONENT_MIN + f64::from(index) / 2.0;
            let doubt = DOUBT_PER_DECADE * (exponent - WANDER_EXPONENT_USUAL).abs();
            let prior = -doubt - if bell { DOUBT_BELL } else { 0.0 };
            Hypothesis {
                wander: 10_f64.powf(2.0 * exponent),
                bell,
                prior,
                weight: prior,
                offset: 0.0,
                frequency: frequency.ratio,
                offset_variance: variance,
                covariance: 0.0,
                frequency_variance: frequency.sd * frequency.sd,
            }
        };
        let all = [false, true].into_iter().flat_map(|bell| (0..RATES).map(move |n| (n, bell)));
        Self { at, reference: theta, hypotheses: all.map(hypothesis).collect() }
    }

    /// What is believed of the instant `at`; before the last sample, of that sample's.
    #[must_use]
    pub fn predict(&self, at: Raw) -> Estimate {
        let ahead = self.ahead(at);
        let total: f64 = self.hypotheses.iter().map(|h| h.weight.exp()).sum();
        let mean = |value: fn(&Hypothesis) -> f64| -> f64 {
            let weigh = |h: &Hypothesis| value(&h.after(ahead)) * h.weight.exp() / total;
            self.hypotheses.iter().map(weigh).sum()
        };
        let (offset, frequency) = (mean(|h| h.offset), mean(|h| h.frequency));
        let within = (mean(|h| h.offset_variance), mean(|h| h.frequency_variance));
        let square = (mean(|h| h.offset * h.offset), mean(|h| h.frequency * h.frequency));
        let between =
            ((square.0 - offset * offset).max(0.0), (square.1 - frequency * frequency).max(0.0));
        Estimate {
            theta: self.reference + Span::from_seconds(offset),
            sd: (within.0 + between.0).sqrt(),
            frequency: Frequency { ratio: frequency, sd: (within.1 + between.1).sqrt() },
        }
    }

    /// Takes a sample in.
    pub fn update(&mut self, at: Raw, theta: Span, noise: Noise) {
        let memory =
            if self.is_surprising(at, theta, noise.variance()) { MEMORY_SURPRISED } else { MEMORY };
        let ahead = self.ahead(at);
        let offset = (theta - self.reference).seconds();
        for hypothesis in &mut self.hypotheses {
            *hypothesis = hypothesis.after(ahead);
            hypothesis.learn(offset, noise, memory);
        }
        let best = self.hypotheses.iter().map(|h| h.weight).fold(f64::NEG_INFINITY, f64::max);
        for hypothesis in &mut self.hypotheses {
            hypothesis.weight -= best;
        }
        self.at = self.at.max(at);
        self.come_nearer();
    }

    fn is_surprising(&self, at: Raw, theta: Span, variance: f64) -> bool {
        let foretold = self.predict(at);
        let off = (theta - foretold.theta).seconds();
        off * off > SURPRISE_SDS * SURPRISE_SDS * (foretold.sd * foretold.sd + variance)
    }

    fn ahead(&self, at: Raw) -> f64 {
        (at - self.at).seconds().max(0.0)
    }

    /// Counts the offsets from the best of them, so that they stay small and their sums exact.
    fn come_nearer(&mut self) {
        let best = self.hypotheses.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
        let by = best.map_or(Span::ZERO, |h| Span::from_seconds(h.offset));
        self.reference = self.reference + by;
        for hypothesis in &mut self.hypotheses {
            hypothesis.offset -= by.seconds();
        }
    }
}

impl Hypothesis {
    /// The same, so many seconds later.
    fn after(&self, seconds: f64) -> Self {
        let gained = self.wander * seconds;
        let sheared = self.covariance + seconds * self.frequency_variance;
        Self {
            offset: self.offset + seconds * self.frequency,
            offset_variance: self.offset_variance
                + seconds * (self.covariance + sheared)
                + gained * seconds * seconds / 3.0,
            covariance: sheared + gained * seconds / 2.0,
            frequency_variance: self.frequency_variance + gained,
            ..*self
        }
    }

    fn learn(&mut self, offset: f64, noise: Noise, memory: f64) {
        let noise = noise.as_held(self.bell);
        let total = self.offset_variance
            + noise.half_width * noise.half_width * TOOTH
            + noise.sd * noise.sd;
        let seen = Seen::through(offset - self.offset, noise.half_width, total);
        let likelihood = seen.likelihood - 0.5 * total.ln();
        self.weight = memory * self.weight + (1.0 - memory) * self.prior + likelihood;
        let gain = self.offset_variance / total;
        let frequency_gain = self.covariance / total;
        self.offset += gain * seen.mean;
        self.frequency += frequency_gain * seen.mean;
        // What the teeth do not agree on stays unknown.
        let left = |gain: f64, covariance: f64| gain * seen.variance - covariance;
        self.frequency_variance += frequency_gain * left(frequency_gain, self.covariance);
        self.covariance += gain * left(frequency_gain, self.covariance);
        self.offset_variance += gain * left(gain, self.offset_variance);
    }
}

/// How far the clock is from where it was expected, as the teeth of a comb see it together.
struct Seen {
    mean: f64,
    variance: f64,
    /// Log of how likely that was, but for a constant.
    likelihood: f64,
}

impl Seen {
    /// A sample lies `surprise` from where it was expected; `total` is the variance of that for one
    /// tooth.
    fn through(surprise: f64, half_width: f64, total: f64) -> Self {
        let off = TEETH.map(|tooth| surprise - tooth * half_width);
        let logs = off.map(|off| -0.5 * off * off / total);
        let top = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let weights = logs.map(|log| (log - top).exp());
        let sum: f64 = weights.iter().sum();
        let mean_of = |value: fn(f64, f64) -> f64, about: f64| -> f64 {
            off.iter().zip(weights).map(|(off, weight)| value(*off, about) * weight).sum::<f64>()
                / sum
        };
        let mean = mean_of(|off, _| off, 0.0);
        let variance = mean_of(|off, mean| (off - mean) * (off - mean), mean);
        Self { mean, variance, likelihood: top + sum.ln() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNKNOWN: Frequency = Frequency { ratio: 0.0, sd: 1e-4 };

    fn at(seconds: f64) -> Raw {
        Raw::default() + Span::from_seconds(seconds)
    }

    fn plain(sd: f64) -> Noise {
        Noise { half_width: 0.0, sd, bell: sd }
    }

    /// A clock of constant frequency, sampled with noise of a fixed pattern.
    fn sampled(frequency: f64, noise: f64, count: u32) -> Bank {
        let start = Span::from_secs(1_795_305_600);
        let mut bank = Bank::new(at(0.0), start, noise * noise, UNKNOWN);
        for index in 1..count {
            let seconds = f64::from(index) * 16.0;
            let wrong = noise * f64::from(i32::try_from(index * 7 % 5).unwrap() - 2) / 1.5;
            let theta = start + Span::from_seconds(frequency * seconds + wrong);
            bank.update(at(seconds), theta, plain(noise));
        }
        bank
    }

    #[test]
    fn offset_and_frequency_are_found_and_the_deviation_is_honest() {
        let bank = sampled(5e-5, 1e-5, 50);
        let end = 16.0 * 49.0;
        let found = bank.predict(at(end));
        let wrong = (found.theta - Span::from_secs(1_795_305_600)).seconds() - 5e-5 * end;
        assert!(wrong.abs() < 3.0 * found.sd, "{wrong} {found:?}");
        assert!(found.sd < 1e-5, "better than one sample: {found:?}");
        assert!((found.frequency.ratio - 5e-5).abs() < 3.0 * found.frequency.sd, "{found:?}");
        assert!(found.frequency.sd < 1e-6, "{found:?}");
    }

    #[test]
    fn what_is_not_asked_for_long_grows_uncertain() {
        let bank = sampled(0.0, 1e-5, 50);
        let sds: Vec<f64> = [800.0, 1000.0, 10_000.0, 100_000.0]
            .map(|seconds| bank.predict(at(seconds)).sd)
            .to_vec();
        assert!(sds.is_sorted() && sds[3] > 100.0 * sds[0], "{sds:?}");
    }

    #[test]
    fn a_prediction_of_the_past_is_the_last_estimate() {
        let bank = sampled(1e-5, 1e-5, 10);
        assert_eq!(bank.predict(at(0.0)), bank.predict(at(16.0 * 9.0)));
    }

    #[test]
    fn a_clock_that_changes_its_speed_is_followed() {
        let mut bank = sampled(0.0, 1e-5, 50);
        let (from, start) = (16.0 * 49.0, Span::from_secs(1_795_305_600));
        for index in 1..20_u32 {
            let seconds = f64::from(index) * 16.0;
            let theta = start + Span::from_seconds(2e-5 * seconds);
            bank.update(at(from + seconds), theta, plain(1e-5));
        }
        let found = bank.predict(at(from + 16.0 * 19.0)).frequency.ratio;
        assert!((found - 2e-5).abs() < 2e-6, "{found}");
    }

    /// After 50 good samples, at the time of the last: what one more says of the clock.
    fn after_one_more(off: f64, half_width: f64) -> (f64, f64) {
        let mut bank = sampled(0.0, 1e-5, 50);
        let end = at(16.0 * 49.0);
        let before = bank.predict(end);
        let noise = Noise { half_width, sd: 3e-7, bell: half_width };
        bank.update(end, before.theta + Span::from_seconds(off), noise);
        let after = bank.predict(end);
        ((after.theta - before.theta).seconds(), after.sd / before.sd)
    }

    /// What a sample that is `middle` off makes of an offset of 0 with a deviation of 1.
    fn learned(middle: f64, half_width: f64) -> (f64, f64) {
        let mut hypothesis = Bank::new(at(0.0), Span::ZERO, 1.0, UNKNOWN).hypotheses[0];
        hypothesis.learn(middle, Noise { half_width, sd: 1e-9, bell: 1.0 }, MEMORY);
        (hypothesis.offset, hypothesis.offset_variance)
    }

    #[test]
    fn within_its_ends_a_slow_sample_says_nothing_and_beyond_them_much() {
        for side in [-1.0, 1.0] {
            let (moved, left) = learned(side * 5.0, 10.0);
            assert!(moved.abs() < 0.05 && (left - 1.0).abs() < 0.05, "{moved} {left}");
            let (moved, left) = learned(side * 14.0, 10.0);
            assert!(moved * side > 1.0 && left < 0.9, "{moved} {left}");
        }
    }

    /// A sample near an end is less likely than one in the middle, and more than one beyond it.
    #[test]
    fn all_teeth_together_say_how_likely_a_sample_was() {
        let plain = Seen::through(1.0, 0.0, 1.0).likelihood;
        assert!((plain - (16_f64.ln() - 0.5)).abs() < 1e-12, "{plain}");
        let likelihood = |off: f64| Seen::through(off, 10.0, 4.0).likelihood;
        assert!(likelihood(0.0) - likelihood(9.0) > 0.3 && likelihood(9.0) > likelihood(15.0));
    }

    #[test]
    fn a_quick_sample_pins_the_clock_down() {
        let (moved, sharper) = after_one_more(2e-6, 1e-7);
        assert!((moved - 2e-6).abs() < 2e-7 && sharper < 0.3, "{moved} {sharper}");
    }

    /// A clock of constant frequency; `errors` in turn are what its samples are off.
    fn after_errors(errors: &[f64], noise: Noise) -> f64 {
        let mut bank = Bank::new(at(0.0), Span::ZERO, 1e-6, UNKNOWN);
        for index in 1..=64_u32 {
            let error = errors[usize::try_from(index).unwrap() % errors.len()];
            bank.update(at(64.0 * f64::from(index)), Span::from_seconds(error), noise);
        }
        let weight = |bell: bool| -> f64 {
            bank.hypotheses.iter().filter(|h| h.bell == bell).map(|h| h.weight.exp()).sum()
        };
        weight(true) / weight(false)
    }

    #[test]
    fn the_samples_decide_whether_their_errors_are_a_bell_curve() {
        let noise = Noise { half_width: 1e-3, sd: 3e-7, bell: 5.8e-4 };
        let even = after_errors(&[-9e-4, 1e-4, 7e-4, -5e-4, 3e-4, -1e-4, 9e-4, -3e-4], noise);
        assert!(even < 0.5, "{even}");
        let narrow = Noise { half_width: 2e-4, ..noise };
        let beyond = after_errors(&[-9e-4, 1e-4, 7e-4, -5e-4, 3e-4, -1e-4, 9e-4, -3e-4], narrow);
        assert!(beyond > 100.0, "{beyond}");
    }

    /// The mean and the variance of what is left of a wide bell between two ends, from a table of
    /// the normal distribution: with the ends at plus and minus one standard deviation 0 and 0.291,
    /// with the ends at 0 and 2 of them 0.723 and 0.251.
    #[test]
    fn the_comb_is_nearly_as_good_as_two_sharp_ends() {
        for (middle, mean, variance) in [(0.0, 0.0, 0.291), (1.0, 0.723, 0.251)] {
            let (found, left) = learned(middle, 1.0);
            assert!((found - mean).abs() < 0.03, "{found}, not {mean}");
            assert!((left - variance).abs() < 0.03, "{left}, not {variance}");
        }
    }

    proptest! {
        #[test]
        fn no_samples_make_it_lose_its_mind(
            steps in proptest::collection::vec(
                (0_i64..20_000, -1e9_f64..1e9, 0_f64..1e3, 1e-7_f64..1.0),
                1..60,
            ),
        ) {
            let mut bank = Bank::new(at(0.0), Span::ZERO, 1e-6, UNKNOWN);
            let mut now = 0;
            for (ahead, offset, half_width, sd) in steps {
                now += ahead;
                let at = Raw::default() + Span::from_secs(now);
                bank.update(at, Span::from_seconds(offset), Noise { half_width, sd, bell: sd });
                let found = bank.predict(at + Span::from_secs(1000));
                prop_assert!(found.sd.is_finite() && found.sd >= 0.0);
                prop_assert!(found.frequency.sd.is_finite() && found.frequency.ratio.is_finite());
            }
        }
    }
}
