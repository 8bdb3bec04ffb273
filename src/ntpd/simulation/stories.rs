//! Stories of ntpd's life, one by one.

use std::fs;
use std::io::Read as _;

use sys::wake::Wish;

use super::super::control::Question;
use super::life::{Birth, Life};
use super::server::{Character, Peer};
use super::world::Blow;

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// A life that has found the time long ago.
fn settled(birth: &Birth) -> Life {
    let mut life = Life::begin(birth);
    life.run(HOUR);
    assert!(life.error().abs() < 0.001, "{}", life.log());
    life
}

#[test]
fn it_learns_the_frequency_keeps_the_time_and_writes_down_what_it_knows() {
    let mut life = Life::begin(&Birth::with(3));
    life.run(300.0);
    assert!(life.run(20_000.0) < 0.001, "{}", life.log());
    assert_eq!(life.steps(), [] as [f64; 0]);
    assert_eq!(life.lines("warning"), 0, "{}", life.log());
    let drift: f64 = life.file("drift").trim().parse().unwrap();
    assert!((drift + 30.0).abs() < 0.1, "{drift}");
    assert!((life.world.borrow().kernel.ppm() + 30.0).abs() < 0.1);
    assert!(life.world.borrow().kernel.constant > 0, "the last slew is a slow one");
    assert!(life.file("drift.last").starts_with("time 17953"), "{}", life.file("drift.last"));
}

/// Also where the kernel says only later when a request left.
#[test]
fn what_servers_hold_back_does_not_count_where_they_say_so_interleaved() {
    for stamps_late in [false, true] {
        let worst = [false, true].map(|interleaves| {
            let held = Peer { held: 2e-3, interleaves, ..Peer::new(Character::Honest) };
            let mut life =
                Life::begin(&Birth { peers: vec![held; 3], stamps_late, ..Birth::with(3) });
            life.run(2.0 * HOUR);
            life.run(2.0 * HOUR)
        });
        assert!(worst[0] > 8e-4 && worst[1] < 3e-4, "{worst:?}");
    }
}

#[test]
fn it_leaves_in_good_order_and_the_next_one_knows_the_frequency() {
    // Before it is written down for the first time.
    let mut life = Life::begin(&Birth::with(1));
    life.run(0.8 * HOUR);
    assert_eq!(life.file("drift"), "");
    life.strike(Blow::Signal(Wish::Stop));
    life.run(1.0);
    assert_eq!(life.ended, Some(std::process::ExitCode::SUCCESS));
    assert_eq!(life.lines("info: told to leave"), 1);
    assert!(life.file("drift").starts_with('-'), "{}", life.file("drift"));
    let mut next = Life::begin_in(life.into_dir(), &Birth::with(1).off(0.01));
    let settled = next.settle(0.001, 300.0);
    assert!(settled < 30.0, "{settled}\n{}", next.log());
    assert!((next.world.borrow().kernel.ppm() + 30.0).abs() < 1.0);
}

#[test]
fn a_day_without_any_server_is_a_line_in_an_hour_and_the_clock_runs_on() {
    for character in [Character::Silent, Character::Unroutable] {
        let mut life = settled(&Birth::with(3));
        let before = life.said.len();
        for server in 0..3 {
            life.strike(Blow::Change(server, character));
        }
        assert!(life.run(DAY) < 0.05, "{}", life.log());
        // One line in an hour, and one for each who was heard of before.
        assert!(life.said.len() - before < 24 + 5, "{}", life.log());
        for server in 0..3 {
            life.strike(Blow::Change(server, Character::Honest));
        }
        // Who has been silent for long is asked every 17 minutes.
        life.run(1500.0);
        assert!(life.run(HOUR) < 0.001, "{}", life.log());
    }
}

#[test]
fn who_says_that_the_network_is_there_again_is_believed_at_once() {
    let mut life = settled(&Birth::with(1));
    life.strike(Blow::Change(0, Character::Unroutable));
    life.run(DAY);
    life.strike(Blow::Change(0, Character::Honest));
    fs::rename(life.dir.path().join("log"), life.dir.path().join("old")).unwrap();
    life.moved_log();
    let asked = life.world.borrow().requests;
    life.strike(Blow::Signal(Wish::Hangup));
    life.run(2.0);
    assert!(life.world.borrow().requests > asked);
    assert!(life.file("log").contains("synchronised to 10.0.0.1"), "{}", life.log());
}

#[test]
fn what_somebody_else_does_to_the_clock_is_undone_within_8_seconds() {
    for seed in 1..40 {
        let birth = Birth { seed, announces_steps: true, ..Birth::with(3) };
        let mut life = Life::begin(&birth);
        life.run(100.0);
        for _ in 0..8 {
            let (wait, by, sign) = {
                let chance = &mut life.world.borrow_mut().chance;
                (chance.uniform() * 4000.0, chance.uniform() * 8.0, chance.uniform() - 0.5)
            };
            life.run(wait);
            let by = 10_f64.powf(by - 0.6).copysign(sign);
            let healed = life.heal(Blow::Move(by), 0.01, 60.0);
            assert!(healed <= 8.0, "seed {seed}: {by} s took {healed} s\n{}", life.log());
        }
    }
}

#[test]
fn a_clock_that_nobody_watches_for_us_is_looked_at_every_4_seconds() {
    let mut life = settled(&Birth { announces_steps: false, ..Birth::with(3) });
    for by in [0.5, -2000.0, 1e7] {
        let healed = life.heal(Blow::Move(by), 0.01, 60.0);
        assert!(healed <= 12.0, "{by} s took {healed} s\n{}", life.log());
        life.run(5000.0);
    }
}

#[test]
fn after_a_night_asleep_the_time_is_right_within_9_seconds() {
    let mut life = settled(&Birth::with(3));
    for seconds in [30_000.4, 5.7, 200_000.49] {
        let healed = life.heal(Blow::Sleep(seconds), 0.01, 60.0);
        assert!(healed <= 9.0, "{seconds} s took {healed} s\n{}", life.log());
        life.run(5000.0);
    }
}

#[test]
fn without_g_a_clock_that_is_far_off_is_a_line_and_one_command_heals_it() {
    let mut life = Life::begin(&Birth::with(3).off(-5000.0));
    life.run(60.0);
    let said = life.said.len();
    assert_eq!(life.lines("to allow it once: ntpd -g "), 1, "{}", life.log());
    life.run(HOUR - 120.0);
    assert_eq!(life.said.len(), said, "{}", life.log());
    assert!((life.error() + 5000.0).abs() < 1.0);
    assert!(!life.ask(Question::Status).1);
    let (answer, _) = life.ask(Question::Step);
    assert!(answer.unwrap().starts_with("stepped: +4999.89"), "{}", life.log());
    assert!(life.settle(0.001, 30.0) < 20.0, "{}", life.log());
    assert!(life.ask(Question::Status).1);
    assert!(life.run(HOUR) < 0.001, "{}", life.log());
}

#[test]
fn with_g_the_first_offset_may_be_any_and_no_later_one() {
    let mut life = Life::begin(&Birth::with(3).off(1e8).flags(&["-g"]));
    assert!(life.settle(0.01, 60.0) < 10.0, "{}", life.log());
    life.run(10.0);
    assert_eq!(life.steps().len(), 1);
    let next = Birth::with(3).off(5000.0).flags(&["-g"]);
    let mut next = Life::begin_in(life.into_dir(), &next);
    next.run(300.0);
    assert_eq!(next.steps().len(), 0, "{}", next.log());
    assert_eq!(next.lines("-g has been used up in this boot"), 1, "{}", next.log());
}

#[test]
fn who_may_only_slew_takes_his_time_and_never_steps() {
    let mut life = Life::begin(&Birth::with(3).off(20.0).flags(&["-x"]));
    let settled = life.settle(0.01, 3000.0);
    assert!((350.0..1000.0).contains(&settled), "{settled} s\n{}", life.log());
    assert_eq!(life.steps(), [] as [f64; 0]);
}

#[test]
fn who_may_not_steer_from_the_beginning_observes_and_says_so() {
    let mut life = Life::begin(&Birth { may_steer: false, ..Birth::with(3) });
    life.run(HOUR);
    let said = "this process may not set the clock (permission denied): observing only";
    assert_eq!(life.lines(said), 1, "{}", life.log());
    assert_eq!(life.world.borrow().kernel.refused, 1, "it is not tried again");
}

#[test]
fn a_server_that_lies_is_outvoted() {
    for lie in [0.003, 0.01, 0.03, 0.5, -3000.0, 1e9] {
        let mut life = settled(&Birth::with(4));
        life.strike(Blow::Change(1, Character::Off(lie)));
        assert!(life.run(4.0 * HOUR) < 0.0003, "{lie}\n{}", life.log());
        assert_eq!(life.steps(), [] as [f64; 0]);
    }
}

#[test]
fn a_fifth_of_all_packets_may_be_lost() {
    let mut life = Life::begin(&Birth::with(3));
    for server in 0..3 {
        life.strike(Blow::Loss(server, 0.2));
    }
    assert!(life.settle(0.001, 300.0) < 200.0, "{}", life.log());
    assert!(life.run(DAY) < 0.001, "{}", life.log());
}

#[test]
fn the_kernel_makes_a_leap_second_that_the_servers_announce() {
    // 2026-12-31 22:00 UTC.
    let birth = Birth { start: 1_798_754_400, ..Birth::with(3) };
    let mut life = Life::begin(&birth);
    life.world.borrow_mut().leap = 2.0 * HOUR;
    life.run(HOUR);
    assert_eq!(life.lines("a leap second is put in at the end of the day"), 1, "{}", life.log());
    life.run(HOUR - 1.0);
    assert!(life.settle(0.01, 10.0) < 3.0, "{}", life.log());
    assert!(life.run(HOUR) < 0.001, "{}", life.log());
    assert_eq!(life.lines("a leap second was put in"), 1, "{}", life.log());
    assert_eq!(life.lines("warning"), 0, "{}", life.log());
    assert_eq!(life.steps(), [] as [f64; 0], "{}", life.log());
}

#[test]
fn who_may_not_steer_any_more_becomes_an_observer() {
    let mut life = settled(&Birth::with(3));
    life.strike(Blow::Revoke);
    life.run(HOUR);
    let writes = life.world.borrow().kernel.writes;
    assert_eq!(life.lines("unable to set the clock"), 1, "{}", life.log());
    life.strike(Blow::Move(50.0));
    life.run(4.0 * HOUR);
    assert_eq!(life.world.borrow().kernel.writes, writes, "nothing is tried any more");
    assert!(life.lines("") < 20, "{}", life.log());
    assert!(!life.ask(Question::Status).1, "{}", life.log());
}

#[test]
fn who_else_steers_the_clock_is_told_of_and_does_not_prevail() {
    let mut life = settled(&Birth::with(3));
    for rival in [200.0, -300.0] {
        life.world.borrow_mut().steer_too(rival);
        life.run(0.5 * HOUR);
        assert!(life.error().abs() < 0.002, "{}", life.log());
    }
    assert_eq!(life.lines("somebody else steers this clock too"), 2, "{}", life.log());
    life.run(4.0 * HOUR);
    assert_eq!(life.lines("somebody else steers this clock too"), 2, "{}", life.log());
}

#[test]
fn who_is_told_to_observe_writes_nothing_at_all() {
    let mut life = Life::begin(&Birth::with(3).off(3.0).flags(&["--observe"]));
    life.run(4.0 * HOUR);
    assert_eq!(life.world.borrow().kernel.writes, 0);
    assert!((life.error() - 3.0).abs() < 0.5, "30 ppm are half a second by now");
}

#[test]
fn an_hour_without_a_route_is_not_an_hour_of_lines() {
    let mut life = Life::begin(&Birth::with(4));
    for server in 0..4 {
        life.strike(Blow::Change(server, Character::Unroutable));
    }
    life.run(HOUR);
    assert_eq!(life.lines("no server can be asked: network unreachable"), 1, "{}", life.log());
    assert_eq!(life.lines(""), 4, "one for each, and one for all:\n{}", life.log());
}

#[test]
fn whoever_waits_for_the_right_time_is_told_once_it_is() {
    let mut life = Life::begin(&Birth { ready: true, ..Birth::with(3).off(0.1) });
    while life.lines("ready: the clock is within 0.01 s") == 0 {
        assert!(life.truth() < 600.0, "{}", life.log());
        life.run(1.0);
    }
    assert!(life.error().abs() < 0.01, "{}", life.log());
    life.run(600.0);
    assert_eq!(life.lines("ready: "), 1, "{}", life.log());
    let mut told = String::new();
    life.ready.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "\n");
}

#[test]
fn a_step_waits_for_the_program_before_it_and_is_followed_by_the_one_after() {
    let flags = ["-g", "--before-step", "/before", "--after-step", "/after"];
    let mut life = Life::begin(&Birth::with(3).off(-700.0).flags(&flags));
    life.world.borrow_mut().program_takes = 3.0;
    life.run(60.0);
    let programs = life.world.borrow().programs.clone();
    let [(before, told), (after, told_after)] = programs.as_slice() else { panic!("{programs:?}") };
    assert!(told.starts_with("before-step +699.99"), "{told}");
    assert!(told_after.starts_with("after-step +699.99"), "{told_after}");
    assert!((3.0..3.5).contains(&(after - before)), "{programs:?}");
    assert_eq!(life.lines("event=hook when=before-step result=\"exit status: 0\""), 1);
    assert!(life.error().abs() < 0.01);
}

#[test]
fn a_program_before_a_step_that_does_not_end_is_killed_after_10_seconds() {
    let mut life = Life::begin(&Birth::with(3).off(30.0).flags(&["--before-step", "/before"]));
    life.world.borrow_mut().program_takes = 1e9;
    life.run(60.0);
    assert_eq!(life.lines("result=\"killed after 10 s\""), 1, "{}", life.log());
    assert!(life.error().abs() < 0.01);
}

#[test]
fn a_name_service_that_says_nothing_is_asked_until_it_does() {
    let birth = Birth { config: "pool pool.example iburst\n".to_owned(), ..Birth::with(3) };
    let mut life = Life::begin(&birth);
    life.world.borrow_mut().names.takes = 1e6;
    life.run(HOUR);
    assert_eq!(life.lines("no name server has answered"), 1, "{}", life.log());
    assert_eq!(life.lines(""), 1, "{}", life.log());
    life.know("pool.example", 3);
    life.run(HOUR);
    assert!(life.run(HOUR) < 0.001, "{}", life.log());
}

#[test]
fn who_sets_the_clock_once_is_done_with_it() {
    let mut life = Life::begin(&Birth::with(3).off(-70.0).flags(&["-q"]));
    life.run(100.0);
    assert_eq!(life.ended, Some(std::process::ExitCode::SUCCESS), "{}", life.log());
    assert!(life.truth() < 10.0 && life.error().abs() < 0.01, "{}", life.log());
    let flags = ["-q", "--after-step", "/after"];
    let mut life = Life::begin(&Birth::with(3).off(-70.0).flags(&flags));
    life.world.borrow_mut().program_takes = 20.0;
    life.run(100.0);
    assert_eq!(life.ended, Some(std::process::ExitCode::SUCCESS), "{}", life.log());
    assert_eq!(life.lines("event=hook when=after-step result=\"killed after 10 s\""), 1);
    let mut life = Life::begin(&Birth::with(3).off(-7e6).flags(&["-q"]));
    life.run(100.0);
    assert_eq!(life.ended, Some(std::process::ExitCode::from(111)), "{}", life.log());
}
