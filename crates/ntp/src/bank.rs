//! A clock's offset and frequency, estimated under several opinions of how steady it is.
//!
//! The model is the plainest there is: the offset grows by the frequency, and the frequency wanders
//! as a random walk. How fast it wanders differs by a factor of a million between a good crystal
//! and one beside a fan, and nobody tells us which we have. So a Kalman filter runs for each of
//! thirteen rates, each is weighed by how well it has foretold the samples so far, old evidence is
//! slowly forgotten, and the mixture is the estimate. Its standard deviation is honest: where the
//! hypotheses disagree it is wide. (Bar-Shalom, Li, Kirubarajan: Estimation with Applications to
//! Tracking and Navigation, 2001, section 11.6: the static multiple-model estimator.)

use crate::time::{Raw, Span};

/// How many hypotheses there are.
const HYPOTHESES: u8 = 13;

/// The slowest wander of the frequency: 10^-11 per square root of a second, an oven's. Each next
/// hypothesis is half a decade up; the last is 10^-5, a machine that changes its speed under load.
const WANDER_EXPONENT_MIN: f64 = -11.0;

/// The wander of an ordinary crystal indoors, 10^-9: where belief begins.
const WANDER_EXPONENT_USUAL: f64 = -9.0;

/// What belief is lost, in units of log likelihood, for each decade away from the usual wander.
const DOUBT_PER_DECADE: f64 = 0.5;

/// How much of the evidence so far still counts when a sample comes: some 33 samples are
/// remembered, so that the bank follows a machine whose surroundings change.
const MEMORY: f64 = 0.97;

/// And how much when a sample comes as a surprise: what spoke for a steady clock is old news.
const MEMORY_SURPRISED: f64 = 0.5;

/// So many standard deviations off are a surprise. What queues do to a sample stays within two.
const SURPRISE_SDS: f64 = 3.0;

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

#[derive(Debug, Clone, Copy, PartialEq)]
struct Hypothesis {
    /// Variance that the frequency gains per second.
    wander: f64,
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
        let hypothesis = |index: u8| {
            let exponent = WANDER_EXPONENT_MIN + f64::from(index) / 2.0;
            let prior = -DOUBT_PER_DECADE * (exponent - WANDER_EXPONENT_USUAL).abs();
            Hypothesis {
                wander: 10_f64.powf(2.0 * exponent),
                prior,
                weight: prior,
                offset: 0.0,
                frequency: frequency.ratio,
                offset_variance: variance,
                covariance: 0.0,
                frequency_variance: frequency.sd * frequency.sd,
            }
        };
        Self { at, reference: theta, hypotheses: (0..HYPOTHESES).map(hypothesis).collect() }
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

    /// Takes a sample of variance `variance` (square seconds) in.
    pub fn update(&mut self, at: Raw, theta: Span, variance: f64) {
        let memory =
            if self.is_surprising(at, theta, variance) { MEMORY_SURPRISED } else { MEMORY };
        let ahead = self.ahead(at);
        let offset = (theta - self.reference).seconds();
        for hypothesis in &mut self.hypotheses {
            *hypothesis = hypothesis.after(ahead);
            hypothesis.learn(offset, variance, memory);
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

    fn learn(&mut self, offset: f64, variance: f64, memory: f64) {
        let total = self.offset_variance + variance;
        let surprise = offset - self.offset;
        let likelihood = -0.5 * (total.ln() + surprise * surprise / total);
        self.weight = memory * self.weight + (1.0 - memory) * self.prior + likelihood;
        let gain = self.offset_variance / total;
        let frequency_gain = self.covariance / total;
        self.offset += gain * surprise;
        self.frequency += frequency_gain * surprise;
        self.frequency_variance -= frequency_gain * self.covariance;
        self.covariance -= gain * self.covariance;
        self.offset_variance -= gain * self.offset_variance;
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

    /// A clock of constant frequency, sampled with noise of a fixed pattern.
    fn sampled(frequency: f64, noise: f64, count: u32) -> Bank {
        let start = Span::from_secs(1_795_305_600);
        let mut bank = Bank::new(at(0.0), start, noise * noise, UNKNOWN);
        for index in 1..count {
            let seconds = f64::from(index) * 16.0;
            let wrong = noise * f64::from(i32::try_from(index * 7 % 5).unwrap() - 2) / 1.5;
            let theta = start + Span::from_seconds(frequency * seconds + wrong);
            bank.update(at(seconds), theta, noise * noise);
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
            bank.update(at(from + seconds), start + Span::from_seconds(2e-5 * seconds), 1e-10);
        }
        let found = bank.predict(at(from + 16.0 * 19.0)).frequency.ratio;
        assert!((found - 2e-5).abs() < 2e-6, "{found}");
    }

    proptest! {
        #[test]
        fn no_samples_make_it_lose_its_mind(
            steps in proptest::collection::vec(
                (0_i64..20_000, -1e9_f64..1e9, 1e-14_f64..1.0),
                1..60,
            ),
        ) {
            let mut bank = Bank::new(at(0.0), Span::ZERO, 1e-6, UNKNOWN);
            let mut now = 0;
            for (ahead, offset, variance) in steps {
                now += ahead;
                let at = Raw::default() + Span::from_secs(now);
                bank.update(at, Span::from_seconds(offset), variance);
                let found = bank.predict(at + Span::from_secs(1000));
                prop_assert!(found.sd.is_finite() && found.sd >= 0.0);
                prop_assert!(found.frequency.sd.is_finite() && found.frequency.ratio.is_finite());
            }
        }
    }
}
