//! svscan is killed between any two things that it does, and another one comes: never are there two
//! copies of a service, nobody of it is forgotten, and what its operator wanted holds.
//!
//! The kernel of these stories has a control group, so it knows who is of the service; the disk has
//! what the shell of `crates/supervisor` writes down, in its order: the step, the record, then what
//! the step asks for, one by one. The kernel notes the pid of a new child by itself.
//!
//! `KEEPUP_STORIES` says how many long stories are told of each kind of service; each has a number,
//! and the same number is the same story.

mod killed_world;

use std::time::Duration;

use contract::Letter;
use service::pacing::Pace;
use service::words::{DeathLimit, Policy, Settings};

use killed_world::{Kind, Move, World};

const FACTS: [Move; 7] = [
    Move::Ends(0),
    Move::Ends(1),
    Move::Begets { obeys: true },
    Move::Begets { obeys: false },
    Move::Wait,
    Move::Comes,
    Move::Killed,
];
const LETTERS: [Move; 5] = [
    Move::Say(Letter::Up),
    Move::Say(Letter::Down),
    Move::Say(Letter::Once),
    Move::Say(Letter::Kill),
    Move::Say(Letter::Terminate),
];
const MORE: [Move; 4] =
    [Move::Say(Letter::Exit), Move::Say(Letter::Pause), Move::Say(Letter::Continue), Move::Stop];
/// The moves of the stories about one setting.
const FEW: [Move; 10] = [
    Move::Ends(1),
    Move::Ends(0),
    Move::Begets { obeys: true },
    Move::Wait,
    Move::Killed,
    Move::Comes,
    Move::Stop,
    Move::Say(Letter::Up),
    Move::Say(Letter::Down),
    Move::Say(Letter::Once),
];

/// Of each of these a few short stories, and many long ones, are told.
fn kinds() -> Vec<Kind> {
    let limit = |deaths| Some(DeathLimit { deaths, within: Duration::from_secs(5) });
    let pace = Pace { spacing_max: Duration::from_secs(8), ..Pace::default() };
    let with = |settings| Kind { settings, ..Kind::default() };
    let settings = Settings { pace, ..Settings::default() };
    let kill = Some(Duration::from_secs(2));
    vec![
        with(settings),
        Kind { finish: true, ..with(settings) },
        with(Settings { policy: Policy::End, ..settings }),
        with(Settings { policy: Policy::Leave, ..settings }),
        Kind { finish: true, ..with(Settings { policy: Policy::Leave, ..settings }) },
        Kind { stubborn: true, ..with(settings) },
        Kind { stubborn: true, ..with(Settings { timeout_kill: kill, ..settings }) },
        with(Settings { death_limit: limit(2), ..settings }),
        Kind { finish: true, ..with(Settings { death_limit: limit(3), ..settings }) },
        Kind { logger: Some(true), ..with(settings) },
        Kind { logger: Some(false), stubborn: true, ..with(settings) },
    ]
}

/// So many quick deaths that the pauses have grown.
const DEATHS: &[Move] = [[Move::Ends(1), Move::Wait]; 6].as_flattened();
/// What has happened before a story.
const BEFORE: [&[Move]; 3] = [&[], DEATHS.split_at(4).0, DEATHS];

/// So many things are done in a turn at most: the kill comes after the first, the second and so on.
const CUTS: u32 = 8;
/// How long the stories are of which each is told, of a plain service and of one with settings.
const SHORT: u32 = 4;
const SHORTER: u32 = 3;
/// How long those at random are, and how many of each kind.
const LONG: usize = 80;
const SEEDS: u64 = 1500;

/// Tells a story with a kill in the midst of one of its moves, and says whether that was reached.
fn tell(kind: Kind, before: &[Move], story: &[Move], at: usize, cut: u32) -> bool {
    let mut world = World::new(kind);
    let mut reached = false;
    let mut verdict = before.iter().try_for_each(|step| world.play(*step));
    for (index, step) in story.iter().enumerate() {
        if index == at {
            world.kill_after(cut);
        }
        verdict = verdict.and_then(|()| world.play(*step));
        if index == at {
            reached = world.was_cut();
        }
    }
    if let Err(complaint) = verdict.and_then(|()| world.settle()) {
        panic!(
            "{complaint}\nbefore: {before:?}\nstory: {story:?}, killed in {at} after {cut}\n\
             {kind:?}"
        );
    }
    reached
}

/// Tells every story of the moves, with a kill between any two things; says how many kills came.
fn tell_all(kind: Kind, before: &[Move], moves: &[Move], length: u32) -> u64 {
    let count = moves.len();
    let mut reached = 0;
    for number in 0..count.pow(length) {
        let mut rest = number;
        let mut next = || {
            let step = moves[rest % count];
            rest /= count;
            step
        };
        let story: Vec<Move> = (0..length).map(|_| next()).collect();
        for at in 0..story.len() {
            let cuts = (0..CUTS).take_while(|cut| tell(kind, before, &story, at, *cut));
            reached += u64::from(cuts.count() > 0);
        }
    }
    reached
}

#[test]
fn killed_at_any_step_of_any_short_story() {
    let moves: Vec<Move> = LETTERS.into_iter().chain(FACTS).collect();
    for finish in [true, false] {
        let reached = tell_all(Kind { finish, ..Kind::default() }, &[], &moves, SHORT);
        assert!(reached > 10_000, "{reached}");
    }
}

#[test]
fn killed_at_any_step_whatever_its_settings_say() {
    for kind in kinds() {
        for before in BEFORE {
            let reached = tell_all(kind, before, &FEW, SHORTER);
            assert!(reached > 1000, "{reached}: {kind:?}");
        }
    }
}

#[test]
fn killed_again_and_again_in_long_stories() {
    let moves: Vec<Move> = LETTERS.into_iter().chain(FACTS).chain(MORE).collect();
    let asked = std::env::var("KEEPUP_STORIES").ok();
    let stories = asked.map_or(SEEDS, |number| number.parse().expect("KEEPUP_STORIES: a number"));
    for (number, kind) in (0..).zip(kinds()) {
        for seed in 0..stories {
            tell_at_random(kind, &moves, number * stories + seed);
        }
    }
}

fn tell_at_random(kind: Kind, moves: &[Move], seed: u64) {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |most: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 32).expect("32 bits") % most
    };
    let mut world = World::new(kind);
    let mut story = Vec::new();
    for _ in 0..LONG {
        if below(3) == 0 {
            world.kill_after(u32::try_from(below(6)).expect("a few"));
        }
        // It has to die often for its pauses to grow.
        let step = if below(3) == 0 { Move::Ends(1) } else { moves[below(moves.len())] };
        story.push(step);
        if let Err(complaint) = world.play(step) {
            panic!("{complaint}\nseed {seed}: {story:?}\n{kind:?}");
        }
    }
    if let Err(complaint) = world.settle() {
        panic!("{complaint}\nseed {seed}: {story:?}\n{kind:?}");
    }
}
