//! Which servers to believe, and what they say together.
//!
//! Each server claims an interval that holds the true time: its estimate, give or take its distance
//! from the reference clock and three standard deviations. The truth is where more than half of the
//! intervals meet; who is not there is a falseticker (Marzullo's algorithm; RFC 5905, section
//! 11.2.1). The others are combined, each by the certainty of its estimate.

use crate::bank::{Estimate, Frequency};
use crate::time::Span;

/// How many standard deviations of noise an interval makes room for.
const INTERVAL_SDS: f64 = 3.0;

/// The least an interval reaches to each side, in seconds: servers of one room, all certain of
/// themselves, still disagree by what their cables and kernels do (ntpd's `tos mindist`).
const INTERVAL_MIN: f64 = 0.001;

/// No estimate is weighed as if it were better than this, in seconds.
const SD_MIN: f64 = 1e-7;

/// No frequency is weighed as if it were better known than this.
const FREQUENCY_SD_MIN: f64 = 1e-11;

/// A server that may be believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// What is believed of its clock now.
    pub estimate: Estimate,
    /// How far it may be from the true time beyond our estimate's noise: half of all delays and
    /// every dispersion on the way, seconds.
    pub distance: f64,
}

/// What the servers say together.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreed {
    /// The time.
    pub estimate: Estimate,
    /// For each candidate whether it is among those that agree.
    pub truechimers: Vec<bool>,
}

/// The outcome of a vote.
#[derive(Debug, Clone, PartialEq)]
pub enum Vote {
    /// There is nobody to ask.
    Nobody,
    /// No more than half agree: so many at best.
    Split(usize),
    /// More than half agree.
    Agreed(Agreed),
}

/// Holds the vote.
#[must_use]
pub fn vote(candidates: &[Candidate]) -> Vote {
    let Some(first) = candidates.first() else { return Vote::Nobody };
    let reference = first.estimate.theta;
    let intervals: Vec<Interval> = candidates.iter().map(|c| interval(c, reference)).collect();
    let (most, meeting) = meeting_point(&intervals);
    if most * 2 <= candidates.len() {
        return Vote::Split(most);
    }
    let truechimers: Vec<bool> = intervals.iter().map(|i| i.holds(meeting)).collect();
    let believed = candidates.iter().zip(&truechimers).filter(|(_, believed)| **believed);
    let mut believed: Vec<Estimate> = believed.map(|(candidate, _)| candidate.estimate).collect();
    leave_out_stragglers(&mut believed, candidates.len() / 2 + 1, reference);
    Vote::Agreed(Agreed { estimate: combine(&believed, reference), truechimers })
}

#[derive(Debug, Clone, Copy)]
struct Interval {
    low: f64,
    high: f64,
}

impl Interval {
    fn holds(self, point: f64) -> bool {
        self.low <= point && point <= self.high
    }
}

fn interval(candidate: &Candidate, reference: Span) -> Interval {
    let middle = (candidate.estimate.theta - reference).seconds();
    let reach = (candidate.distance + INTERVAL_SDS * candidate.estimate.sd).max(INTERVAL_MIN);
    Interval { low: middle - reach, high: middle + reach }
}

/// The point that the most intervals hold, and how many do. One of their lower ends is such a
/// point. Of several, the one whose intervals take the least room together: neither to be vague nor
/// to be asked just now must win a tie for who is far from the others.
fn meeting_point(intervals: &[Interval]) -> (usize, f64) {
    let at = |point: f64| {
        let holding = || intervals.iter().filter(move |interval| interval.holds(point));
        let low = holding().map(|interval| interval.low).fold(point, f64::min);
        let high = holding().map(|interval| interval.high).fold(point, f64::max);
        (holding().count(), high - low, point)
    };
    let points = intervals.iter().map(|interval| at(interval.low));
    let best = points.max_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    best.map_or((0, 0.0), |(count, _, point)| (count, point))
}

/// Leaves out, one by one, who lies farther from the middle than he can be off by noise, while more
/// than `least` are left: nobody can say that he is wrong, but he would drag the others with him
/// (RFC 5905, section 11.2.2, to the same end).
fn leave_out_stragglers(believed: &mut Vec<Estimate>, least: usize, reference: Span) {
    let offset = |estimate: &Estimate| (estimate.theta - reference).seconds();
    while believed.len() > least {
        let middle = median(believed.iter().map(offset).collect());
        let beyond = |e: &Estimate| (offset(e) - middle).abs() - INTERVAL_SDS * e.sd - INTERVAL_MIN;
        let farthest = believed.iter().map(beyond).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        match farthest {
            Some((index, by)) if by > 0.0 => believed.remove(index),
            Some(_) | None => return,
        };
    }
}

/// The value in the middle; of two, their mean.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let beside = |from_end: usize| values.iter().copied().nth(from_end);
    let (low, high) = ((values.len().max(1) - 1) / 2, values.len() / 2);
    beside(low).zip(beside(high)).map_or(0.0, |(low, high)| low.midpoint(high))
}

/// Estimates weighed by their certainty. Where they lie farther apart than their deviations allow,
/// so does the result's deviation.
fn combine(estimates: &[Estimate], reference: Span) -> Estimate {
    let offsets = estimates.iter().map(|e| ((e.theta - reference).seconds(), e.sd.max(SD_MIN)));
    let (offset, sd) = weighed_mean(&offsets.collect::<Vec<_>>());
    let ratios = estimates.iter().map(|e| {
        let sd = e.frequency.sd.max(FREQUENCY_SD_MIN);
        (e.frequency.ratio, sd)
    });
    let (ratio, frequency_sd) = weighed_mean(&ratios.collect::<Vec<_>>());
    Estimate {
        theta: reference + Span::from_seconds(offset),
        sd,
        frequency: Frequency { ratio, sd: frequency_sd },
    }
}

/// The mean of `(value, standard deviation)`, weighed, and its own standard deviation.
fn weighed_mean(values: &[(f64, f64)]) -> (f64, f64) {
    let weight = |sd: f64| 1.0 / (sd * sd);
    let total: f64 = values.iter().map(|&(_, sd)| weight(sd)).sum();
    let mean = values.iter().map(|&(value, sd)| value * weight(sd)).sum::<f64>() / total;
    let apart = values.iter().map(|&(value, sd)| (value - mean).powi(2) * weight(sd)).sum::<f64>();
    let count = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    (mean, (1.0 / total + apart / total / count).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(offset: f64, sd: f64, distance: f64) -> Candidate {
        let frequency = Frequency { ratio: 1e-6, sd: 1e-7 };
        let theta = Span::from_secs(1_795_305_600) + Span::from_seconds(offset);
        Candidate { estimate: Estimate { theta, sd, frequency }, distance }
    }

    fn agreed(candidates: &[Candidate]) -> Agreed {
        match vote(candidates) {
            Vote::Agreed(agreed) => agreed,
            other @ (Vote::Nobody | Vote::Split(_)) => panic!("{other:?}"),
        }
    }

    fn offset(agreed: &Agreed) -> f64 {
        (agreed.estimate.theta - Span::from_secs(1_795_305_600)).seconds()
    }

    #[test]
    fn nobody_says_nothing() {
        assert_eq!(vote(&[]), Vote::Nobody);
    }

    #[test]
    fn one_server_is_believed() {
        let only = says(0.25, 1e-5, 0.01);
        let agreed = agreed(&[only]);
        assert_eq!(agreed.truechimers, [true]);
        assert_eq!(agreed.estimate.theta, only.estimate.theta);
        assert!((agreed.estimate.sd - 1e-5).abs() < 1e-9);
    }

    #[test]
    fn two_that_contradict_each_other_are_not_believed() {
        assert_eq!(vote(&[says(0.0, 1e-5, 0.01), says(0.5, 1e-5, 0.01)]), Vote::Split(1));
    }

    #[test]
    fn half_is_no_majority() {
        let pair = [says(0.0, 1e-5, 0.01), says(0.001, 1e-5, 0.01)];
        let other = [says(0.5, 1e-5, 0.01), says(0.501, 1e-5, 0.01)];
        assert_eq!(vote(&[pair, other].concat()), Vote::Split(2));
    }

    #[test]
    fn a_falseticker_is_outvoted_however_certain_it_is() {
        let candidates = [
            says(0.5, 1e-9, 0.001),
            says(0.002, 1e-4, 0.01),
            says(-0.001, 1e-4, 0.01),
            says(0.001, 1e-4, 0.01),
        ];
        let agreed = agreed(&candidates);
        assert_eq!(agreed.truechimers, [false, true, true, true]);
        assert!(offset(&agreed).abs() < 0.002, "{agreed:?}");
    }

    #[test]
    fn the_more_certain_weigh_more_and_disagreement_widens() {
        let agreed = agreed(&[says(0.0, 1e-5, 0.1), says(0.01, 1e-3, 0.1)]);
        assert!(offset(&agreed) < 1e-4 && offset(&agreed) > 0.0, "{agreed:?}");
        let apart = vote(&[says(0.0, 1e-4, 0.1), says(0.01, 1e-4, 0.1)]);
        let Vote::Agreed(apart) = apart else { panic!("{apart:?}") };
        assert!(apart.estimate.sd > 3e-3, "{apart:?}");
    }

    #[test]
    fn neighbours_that_are_too_sure_of_themselves_still_meet() {
        let agreed = agreed(&[says(0.0, 1e-7, 1e-6), says(0.0008, 1e-7, 1e-6)]);
        assert_eq!(agreed.truechimers, [true, true]);
    }

    #[test]
    fn of_two_majorities_that_a_vague_server_makes_the_narrower_is_believed() {
        let vague = says(1.5, 1e-6, 1.2);
        let agreed = agreed(&[vague, says(0.2, 1e-6, 0.2), says(2.5, 1e-6, 0.6)]);
        assert_eq!(agreed.truechimers, [true, true, false]);
    }

    #[test]
    fn who_is_far_from_those_who_are_close_is_not_weighed_though_nobody_can_say_he_is_wrong() {
        let honest = [0.0, 1e-5, -1e-5].map(|offset| says(offset, 2e-5, 0.005));
        let outcome = agreed(&[&honest[..], &[says(0.008, 1e-6, 0.005)]].concat());
        assert_eq!(outcome.truechimers, [true; 4]);
        assert!(offset(&outcome).abs() < 1e-4, "{outcome:?}");
        // More than half of all must be left.
        let outcome = agreed(&[says(0.0, 2e-5, 0.005), says(0.008, 2e-5, 0.005)]);
        assert!((offset(&outcome) - 0.004).abs() < 1e-4, "{outcome:?}");
    }

    #[test]
    fn of_two_majorities_the_one_that_is_closer_together_is_believed() {
        // The liar was asked just now, so his distance is the least.
        let honest = [0.005, 0.006, 0.006].map(|distance| says(0.0, 2e-5, distance));
        let outcome = agreed(&[&honest[..], &[says(0.0095, 1e-6, 0.004)]].concat());
        assert_eq!(outcome.truechimers, [true, true, true, false]);
    }

    proptest! {
        /// Whatever the minority says, the outcome stays within what the majority says.
        #[test]
        fn a_minority_cannot_move_the_time_out_of_the_majoritys_reach(
            honest in proptest::collection::vec((-0.009_f64..0.009, 1e-6_f64..1e-4), 3..6),
            liars in proptest::collection::vec((-1e6_f64..1e6, 1e-6_f64..1e-4), 0..3),
        ) {
            let honest_says = honest.iter().map(|&(offset, sd)| says(offset, sd, 0.01));
            let liar_says = liars.iter().map(|&(offset, sd)| says(offset, sd, 0.01));
            let candidates: Vec<Candidate> = honest_says.chain(liar_says).collect();
            if let Vote::Agreed(agreed) = vote(&candidates) {
                prop_assert!(offset(&agreed).abs() < 0.05, "{:?}", agreed);
            } else {
                prop_assert!(honest.len() <= liars.len());
            }
        }
    }
}
