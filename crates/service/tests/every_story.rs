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
use service::words::{Event, Farewell, Fault, Pid, Step};

use world::{Move, Seen, Temper, Verdict, World};

const MISSING: Fault = Fault { step: Step::Exec, errno: 2 };
const FORBIDDEN: Fault = Fault { step: Step::Directory, errno: 13 };

const UP: Move = Move::Say(Letter::Up);
const DOWN: Move = Move::Say(Letter::Down);
const ONCE: Move = Move::Say(Letter::Once);
const EXIT: Move = Move::Say(Letter::Exit);
const PAUSE: Move = Move::Say(Letter::Pause);
const CONTINUE: Move = Move::Say(Letter::Continue);
const KILL: Move = Move::Say(Letter::Kill);

const RUNS: Move = Move::Starts(Temper::Obedient);
const RUNS_STUBBORN: Move = Move::Starts(Temper::Stubborn);
const FORKS_HOPELESS: Move = Move::Forks(Temper::Hopeless(MISSING));
const CRASHES: Move = Move::Ends(1);
/// Not yet the floor, but twice this is nearly the timeout, and three times are beyond it.
const WAIT: Move = Move::Wait(Duration::from_millis(700));
const STALL: Move = Move::Stall(Duration::from_millis(700));
const TIMEOUT_KILL: Duration = Duration::from_millis(1500);

const SERVICE: Farewell = Farewell { linger: Duration::ZERO, grace: Duration::from_secs(1) };
const LOGGER: Farewell =
    Farewell { linger: Duration::from_millis(300), grace: Duration::from_millis(120) };

/// Enough for every kind of report to be seen, and done in a few seconds.
const STORIES: u64 = 2000;
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

/// Around the floor, a good run, the deadlines and the longest pause.
const TIMES: [Duration; 10] = {
    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }
    [ms(0), ms(1), ms(49), ms(51), ms(300), ms(999), ms(1000), ms(3000), ms(10_000), ms(80_000)]
};

/// The cards that random stories are drawn from. What ends a story early is rare, so that most are
/// long; what a story is made simpler with stands first.
fn deck() -> Vec<Move> {
    let mut deck = Vec::new();
    let mut put = |copies, cards: &[Move]| {
        for &card in cards {
            deck.extend(std::iter::repeat_n(card, copies));
        }
    };
    let forks = [Temper::Obedient, Temper::Stubborn, Temper::Hopeless(MISSING)].map(Move::Forks);
    let stray = [Event::Started(Ok(Pid(9))), Event::Started(Err(MISSING)), Event::Forked(Pid(9))];
    put(400, &[CRASHES]);
    put(300, &[Move::Sleep, RUNS]);
    put(200, &[UP]);
    put(100, &[DOWN, RUNS_STUBBORN]);
    put(60, &[ONCE, Move::Ends(0), Move::Mended, Move::Fails(MISSING)]);
    put(50, &[Move::Drained(true), Move::Drained(false)]);
    put(40, &forks);
    put(30, &[Move::Fails(FORBIDDEN), Move::Forks(Temper::Hopeless(FORBIDDEN)), Move::OrphanEnds]);
    put(20, &[PAUSE, CONTINUE, KILL]);
    put(20, &[Letter::Hangup, Letter::Alarm, Letter::Interrupt, Letter::Terminate].map(Move::Say));
    put(15, &TIMES.map(Move::Wait));
    put(5, &TIMES.map(Move::Stall));
    put(5, &stray.map(Move::Stray));
    put(3, &TIMES.map(Move::Suspend));
    put(2, &TIMES.map(Some).map(Move::TimeoutKill));
    put(5, &[EXIT, Move::TimeoutKill(None)]);
    put(1, &TIMES.map(|grace| Move::Stop(Farewell { grace, ..SERVICE })));
    put(1, &TIMES.map(|grace| Move::Stop(Farewell { grace, ..LOGGER })));
    put(1, &TIMES.map(|linger| Move::Stop(Farewell { linger, ..LOGGER })));
    deck
}

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
    let story = (want, any::<u64>(), vec(select(deck()), 1..=MOVES_MAX));

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
    assert!(stories < STORIES || sights.everything(), "KEEPUP_SEED={seed}: only {sights:?}");
}
