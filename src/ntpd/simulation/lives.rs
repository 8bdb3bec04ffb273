//! Lives by chance, in which everything happens that may happen, alone and together.
//!
//! `KEEPUP_SEED` tells the life of one seed again, `KEEPUP_LIVES` says how many are told.

use sys::wake::Wish;

use super::super::control::Question;
use super::chance::Chance;
use super::life::{Birth, Life};
use super::opponent::{Opponent, Place, dice};
use super::server::{Character, Peer};
use super::world::Blow;

/// Lives of each sort, unless it is said.
const LIVES: u64 = 12;

/// As far off as honest servers are here by what they say of themselves and half of the longest way
/// there and back: nobody could know that they are better.
const HONEST: f64 = 0.006;

/// Tells lives of this sort; of one that does not go well, which it was and what it said.
fn each(tell: impl Fn(&mut Chance, &mut Teller)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("KEEPUP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KEEPUP_LIVES").unwrap_or(LIVES),
    };
    for seed in seeds {
        // Neighbours of xorshift begin alike.
        let mut chance = Chance::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            chance.random();
        }
        tell(&mut chance, &mut Teller { seed, life: None, blows: Vec::new() });
    }
}

/// A life that is being told.
struct Teller {
    seed: u64,
    life: Option<Life>,
    blows: Vec<(f64, Blow)>,
}

impl Teller {
    fn begin(&mut self, birth: &Birth) -> &mut Life {
        self.life.insert(Life::begin(birth))
    }

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().unwrap()
    }

    fn strike(&mut self, blow: Blow) {
        let at = self.life().truth();
        self.blows.push((at, blow));
        self.life().strike(blow);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.life.as_mut().map(|life| {
                life.read_log();
                life.log()
            });
            println!("KEEPUP_SEED={}\n{:?}\n{}", self.seed, self.blows, said.unwrap_or_default());
        }
    }
}

fn any_birth(chance: &mut Chance) -> Birth {
    let peer = Peer {
        path: 10_f64.powf(-4.0 + 2.0 * chance.uniform()) / 5.0,
        jitter: 10_f64.powf(-5.0 + 1.5 * chance.uniform()),
        interleaves: dice(chance, 2) == 0,
        ..Peer::new(Character::Honest)
    };
    let servers = 3 + dice(chance, 3);
    Birth {
        seed: chance.random(),
        offset: chance.uniform() * 4.0 - 2.0,
        fast: (chance.uniform() - 0.5) * 200e-6,
        peers: vec![peer; servers],
        announces_steps: dice(chance, 2) == 0,
        stamps: dice(chance, 4) > 0,
        stamps_late: dice(chance, 3) == 0,
        ..Birth::with(servers)
    }
}

fn any_character(chance: &mut Chance) -> Character {
    let codes = [*b"RATE", *b"XXXX"];
    match dice(chance, 9) {
        0 => Character::Off(chance.uniform() * 2e5 - 1e5),
        1 => Character::Off(chance.uniform() * 0.6 - 0.3),
        2 => Character::Besieged,
        3 => Character::Unsynchronised,
        4 => Character::Kiss(codes[dice(chance, 2)]),
        5 => Character::Silent,
        6 => Character::Unroutable,
        _ => Character::Honest,
    }
}

fn any_blow(chance: &mut Chance, servers: usize) -> Blow {
    match dice(chance, 10) {
        0 => Blow::Move(chance.uniform() * 2e5 - 1e5),
        1 => Blow::Move(chance.uniform() * 2.0 - 1.0),
        2 => Blow::Sleep(chance.uniform() * 1e5),
        3 => Blow::Speed((chance.uniform() - 0.5) * 1e-4),
        4 => Blow::Signal(Wish::Hangup),
        5 => Blow::Loss(dice(chance, servers), chance.uniform() * 0.5),
        _ => Blow::Change(dice(chance, servers), any_character(chance)),
    }
}

/// Whatever happens, the judge is content, the life goes on, and is in order as soon as the world
/// is.
#[test]
fn no_life_ends_or_chatters_or_spins_and_each_is_right_in_the_end() {
    each(|chance, teller| {
        let birth = any_birth(chance);
        let servers = birth.peers.len();
        teller.begin(&birth);
        teller.life().run(chance.uniform() * 1000.0);
        for _ in 0..dice(chance, 20) {
            let blow = any_blow(chance, servers);
            let moves = matches!(blow, Blow::Move(_) | Blow::Sleep(_));
            teller.strike(blow);
            if moves {
                // Only while somebody watches can a step be told from a lie.
                heal(teller, servers);
                teller.life().run(3000.0);
            }
            let while_it_lasts = chance.uniform() * 4000.0;
            teller.life().run(while_it_lasts);
        }
        heal(teller, servers);
        teller.life().run(8000.0);
        let life = teller.life();
        assert_eq!(life.ended, None);
        assert!(life.run(1000.0) < 0.003, "{} s", life.error());
        assert!(life.ask(Question::Status).1);
    });
}

fn heal(teller: &mut Teller, servers: usize) {
    for server in 0..servers {
        teller.life().strike(Blow::Change(server, Character::Honest));
        teller.life().strike(Blow::Loss(server, 0.0));
    }
}

/// Who may not set the clock any more goes on all the same, and never tries again.
#[test]
fn a_life_without_the_right_to_steer_goes_on_and_tries_nothing() {
    each(|chance, teller| {
        let birth = any_birth(chance);
        let servers = birth.peers.len();
        teller.begin(&birth);
        teller.life().run(chance.uniform() * 1000.0);
        teller.strike(Blow::Revoke);
        teller.life().run(4000.0);
        let refused = teller.life().world.borrow().kernel.refused;
        for _ in 0..dice(chance, 12) {
            let blow = any_blow(chance, servers);
            teller.strike(blow);
            let while_it_lasts = chance.uniform() * 4000.0;
            teller.life().run(while_it_lasts);
        }
        let life = teller.life();
        assert_eq!(life.ended, None);
        assert!(refused <= 1, "{refused}");
        assert!(life.world.borrow().kernel.refused <= 1);
    });
}

/// He answers everybody in the name of every server without having seen a question, and is a
/// minority of the servers besides.
#[test]
fn with_a_majority_of_honest_servers_no_opponent_moves_the_clock_out_of_their_reach() {
    each(|chance, teller| {
        let birth = Birth { fast: 20e-6, offset: 0.01, ..any_birth(chance) };
        let servers = birth.peers.len();
        let honest = servers / 2 + 1;
        let mut places: Vec<Option<Place>> = vec![Some(Place::On); servers - honest];
        places.extend((0..honest).map(|_| (dice(chance, 3) > 0).then_some(Place::Off)));
        if dice(chance, 2) == 0 {
            places.reverse();
        }
        let life = teller.begin(&birth);
        // He comes at the beginning, or later.
        if dice(chance, 2) == 0 {
            life.run(4000.0);
        }
        life.world.borrow_mut().opponent = Opponent::at(places);
        life.world.borrow_mut().judge.event();
        life.run(600.0);
        let worst = life.run(20_000.0);
        assert_eq!(life.ended, None);
        assert!(worst < HONEST, "{worst} s");
        assert_eq!(life.steps(), [] as [f64; 0]);
    });
}
