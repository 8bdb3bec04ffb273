//! svscan is killed between any two things that it does, and another one comes: never are there two
//! copies of a service, nobody of it is forgotten, and what its operator wanted holds.
//!
//! The kernel of these stories has a control group, so it knows who is of the service; the disk has
//! what the shell of `crates/supervisor` writes down, in its order: the step, the record, then what
//! the step asks for, one by one; where it asks for an answer only, the record waits for that. The
//! kernel notes the pid of a new child by itself.

mod killed_world;

use contract::Letter;

use killed_world::{Move, World};

const LETTERS: [Move; 5] = [
    Move::Say(Letter::Up),
    Move::Say(Letter::Down),
    Move::Say(Letter::Once),
    Move::Say(Letter::Kill),
    Move::Say(Letter::Terminate),
];
const FACTS: [Move; 7] = [
    Move::Ends(0),
    Move::Ends(1),
    Move::Begets { obeys: true },
    Move::Begets { obeys: false },
    Move::Wait,
    Move::Comes,
    Move::Killed,
];

/// So many things are done in a turn at most: the kill comes after the first, the second and so on.
const CUTS: u32 = 8;
/// How long the stories are of which each is told.
const SHORT: usize = 4;
/// How long those at random are, and how many.
const LONG: usize = 60;
const SEEDS: u64 = 4000;

fn moves() -> Vec<Move> {
    LETTERS.into_iter().chain(FACTS).collect()
}

/// Tells a story with a kill in the midst of one of its moves, and says whether that was reached.
fn tell(story: &[Move], at: usize, cut: u32, finish: bool) -> bool {
    let mut world = World::new(finish);
    let mut reached = false;
    let mut verdict = Ok(());
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
        panic!("{complaint}\nstory: {story:?}, killed in {at} after {cut}, finish: {finish}");
    }
    reached
}

#[test]
fn killed_at_any_step_of_any_short_story() {
    let moves = moves();
    let count = moves.len();
    let mut reached = 0_u64;
    for number in 0..count.pow(u32::try_from(SHORT).unwrap()) {
        let mut rest = number;
        let mut next = || {
            let step = moves[rest % count];
            rest /= count;
            step
        };
        let story: Vec<Move> = (0..SHORT).map(|_| next()).collect();
        for at in 0..story.len() {
            let finish = number % 2 == 0;
            reached +=
                u64::from((0..CUTS).take_while(|cut| tell(&story, at, *cut, finish)).count() > 0);
        }
    }
    assert!(reached > 10_000, "{reached}");
}

#[test]
fn killed_again_and_again_in_long_stories() {
    let moves = moves();
    for seed in 0..SEEDS {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |most: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 32).unwrap() % most
        };
        let mut world = World::new(seed % 2 == 0);
        let mut story = Vec::new();
        for _ in 0..LONG {
            if below(3) == 0 {
                world.kill_after(u32::try_from(below(6)).unwrap());
            }
            let step = moves[below(moves.len())];
            story.push(step);
            if let Err(complaint) = world.play(step) {
                panic!("{complaint}\nseed {seed}: {story:?}");
            }
        }
        if let Err(complaint) = world.settle() {
            panic!("{complaint}\nseed {seed}: {story:?}");
        }
    }
}
