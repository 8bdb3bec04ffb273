//! The client in a simulated world: that it finds the time, and that no story makes it do harm.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[allow(dead_code, reason = "the accuracy tests use the rest")]
mod world;

use ntp::client::{Authority, Outcome, Setup};
use ntp::discipline::Policy;
use proptest::prelude::*;
use world::{Blow, Character, Peer, TODAY, World, setup};

const PPM: f64 = 1e-6;

fn one() -> [Peer; 1] {
    [Peer::new(Character::Honest)]
}

fn generous(servers: usize) -> Setup {
    Setup { policy: Policy { any_first: true, ..Policy::default() }, ..setup(servers, "iburst") }
}

/// A world with one honest server and the clock `offset` seconds ahead.
fn plain(seed: u64, offset: f64, setup: Setup) -> World {
    World::new(seed, TODAY, offset, -100.0 * PPM, setup, &one())
}

#[test]
fn an_offset_below_the_step_threshold_is_slewed_away_in_seconds() {
    for seed in 1..20 {
        for offset in [0.05, -0.1] {
            let mut world = plain(seed, offset, setup(1, "iburst"));
            let settled = world.settle(0.01, 60.0);
            assert!(settled < 30.0, "seed {seed}: {settled} s\n{}", world.log());
            assert_eq!(world.steps, []);
        }
    }
}

#[test]
fn the_frequency_is_found_and_the_error_stays_small() {
    for seed in 1..6 {
        let mut world = plain(seed, 0.05, setup(1, "iburst"));
        world.clock.wander = 1e-9;
        let settled = world.settle(0.001, 2000.0);
        assert!(settled < 600.0, "seed {seed}: {settled} s");
        let (worst, rms) = world.run(20_000.0);
        assert!(worst < 0.001 && rms < 0.0002, "seed {seed}: worst {worst}, rms {rms}");
        let now_known = world.client.status(ntp::time::Now::default()).frequency.unwrap();
        assert!((now_known.ratio - 100.0 * PPM).abs() < 0.3 * PPM, "seed {seed}: {now_known:?}");
        assert_eq!(world.lines("synchronised to 10.0.0.1"), 1 + 6, "{}", world.log());
    }
}

#[test]
fn a_dead_battery_is_one_step_with_g() {
    for (seed, offset) in [(1, 10.0), (2, 4000.0), (3, -4000.0), (4, -1e8), (5, -1.79e9)] {
        let mut world = plain(seed, offset, generous(1));
        let settled = world.settle(0.01, 120.0);
        assert!(settled < 10.0, "offset {offset}: {settled} s\n{}", world.log());
        assert_eq!(world.steps.len(), 1);
        assert!((world.steps[0].1 + offset).abs() < 0.1);
    }
}

#[test]
fn beyond_the_limit_it_stays_refuses_and_says_how_to_allow_it() {
    let mut world = plain(7, 7200.0, setup(1, "iburst"));
    world.run(3000.0);
    assert_eq!(world.steps, []);
    assert_eq!(world.steers, 0, "nothing at all is done to the clock");
    assert_eq!(world.lines("to allow it once: ntpd -g"), 1, "{}", world.log());
    assert_eq!(world.lines("s ahead of 10.0.0.1: more than 1000 s"), 1, "{}", world.log());
    assert!(world.requests > 20, "it keeps asking");
    // Somebody sets the clock by hand: all is well without a restart.
    world.strike(Blow::Move(-7200.0));
    world.run(60.0);
    assert!(world.error().abs() < 0.01, "{}", world.log());
}

#[test]
fn a_clock_moved_by_somebody_is_back_in_ten_seconds() {
    for (seed, moved) in [(1, 0.5), (2, 3.0), (3, 2000.0), (4, -2000.0), (5, 1e6)] {
        let mut world = plain(seed, 0.01, setup(1, "iburst"));
        world.run(10_000.0);
        let before = world.clock.truth;
        world.strike(Blow::Move(moved));
        let settled = world.settle(0.01, 1000.0) - before;
        assert!(settled < 12.0, "moved by {moved}: {settled} s\n{}", world.log());
        assert_eq!(world.steps.len(), 1, "{}", world.log());
        assert_eq!(world.lines("was moved by"), 1);
    }
}

#[test]
fn also_when_that_happens_twice_soon_after_the_start() {
    let mut world = plain(1, 0.01, setup(1, "iburst"));
    for moved in [100.0, -50.0] {
        world.run(20.0);
        let before = world.clock.truth;
        world.strike(Blow::Move(moved));
        let settled = world.settle(0.01, 60.0) - before;
        assert!(settled < 12.0, "moved by {moved}: {settled} s\n{}", world.log());
    }
}

#[test]
fn each_time_it_is_moved_that_is_said_and_none_is_taken_for_drift() {
    let mut world = plain(2, 0.01, setup(1, "iburst"));
    world.run(20_000.0);
    let moves = [100.0, -100.0, 5e4, -0.7, 3600.0, -3600.0, 1e6, -86_400.0];
    for (index, moved) in moves.into_iter().enumerate() {
        world.strike(Blow::Move(moved));
        world.run(200.0);
        assert!(world.error().abs() < 0.01, "moved by {moved}\n{}", world.log());
        assert!(world.rate().abs() < 1e-6, "moved by {moved}: {}", world.rate());
        assert_eq!(world.lines("was moved by"), index + 1, "{}", world.log());
    }
    // Who does so all the time fills no disk.
    for second in 0..1000 {
        world.strike(Blow::Move(if second % 2 == 0 { 5.0 } else { -5.0 }));
        world.run(1.0);
    }
    assert!(world.lines("was moved by") < moves.len() + 12, "{}", world.log());
}

#[test]
fn after_a_foreign_step_nothing_is_said_that_was_true_before() {
    let mut world = plain(1, 7200.0, setup(1, "iburst"));
    world.run(30.0);
    world.strike(Blow::Move(-7200.0));
    world.run(60.0);
    assert_eq!(world.lines("to allow it once"), 1, "{}", world.log());
    assert_eq!(world.lines("synchronised to 10.0.0.1"), 1, "{}", world.log());
}

#[test]
fn a_sleep_is_survived() {
    let mut world = plain(3, 0.01, setup(1, "iburst"));
    world.run(5000.0);
    let before = world.clock.truth + 30_000.3;
    world.strike(Blow::Sleep(30_000.3));
    let settled = world.settle(0.01, 1000.0) - before;
    assert!(settled < 15.0, "{settled} s\n{}", world.log());
}

#[test]
fn a_server_that_breaks_away_later_is_not_followed_beyond_the_limit() {
    let mut world = plain(5, 4000.0, generous(1));
    world.run(5000.0);
    assert_eq!(world.steps.len(), 1);
    world.strike(Blow::Change(0, Character::Off(2000.0)));
    world.run(20_000.0);
    assert_eq!(world.steps.len(), 1, "-g is used up\n{}", world.log());
    assert!(world.error().abs() < 1.0);
    assert_eq!(world.lines("to allow it once"), 1 + 5, "once, and each hour\n{}", world.log());
    world.strike(Blow::Change(0, Character::Honest));
    world.run(5000.0);
    assert!(world.error().abs() < 0.001, "{}", world.log());
}

#[test]
fn one_false_ticker_of_four_is_outvoted_even_if_it_is_the_quickest() {
    for seed in 1..10 {
        let mut peers = [Peer::new(Character::Honest); 4];
        peers[0] = Peer { path: 1e-5, jitter: 1e-6, ..Peer::new(Character::Off(0.5)) };
        let mut world = World::new(seed, TODAY, 0.01, 0.0, generous(4), &peers);
        world.run(3000.0);
        assert_eq!(world.steps, [], "seed {seed}\n{}", world.log());
        assert!(world.error().abs() < 0.001);
        assert_eq!(world.lines("10.0.0.1 is +0.5"), 1, "{}", world.log());
        assert_eq!(world.lines("synchronised to 3 of 4 servers"), 1, "{}", world.log());
    }
}

#[test]
fn without_iburst_the_quickest_liar_does_not_set_the_clock_either() {
    let mut peers = [Peer::new(Character::Honest); 4];
    peers[0] = Peer { path: 1e-5, jitter: 1e-6, ..Peer::new(Character::Off(5000.0)) };
    let setup = Setup { servers: setup(4, "").servers, ..generous(4) };
    let mut world = World::new(1, TODAY, 0.01, 0.0, setup, &peers);
    world.run(3000.0);
    assert_eq!(world.steps, [], "{}", world.log());
    assert!(world.error().abs() < 0.001);
}

#[test]
fn after_a_foreign_step_the_quickest_liar_does_not_set_the_clock_either() {
    let mut peers = [Peer::new(Character::Honest); 4];
    peers[0] = Peer { path: 1e-5, jitter: 1e-6, ..Peer::new(Character::Off(0.5)) };
    let mut world = World::new(1, TODAY, 0.01, 0.0, generous(4), &peers);
    world.run(3000.0);
    world.strike(Blow::Move(10.0));
    world.run(100.0);
    assert_eq!(world.steps.len(), 1, "{}", world.log());
    assert!(world.error().abs() < 0.001);
}

#[test]
fn a_server_named_twice_has_one_vote() {
    let mut peers = [Peer::new(Character::Honest); 2];
    peers[1].character = Character::Off(3.0);
    let mut setup = generous(2);
    setup.servers.push(setup.servers[1].clone());
    let mut world = World::new(1, TODAY, 0.0, 0.0, setup, &peers);
    world.run(300.0);
    assert_eq!(world.steers, 0, "{}", world.log());
}

#[test]
fn two_that_disagree_are_not_followed_and_that_is_said_once() {
    let peers = [Peer::new(Character::Honest), Peer::new(Character::Off(3.0))];
    let mut world = World::new(1, TODAY, 0.5, 0.0, generous(2), &peers);
    world.run(3000.0);
    assert_eq!(world.steers, 0);
    assert_eq!(world.lines("no majority: 2 servers answer and at most 1 of them agree"), 1);
    assert_eq!(world.said.iter().filter(|(_, l, _)| *l != ntp::client::Level::Debug).count(), 3);
}

#[test]
fn a_besieged_server_is_still_heard() {
    let mut world =
        World::new(1, TODAY, 0.05, 1e-5, setup(1, "iburst"), &[Peer::new(Character::Besieged)]);
    world.run(3000.0);
    assert!(world.error().abs() < 0.001, "{}", world.log());
    assert!(world.said.len() < 200, "{} lines", world.said.len());
}

#[test]
fn every_way_of_doing_nothing_is_said_once_and_ended_by_the_first_answer() {
    for (character, line) in [
        (Character::Silent, "no server answers; trying again"),
        (Character::Unroutable, "no server can be asked: network unreachable"),
        (
            Character::Unsynchronised,
            "no server is of use: the answer of 10.0.0.1 is refused: the server says",
        ),
    ] {
        let mut world =
            World::new(1, TODAY, 0.05, 0.0, setup(1, "iburst"), &[Peer::new(character)]);
        world.run(3000.0);
        assert_eq!(world.lines(line), 1, "{}", world.log());
        assert_eq!(world.lines(""), world.lines(line), "{}", world.log());
        world.strike(Blow::Change(0, Character::Honest));
        // Who has been silent for long is asked every 17 minutes.
        world.run(1500.0);
        assert!(world.error().abs() < 0.001, "{}", world.log());
        assert_eq!(world.lines("synchronised to 10.0.0.1"), 1, "{}", world.log());
    }
}

#[test]
fn a_name_that_is_not_resolved_is_tried_until_it_is() {
    let mut setup = setup(1, "iburst");
    setup.servers[0].name = "time.example".to_owned();
    let mut world = World::new(1, TODAY, 0.05, 0.0, setup, &one());
    world.run(1000.0);
    assert_eq!(world.lines("no server has an address: time.example: no name service"), 1);
    assert_eq!(world.lines(""), 1, "{}", world.log());
    world.resolved = vec!["10.0.0.1".parse().unwrap()];
    world.run(300.0);
    assert_eq!(world.lines("synchronised to time.example (10.0.0.1)"), 1, "{}", world.log());
}

#[test]
fn a_pools_dead_members_are_replaced() {
    let mut setup = setup(1, "iburst");
    setup.servers[0].name = "pool.example".to_owned();
    setup.servers[0].pool = true;
    let peers = [Peer::new(Character::Honest); 4];
    let mut world = World::new(1, TODAY, 0.0, 0.0, setup, &peers);
    world.resolved = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
    world.run(1000.0);
    assert_eq!(world.lines("answers:"), 2, "{}", world.log());
    world.strike(Blow::Change(0, Character::Silent));
    world.strike(Blow::Change(1, Character::Silent));
    world.resolved = vec!["10.0.0.3".parse().unwrap(), "10.0.0.4".parse().unwrap()];
    world.run(3000.0);
    assert_eq!(world.lines("10.0.0.3) answers:"), 1, "{}", world.log());
    assert_eq!(world.forgotten, 2);
    assert!(world.error().abs() < 0.001);
}

#[test]
fn of_several_servers_the_nearest_is_named() {
    for nearest in 0..3 {
        let mut peers = [Peer { path: 0.02, ..Peer::new(Character::Honest) }; 3];
        peers[nearest].path = 0.001;
        let mut world = World::new(1, TODAY, 0.0, 0.0, setup(3, "iburst"), &peers);
        world.run(100.0);
        let line = format!("synchronised to 3 of 3 servers, best 10.0.0.{}:", nearest + 1);
        assert_eq!(world.lines(&line), 1, "{}", world.log());
    }
}

/// Servers that come and go in step with us are worth a few lines and then one in five minutes.
#[test]
fn nobody_can_make_it_chatter() {
    let peers = [Peer::new(Character::Honest); 3];
    let options = "iburst minpoll 3 maxpoll 3";
    let mut world = World::new(1, TODAY, 0.0, 0.0, setup(3, options), &peers);
    let day = 86_400.0;
    while world.clock.truth < day {
        world.run(100.0);
        world.strike(Blow::Change(0, Character::Silent));
        world.run(100.0);
        world.strike(Blow::Change(0, Character::Off(3.0)));
        world.run(200.0);
        world.strike(Blow::Change(0, Character::Honest));
    }
    let said = world.lines("10.0.0.1 ");
    assert!((100..300).contains(&said), "of one server {said} lines a day");
    let before = world.lines("synchronised to");
    while world.clock.truth < 2.0 * day {
        for character in [Character::Silent, Character::Honest] {
            world.run(200.0);
            for index in 0..3 {
                world.strike(Blow::Change(index, character));
            }
        }
    }
    let said = world.lines("no server answers") + world.lines("synchronised to") - before;
    assert!((100..300).contains(&said), "of all together {said} lines a day");
}

#[test]
fn others_are_told_the_time_as_it_is_known_and_not_as_the_clock_shows_it() {
    let mut world = plain(1, 5.0, Setup { authority: Authority::Observe, ..setup(1, "iburst") });
    assert_eq!(world.client.status(world.now()).reference.stratum, 0);
    world.run(300.0);
    let told = world.client.status(world.now()).reference;
    assert_eq!((told.stratum, told.reference_id), (3, [10, 0, 0, 1]));
    assert!((told.correction.seconds() + world.error()).abs() < 0.001, "{told:?}");
    assert!((0.002..0.01).contains(&told.root_delay), "{told:?}");
    assert!((0.002..0.01).contains(&told.root_dispersion), "{told:?}");
    // A day without an answer later it is told how uncertain that has become.
    world.strike(Blow::Change(0, Character::Silent));
    world.run(86_400.0);
    assert_eq!(world.client.status(world.now()).reference.stratum, 0);
}

#[test]
fn who_refuses_an_offset_serves_no_time() {
    let mut world = plain(1, 5000.0, setup(1, "iburst"));
    world.run(300.0);
    assert_eq!(world.client.status(world.now()).reference.stratum, 0);
    assert!(!world.client.status(world.now()).has_accepted);
}

#[test]
fn deny_is_obeyed_and_said() {
    let peers = [Peer::new(Character::Kiss(*b"DENY"))];
    let mut world = World::new(1, TODAY, 0.05, 0.0, setup(1, "iburst"), &peers);
    world.run(10_000.0);
    assert_eq!(world.requests, 1);
    assert_eq!(world.lines("every server has asked us to stay away"), 1 + 2, "{}", world.log());
}

#[test]
fn an_observer_never_touches_the_clock() {
    for authority in [Authority::Observe, Authority::Powerless] {
        let mut world = plain(1, 5000.0, Setup { authority, ..generous(1) });
        world.run(5000.0);
        let view = world.client.view(world.now());
        assert_eq!((view.state, view.is_synchronised, view.is_known), ("wrong", false, true));
        assert!(view.sentence.contains("clock is 1 h 23 min fast, and nothing sets it: ntpd "));
        world.strike(Blow::Move(100.0));
        world.run(5000.0);
        assert_eq!(world.steers, 0);
        assert!(world.lines("the time comes from 10.0.0.1: offset -5099.") > 0, "{}", world.log());
    }
}

#[test]
fn an_observer_calls_a_clock_right_that_somebody_else_has_set() {
    let mut world = plain(1, 5000.0, Setup { authority: Authority::Observe, ..generous(1) });
    world.run(300.0);
    let asked = |world: &World| {
        let view = world.client.view(world.now());
        (view.state, view.is_synchronised)
    };
    assert_eq!(asked(&world), ("wrong", false));
    world.strike(Blow::Move(-4999.9));
    world.run(300.0);
    assert_eq!(asked(&world), ("synchronised", true));
    // Below what a watch takes for a step, and before the next vote.
    world.strike(Blow::Move(0.09));
    assert_eq!(asked(&world), ("wrong", false), "by the clock of now");
    world.run(3000.0);
    assert_eq!(asked(&world), ("wrong", false), "{}", world.log());
    assert_eq!(world.lines("the machine's clock is "), 1 + 1, "{}", world.log());
}

#[test]
fn who_may_not_set_the_clock_after_all_becomes_an_observer() {
    let mut world = plain(1, 0.05, setup(1, "iburst"));
    world.strike(Blow::Revoke);
    world.run(10_000.0);
    assert_eq!(world.steers, 0);
    assert_eq!(world.lines("unable to set the clock: permission denied"), 1, "{}", world.log());
}

#[test]
fn slewing_only_takes_its_time_and_never_steps() {
    let policy = Policy { step: None, ..Policy::default() };
    let mut world = plain(1, 20.0, Setup { policy, ..setup(1, "iburst") });
    let settled = world.settle(0.01, 3000.0);
    assert!((350.0..1000.0).contains(&settled), "{settled} s\n{}", world.log());
    assert_eq!(world.steps, []);
    assert_eq!(
        world.lines("is slewed only (-x): that takes about 7 minutes"),
        1,
        "{}",
        world.log()
    );
}

#[test]
fn the_end_of_the_era_is_nothing_special() {
    // 2036-02-07 06:28:16 UTC comes after 1000 s.
    let mut world = World::new(1, 2_085_978_496 - 1000, 0.05, 1e-5, setup(1, "iburst"), &one());
    world.run(300.0);
    let (worst, _) = world.run(5000.0);
    assert!(worst < 0.001, "{worst}\n{}", world.log());
    assert_eq!(world.steps, []);
}

#[test]
fn after_the_end_of_the_era_a_dead_battery_is_still_one_step() {
    let start = 2_085_978_496 + 100_000;
    let mut world = World::new(1, start, -2_085_978_496.0, 1e-5, generous(1), &one());
    world.run(60.0);
    assert!(world.error().abs() < 0.01, "{}\n{}", world.error(), world.log());
    assert_eq!(world.steps.len(), 1);
}

#[test]
fn once_is_over_as_soon_as_the_clock_is_set() {
    for (offset, setup) in [(0.05, setup(1, "iburst")), (4000.0, generous(1))] {
        let mut world = plain(1, offset, Setup { once: true, ..setup });
        world.run(60.0);
        assert_eq!(world.done, Some(Outcome::Set), "{}", world.log());
        assert!(world.error().abs() < 0.01, "the slew has ended by itself");
    }
}

#[test]
fn once_fails_with_the_reason() {
    for (character, authority, reason) in [
        (Character::Silent, Authority::Steer, "no server answers"),
        (Character::Honest, Authority::Powerless, "permission denied"),
        (Character::Off(5000.0), Authority::Steer, "to allow it once"),
    ] {
        let peers = [Peer::new(character)];
        let setup = Setup { once: true, authority, ..setup(1, "iburst") };
        let mut world = World::new(1, TODAY, 0.0, 0.0, setup, &peers);
        world.run(60.0);
        assert_eq!(world.steers, 0);
        let Some(Outcome::Failed(why)) = &world.done else { panic!("{:?}", world.done) };
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn once_as_an_observer_is_over_when_the_time_is_known() {
    let setup = Setup { once: true, authority: Authority::Observe, ..setup(1, "iburst") };
    let mut world = plain(1, 5000.0, setup);
    world.run(60.0);
    assert_eq!(world.done, Some(Outcome::Observed), "{}", world.log());
}

#[test]
fn lost_packets_are_borne() {
    let peers = [Peer { loss: 0.3, jitter: 1e-3, ..Peer::new(Character::Honest) }; 3];
    for seed in 1..6 {
        let mut world = World::new(seed, TODAY, 0.05, 50.0 * PPM, setup(3, "iburst"), &peers);
        world.run(2000.0);
        let (worst, _) = world.run(10_000.0);
        assert!(worst < 0.005, "seed {seed}: {worst}\n{}", world.log());
    }
}

/// Not how good it is today, but how bad it must not become; microseconds.
#[test]
fn the_error_stays_within_bounds_for_every_kind_of_network() {
    for (options, wander, bounds) in [
        ("iburst", 1e-9, [25.0, 100.0, 450.0, 3000.0]),
        ("iburst minpoll 6 maxpoll 6", 1e-8, [15.0, 55.0, 230.0, 1300.0]),
    ] {
        for (jitter, bound) in [1e-5, 1e-4, 1e-3, 1e-2].into_iter().zip(bounds) {
            let rms = (1..6).map(|seed| {
                let peers = [Peer { jitter, ..Peer::new(Character::Honest) }];
                let mut world = World::new(seed, TODAY, 0.01, 1e-5, setup(1, options), &peers);
                world.clock.wander = wander;
                world.run(2000.0);
                world.run(18_000.0).1
            });
            let mean = rms.sum::<f64>() / 5.0 * 1e6;
            assert!(mean < bound, "{options}, jitter {jitter}: {mean} us");
        }
    }
}

fn any_character() -> impl Strategy<Value = Character> {
    prop_oneof![
        4 => Just(Character::Honest),
        1 => (-1e5_f64..1e5).prop_map(Character::Off),
        1 => (-0.3_f64..0.3).prop_map(Character::Off),
        1 => Just(Character::Besieged),
        1 => Just(Character::Unsynchronised),
        1 => proptest::sample::select(vec![*b"RATE", *b"DENY", *b"RSTR", *b"XXXX"])
            .prop_map(Character::Kiss),
        1 => Just(Character::Silent),
        1 => Just(Character::Unroutable),
    ]
}

fn any_blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        3 => (0_usize..4, any_character()).prop_map(|(index, to)| Blow::Change(index, to)),
        1 => (-1e5_f64..1e5).prop_map(Blow::Move),
        1 => (-1.0_f64..1.0).prop_map(Blow::Move),
        1 => (0.0_f64..1e5).prop_map(Blow::Sleep),
        1 => (-5e-5_f64..5e-5).prop_map(Blow::Speed),
        1 => Just(Blow::Network),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens: it never ends, it says few lines, it asks no more than is polite, and
    /// at most one step is larger than the limit, other than those that undo somebody's.
    #[test]
    fn no_story_makes_it_end_or_step_twice_or_chatter(
        seed: u64,
        offset in -1e5_f64..1e5,
        any_first: bool,
        interleaves: bool,
        story in proptest::collection::vec((0.0_f64..4000.0, any_blow()), 0..25),
    ) {
        let policy = Policy { any_first, ..Policy::default() };
        let peers = [Peer { loss: 0.1, interleaves, ..Peer::new(Character::Honest) }; 4];
        let options = if interleaves { "iburst xleave" } else { "iburst" };
        let setup = Setup { policy, ..setup(4, options) };
        let mut world = World::new(seed, TODAY, offset, 2e-5, setup, &peers);
        let mut disturbed = 0;
        for (seconds, blow) in story {
            world.run(seconds);
            if matches!(blow, Blow::Move(_) | Blow::Sleep(_)) {
                disturbed += 1;
            }
            world.strike(blow);
        }
        world.run(1000.0);
        prop_assert_eq!(&world.done, &None);
        let large = world.steps.iter().filter(|(_, by)| by.abs() > 1000.0).count();
        prop_assert!(large <= usize::from(any_first) + disturbed, "{}", world.log());
        let polite = 4 * (30 + count(world.clock.truth / 32.0)) + 40 * disturbed;
        prop_assert!(world.requests <= polite, "{} requests of {polite}", world.requests);
        let said = world.lines("");
        let budget = 60 + world.steps.len() + 5 * count(world.clock.truth / 300.0);
        prop_assert!(said <= budget, "{said} lines of {budget}\n{}", world.log());
    }

    /// Left alone with a majority of honest servers, the clock is right in the end.
    #[test]
    fn left_alone_with_honest_servers_it_recovers(
        seed: u64,
        interleaves: bool,
        story in proptest::collection::vec((0.0_f64..4000.0, any_blow()), 0..10),
    ) {
        let peers = [Peer { interleaves, ..Peer::new(Character::Honest) }; 4];
        let options = if interleaves { "iburst xleave" } else { "iburst" };
        let mut world = World::new(seed, TODAY, 0.01, 2e-5, setup(4, options), &peers);
        world.run(100.0);
        let harmless = |blow: &Blow| !matches!(blow, Blow::Change(_, Character::Kiss(_)));
        for (seconds, blow) in story.into_iter().filter(|(_, blow)| harmless(blow)) {
            let moved = matches!(blow, Blow::Move(_) | Blow::Sleep(_));
            world.run(seconds);
            world.strike(blow);
            if moved {
                // Only while somebody watches can a step be told from a lie.
                for index in 0..4 {
                    world.strike(Blow::Change(index, Character::Honest));
                }
                world.run(3000.0);
            }
        }
        for index in 0..4 {
            world.strike(Blow::Change(index, Character::Honest));
        }
        world.run(6000.0);
        prop_assert!(world.error().abs() < 0.002, "{}\n{}", world.error(), world.log());
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn count(number: f64) -> usize {
    number as usize
}
