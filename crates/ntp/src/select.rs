//! Which servers to believe, and what they say together.
//!
//! Each server claims an interval that holds the true time: its estimate, give or take its distance
//! from the reference clock and three standard deviations. The truth is where more than half of the
//! intervals meet; who is not there is a falseticker (Marzullo's algorithm; RFC 5905, section
//! 11.2.1). Where more than half meet at several places, honest servers are known by their
//! estimates, which lie closer together than their intervals are wide. Those are combined, each by
//! its certainty.

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
    /// For each candidate whether the time is from it too: who agrees only because intervals are
    /// wide has no weight.
    pub weighed: Vec<bool>,
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
    let claims: Vec<Claim> = candidates.iter().map(|c| claim(c, reference)).collect();
    let majority = candidates.len() / 2 + 1;
    // Where any meet, they meet at one of their lower ends.
    let camps: Vec<Camp> = claims.iter().map(|c| camp(c.low, &claims, majority)).collect();
    let most = camps.iter().map(|camp| camp.size).max().unwrap_or(0);
    let Some(best) = best(camps, majority) else { return Vote::Split(most) };
    let weighed: Vec<bool> = (0..candidates.len()).map(|n| best.weighed.contains(&n)).collect();
    let estimates = candidates.iter().zip(&weighed).filter(|(_, weighed)| **weighed);
    let estimates: Vec<Estimate> = estimates.map(|(candidate, _)| candidate.estimate).collect();
    Vote::Agreed(Agreed {
        estimate: combine(&estimates, reference),
        truechimers: claims.iter().map(|claim| claim.holds(best.point)).collect(),
        weighed,
    })
}

/// What a candidate claims, in seconds from the reference.
#[derive(Debug, Clone, Copy)]
struct Claim {
    offset: f64,
    sd: f64,
    low: f64,
    high: f64,
}

impl Claim {
    fn holds(self, point: f64) -> bool {
        self.low <= point && point <= self.high
    }

    /// How far it is from `middle` beyond what noise explains.
    fn beyond(self, middle: f64) -> f64 {
        (self.offset - middle).abs() - INTERVAL_SDS * self.sd - INTERVAL_MIN
    }
}

fn claim(candidate: &Candidate, reference: Span) -> Claim {
    let (offset, sd) = ((candidate.estimate.theta - reference).seconds(), candidate.estimate.sd);
    let reach = (candidate.distance + INTERVAL_SDS * sd).max(INTERVAL_MIN);
    Claim { offset, sd, low: offset - reach, high: offset + reach }
}

/// Those whose intervals hold one point.
#[derive(Debug)]
struct Camp {
    point: f64,
    /// How many they are.
    size: usize,
    /// Which of them are weighed.
    weighed: Vec<usize>,
    /// How far the farthest of these is from their middle beyond what noise explains, seconds.
    strain: f64,
    /// How much room their intervals take together, seconds.
    room: f64,
}

/// Of those that are a majority the one that contradicts itself least; of several that do so about
/// as little the largest, and then the one that takes the least room. Size alone does not do.
/// Intervals are wide where servers are far away or were asked long ago; then a liar has these on
/// his side as well, against an honest one that was asked just now.
fn best(mut camps: Vec<Camp>, majority: usize) -> Option<Camp> {
    camps.retain(|camp| camp.size >= majority);
    let least = camps.iter().map(|camp| camp.strain).fold(f64::INFINITY, f64::min);
    camps.retain(|camp| camp.strain <= least + INTERVAL_MIN);
    camps.into_iter().min_by(|a, b| b.size.cmp(&a.size).then(a.room.total_cmp(&b.room)))
}

fn camp(point: f64, claims: &[Claim], majority: usize) -> Camp {
    let holding = claims.iter().copied().enumerate().filter(|(_, claim)| claim.holds(point));
    let mut camp: Vec<(usize, Claim)> = holding.collect();
    let low = camp.iter().map(|(_, claim)| claim.low).fold(point, f64::min);
    let high = camp.iter().map(|(_, claim)| claim.high).fold(point, f64::max);
    let size = camp.len();
    let strain = leave_out_stragglers(&mut camp, majority);
    let weighed = camp.into_iter().map(|(index, _)| index).collect();
    Camp { point, size, weighed, strain, room: high - low }
}

/// Leaves out, one by one, who lies farther from the middle than he can be off by noise, while more
/// than `majority` are left: nobody can say that he is wrong, but he would drag the others with him
/// (RFC 5905, section 11.2.2, to the same end). How far beyond it the farthest is who is left.
fn leave_out_stragglers(camp: &mut Vec<(usize, Claim)>, majority: usize) -> f64 {
    loop {
        let middle = median(camp.iter().map(|(_, claim)| claim.offset).collect());
        let beyond = camp.iter().map(|(_, claim)| claim.beyond(middle)).enumerate();
        match beyond.max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((index, by)) if by > 0.0 && camp.len() > majority => camp.remove(index),
            Some((_, by)) => return by.max(0.0),
            None => return 0.0,
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
        // Also where the other is closer by less than matters.
        for other in [2.5, 2.4985] {
            let agreed = agreed(&[vague, says(0.5, 1e-6, 0.2), says(other, 1e-6, 0.6)]);
            assert_eq!(agreed.truechimers, [true, true, false]);
        }
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

    #[test]
    fn liars_do_not_win_by_the_reach_of_those_who_were_asked_long_ago() {
        let honest = [0.004, 0.015, 0.015].map(|distance| says(0.0, 2e-5, distance));
        let liar = says(0.01, 1e-6, 0.004);
        // One of four: two camps of three. Two of five: their camp is the larger.
        for liars in [&[liar][..], &[liar, liar]] {
            let outcome = agreed(&[liars, &honest[..]].concat());
            assert!(offset(&outcome).abs() < 1e-6, "{outcome:?}");
            assert!(outcome.weighed.ends_with(&[true; 3]), "{outcome:?}");
            assert!(!outcome.weighed[0] && !outcome.truechimers[0], "{outcome:?}");
        }
    }

    #[test]
    fn of_camps_that_are_all_in_harmony_the_largest_is_believed() {
        // The last is exact and just out of the reach of the first.
        let says = [(-0.0015, 1e-4), (0.0, 1e-3), (0.0, 1e-3), (0.0, 1e-3), (0.0012, 1e-9)];
        let candidates = says.map(|(offset, distance)| self::says(offset, 1e-6, distance));
        let outcome = agreed(&candidates);
        assert_eq!(outcome.truechimers, [false, true, true, true, true], "{outcome:?}");
    }

    proptest! {
        /// Liars may lie as they like and be as sure of themselves as they like: where the honest
        /// majority is of one mind, so is the outcome, however vague some of it are.
        #[test]
        fn a_minority_cannot_part_a_majority_of_one_mind(
            honest in proptest::collection::vec((-5e-4_f64..5e-4, 5e-3_f64..0.05), 3..6),
            liars in proptest::collection::vec((-0.1_f64..0.1, 1e-6_f64..0.05), 0..5),
        ) {
            prop_assume!(liars.len() < honest.len());
            let honest = honest.iter().map(|&(offset, distance)| says(offset, 1e-6, distance));
            let liars = liars.iter().map(|&(offset, distance)| says(offset, 1e-6, distance));
            let outcome = agreed(&honest.chain(liars).collect::<Vec<_>>());
            // A liar who says about what the others say is one of them.
            prop_assert!(offset(&outcome).abs() < 2.6e-3, "{:?}", outcome);
        }

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
