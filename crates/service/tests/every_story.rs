//! Every short story of a service's life, and long ones at random, in a [`World`] whose sceptic
//! judges each step.
//!
//! `KEEPUP_SEED` tells the same random stories again, `KEEPUP_STORIES` says how many.

mod world;

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use contract::{Letter, status::Wish};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use service::guard::Scarcity;
use service::words::{
    DeathLimit, Event, Farewell, Fault, Pid, Policy, Step, Survivors, TIMEOUT_FINISH,
};

use world::{Finish, Move, Quiet, Seen, Setting, Temper, Verdict, World};

const MISSING: Fault = Fault { step: Step::Exec, errno: 2 };
const FORBIDDEN: Fault = Fault { step: Step::Directory, errno: 13 };

const UP: Move = Move::Say(Letter::Up);
const DOWN: Move = Move::Say(Letter::Down);
const ONCE: Move = Move::Say(Letter::Once);
const EXIT: Move = Move::Say(Letter::Exit);
const PAUSE: Move = Move::Say(Letter::Pause);
const CONTINUE: Move = Move::Say(Letter::Continue);
const KILL: Move = Move::Say(Letter::Kill);
const TERM: Move = Move::Say(Letter::Terminate);

const RUNS: Move = Move::Starts(Temper::Obedient);
const RUNS_STUBBORN: Move = Move::Starts(Temper::Stubborn);
const FORKS_HOPELESS: Move = Move::Forks(Temper::Hopeless(MISSING));
const CRASHES: Move = Move::Ends(1);
const SUCCEEDS: Move = Move::Ends(0);
const BEGETS: Move = Move::Begets(Temper::Obedient);
const BEGETS_STUBBORN: Move = Move::Begets(Temper::Stubborn);
const BEGETS_WAITING: Move = Move::Begets(Temper::Waiting);
const GONE: Move = Move::Gone { told: true };
const GONE_UNTOLD: Move = Move::Gone { told: false };
const FINISHES: Move = Move::Finishes(0);
const GIVES_UP: Move = Move::Finishes(125);
const DELAY: Duration = Duration::from_millis(1200);
/// Not yet the floor, but twice this is nearly the timeout, and three times are beyond it.
const WAIT: Move = Move::Wait(Duration::from_millis(700));
const STALL: Move = Move::Quiet(Quiet::Stall(Duration::from_millis(700)));
const DAWDLE: Move = Move::Quiet(Quiet::Dawdle);
const VEIL: Move = Move::Quiet(Quiet::Veil);
const TIMEOUT_KILL: Duration = Duration::from_millis(1500);

const SERVICE: Farewell = Farewell { linger: Duration::ZERO, grace: Duration::from_secs(1) };
const LOGGER: Farewell =
    Farewell { linger: Duration::from_millis(300), grace: Duration::from_millis(120) };

/// Enough for every kind of report to be seen, and done in a few seconds.
const STORIES: u64 = 15_000;
const MOVES_MAX: usize = 300;

/// Where fewer are told, the moves could not be made.
const ENOUGH: u32 = 100_000;

/// Tells every story of so many moves, and gives how many there are.
fn tell_all(world: &World, moves: &[Move], length: usize, told: &mut Vec<Move>) -> u32 {
    if length == told.len() {
        approve(world.clone().settle(), told);
        return 1;
    }
    let mut count = 0;
    for &step in moves.iter().filter(|&&step| world.can(step)) {
        let mut world = world.clone();
        told.push(step);
        approve(world.play(step), told);
        count += tell_all(&world, moves, length, told);
        told.pop();
    }
    count
}

fn approve(verdict: Verdict, story: &[Move]) {
    if let Err(complaint) = verdict {
        panic!("{complaint}\nstory: {story:?}");
    }
}

/// From the first moment of a service that is wanted up, and of one that is wanted down.
fn every_story_of(moves: &[Move], length: usize) {
    for want in [Wish::Up, Wish::Down] {
        let world = World::new(want, Some(TIMEOUT_KILL), 1);
        let count = tell_all(&world, moves, length, &mut Vec::new());
        assert!(count > ENOUGH, "only {count} stories were told");
    }
}

#[test]
fn every_short_story_of_an_operator_and_a_service() {
    let moves = [
        UP,
        DOWN,
        ONCE,
        EXIT,
        PAUSE,
        CONTINUE,
        RUNS,
        RUNS_STUBBORN,
        CRASHES,
        WAIT,
        STALL,
        Move::Sleep,
    ];
    every_story_of(&moves, 6);
}

#[test]
fn every_short_story_of_starts_that_fail() {
    let moves = [
        UP,
        DOWN,
        ONCE,
        RUNS,
        Move::Fails(MISSING),
        Move::Delays(Scarcity::Pids, DELAY),
        Move::Fails(FORBIDDEN),
        FORKS_HOPELESS,
        CRASHES,
        Move::Mended,
        Move::OrphanEnds,
        WAIT,
        Move::Sleep,
    ];
    every_story_of(&moves, 6);
}

#[test]
fn every_short_story_of_a_service_that_keeps_dying() {
    let mut world = World::new(Wish::Up, Some(TIMEOUT_KILL), 1);
    for step in [Move::Sleep, RUNS, CRASHES].repeat(5) {
        approve(world.play(step), &[]);
    }
    let good_run = Move::Wait(Duration::from_secs(10));
    let moves = [
        UP,
        DOWN,
        EXIT,
        RUNS,
        FORKS_HOPELESS,
        Move::Fails(FORBIDDEN),
        CRASHES,
        Move::Ends(0),
        Move::Mended,
        good_run,
        Move::Sleep,
    ];
    let count = tell_all(&world, &moves, 7, &mut Vec::new());
    assert!(count > ENOUGH, "only {count} stories were told");
}

#[test]
fn every_short_story_of_the_end_of_everything() {
    let moves = [
        UP,
        DOWN,
        EXIT,
        KILL,
        Move::Stop(SERVICE),
        Move::Stop(LOGGER),
        Move::Drained(true),
        Move::Drained(false),
        RUNS,
        RUNS_STUBBORN,
        CRASHES,
        WAIT,
        Move::Sleep,
    ];
    every_story_of(&moves, 6);
}

/// What is told after this has happened to a service that is wanted up.
fn every_story_after(before: &[Move], moves: &[Move], length: usize) {
    let mut world = World::new(Wish::Up, Some(TIMEOUT_KILL), 1);
    for &step in before {
        assert!(world.can(step), "{step:?} cannot be");
        approve(world.play(step), before);
    }
    let count = tell_all(&world, moves, length, &mut Vec::new());
    assert!(count > ENOUGH, "only {count} stories were told");
}

#[test]
fn every_short_story_of_a_service_that_puts_itself_in_the_background() {
    let settles = Move::Wait(Duration::from_millis(250));
    let moves = [UP, DOWN, ONCE, TERM, RUNS, BEGETS, SUCCEEDS, CRASHES, GONE, settles, Move::Sleep];
    every_story_after(&[Move::Sleep, RUNS, BEGETS], &moves, 6);
}

#[test]
fn every_short_story_of_stragglers() {
    let nearly = Move::Wait(Duration::from_millis(4990));
    let moves = [
        UP,
        DOWN,
        ONCE,
        KILL,
        EXIT,
        Move::Stop(SERVICE),
        CRASHES,
        SUCCEEDS,
        BEGETS,
        GONE,
        GONE_UNTOLD,
        nearly,
        Move::Sleep,
        STALL,
    ];
    let [forking, stopped] = [Temper::Forking(2), Temper::Stopped].map(Move::Begets);
    for (first, second) in [(BEGETS_STUBBORN, BEGETS_WAITING), (forking, stopped)] {
        every_story_after(&[Move::Sleep, RUNS, first, second, CRASHES], &moves, 5);
    }
}

#[test]
fn every_short_story_of_finish() {
    let moves = [
        UP,
        DOWN,
        ONCE,
        Move::Stop(SERVICE),
        RUNS,
        CRASHES,
        SUCCEEDS,
        BEGETS_STUBBORN,
        FINISHES,
        GIVES_UP,
        Move::Wait(TIMEOUT_FINISH),
        Move::Sleep,
    ];
    let runs = Move::Quiet(Quiet::Write(Finish::Runs(Temper::Stubborn)));
    every_story_after(&[runs, Move::Sleep, RUNS, BEGETS], &moves, 6);
}

#[test]
fn every_short_story_of_answers_that_are_late() {
    let stray = [NOBODY, SOMEBODY, Event::Finishing(Ok(None)), Event::Finishing(Ok(Some(Pid(9))))];
    let [nobody, somebody, no_finish, finish] = stray.map(Move::Stray);
    let moves = [
        UP,
        DOWN,
        ONCE,
        KILL,
        Move::Stop(SERVICE),
        CRASHES,
        BEGETS,
        GONE,
        DAWDLE,
        VEIL,
        Move::Answer,
        FINISHES,
        nobody,
        somebody,
        no_finish,
        finish,
        Move::Sleep,
        WAIT,
    ];
    let runs = Move::Quiet(Quiet::Write(Finish::Runs(Temper::Stubborn)));
    every_story_after(&[runs, Move::Sleep, RUNS, BEGETS_STUBBORN, DAWDLE], &moves, 5);
}

#[test]
fn every_short_story_of_survivors_by_policy() {
    let policies = [Policy::Adopt, Policy::End, Policy::Leave];
    let [adopt, end, leave] = policies.map(Setting::Survivors).map(Quiet::Set).map(Move::Quiet);
    let moves = [
        adopt,
        end,
        leave,
        UP,
        DOWN,
        ONCE,
        RUNS,
        BEGETS_STUBBORN,
        CRASHES,
        SUCCEEDS,
        GONE,
        Move::Sleep,
    ];
    every_story_after(&[leave, Move::Sleep, RUNS, BEGETS], &moves, 6);
}

#[test]
fn every_short_story_of_a_service_that_is_given_up() {
    let limit = |deaths| Some(DeathLimit { deaths, within: Duration::from_secs(2) });
    let limits =
        [limit(3), limit(2), None].map(Setting::MaxDeaths).map(Quiet::Set).map(Move::Quiet);
    let [three, two, none] = limits;
    let moves = [
        two,
        none,
        UP,
        DOWN,
        TERM,
        RUNS,
        CRASHES,
        SUCCEEDS,
        BEGETS_STUBBORN,
        Move::Fails(MISSING),
        Move::Sleep,
        WAIT,
    ];
    every_story_after(&[three, Move::Sleep, RUNS, CRASHES, Move::Sleep, RUNS], &moves, 6);
}

const NOBODY: Event = Event::Survivors(Survivors { count: 0, oldest: None });
const SOMEBODY: Event = Event::Survivors(Survivors { count: 1, oldest: Some(Pid(9)) });

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn tell(want: Wish, jitter: u64, story: &[Move]) -> Result<Seen, String> {
    let mut world = World::new(want, None, jitter);
    for &step in story {
        world.play(step)?;
    }
    let seen = world.seen();
    world.settle().map(|()| seen)
}

#[test]
fn long_stories_at_random() {
    let seed = number("KEEPUP_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let stories = number("KEEPUP_STORIES").unwrap_or(STORIES);
    let cases = u32::try_from(stories).expect("fewer stories");
    let rng_seed = RngSeed::Fixed(seed);
    let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
    let want = select(vec![Wish::Up, Wish::Down]);
    let story = (want, any::<u64>(), vec(select(world::deck()), 1..=MOVES_MAX));

    let sights = Cell::new(Seen::default());
    let told = TestRunner::new(config).run(&story, |(want, jitter, story)| {
        let new = tell(want, jitter, &story).map_err(TestCaseError::fail)?;
        sights.set(sights.get() | new);
        Ok(())
    });
    match told {
        Ok(()) => {}
        Err(TestError::Fail(why, story)) => panic!("KEEPUP_SEED={seed}: {why}\nstory: {story:?}"),
        Err(TestError::Abort(why)) => panic!("KEEPUP_SEED={seed}: {why}"),
    }
    // A judge who never sees a case proves nothing about it.
    let sights = sights.get();
    let missing = sights.missing();
    assert!(stories < STORIES || missing.is_empty(), "KEEPUP_SEED={seed}: never {missing:?}");
}
