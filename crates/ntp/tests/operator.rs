//! The client in a simulated world: what an operator allows, what others prepare, what replaces
//! whom.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[allow(dead_code, reason = "the other tests of this world use all of it")]
mod world;

use std::net::IpAddr;

use ntp::client::{Authority, Event, Mark, Setup};
use ntp::discipline::Policy;
use world::{Blow, Character, Peer, TODAY, World, setup};

fn world_of(offset: f64, setup: Setup, peers: &[Peer]) -> World {
    World::new(7, TODAY, offset, 2e-5, setup, peers)
}

fn honest() -> Peer {
    Peer::new(Character::Honest)
}

fn any_first() -> Policy {
    Policy { any_first: true, ..Policy::default() }
}

/// A setup with one line of ntp.conf.
fn named(line: &str) -> Setup {
    Setup { servers: ntp::config::parse(line).unwrap().servers, ..setup(1, "") }
}

fn addresses(last: impl Iterator<Item = u8>) -> Vec<IpAddr> {
    last.map(|last| IpAddr::from([10, 0, 0, last])).collect()
}

fn labels(world: &World) -> Vec<String> {
    world.client.view(world.now()).sources.into_iter().map(|source| source.label).collect()
}

#[test]
fn a_refused_offset_is_stepped_once_where_an_operator_allows_it() {
    let mut world = world_of(4000.0, setup(1, "iburst"), &[honest()]);
    world.run(100.0);
    assert_eq!((world.steps.len(), world.client.why_no_step()), (0, None), "{}", world.log());
    world.tell(Event::Permit);
    assert_eq!(world.steps.len(), 1);
    world.run(1000.0);
    assert!(world.error().abs() < 0.01, "{}", world.error());
    let why = world.client.why_no_step().unwrap();
    assert!(why.starts_with("nothing is refused: synchronised to"), "{why}");
    world.strike(Blow::Change(0, Character::Off(5000.0)));
    world.run(10_000.0);
    assert_eq!(world.steps.len(), 1, "that was once\n{}", world.log());
    assert_eq!(world.client.view(world.now()).state, "refusing");
}

#[test]
fn leave_that_finds_nothing_to_allow_is_not_kept_for_later() {
    let mut world = world_of(4000.0, setup(1, "iburst"), &[honest()]);
    assert!(world.client.why_no_step().is_some(), "nobody has answered yet");
    world.tell(Event::Permit);
    world.run(5000.0);
    assert_eq!(world.steps, [], "{}", world.log());
}

#[test]
fn a_slow_slew_may_be_cut_short() {
    let policy = Policy { step: None, ..Policy::default() };
    let mut world = world_of(20.0, Setup { policy, ..setup(1, "iburst") }, &[honest()]);
    world.run(60.0);
    assert!(world.error() > 10.0);
    world.tell(Event::Permit);
    assert_eq!(world.steps.len(), 1);
    assert!(world.error().abs() < 0.01, "{}", world.error());
}

#[test]
fn an_observer_allows_nothing() {
    let observer = Setup { authority: Authority::Observe, ..setup(1, "iburst") };
    let mut world = world_of(4000.0, observer, &[honest()]);
    world.run(100.0);
    assert_eq!(world.client.why_no_step().unwrap(), "it only observes (--observe)");
    world.tell(Event::Permit);
    assert_eq!(world.steers, 0);
}

#[test]
fn who_asks_nobody_has_nothing_to_allow_and_does_not_call_that_observing() {
    for authority in [Authority::Observe, Authority::Steer] {
        let world = world_of(0.0, Setup { authority, ..setup(0, "") }, &[]);
        let why = "it asks no server; what it serves is this clock, which somebody else sets";
        assert_eq!(world.client.why_no_step().unwrap(), why);
    }
}

#[test]
fn a_step_waits_for_what_is_to_be_done_before() {
    for offset in [5.0, -4000.0] {
        let policy = any_first();
        let prepared = Setup { prepares: true, policy, ..setup(1, "iburst") };
        let mut world = world_of(offset, prepared, &[honest()]);
        world.run(100.0);
        assert_eq!((world.preparations.len(), world.steps.len()), (1, 1), "{}", world.log());
        let waited = world.steps[0].0 - world.preparations[0];
        assert!((3.0..3.5).contains(&waited), "{waited}");
        world.run(1000.0);
        assert!(world.error().abs() < 0.01);
        assert_eq!(world.lines("somebody else"), 0, "{}", world.log());
    }
}

#[test]
fn every_step_is_prepared_for_and_no_slew_is() {
    let prepared = Setup { prepares: true, ..setup(1, "iburst") };
    let mut world = world_of(0.05, prepared, &[honest()]);
    world.run(1000.0);
    assert_eq!(world.preparations.len(), 0);
    for moves in 1..4 {
        world.strike(Blow::Move(30.0));
        world.run(2000.0);
        assert_eq!((world.preparations.len(), world.steps.len()), (moves, moves));
    }
}

#[test]
fn the_first_step_is_not_over_while_it_is_prepared_for() {
    let prepared = Setup { prepares: true, policy: any_first(), ..setup(1, "iburst") };
    let mut world = world_of(4000.0, prepared, &[honest()]);
    world.preparing_takes = 50.0;
    world.run(40.0);
    let has_accepted = |world: &World| world.client.status(world.now()).has_accepted;
    assert_eq!((world.preparations.len(), has_accepted(&world)), (1, false));
    assert_eq!(world.client.view(world.now()).state, "preparing");
    world.run(60.0);
    assert_eq!((world.steps.len(), has_accepted(&world)), (1, true));
}

#[test]
fn a_pools_dead_member_is_replaced_by_another_one() {
    let mut world = world_of(0.01, named("pool pool.example iburst"), &[honest(); 6]);
    world.resolved = addresses(1..=4);
    world.run(2000.0);
    assert_eq!(world.client.view(world.now()).sources.len(), 4);
    world.resolved = addresses(3..=6);
    world.strike(Blow::Change(1, Character::Silent));
    world.run(6000.0);
    let labels = labels(&world);
    assert_eq!(labels.len(), 4, "as many as before: {labels:?}");
    assert!(!labels.iter().any(|label| label.contains("10.0.0.2")), "{labels:?}");
    assert!(labels.iter().any(|label| label.contains("10.0.0.5")), "{labels:?}");
    assert_eq!(world.lines("is lost: 10.0.0.5 takes its place"), 1, "{}", world.log());
}

#[test]
fn a_pools_false_member_is_replaced_and_does_not_come_back() {
    let mut world = world_of(0.01, named("pool pool.example iburst"), &[honest(); 6]);
    world.resolved = addresses(1..=4);
    world.strike(Blow::Change(0, Character::Off(3.0)));
    world.run(500.0);
    let marks = |world: &World| {
        let sources = world.client.view(world.now()).sources;
        sources.iter().filter(|source| source.mark == Mark::False).count()
    };
    assert_eq!(marks(&world), 1, "{}", world.log());
    world.resolved = addresses(1..=6);
    world.run(40_000.0);
    assert_eq!(marks(&world), 0, "{}", world.log());
    let labels = labels(&world);
    assert_eq!(labels.len(), 5, "all that there are but it: {labels:?}");
    assert!(!labels.iter().any(|label| label.contains("10.0.0.1)")), "{labels:?}");
    assert_eq!(world.lines("contradicts the majority: 10.0.0.5 takes its place"), 1);
    // The name is resolved again for another one's sake.
    world.strike(Blow::Change(1, Character::Silent));
    world.run(20_000.0);
    let labels = self::labels(&world);
    assert!(!labels.iter().any(|label| label.contains("10.0.0.1)")), "{labels:?}");
}

#[test]
fn a_pool_that_names_nobody_else_keeps_its_members() {
    let mut world = world_of(0.01, named("pool pool.example iburst"), &[honest(); 2]);
    world.resolved = addresses(1..=2);
    world.run(1000.0);
    world.strike(Blow::Change(1, Character::Silent));
    world.run(20_000.0);
    world.strike(Blow::Change(1, Character::Honest));
    world.run(3000.0);
    let sources = world.client.view(world.now()).sources;
    assert_eq!(sources.len(), 2);
    assert!(sources.iter().all(|source| source.reach != 0), "it is heard again");
}

#[test]
fn without_a_name_service_the_last_good_addresses_are_asked() {
    for (line, servers) in [("server a.example iburst", 1), ("pool a.example iburst", 3)] {
        let known = vec![("a.example".to_owned(), addresses(1..=3))];
        let mut world = world_of(0.01, Setup { known, ..named(line) }, &[honest(); 4]);
        world.run(100.0);
        let view = world.client.view(world.now());
        assert!(view.is_synchronised, "{}", world.log());
        assert_eq!((view.sources.len(), view.unresolved.len()), (servers, 1));
        assert_eq!(world.lines("asking those that were good before"), 1);
        // The name service comes back with the same addresses, and one more.
        world.resolved = addresses(1..=4);
        world.run(1000.0);
        let view = world.client.view(world.now());
        let more = usize::from(servers > 1);
        assert_eq!((view.sources.len(), view.unresolved.len()), (servers + more, 0), "{line}");
        let good = world.client.good_addresses();
        assert_eq!((good.len(), good[0].1.len()), (1, servers + more), "{good:?}");
    }
}

#[test]
fn an_address_that_was_good_before_makes_room_for_the_one_of_now() {
    let known = vec![("a.example".to_owned(), addresses(1..=1))];
    let setup = Setup { known, ..named("server a.example iburst") };
    let mut world = world_of(0.01, setup, &[honest(); 2]);
    world.run(2.0);
    world.resolved = addresses(2..=2);
    world.run(1000.0);
    assert_eq!(labels(&world), ["a.example (10.0.0.2)"], "{}", world.log());
}

/// Not every server says that it has another key: chronyd says nothing.
#[test]
fn who_is_silent_and_has_a_key_is_said_to_have_perhaps_another_one() {
    let setup = setup(1, "key 6 iburst");
    let mut world = world_of(0.0, setup, &[Peer::new(Character::Silent)]);
    world.run(100.0);
    let line = "no server answers: perhaps its key 6 is not ours; trying again";
    assert_eq!(world.lines(line), 1, "{}", world.log());
    let why = world.client.view(world.now()).sources.remove(0).why;
    assert_eq!(why, "does not answer: perhaps its key 6 is not ours");
}

/// Between two votes lie minutes, in which an oscillator goes its way.
#[test]
fn how_far_off_a_liar_is_does_not_depend_on_when_one_looks() {
    let peers = [honest(), honest(), honest(), Peer::new(Character::Off(0.5))];
    let mut world = World::new(7, TODAY, 0.0, 3e-4, setup(4, "iburst"), &peers);
    world.run(7200.0);
    for _ in 0..30 {
        world.run(60.0);
        let view = world.client.view(world.now());
        let why = &view.sources[3].why;
        assert!(why.starts_with("+0.500") || why.starts_with("+0.499"), "{why}");
    }
}

/// It is near, and off by less than one can know.
#[test]
fn who_has_no_weight_is_not_called_the_best() {
    let liar = Peer { path: 1e-4, ..Peer::new(Character::Off(0.004)) };
    let mut world = world_of(0.0, setup(4, "iburst"), &[honest(), honest(), honest(), liar]);
    world.run(7200.0);
    let view = world.client.view(world.now());
    let marks: Vec<Mark> = view.sources.iter().map(|source| source.mark).collect();
    assert!(marks[..3].contains(&Mark::Best) && marks[3] == Mark::Agrees, "{marks:?}");
}
