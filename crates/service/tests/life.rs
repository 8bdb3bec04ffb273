//! A service's life, in stories that a person can read. `every_story.rs` has all the others.

mod story;

use std::time::Duration;

use contract::status::Wish;
use service::Monotonic;
use service::guard::Scarcity;
use service::life::DRAIN_CHECK;
use service::pacing::SPACING_MAX;
use service::words::{
    Action, Cause, End, Event, Farewell, Fault, Remark, Report, Settings, Signal, Step,
};

use story::{CRASH, Life, NEXT, RUN, SERVICE, at, letter, ms};

const MISSING: Fault = Fault { step: Step::Exec, errno: 2 };
const FORBIDDEN: Fault = Fault { step: Step::Exec, errno: 13 };

const TERM: Action = Action::Send(RUN, Signal::Term);
const CONT: Action = Action::Send(RUN, Signal::Cont);
const KILL: Action = Action::Send(RUN, Signal::Kill);
const KILLED: Action = Action::Report(Report::Killed(RUN));
const STARTS_AGAIN: Action = Action::Report(Report::StartsAgain);

fn cannot_start(fault: Fault) -> Action {
    Action::Report(Report::CannotStart(fault))
}

fn killed_after(timeout: Duration) -> Settings {
    Settings { timeout_kill: Some(timeout), ..Settings::default() }
}

#[test]
fn a_service_that_dies_at_once_starts_again_a_second_after_its_start() {
    let mut life = Life::up();
    assert_eq!(life.at(300, Event::Ended(RUN, CRASH)), []);
    assert_eq!(life.next(1000), [Action::Start]);
}

#[test]
fn a_service_that_lived_longer_starts_again_at_once() {
    let mut life = Life::up();
    assert_eq!(life.at(1000, Event::Ended(RUN, CRASH)), [Action::Start]);
}

#[test]
fn down_sends_term_and_cont_each_time_it_is_said_and_no_start_follows() {
    let mut life = Life::up();
    assert_eq!(life.at(10, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.at(20, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.at(30, Event::Ended(RUN, End::Signalled(15))), []);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.at(40, letter(b'd')), []);
    assert_eq!(life.at(99_000, Event::Tick), []);
}

#[test]
fn once_runs_once_and_up_makes_it_stay() {
    let mut life = Life::new(Wish::Down);
    assert_eq!(life.at(10, letter(b'o')), [Action::Start]);
    assert_eq!(life.at(11, Event::Started(Ok(RUN))), []);
    assert_eq!(life.0.view().want, Wish::Once);
    assert_eq!(life.at(2000, Event::Ended(RUN, CRASH)), []);
    assert_eq!(life.0.deadline(), None);

    assert_eq!(life.at(2001, letter(b'o')), [Action::Start]);
    assert_eq!(life.at(2001, Event::Started(Ok(NEXT))), []);
    assert_eq!(life.at(2002, letter(b'u')), []);
    assert_eq!(life.at(3001, Event::Ended(NEXT, CRASH)), [Action::Start]);
}

#[test]
fn an_operator_who_says_up_does_not_wait() {
    let mut life = Life::up();
    assert_eq!(life.at(300, Event::Ended(RUN, CRASH)), []);
    assert_eq!(life.at(301, letter(b'u')), [Action::Start]);
}

#[test]
fn exit_does_not_stop_it_and_leaves_when_it_ends_by_itself() {
    let mut life = Life::up();
    assert_eq!(life.at(10, letter(b'x')), []);
    assert_eq!(life.at(9000, Event::Tick), []);
    assert_eq!(life.at(9001, Event::Ended(RUN, CRASH)), [Action::Leave]);
}

#[test]
fn down_and_exit_leaves_when_it_has_ended_and_nothing_follows() {
    let mut life = Life::up();
    assert_eq!(life.at(10, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.at(10, letter(b'x')), []);
    assert_eq!(life.at(20, Event::Ended(RUN, End::Signalled(15))), [Action::Leave]);
    // Letters may still lie in the FIFO.
    for byte in *b"uox" {
        assert_eq!(life.at(30, letter(byte)), []);
        assert_eq!(life.0.deadline(), None);
    }
}

#[test]
fn a_paused_service_shows_it_until_it_goes_on_or_ends() {
    let mut life = Life::up();
    assert_eq!(life.at(10, letter(b'p')), [Action::Send(RUN, Signal::Stop)]);
    assert!(life.0.view().paused);
    assert_eq!(life.at(20, letter(b'c')), [CONT]);
    assert!(!life.0.view().paused);

    assert_eq!(life.at(30, letter(b'p')), [Action::Send(RUN, Signal::Stop)]);
    assert_eq!(life.at(40, letter(b'k')), [KILL]);
    assert!(life.0.view().paused);
    assert_eq!(life.at(50, Event::Ended(RUN, End::Signalled(9))), []);
    assert!(!life.0.view().paused);
    assert_eq!(life.at(60, letter(b'p')), []);
    assert!(!life.0.view().paused);
}

#[test]
fn a_fault_is_told_once_and_another_one_again() {
    let mut life = Life::starting();
    assert_eq!(life.at(1, Event::Started(Err(MISSING))), [cannot_start(MISSING)]);
    assert_eq!(life.next(1001), [Action::Start]);
    assert_eq!(life.at(1002, Event::Started(Err(MISSING))), []);
    assert_eq!(life.next(2002), [Action::Start]);
    assert_eq!(life.at(2003, Event::Started(Err(FORBIDDEN))), [cannot_start(FORBIDDEN)]);
    assert_eq!(life.0.fault(), Some(FORBIDDEN));
    assert_eq!(life.next(3003), [Action::Start]);
    assert_eq!(life.at(3004, Event::Started(Ok(RUN))), [STARTS_AGAIN]);
    assert_eq!(life.0.fault(), None);
}

#[test]
fn a_process_that_never_became_run_is_told_once() {
    let mut life = Life::starting();
    assert_eq!(life.at(0, Event::Forked(RUN)), []);
    assert_eq!(life.0.pid(), Some(RUN));
    let failed = Event::Ended(RUN, End::NotStarted(MISSING));
    assert_eq!(life.at(5, failed), [cannot_start(MISSING)]);
    assert_eq!(life.next(1000), [Action::Start]);
    assert_eq!(life.at(1000, Event::Forked(RUN)), []);
    assert_eq!(life.at(1005, failed), []);
    assert_eq!(life.0.fault(), Some(MISSING));
}

#[test]
fn a_directory_that_was_mended_is_tried_within_a_second() {
    let mut life = Life::starting();
    let mut now = 0;
    for _ in 0..12 {
        let _ = life.at(now, Event::Started(Err(MISSING)));
        let due = life.0.deadline().expect("a start to come").0;
        now = u64::try_from(due.as_millis()).expect("a short story") + 1;
        assert_eq!(life.at(now, Event::Tick), [Action::Start]);
    }
    assert_eq!(life.at(now, Event::Started(Err(MISSING))), []);
    assert!(life.0.deadline() >= Some(at(now).monotonic + SPACING_MAX));
    assert_eq!(life.at(now + 500, Event::Mended), []);
    assert_eq!(life.at(now + 700, Event::Mended), []);
    assert_eq!(life.next(now + 1500), [Action::Start]);
}

#[test]
fn a_service_that_keeps_dying_is_told_of_once_until_a_good_run() {
    let told_in = |life: &mut Life| -> Vec<_> { (0..20).flat_map(|_| life.crashes()).collect() };
    let mut life = Life::new(Wish::Up);
    let told = told_in(&mut life);
    assert!(
        matches!(told[..], [Action::Report(Report::BackingOff { deaths: 6, last: CRASH, pause })]
            if pause >= ms(2000)),
        "{told:?}"
    );

    let mut now = 10_000_000;
    assert_eq!(life.at(now, Event::Tick), [Action::Start]);
    assert_eq!(life.at(now, Event::Started(Ok(RUN))), []);
    now += 10_000;
    assert_eq!(life.at(now, Event::Ended(RUN, CRASH)), [Action::Start]);
    assert_eq!(life.at(now, Event::Started(Err(MISSING))), [cannot_start(MISSING)]);
    let again = told_in(&mut life);
    assert!(
        matches!(again[..], [STARTS_AGAIN, Action::Report(Report::BackingOff { .. })]),
        "{again:?}"
    );
}

#[test]
fn a_service_that_the_operator_ends_again_and_again_is_not_one_that_keeps_dying() {
    let mut life = Life::up();
    for second in 1..20 {
        life.at(second * 1000 - 500, letter(b't'));
        assert_eq!(life.at(second * 1000 - 400, Event::Ended(RUN, End::Signalled(15))), []);
        assert_eq!(life.next(second * 1000), [Action::Start]);
        life.at(second * 1000, Event::Started(Ok(RUN)));
    }
}

#[test]
fn a_service_that_dies_for_hours_is_tried_once_in_a_minute() {
    let mut life = Life::new(Wish::Up);
    let mut born = life.0.deadline();
    for deaths in 1..200 {
        let _ = life.crashes();
        let next = life.0.deadline();
        let pause = next.zip(born).map(|(next, born)| next.since(born)).expect("a start to come");
        assert!(pause >= ms(1000) && pause <= ms(75_000), "{deaths}: {pause:?}");
        assert!(deaths <= 10 || pause >= ms(60_000), "{deaths}: {pause:?}");
        born = next;
    }
}

#[test]
fn pauses_that_grew_with_faults_are_told_of_when_it_runs_and_dies() {
    let mut life = Life::starting();
    let mut now = 0;
    for _ in 0..9 {
        let _ = life.at(now, Event::Started(Err(MISSING)));
        now += 100_000;
        assert_eq!(life.at(now, Event::Tick), [Action::Start]);
    }
    assert_eq!(life.at(now, Event::Started(Ok(RUN))), [STARTS_AGAIN]);
    let told = life.at(now + 5, Event::Ended(RUN, CRASH));
    assert!(matches!(told[..], [Action::Report(Report::BackingOff { .. })]), "{told:?}");
}

#[test]
fn quick_ends_that_no_start_follows_are_not_told_of() {
    let mut life = Life::up();
    for turn in 0..10 {
        let now = turn * 100;
        assert_eq!(life.at(now, letter(b'd')), [TERM, CONT]);
        assert_eq!(life.at(now, Event::Ended(RUN, End::Signalled(15))), []);
        assert_eq!(life.at(now, letter(b'u')), [Action::Start]);
        assert_eq!(life.at(now, Event::Started(Ok(RUN))), []);
    }
}

#[test]
fn only_a_timeout_kills_what_ignores_down_and_saying_it_again_is_no_reprieve() {
    let mut life = Life::up();
    life.0.set_settings(killed_after(ms(3000)));
    assert_eq!(life.at(1000, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.at(3000, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.next(4000), [KILLED, KILL]);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.at(4001, Event::Ended(RUN, End::Signalled(9))), []);
}

#[test]
fn a_deadline_is_for_the_life_that_it_was_set_for() {
    let mut life = Life::up();
    life.0.set_settings(killed_after(ms(3000)));
    assert_eq!(life.at(1000, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.at(1001, Event::Ended(RUN, End::Signalled(15))), []);
    assert_eq!(life.at(1002, letter(b'u')), [Action::Start]);
    assert_eq!(life.at(1002, Event::Started(Ok(RUN))), []);
    assert_eq!(life.0.deadline(), None);
}

#[test]
fn up_while_it_ends_from_down_waits_for_the_end_and_starts_it_again() {
    let mut life = Life::up();
    assert_eq!(life.at(5000, letter(b'd')), [TERM, CONT]);
    assert_eq!(life.at(5001, letter(b'u')), []);
    assert_eq!(life.at(5100, Event::Ended(RUN, End::Signalled(15))), [Action::Start]);
}

#[test]
fn a_wish_that_comes_while_it_starts_is_obeyed_when_the_process_is_known() {
    let mut life = Life::starting();
    life.0.set_settings(killed_after(ms(3000)));
    assert_eq!(life.at(1, letter(b'd')), []);
    assert_eq!(life.at(1, letter(b't')), []);
    assert_eq!(life.at(2, Event::Started(Ok(RUN))), [TERM, CONT]);
    assert_eq!(life.next(3002), [KILLED, KILL]);

    let mut life = Life::starting();
    assert_eq!(life.at(1, letter(b'd')), []);
    assert_eq!(life.at(1, letter(b'u')), []);
    assert_eq!(life.at(2, Event::Started(Ok(RUN))), []);
}

const LOGGER: Farewell = Farewell { linger: ms(1000), grace: ms(200) };

#[test]
fn a_logger_is_asked_until_its_pipe_is_empty() {
    let mut life = Life::up();
    assert_eq!(life.at(0, Event::Stop(LOGGER)), []);
    assert_eq!(life.next(1000), [Action::AskDrained]);
    assert_eq!(life.at(1000, Event::Drained(false)), []);
    assert_eq!(life.next(1050), [Action::AskDrained]);
    assert_eq!(life.at(1050, Event::Drained(true)), [TERM, CONT]);
    assert_eq!(life.at(1060, Event::Ended(RUN, End::Exited(0))), [Action::Leave]);
}

#[test]
fn a_logger_that_does_not_drain_its_pipe_is_killed_at_the_grace() {
    let mut life = Life::up();
    assert_eq!(life.at(0, Event::Stop(LOGGER)), []);
    for check in 0..4 {
        let now = 1000 + check * 50;
        assert_eq!(life.next(now), [Action::AskDrained]);
        assert_eq!(life.at(now, Event::Drained(false)), []);
    }
    assert_eq!(DRAIN_CHECK, ms(50));
    assert_eq!(life.next(1200), [Action::AskDrained, KILLED, KILL]);
    assert_eq!(life.at(1200, Event::Drained(false)), []);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.at(1210, Event::Ended(RUN, End::Signalled(9))), [Action::Leave]);
}

#[test]
fn at_a_stop_a_service_is_killed_at_its_own_timeout_and_a_logger_is_given_its_time() {
    let mut life = Life::up();
    life.0.set_settings(killed_after(ms(70)));
    assert_eq!(life.at(10, Event::Stop(SERVICE)), [TERM, CONT]);
    assert_eq!(life.next(80), [KILLED, KILL]);

    let mut life = Life::up();
    life.0.set_settings(killed_after(ms(70)));
    assert_eq!(life.at(0, Event::Stop(LOGGER)), []);
    assert_eq!(life.next(1000), [Action::AskDrained]);
}

#[test]
fn a_paused_service_is_stopped_like_another() {
    let mut life = Life::up();
    assert_eq!(life.at(10, letter(b'p')), [Action::Send(RUN, Signal::Stop)]);
    assert_eq!(life.at(20, Event::Stop(SERVICE)), [TERM, CONT]);
    assert!(!life.0.view().paused);
}

#[test]
fn all_that_is_late_comes_in_one_step() {
    let mut life = Life::starting();
    assert_eq!(life.at(0, Event::Started(Err(MISSING))), [cannot_start(MISSING)]);
    assert_eq!(life.next(1000), [Action::Start]);
    assert_eq!(life.at(1000, Event::Stop(LOGGER)), []);
    assert_eq!(life.at(1000, Event::Stop(SERVICE)), []);
    let all = [STARTS_AGAIN, Action::AskDrained, TERM, CONT, KILLED, KILL];
    assert_eq!(life.at(60_000, Event::Started(Ok(RUN))), all);
}

#[test]
fn a_grace_of_centuries_is_a_grace_without_end() {
    let mut life = Life::up();
    life.0.set_settings(killed_after(Duration::MAX));
    assert_eq!(life.at(1, letter(b'd')), [TERM, CONT]);
    let farewell = Farewell { linger: Duration::MAX, grace: Duration::MAX };
    assert_eq!(life.at(2, Event::Stop(farewell)), []);
    assert_eq!(life.0.deadline(), Some(Monotonic(Duration::MAX)));
}

#[test]
fn everything_ends_while_it_starts() {
    let mut life = Life::starting();
    assert_eq!(life.at(0, Event::Stop(SERVICE)), []);
    assert_eq!(life.at(1, letter(b'u')), []);
    assert_eq!(life.at(2, Event::Started(Ok(RUN))), [TERM, CONT]);
    assert_eq!(life.next(5000), [KILLED, KILL]);
    assert_eq!(life.at(5010, Event::Ended(RUN, End::Signalled(9))), [Action::Leave]);

    let mut logger = Life::starting();
    assert_eq!(logger.at(0, Event::Stop(LOGGER)), []);
    assert_eq!(logger.at(1, Event::Started(Ok(RUN))), []);
    assert_eq!(logger.next(1000), [Action::AskDrained]);

    let mut broken = Life::starting();
    assert_eq!(broken.at(0, Event::Stop(SERVICE)), []);
    let failed = Event::Started(Err(MISSING));
    assert_eq!(broken.at(1, failed), [cannot_start(MISSING), Action::Leave]);
}

#[test]
fn the_end_of_a_stranger_changes_nothing() {
    let mut life = Life::up();
    let view = life.0.view();
    assert_eq!(life.at(2000, Event::Ended(NEXT, CRASH)), []);
    assert_eq!(life.0.view(), view);
    assert_eq!(life.at(3000, Event::Ended(RUN, CRASH)), [Action::Start]);
    assert_eq!(life.at(3001, Event::Ended(RUN, CRASH)), []);
    assert_eq!(life.0.view().since, at(3000).boottime);
}

#[test]
fn a_start_that_is_delayed_is_told_once_and_holds_nothing_against_the_service() {
    let mut life = Life::starting();
    let delayed = |until| Event::Delayed(Scarcity::Pids, at(until).monotonic);
    let told = Action::Report(Report::Delayed(Scarcity::Pids));
    assert_eq!(life.at(0, delayed(2000)), [told]);
    assert_eq!(life.0.remark(), Remark::Delayed(Scarcity::Pids));
    assert_eq!(life.next(2000), [Action::Start]);
    assert_eq!(life.at(2000, delayed(4000)), []);
    assert_eq!(life.next(4000), [Action::Start]);
    assert_eq!(life.0.cause(), Cause::First);
    assert_eq!(life.at(4000, Event::Started(Ok(RUN))), []);
    assert_eq!(life.0.remark(), Remark::None);
    assert_eq!(life.at(4500, Event::Ended(RUN, CRASH)), []);
    assert_eq!(life.next(5000), [Action::Start]);
    assert_eq!(life.0.cause(), Cause::Restart);
    assert_eq!(life.at(5000, delayed(6000)), [told]);
    assert_eq!(life.at(5500, letter(b'u')), [Action::Start]);
    assert_eq!(life.0.cause(), Cause::Asked);
}

#[test]
fn what_is_to_run_once_and_is_delayed_runs_later() {
    let mut life = Life::new(Wish::Down);
    assert_eq!(life.at(0, letter(b'o')), [Action::Start]);
    let told = Action::Report(Report::Delayed(Scarcity::Pids));
    assert_eq!(life.at(0, Event::Delayed(Scarcity::Pids, at(2000).monotonic)), [told]);
    assert_eq!(life.0.remark(), Remark::Delayed(Scarcity::Pids));
    assert_eq!(life.next(2000), [Action::Start]);
    assert_eq!(life.at(2000, Event::Started(Ok(RUN))), []);
    assert_eq!(life.at(4000, Event::Ended(RUN, CRASH)), []);
    assert_eq!(life.0.deadline(), None);
}

#[test]
fn an_answer_of_delay_that_nobody_waits_for_changes_nothing() {
    let mut life = Life::up();
    assert_eq!(life.at(10, Event::Delayed(Scarcity::Pids, at(99).monotonic)), []);
    assert_eq!((life.0.pid(), life.0.remark()), (Some(RUN), Remark::None));
}

#[test]
fn a_life_is_ready_when_it_says_so_and_the_next_is_not() {
    let mut life = Life::starting();
    assert_eq!(life.at(0, Event::Ready), []);
    assert_eq!(life.0.ready(), None, "nobody can say it yet");
    life.at(0, Event::Started(Ok(RUN)));
    assert_eq!(life.0.ready(), None);
    assert_eq!(life.at(700, Event::Ready), []);
    assert_eq!(life.0.ready(), Some(at(700).monotonic));
    assert_eq!(life.at(1500, Event::Ended(RUN, CRASH)), [Action::Start]);
    assert_eq!(life.0.ready(), None);
    life.at(1500, Event::Started(Ok(NEXT)));
    assert_eq!(life.0.ready(), None);
}
