//! How far off the clock was: what `ntpctl history` draws.

use std::collections::VecDeque;

use crate::time::{Raw, Span};

/// So many points are kept: three for each column of a usual terminal.
pub const POINTS_MAX: usize = 240;

/// At first, points lie at least so far apart; each time the memory is full it is twice as long. So
/// the whole life of a process is there, ever more coarsely.
const SPACING_FIRST: Span = Span::from_secs(2);

/// The clock's offset at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, on the oscillator's scale: the past does not move when the clock is set.
    pub at: Raw,
    /// What the clock lacked then, seconds.
    pub offset: f64,
    /// How uncertain that was, seconds.
    pub sd: f64,
}

/// The offsets so far, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    points: VecDeque<Point>,
    spacing: Span,
}

impl Default for History {
    fn default() -> Self {
        Self { points: VecDeque::new(), spacing: SPACING_FIRST }
    }
}

impl History {
    /// Remembers a point. Of two that are close together, the one that is farther off stays.
    pub fn push(&mut self, point: Point) {
        let spacing = self.spacing;
        if let Some(last) = self.points.back_mut()
            && point.at - last.at < spacing
        {
            if point.offset.abs() > last.offset.abs() {
                *last = Point { at: last.at, ..point };
            }
            return;
        }
        if self.points.len() == POINTS_MAX {
            self.thin();
        }
        self.points.push_back(point);
    }

    /// The clock was stepped: what it was before is of no use to see how it does.
    pub fn begin_anew(&mut self) {
        *self = Self::default();
    }

    /// All points, oldest first.
    #[must_use]
    pub fn points(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.points.iter()
    }

    /// Half of the points go: of each two, the one that is less far off.
    fn thin(&mut self) {
        self.spacing = self.spacing + self.spacing;
        let all: Vec<Point> = self.points.drain(..).collect();
        let worse = |pair: &[Point]| {
            let first = pair.first().map(|first| first.at);
            let most = pair.iter().max_by(|a, b| a.offset.abs().total_cmp(&b.offset.abs()));
            first.zip(most).map(|(at, most)| Point { at, ..*most })
        };
        self.points.extend(all.chunks(2).filter_map(worse));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(seconds: i64, offset: f64) -> Point {
        Point { at: Raw::default() + Span::from_secs(seconds), offset, sd: 1e-6 }
    }

    #[test]
    fn a_quick_succession_is_one_point_with_the_worst_of_it() {
        let mut history = History::default();
        for (at, offset) in [(0, 0.1), (1, -0.5), (1, 0.2), (2, 0.0)] {
            history.push(point(at, offset));
        }
        let points: Vec<Point> = history.points().copied().collect();
        assert_eq!(points, [point(0, -0.5), point(2, 0.0)]);
    }

    proptest! {
        #[test]
        fn no_life_is_too_long_and_its_worst_moment_is_never_forgotten(
            steps in proptest::collection::vec((0_i64..5000, -1.0_f64..1.0), 1..2000),
        ) {
            let mut history = History::default();
            let (mut now, mut worst) = (0, 0.0_f64);
            for (ahead, offset) in &steps {
                now += ahead;
                worst = worst.max(offset.abs());
                history.push(point(now, *offset));
            }
            let points: Vec<&Point> = history.points().collect();
            prop_assert!(!points.is_empty() && points.len() <= POINTS_MAX);
            prop_assert!(points.is_sorted_by_key(|point| point.at));
            let kept = points.iter().map(|point| point.offset.abs()).fold(0.0, f64::max);
            prop_assert!((kept - worst).abs() < 1e-12, "{kept} {worst}");
            prop_assert!(points[0].at == Raw::default() + Span::from_secs(steps[0].0));
        }
    }
}
