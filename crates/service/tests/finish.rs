//! `./finish`, and a service that is given up, in stories that a person can read.

mod story;

use std::time::Duration;

use contract::status::Wish;
use service::words::{
    Action, DeathLimit, End, Event, Farewell, Fault, Pid, Remark, Report, Settings, Signal, Step,
};

use story::{CRASH, Life, NEXT, NOBODY, RUN, SERVICE, at, letter, ms};

const FINISH: Pid = Pid(30);
const MISSING: Fault = Fault { step: Step::Exec, errno: 2 };

const CRASHED: Event = Event::Ended(RUN, CRASH);
const STARTED: Event = Event::Started(Ok(RUN));
const FINISH_RUNS: Event = Event::Finishing(Ok(Some(FINISH)));

const COUNT: Action = Action::CountSurvivors;
const FINISH_CRASH: Action = Action::Finish(RUN, CRASH);
const KILL: [Action; 2] =
    [Action::Report(Report::FinishKilled(FINISH)), Action::Send(FINISH, Signal::Kill)];
const CANNOT: Action = Action::Report(Report::CannotFinish(MISSING));
const FOR_GOOD: Action = Action::Report(Report::FinishedForGood);

fn finished(code: u8) -> Event {
    Event::Ended(FINISH, End::Exited(code))
}

/// Crashed at 2000, and `./finish` was asked for.
fn asked(settings: Settings) -> Life {
    let mut life = Life::up();
    life.0.set_settings(settings);
    assert_eq!(life.whole(2000, CRASHED), [COUNT]);
    assert_eq!(life.whole(2000, NOBODY), [FINISH_CRASH]);
    life
}

/// Crashed at 2000, and its `./finish` runs.
fn finishing() -> Life {
    let mut life = asked(Settings::default());
    assert_eq!(life.whole(2000, FINISH_RUNS), []);
    life
}

#[test]
fn finish_is_told_who_ended_and_how_and_is_waited_for() {
    let mut life = Life::up();
    let killed = End::Signalled(9);
    assert_eq!(life.whole(500, Event::Ended(RUN, killed)), [COUNT]);
    assert_eq!(life.0.remark(), Remark::Clearing(0));
    assert_eq!(life.whole(500, NOBODY), [Action::Finish(RUN, killed)]);
    assert_eq!((life.0.remark(), life.0.deadline()), (Remark::Finishing, None));
    assert_eq!(life.whole(500, FINISH_RUNS), []);
    assert_eq!((life.0.remark(), life.0.pid()), (Remark::Finishing, None));
    assert_eq!(life.whole(600, Event::Ended(NEXT, CRASH)), []);
    assert_eq!(life.whole(700, finished(0)), []);
    // The pause is counted from the start, and who ./finish left is ended before the next.
    assert_eq!(life.0.deadline(), Some(at(1000).monotonic));
    assert_eq!(life.whole(1000, Event::Tick), [COUNT]);
    assert_eq!(life.whole(1000, NOBODY), [Action::Start]);
    assert_eq!(life.0.view().since, at(500).boottime);
}

#[test]
fn what_finish_has_left_is_ended_where_it_is_to_be_down() {
    for event in [letter(b'd'), Event::Stop(SERVICE)] {
        let mut life = finishing();
        assert_eq!(life.whole(2001, event), []);
        assert_eq!(life.whole(2002, finished(0)), [COUNT]);
        let rest = life.whole(2002, NOBODY);
        assert_eq!(rest.is_empty(), event == letter(b'd'), "{rest:?}");
        assert_eq!(life.0.deadline(), None);
    }
}

#[test]
fn a_wish_that_comes_while_it_runs_is_kept_and_does_not_wait_for_the_pause() {
    for byte in *b"uo" {
        let mut life = Life::up();
        assert_eq!(life.whole(100, CRASHED), [COUNT]);
        assert_eq!(life.whole(100, NOBODY), [FINISH_CRASH]);
        assert_eq!(life.whole(100, FINISH_RUNS), []);
        assert_eq!(life.whole(110, letter(byte)), []);
        assert_eq!(life.whole(120, finished(0)), [COUNT]);
        assert_eq!(life.whole(120, NOBODY), [Action::Start]);
    }
}

#[test]
fn a_finish_that_hangs_is_killed() {
    let mut life = finishing();
    assert_eq!(life.next(7000), KILL);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.whole(7010, Event::Ended(FINISH, End::Signalled(9))), [COUNT]);
    assert_eq!(life.whole(7010, NOBODY), [Action::Start]);

    let settings = Settings { timeout_finish: Some(ms(100)), ..Settings::default() };
    let mut life = asked(settings);
    assert_eq!(life.whole(2050, FINISH_RUNS), []);
    assert_eq!(life.next(2150), KILL);

    let settings = Settings { timeout_finish: None, ..Settings::default() };
    let mut life = asked(settings);
    assert_eq!(life.whole(2050, FINISH_RUNS), []);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.whole(99_000_000, Event::Tick), []);
}

#[test]
fn a_finish_that_hangs_is_killed_when_the_operator_says_so() {
    let mut life = finishing();
    assert_eq!(life.whole(2100, letter(b'k')), [Action::Send(FINISH, Signal::Kill)]);
    assert_eq!(life.whole(2110, Event::Ended(FINISH, End::Signalled(9))), [COUNT]);
}

#[test]
fn a_finish_that_cannot_be_started_is_told_of_and_changes_nothing_else() {
    let mut life = asked(Settings::default());
    assert_eq!(life.whole(2001, Event::Finishing(Err(MISSING))), [CANNOT, Action::Start]);

    let mut life = finishing();
    let failed = Event::Ended(FINISH, End::NotStarted(MISSING));
    assert_eq!(life.whole(2001, failed), [CANNOT, COUNT]);
    assert_eq!(life.whole(2001, NOBODY), [Action::Start]);
    assert_eq!(life.0.fault(), None);
}

#[test]
fn a_finish_that_runs_when_everything_ends_has_no_more_time_than_that() {
    let hurry = Farewell { linger: ms(0), grace: ms(200) };
    let mut life = finishing();
    assert_eq!(life.whole(2100, Event::Stop(hurry)), []);
    assert_eq!(life.next(2300), KILL);
    assert_eq!(life.whole(2301, Event::Ended(FINISH, End::Signalled(9))), [COUNT]);
    assert_eq!(life.whole(2301, NOBODY), [Action::Leave]);
    // Nor less than it had.
    let mut life = finishing();
    assert_eq!(life.whole(2100, Event::Stop(Farewell { linger: ms(0), grace: ms(60_000) })), []);
    assert_eq!(life.next(7000), KILL);
}

#[test]
fn a_finish_that_starts_when_everything_ends_has_five_seconds_or_the_grace() {
    let forever = Settings { timeout_finish: None, ..Settings::default() };
    for (grace, kill) in [(200, 7050), (6000, 8010), (0, 7050)] {
        let mut life = asked(forever);
        assert_eq!(life.whole(2010, Event::Stop(Farewell { linger: ms(0), grace: ms(grace) })), []);
        assert_eq!(life.0.deadline(), None);
        assert_eq!(life.whole(2050, FINISH_RUNS), []);
        assert_eq!(life.next(kill), KILL);
    }
    let mut life = asked(Settings { timeout_finish: Some(ms(100)), ..Settings::default() });
    assert_eq!(life.whole(2010, Event::Stop(SERVICE)), []);
    assert_eq!(life.whole(2050, FINISH_RUNS), []);
    assert_eq!(life.next(2150), KILL);
}

// Given up.

#[test]
fn a_finish_that_exits_125_ends_it_for_good_until_the_operator_says_otherwise() {
    let mut life = finishing();
    assert_eq!(life.whole(2001, finished(125)), [FOR_GOOD, COUNT]);
    assert_eq!(life.whole(2001, NOBODY), []);
    assert_eq!((life.0.remark(), life.0.deadline()), (Remark::GivenUp, None));
    assert_eq!(life.0.view().want, Wish::Down);
    assert_eq!(life.whole(9000, letter(b'u')), [Action::Start]);
    assert_eq!(life.0.remark(), Remark::None);

    for byte in *b"do" {
        let mut life = finishing();
        assert_eq!(life.whole(2001, letter(byte)), []);
        assert!(!life.whole(2002, finished(125)).contains(&FOR_GOOD), "{byte}");
    }
    let mut life = finishing();
    assert_eq!(life.whole(2001, finished(125)), [FOR_GOOD, COUNT]);
    assert_eq!(life.whole(2001, NOBODY), []);
    assert_eq!(life.whole(2002, letter(b'd')), []);
    assert_eq!(life.0.remark(), Remark::None);
    let mut life = finishing();
    assert_eq!(life.whole(2001, finished(124)), [COUNT]);
}

fn three_within(within: Duration) -> DeathLimit {
    DeathLimit { deaths: 3, within }
}

fn limited(limit: DeathLimit) -> Life {
    let mut life = Life::up();
    life.0.set_settings(Settings { death_limit: Some(limit), ..Settings::default() });
    life
}

#[test]
fn one_death_more_than_its_limit_and_it_is_given_up() {
    let limit = three_within(ms(2000));
    let mut life = limited(limit);
    assert_eq!(life.at(0, CRASHED), []);
    assert_eq!(life.next(1000), [Action::Start]);
    assert_eq!(life.at(1000, STARTED), []);
    assert_eq!(life.at(1000, CRASHED), []);
    assert_eq!(life.next(2000), [Action::Start]);
    assert_eq!(life.at(2000, STARTED), []);
    // An instant later the first would have been too long ago.
    assert_eq!(life.at(2000, CRASHED), [Action::Report(Report::TooManyDeaths(limit))]);
    assert_eq!((life.0.remark(), life.0.deadline()), (Remark::GivenUp, None));
    assert_eq!(life.0.view().want, Wish::Down);

    // An operator gives it as many again.
    assert_eq!(life.at(2100, letter(b'u')), [Action::Start]);
    assert_eq!(life.at(2100, STARTED), []);
    assert_eq!(life.at(2100, CRASHED), []);
}

#[test]
fn deaths_that_are_far_apart_or_were_asked_for_are_not_held_against_it() {
    let mut life = limited(three_within(ms(2000)));
    for turn in 0..5 {
        let now = turn * 1001;
        assert_eq!(life.at(now, CRASHED), []);
        assert_eq!(life.at(now + 1001, Event::Tick), [Action::Start]);
        assert_eq!(life.at(now + 1001, STARTED), []);
    }

    let mut life = limited(three_within(ms(60_000)));
    for turn in 0..20 {
        let now = turn * 1000;
        if turn % 3 == 2 {
            assert_eq!(life.at(now, letter(b't')).len(), 1);
        }
        assert_eq!(life.at(now, CRASHED), []);
        assert_eq!(life.at(now + 1000, Event::Tick), [Action::Start]);
        assert_eq!(life.at(now + 1000, STARTED), []);
    }
}

#[test]
fn deaths_are_as_far_apart_as_they_were_whatever_was_cleared_away_after_them() {
    let limit = DeathLimit { deaths: 2, within: ms(1500) };
    let mut life = limited(limit);
    assert_eq!(life.whole(0, CRASHED), [COUNT]);
    assert_eq!(life.whole(0, NOBODY), [FINISH_CRASH]);
    assert_eq!(life.whole(0, FINISH_RUNS), []);
    assert_eq!(life.at(900, finished(0)), []);
    assert_eq!(life.at(1000, Event::Tick), [Action::Start]);
    assert_eq!(life.at(1000, STARTED), []);
    assert_eq!(life.whole(1400, CRASHED), [COUNT]);
    assert_eq!(life.whole(1400, NOBODY), [FINISH_CRASH]);
    assert_eq!(life.whole(1400, FINISH_RUNS), []);
    let too_many = Action::Report(Report::TooManyDeaths(limit));
    assert_eq!(life.at(4000, finished(0)), [too_many]);
}

#[test]
fn a_limit_of_none_is_one_of_one_and_no_limit_remembers_more_than_a_thousand() {
    let limit = DeathLimit { deaths: 0, within: ms(0) };
    let mut life = limited(limit);
    assert_eq!(life.at(0, CRASHED), [Action::Report(Report::TooManyDeaths(limit))]);

    let limit = DeathLimit { deaths: u32::MAX, within: Duration::MAX };
    let mut life = limited(limit);
    assert_eq!(life.at(20_000, CRASHED), [Action::Start]);
    let given_up = (2..2000).find(|death| {
        let now = death * 20_000;
        let _ = life.at(now - 15_000, STARTED);
        life.at(now, CRASHED).contains(&Action::Report(Report::TooManyDeaths(limit)))
    });
    assert_eq!(given_up, Some(1000));
}

#[test]
fn a_new_limit_forgets_nothing_of_what_it_counts() {
    let mut life = limited(DeathLimit { deaths: 5, within: ms(60_000) });
    for turn in 0..3 {
        let now = turn * 1000;
        assert_eq!(life.at(now, CRASHED), []);
        assert_eq!(life.next(now + 1000), [Action::Start]);
        assert_eq!(life.at(now + 1000, STARTED), []);
    }
    let limit = DeathLimit { deaths: 2, within: ms(1000) };
    life.0.set_settings(Settings { death_limit: Some(limit), ..Settings::default() });
    assert_eq!(life.at(3000, CRASHED), [Action::Report(Report::TooManyDeaths(limit))]);
}

#[test]
fn nothing_is_given_up_at_the_end_of_everything_whatever_is_said_meanwhile() {
    let mut life = limited(DeathLimit { deaths: 1, within: ms(1000) });
    life.at(10, Event::Stop(SERVICE));
    assert_eq!(life.at(11, letter(b'u')), []);
    assert_eq!(life.at(12, CRASHED), [Action::Leave]);
    assert!(!life.0.memory().given_up);
}

#[test]
fn no_pause_is_told_of_where_none_comes() {
    let mut life = Life::new(Wish::Up);
    for _ in 0..5 {
        assert_eq!(life.crashes(), []);
    }
    let now = 10_000;
    assert_eq!(life.at(now, Event::Tick), [Action::Start]);
    assert_eq!(life.at(now, STARTED), []);
    assert_eq!(life.whole(now, CRASHED), [COUNT]);
    assert_eq!(life.whole(now, letter(b'u')), []);
    assert_eq!(life.at(now, NOBODY), [Action::Start]);
    assert_eq!(life.at(now, STARTED), []);
    let told = life.at(now, CRASHED);
    assert!(matches!(told[..], [Action::Report(Report::BackingOff { deaths: 7, .. })]), "{told:?}");
}

#[test]
fn what_is_said_of_a_service_that_is_down() {
    let mut life = Life::new(Wish::Down);
    assert_eq!(life.0.remark(), Remark::None);
    let _ = life.at(0, letter(b'u'));
    assert_eq!(life.0.remark(), Remark::None);
    assert_eq!(life.at(0, Event::Started(Err(MISSING))).len(), 1);
    assert_eq!(life.0.remark(), Remark::CannotStart(MISSING));
    assert_eq!(life.at(1, letter(b'd')), []);
    assert_eq!(life.0.remark(), Remark::None);
    assert_eq!(life.at(2, letter(b'u')), [Action::Start]);
    assert_eq!(life.at(2, STARTED).len(), 1);
    assert_eq!(life.0.remark(), Remark::None);
}
