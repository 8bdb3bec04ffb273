//! Which way a server's queues are.
//!
//! A sample's error lies between plus and minus its excess delay. Where queues are mostly on one
//! way (a line that is slower up than down), it lies near one of the two ends, and always the same.
//! So what samples were off is held against their excess: the slope of the line through them says
//! where between the ends an error is to be expected, and that much is taken off a sample. Of the
//! slope only what is beyond doubt is believed. [`crate::filter`] asks.

/// How much of the evidence so far still counts when a sample comes: 50 samples are remembered.
const MEMORY: f64 = 0.98;

/// How many standard deviations of the slope are taken off it before it is believed.
const DOUBT_SDS: f64 = 1.0;

/// Variance of a sample's error for each square second of its excess: spread evenly between the
/// ends.
const SPREAD: f64 = 1.0 / 3.0;

/// What a slope of zero weighs: as one clear sample.
const PRIOR_WEIGHT: f64 = 3.0;

/// No sample says more than one with this much noise, in units of the jitter.
const NOISE_MIN: f64 = 0.1;

/// A longer queue than this, in units of the jitter, is an accident and counts as one of this.
const EXCESS_MAX: f64 = 5.0;

/// A line through what samples were off, over their excess: sums, weighed, in units of the jitter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Slope {
    weight: f64,
    off: f64,
    excess: f64,
    off_excess: f64,
    excess_square: f64,
}

impl Slope {
    /// A sample was `off` seconds from where it was expected, give or take `sd`; its delay each way
    /// was `excess` seconds above the least. `jitter` is the usual excess, not zero.
    pub(crate) fn learn(&mut self, off: f64, excess: f64, sd: f64, jitter: f64) {
        let (off, sd, excess) = (off / jitter, sd / jitter, (excess / jitter).min(EXCESS_MAX));
        let weight = 1.0 / (excess * excess * SPREAD + sd * sd + NOISE_MIN * NOISE_MIN);
        let keep = |sum: f64, new: f64| sum * MEMORY + new * weight;
        self.weight = keep(self.weight, 1.0);
        self.off = keep(self.off, off);
        self.excess = keep(self.excess, excess);
        self.off_excess = keep(self.off_excess, off * excess);
        self.excess_square = keep(self.excess_square, excess * excess);
    }

    /// How far a sample is off for each second of its excess: at most 1, where all queues are on
    /// the way to the server, at least -1, where they are on the way back.
    pub(crate) fn believed(self) -> f64 {
        if self.weight <= 0.0 {
            return 0.0;
        }
        let spread = (self.excess_square - self.excess * self.excess / self.weight).max(0.0);
        let together = self.off_excess - self.off * self.excess / self.weight;
        let certainty = spread + PRIOR_WEIGHT;
        let slope = (together / certainty).clamp(-1.0, 1.0);
        slope.signum() * (slope.abs() - DOUBT_SDS / certainty.sqrt()).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After 60 samples whose errors are `share` of their excess, give or take a tenth of it.
    fn learned(share: f64) -> f64 {
        let mut slope = Slope::default();
        for index in 0..60_u32 {
            let excess = 1e-3 * f64::from(index * 7 % 10) / 5.0;
            let noise = 0.1 * (f64::from(index * 3 % 5) - 2.0) / 2.0;
            slope.learn(excess * (share + noise) - 1e-4, excess, 1e-5, 1e-3);
        }
        slope.believed()
    }

    #[test]
    fn nothing_is_believed_of_nothing() {
        assert!(Slope::default().believed().abs() < 1e-12);
    }

    #[test]
    fn queues_on_one_way_are_found_with_their_sign() {
        assert!((0.6..=1.0).contains(&learned(0.9)), "{}", learned(0.9));
        assert!((-1.0..=-0.6).contains(&learned(-0.9)), "{}", learned(-0.9));
    }

    #[test]
    fn equal_queues_are_left_alone() {
        assert!(learned(0.0).abs() < 0.05, "{}", learned(0.0));
    }
}
