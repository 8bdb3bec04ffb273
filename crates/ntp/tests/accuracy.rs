//! The client is as accurate as is claimed: a few of the conditions that the example `accuracy`
//! prints, with bounds that no unlucky life exceeds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[allow(dead_code, reason = "the example uses the rest")]
mod scenarios;
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use scenarios::{ALL, Measured, measure};

fn lives(name: &str) -> Vec<Measured> {
    let scenario = ALL.iter().find(|scenario| scenario.name == name).unwrap();
    (1..=3).map(|seed| measure(scenario, seed)).collect()
}

/// The mean error of three lives is below `time` (microseconds), with few requests.
fn holds(name: &str, time: f64, requests: usize) {
    let lives = lives(name);
    let mean = lives.iter().map(|life| life.time).sum::<f64>() / 3.0;
    assert!(mean < time * 1e-6, "{name}: {lives:?}");
    assert!(lives.iter().all(|life| life.requests < requests), "{name}: {lives:?}");
}

#[test]
fn with_little_jitter_the_clock_is_right_to_some_microseconds() {
    holds("test 1, 10 us", 20.0, 135);
    holds("test 2, 10 us", 14.0, 330);
}

#[test]
fn with_jitter_the_clock_is_better_than_a_sample() {
    holds("test 2, 10 ms", 620.0, 330);
    holds("test 2, 1 ms", 150.0, 330);
    holds("test 2, 100 us", 50.0, 330);
    holds("test 1, 1 ms", 475.0, 90);
}

#[test]
fn queues_on_one_way_are_borne() {
    holds("queues one way", 300.0, 90);
}

#[test]
fn jumps_of_the_frequency_are_followed() {
    holds("jumps of 5 ppm", 1000.0, 400);
}

/// What was missed is made up for, but in no haste.
#[test]
fn when_the_frequency_has_jumped_the_clock_does_not_race() {
    for life in lives("jumps of 5 ppm") {
        assert!(life.frequency < 9e-6, "{life:?}");
    }
}

#[test]
fn queues_that_are_never_empty_are_borne() {
    holds("gamma of shape 4", 1200.0, 330);
}

#[test]
fn lost_packets_are_not_made_up_for_by_many_more() {
    holds("a fifth lost", 600.0, 90);
}

#[test]
fn a_liar_among_four_does_not_matter() {
    holds("1 of 4 lies", 200.0, 4 * 330);
}

#[test]
fn below_a_millisecond_within_seconds() {
    for life in lives("test 2, 100 us") {
        assert!(life.millisecond < 30, "{life:?}");
    }
}
