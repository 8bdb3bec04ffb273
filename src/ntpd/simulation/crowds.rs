//! Many who answer, and those who ask us.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use ntp::packet::{self, Mode};
use ntp::time::{Stamp, Wall};

use super::super::control::Question;
use super::life::{Birth, Life};
use super::opponent::{Opponent, Place};
use super::server::Character;
use super::world::{Blow, Crowd, TODAY};

const HOUR: f64 = 3600.0;

/// The real network is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_name_with_ten_thousand_addresses_that_lead_nowhere_is_asked_for_once_an_hour() {
    let config = "pool pool.example iburst\nserver 10.0.0.1 iburst\nserver 10.0.0.2 iburst\n";
    let mut life = Life::begin(&Birth { config: config.to_owned(), ..Birth::with(2) });
    let names = |n: u32| Ipv4Addr::from_bits(0x0a01_0000 + n).into();
    let known = (0..10_000).map(names).collect();
    life.world.borrow_mut().names.known.insert("pool.example".to_owned(), known);
    life.run(24.0 * HOUR);
    assert!(life.run(HOUR) < 0.001, "{}", life.log());
    // A few at the beginning, then at most one in an hour; and 12 lines in an hour.
    let asked = life.world.borrow().names.asked;
    assert!(asked < 24 + 12, "the name was asked for {asked} times");
    assert!(life.lines("") < 50 + 25 * 14, "{} lines", life.lines(""));
}

#[test]
fn of_a_pool_whose_members_are_silent_no_sockets_are_left_behind() {
    let config = "pool pool.example iburst\nserver 10.0.0.39 iburst\nserver 10.0.0.40 iburst\n";
    let mut birth = Birth { config: config.to_owned(), ..Birth::with(40) };
    for peer in birth.peers.iter_mut().take(38) {
        peer.character = Character::Silent;
    }
    let mut life = Life::begin(&birth);
    life.know("pool.example", 38);
    for _ in 0..24 {
        life.run(HOUR);
        let open = life.world.borrow().wires.len();
        assert!(open <= 10, "{open} sockets");
    }
    assert!(life.lines("takes its place") > 8, "{}", life.log());
    assert!(life.run(HOUR) < 0.001, "{}", life.log());
}

#[test]
fn a_pool_of_which_every_member_lies_otherwise_moves_nothing() {
    let config = "pool pool.example iburst\n".to_owned();
    let mut birth = Birth { config, offset: 0.3, ..Birth::with(4) };
    for (server, off) in [-700.0, 1.0, 60.0, 9e8].into_iter().enumerate() {
        birth.peers[server].character = Character::Off(off);
    }
    let mut life = Life::begin(&birth);
    life.know("pool.example", 4);
    life.run(6.0 * HOUR);
    assert_eq!(life.steps(), [] as [f64; 0], "{}", life.log());
    assert!((life.error() - 0.3).abs() < 1.0, "30 ppm are 0.65 s by now: {}", life.error());
    assert!(life.lines("") < 40, "{}", life.log());
    assert!(!life.ask(Question::Status).1);
    // As soon as most of them tell the truth it is heard.
    for server in 0..3 {
        life.strike(Blow::Change(server, Character::Honest));
    }
    life.run(2.0 * HOUR);
    assert!(life.run(HOUR) < 0.002, "{}", life.log());
}

#[test]
fn every_server_may_tell_us_to_stay_away_and_is_obeyed() {
    let mut birth = Birth::with(3);
    for peer in &mut birth.peers {
        peer.character = Character::Kiss(*b"DENY");
    }
    let mut life = Life::begin(&birth);
    life.run(24.0 * HOUR);
    assert_eq!(life.ended, None);
    assert!(life.world.borrow().requests <= 6, "{}", life.world.borrow().requests);
    assert!(life.lines("") <= 30, "{}", life.log());
}

#[test]
fn who_sees_nothing_cannot_keep_a_genuine_answer_from_us() {
    let mut life = Life::begin(&Birth::with(3).off(0.2));
    life.world.borrow_mut().opponent = Opponent::at(vec![Some(Place::Off); 3]);
    assert!(life.settle(0.001, 120.0) < 60.0, "{}", life.log());
    let asked = life.world.borrow().requests;
    assert!(life.run(12.0 * HOUR) < 0.001, "{}", life.log());
    let asked = life.world.borrow().requests - asked;
    // Not more often than without him, and no more rarely: one in 17 minutes at least.
    assert!((3 * 12 * 3..3 * 12 * 56).contains(&asked), "{asked} requests");
    assert!(life.lines("is not believed") == 0, "{}", life.log());
}

#[test]
fn whoever_asks_us_is_told_the_time_of_the_servers() {
    let flags = ["--serve", "127.0.0.1:0"];
    let mut life = Life::begin(&Birth::with(3).off(400.0).flags(&flags));
    let at = life.serves.unwrap();
    let asker = UdpSocket::bind("127.0.0.1:0").unwrap();
    asker.connect(at).unwrap();
    asker.set_read_timeout(Some(PATIENCE)).unwrap();
    let ask = |life: &mut Life, stamp| {
        asker.send(&packet::request(Stamp(stamp))).unwrap();
        // That goes over the real network, whose time is not the world's.
        let service = life.daemon.service.as_ref().unwrap();
        assert_eq!(sys::udp::wait(service.sockets(), PATIENCE).unwrap(), [true]);
        life.run(0.1);
        let mut buffer = [0; 100];
        let length = asker.recv(&mut buffer).unwrap();
        packet::parse(&buffer[..length]).unwrap().0
    };
    let answer = ask(&mut life, 5);
    assert_eq!((answer.mode, answer.stratum, answer.origin), (Mode::Server, 0, Stamp(5)));
    life.run(HOUR);
    let answer = ask(&mut life, 6);
    assert_eq!((answer.stratum, answer.origin), (3, Stamp(6)), "{}", life.log());
    let told = (answer.transmit.wall() - Wall::from_nanos(TODAY * 1_000_000_000)).seconds();
    assert!((told - life.truth()).abs() < 0.2, "{told} is told at {}", life.truth());
}

/// How much of a second goes by for those who ask so many questions whenever they are heard.
fn worked(questions: usize) -> f64 {
    let mut life = Life::begin(&Birth::with(3).flags(&["--serve", "127.0.0.1:0"]));
    life.run(HOUR);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(life.serves.unwrap()).unwrap();
    let mut world = life.world.borrow_mut();
    world.crowd = Some(Crowd { socket, questions });
    // A question takes some, as a slow processor does.
    world.look_takes = 5e-6;
    drop(world);
    life.run(1.0);
    let worked = life.world.borrow().worked;
    life.world.borrow_mut().crowd = None;
    assert!(life.run(HOUR) < 0.002, "{}", life.log());
    worked
}

#[test]
fn however_few_ask_at_a_time_they_take_no_more_than_half_of_the_processor() {
    for questions in [4, 63, 64, 200] {
        let worked = worked(questions);
        assert!((0.2..0.52).contains(&worked), "{questions} at a time: {worked}");
    }
}

#[test]
fn a_disk_that_takes_no_drift_file_is_a_line_and_the_time_is_kept() {
    let mut life = Life::begin(&Birth::with(3));
    fs::create_dir(life.dir.path().join("drift.new")).unwrap();
    fs::create_dir(life.dir.path().join("drift.last.new")).unwrap();
    life.run(HOUR);
    assert!(life.run(12.0 * HOUR) < 0.001, "{}", life.log());
    assert_eq!(life.lines("unable to write"), 1, "{}", life.log());
    fs::remove_dir(life.dir.path().join("drift.new")).unwrap();
    life.run(2.0 * HOUR);
    let drift: f64 = life.file("drift").trim().parse().unwrap();
    assert!((drift + 30.0).abs() < 0.1, "{drift}");
}
