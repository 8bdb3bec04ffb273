//! What follows the end of a main process, in stories that a person can read: who is left, and
//! `./finish`. `every_story.rs` has all the others.

mod story;

use std::time::Duration;

use contract::status::Wish;
use service::words::{
    Action, End, Event, Pid, Policy, Remark, Report, Settings, Signal, Survivors,
};

use story::{CRASH, Life, NEXT, NO_FINISH, NOBODY, RUN, SERVICE, at, letter, ms};

const DAEMON: Pid = Pid(20);
const WORKER: Pid = Pid(21);

const SUCCESS: End = End::Exited(0);
const ENDED: Event = Event::Ended(RUN, SUCCESS);
const CRASHED: Event = Event::Ended(RUN, CRASH);
const STARTED: Event = Event::Started(Ok(RUN));

const COUNT: Action = Action::CountSurvivors;
const FINISH_CRASH: Action = Action::Finish(RUN, CRASH);
const FINISH_SUCCESS: Action = Action::Finish(RUN, SUCCESS);
const SWEEP: [Action; 2] = [Action::Sweep(Signal::Term), Action::Sweep(Signal::Cont)];
const SWEEP_KILL: Action = Action::Sweep(Signal::Kill);

/// So many are left, and this one is the oldest.
const fn left(count: u32, oldest: Pid) -> Event {
    Event::Survivors(Survivors { count, oldest: Some(oldest) })
}

fn stragglers(count: u32, last: End) -> Action {
    Action::Report(Report::Stragglers { count, last })
}

fn with_policy(policy: Policy) -> Life {
    let mut life = Life::up();
    set_policy(&mut life, policy);
    life
}

fn set_policy(life: &mut Life, policy: Policy) {
    life.0.set_settings(Settings { policy, ..Settings::default() });
}

/// Up since 0, and its main process ended so with two left.
fn left_two(ms: u64, how: End) -> Life {
    let mut life = Life::up();
    assert_eq!(life.whole(ms, Event::Ended(RUN, how)), [COUNT]);
    life
}

/// Crashed at 2000 with two left, who are asked to end.
fn clearing() -> Life {
    let mut life = left_two(2000, CRASH);
    let told = life.whole(2000, left(2, WORKER));
    assert_eq!(told, [&[stragglers(2, CRASH)], &SWEEP[..]].concat());
    life
}

/// Started by -o at 0, and left a daemon at 2000.
fn kept() -> Life {
    let mut life = Life::new(Wish::Down);
    assert_eq!(life.whole(0, letter(b'o')), [Action::Start]);
    assert_eq!(life.whole(0, STARTED), []);
    assert_eq!(life.whole(2000, ENDED), [COUNT]);
    assert_eq!(life.whole(2000, left(1, DAEMON)), [FINISH_SUCCESS]);
    life
}

// In the background.

#[test]
fn a_service_in_the_background_is_supervised_and_told_of_when_it_has_settled() {
    let mut life = left_two(3000, SUCCESS);
    assert_eq!(life.whole(3000, left(2, DAEMON)), []);
    assert_eq!(life.0.pid(), Some(DAEMON));
    assert_eq!(life.0.view().since, at(3000).boottime);
    assert_eq!(life.0.remark(), Remark::Background);
    let told = Action::Report(Report::Background { pid: DAEMON, ran: ms(3000) });
    assert_eq!(life.next(3250), [told]);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.whole(4000, letter(b'h')), [Action::Send(DAEMON, Signal::Hup)]);
    assert_eq!(life.whole(5000, Event::Ended(DAEMON, CRASH)), [COUNT]);
    assert_eq!(life.whole(5000, NOBODY), [Action::Finish(DAEMON, CRASH)]);
    assert_eq!(life.whole(5000, NO_FINISH), [Action::Start]);
    assert_eq!(life.0.remark(), Remark::None);
}

#[test]
fn who_forks_twice_is_told_of_once_and_by_the_process_that_stays() {
    let mut life = left_two(100, SUCCESS);
    assert_eq!(life.whole(100, left(1, WORKER)), []);
    assert_eq!(life.whole(200, Event::Ended(WORKER, SUCCESS)), [COUNT]);
    assert_eq!(life.whole(200, left(1, DAEMON)), []);
    let told = Action::Report(Report::Background { pid: DAEMON, ran: ms(100) });
    assert_eq!(life.next(450), [told]);
    // It may put another in its place whenever it likes.
    assert_eq!(life.whole(9000, Event::Ended(DAEMON, SUCCESS)), [COUNT]);
    assert_eq!(life.whole(9000, left(1, NEXT)), []);
    assert_eq!(life.0.deadline(), None);
}

#[test]
fn a_service_that_is_always_in_the_background_is_told_of_once() {
    let mut life = Life::up();
    let mut told = Vec::new();
    for turn in 0..5 {
        let now = turn * 10_000;
        assert_eq!(life.whole(now, ENDED), [COUNT]);
        assert_eq!(life.whole(now, left(1, DAEMON)), []);
        told.extend(life.whole(now + 1000, Event::Tick));
        assert_eq!(life.at(now + 9999, Event::Ended(DAEMON, CRASH)), [Action::Start]);
        assert_eq!(life.whole(now + 10_000, STARTED), []);
    }
    assert_eq!(told, [Action::Report(Report::Background { pid: DAEMON, ran: ms(0) })]);

    // Once it was not, it is news again.
    assert_eq!(life.at(60_000, CRASHED), [Action::Start]);
    assert_eq!(life.whole(60_000, STARTED), []);
    assert_eq!(life.whole(60_000, ENDED), [COUNT]);
    assert_eq!(life.whole(60_000, left(1, DAEMON)), []);
    assert_eq!(life.next(60_250).len(), 1);
}

#[test]
fn the_life_of_a_service_in_the_background_began_with_its_run() {
    let mut life = left_two(100, SUCCESS);
    assert_eq!(life.whole(100, left(1, DAEMON)), []);
    // Too early to have been told of.
    assert_eq!(life.at(600, Event::Ended(DAEMON, CRASH)), []);
    assert_eq!(life.next(1000), [Action::Start]);
}

#[test]
fn who_was_asked_to_end_has_not_put_itself_in_the_background() {
    for byte in *b"dhaitk" {
        let mut life = Life::up();
        let _ = life.whole(2000, letter(byte));
        assert_eq!(life.whole(2000, letter(b'u')), []);
        assert_eq!(life.whole(2001, ENDED), [COUNT]);
        // Nor is it news that somebody is left.
        assert_eq!(life.whole(2001, left(1, WORKER)), SWEEP, "{byte}");
    }
    for byte in *b"pcxu" {
        let mut life = Life::up();
        let _ = life.whole(2000, letter(byte));
        assert_eq!(life.whole(2001, ENDED), [COUNT]);
        assert_eq!(life.whole(2001, left(1, DAEMON)), [], "{byte}");
        assert_eq!(life.0.pid(), Some(DAEMON));
    }
}

#[test]
fn who_was_wished_down_while_it_started_has_not_put_itself_in_the_background() {
    let mut life = Life::starting();
    assert_eq!(life.whole(1, letter(b'd')), []);
    assert_eq!(life.whole(2, STARTED).len(), 2);
    assert_eq!(life.whole(3, letter(b'u')), []);
    assert_eq!(life.whole(4, ENDED), [COUNT]);
    assert_eq!(life.whole(4, left(1, WORKER)), SWEEP);
}

#[test]
fn nobody_is_taken_for_the_service_when_everything_ends() {
    for byte in *b"uo" {
        let mut life = Life::up();
        assert_eq!(life.whole(2000, Event::Stop(SERVICE)).len(), 2);
        assert_eq!(life.whole(2000, letter(byte)), []);
        assert_eq!(life.whole(2001, ENDED), [COUNT]);
        assert_eq!(life.whole(2001, left(1, WORKER)).first(), Some(&stragglers(1, SUCCESS)));
        assert_eq!(life.whole(2021, Event::Tick), [COUNT]);
        assert_eq!(life.at(2021, NOBODY), [Action::Leave]);
    }
}

#[test]
fn the_daemon_is_what_d_and_timeout_kill_are_for() {
    let mut life = left_two(2000, SUCCESS);
    life.0.set_settings(Settings { timeout_kill: Some(ms(3000)), ..Settings::default() });
    assert_eq!(life.whole(2000, left(2, DAEMON)), []);
    assert_eq!(life.next(2250).len(), 1);
    let term = [Signal::Term, Signal::Cont].map(|signal| Action::Send(DAEMON, signal));
    assert_eq!(life.whole(3000, letter(b'd')), term);
    let killed = Action::Report(Report::Killed(DAEMON));
    assert_eq!(life.next(6000), [killed, Action::Send(DAEMON, Signal::Kill)]);
    assert_eq!(life.whole(6001, Event::Ended(DAEMON, End::Signalled(9))), [COUNT]);
    // Its workers go with it.
    assert_eq!(life.whole(6001, left(1, WORKER)), SWEEP);
}

// Stragglers.

#[test]
fn stragglers_of_a_crash_are_asked_to_end_and_killed_after_five_seconds() {
    let mut life = clearing();
    assert_eq!(life.0.remark(), Remark::Clearing(2));
    for ms in [2020, 2060, 2140, 2300, 2620, 3260, 4260, 5260, 6260] {
        assert_eq!(life.next(ms), [COUNT]);
        assert_eq!(life.0.deadline(), None);
        assert_eq!(life.whole(ms, left(1, WORKER)), []);
    }
    assert_eq!(life.0.remark(), Remark::Clearing(1));
    for ms in [7000, 8000, 9000] {
        assert_eq!(life.next(ms), [COUNT]);
        assert_eq!(life.whole(ms, left(1, WORKER)), [SWEEP_KILL]);
    }
    assert_eq!(life.next(10_000), [COUNT]);
    assert_eq!(life.whole(10_000, NOBODY), [FINISH_CRASH]);
    assert_eq!(life.whole(10_000, NO_FINISH), [Action::Start]);
}

#[test]
fn the_end_of_one_of_them_is_a_reason_to_count_at_once() {
    let mut life = clearing();
    assert_eq!(life.whole(2005, Event::OrphanEnded), [COUNT]);
    assert_eq!(life.whole(2005, Event::OrphanEnded), []);
    assert_eq!(life.whole(2006, left(1, WORKER)), []);
    assert_eq!(life.whole(2007, Event::OrphanEnded), [COUNT]);
    assert_eq!(life.at(2007, NOBODY), [Action::Start]);
    assert_eq!(life.whole(2008, Event::OrphanEnded), []);
    assert_eq!(life.whole(2009, STARTED), []);
    assert_eq!(life.whole(2010, Event::OrphanEnded), []);
}

#[test]
fn nothing_is_decided_while_somebody_executes() {
    let mut life = left_two(3000, SUCCESS);
    assert_eq!(life.whole(3000, Event::Uncounted), []);
    assert_eq!(life.whole(3019, Event::Tick), []);
    assert_eq!(life.next(3020), [COUNT]);
    assert_eq!(life.whole(3020, Event::Uncounted), []);
    assert_eq!(life.whole(3030, Event::OrphanEnded), [COUNT]);
    assert_eq!(life.whole(3030, left(2, DAEMON)), []);
    assert_eq!(life.0.pid(), Some(DAEMON));
}

#[test]
fn an_operator_who_says_kill_does_not_wait() {
    let mut life = clearing();
    assert_eq!(life.whole(2010, letter(b'k')), [COUNT]);
    assert_eq!(life.whole(2010, left(1, WORKER)), [SWEEP_KILL]);
    assert_eq!(life.next(2050), [COUNT]);
    // While an answer is awaited as well, and from its own time on.
    let mut life = clearing();
    assert_eq!(life.next(2020), [COUNT]);
    assert_eq!(life.whole(2021, letter(b'k')), []);
    assert_eq!(life.whole(2022, left(1, WORKER)), [SWEEP_KILL]);
    assert_eq!(life.whole(7020, Event::Tick), [COUNT]);
    assert_eq!(life.whole(7020, left(1, WORKER)), [SWEEP_KILL]);
    assert_eq!(life.whole(8020, Event::Tick), [COUNT]);
    let unending = Action::Report(Report::Unending(1));
    assert_eq!(life.whole(8020, left(1, WORKER)), [SWEEP_KILL, unending]);
}

#[test]
fn who_does_not_even_end_of_a_kill_is_told_of_once_and_waited_for() {
    let mut life = clearing();
    assert_eq!(life.whole(7000, Event::Tick), [COUNT]);
    assert_eq!(life.whole(7000, left(3, WORKER)), [SWEEP_KILL]);
    assert_eq!(life.whole(11_999, Event::Tick), [COUNT]);
    assert_eq!(life.whole(11_999, left(3, WORKER)), [SWEEP_KILL]);
    assert_eq!(life.whole(12_000, Event::OrphanEnded), [COUNT]);
    let unending = Action::Report(Report::Unending(2));
    assert_eq!(life.whole(12_000, left(2, WORKER)), [SWEEP_KILL, unending]);
    for hour in 1..5 {
        assert_eq!(life.whole(hour * 3_600_000, Event::Tick), [COUNT]);
        assert_eq!(life.whole(hour * 3_600_000, left(2, WORKER)), [SWEEP_KILL]);
    }
    assert_eq!(life.whole(20_000_000, Event::Tick), [COUNT]);
    assert_eq!(life.at(20_000_000, NOBODY), [Action::Start]);
}

#[test]
fn at_a_stop_who_does_not_end_of_a_kill_is_told_of_and_left() {
    let mut life = clearing();
    assert_eq!(life.whole(2500, Event::Stop(SERVICE)), [COUNT]);
    assert_eq!(life.whole(2500, left(1, WORKER)), []);
    assert_eq!(life.whole(7000, Event::Tick), [COUNT]);
    assert_eq!(life.whole(7000, left(1, WORKER)), [SWEEP_KILL]);
    assert_eq!(life.whole(12_000, Event::Tick), [COUNT]);
    let unending = Action::Report(Report::Unending(1));
    assert_eq!(life.whole(12_000, left(1, WORKER)), [SWEEP_KILL, unending, FINISH_CRASH]);
    assert_eq!(life.whole(12_000, NO_FINISH), [Action::Leave]);
}

#[test]
fn a_wish_that_comes_while_stragglers_end_is_kept_and_does_not_wait_for_the_pause() {
    for byte in *b"uo" {
        let mut life = left_two(100, CRASH);
        assert_eq!(life.whole(100, left(1, WORKER)).len(), 3);
        assert_eq!(life.whole(110, letter(byte)), []);
        assert_eq!(life.whole(120, Event::Tick), [COUNT]);
        assert_eq!(life.at(120, NOBODY), [Action::Start], "{byte}");
    }
    let mut life = clearing();
    assert_eq!(life.whole(2001, letter(b'o')), []);
    assert_eq!(life.whole(2002, letter(b'd')), []);
    assert_eq!(life.whole(2020, Event::Tick), [COUNT]);
    assert_eq!(life.at(2020, NOBODY), []);
    assert_eq!(life.0.deadline(), None);

    let mut life = clearing();
    assert_eq!(life.whole(2001, letter(b'x')), []);
    assert_eq!(life.whole(2020, Event::Tick), [COUNT]);
    assert_eq!(life.at(2020, NOBODY), [Action::Leave]);
}

#[test]
fn the_length_of_a_life_is_that_of_its_main_process() {
    let mut life = Life::up();
    for death in 1..=6 {
        let now = death * 100_000;
        assert_eq!(life.whole(now, CRASHED), [COUNT]);
        assert_eq!(life.whole(now, left(1, WORKER)).len(), 3);
        // Long enough for a good run, had it been one.
        assert_eq!(life.whole(now + 20_000, Event::Tick), [COUNT]);
        assert_eq!(life.at(now + 20_000, NOBODY), [Action::Start]);
        assert_eq!(life.whole(now + 100_000 - 9_999, STARTED), []);
    }
    assert_eq!(life.whole(700_000, CRASHED), [COUNT]);
    assert_eq!(life.whole(700_000, NOBODY), [FINISH_CRASH]);
    let told = life.whole(700_000, NO_FINISH);
    let backing_off = Report::BackingOff { deaths: 6, last: CRASH, pause: Duration::ZERO };
    assert_eq!(told, [Action::Report(backing_off), Action::Start]);
}

#[test]
fn it_dies_since_its_first_quick_death_and_not_since_all_was_cleared_away() {
    let mut life = left_two(100, CRASH);
    assert_eq!(life.whole(100, left(1, WORKER)).len(), 3);
    assert_eq!(life.whole(900, Event::Tick), [COUNT]);
    assert_eq!(life.at(900, NOBODY), []);
    for _ in 0..5 {
        let _ = life.crashes();
    }
    let remark = life.0.remark();
    let since_the_first = at(100).monotonic;
    assert!(
        matches!(remark, Remark::BackingOff { deaths: 6, since, last: CRASH, until }
            if since == since_the_first && Some(until) == life.0.deadline()),
        "{remark:?}"
    );
}

// Kept, and left by policy.

#[test]
fn who_a_service_that_runs_once_has_left_is_kept_until_its_next_life() {
    for byte in *b"uo" {
        let mut life = kept();
        assert_eq!(life.whole(2000, NO_FINISH), []);
        assert_eq!(life.0.deadline(), None);
        assert_eq!(life.whole(9000, Event::Tick), []);
        assert_eq!(life.whole(9000, letter(byte)), [COUNT]);
        assert_eq!(life.whole(9000, left(1, DAEMON)), SWEEP);
        assert_eq!(life.next(9020), [COUNT]);
        assert_eq!(life.whole(9020, NOBODY), [Action::Start]);
    }
}

#[test]
fn who_was_kept_is_ended_by_d_and_left_by_x() {
    let mut life = kept();
    assert_eq!(life.whole(2000, NO_FINISH), []);
    assert_eq!(life.whole(9000, letter(b'd')), [COUNT]);
    assert_eq!(life.whole(9000, left(1, DAEMON)), SWEEP);
    assert_eq!(life.next(9020), [COUNT]);
    assert_eq!(life.whole(9020, NOBODY), []);
    assert_eq!(life.0.deadline(), None);
    assert_eq!(life.whole(9030, letter(b'd')), []);

    let mut life = kept();
    assert_eq!(life.whole(2000, NO_FINISH), []);
    assert_eq!(life.whole(9000, letter(b'x')), [Action::Leave]);
    assert_eq!(life.whole(9001, letter(b'd')), []);
    assert_eq!(life.whole(9001, Event::Stop(SERVICE)), []);

    let mut life = kept();
    assert_eq!(life.whole(2000, NO_FINISH), []);
    assert_eq!(life.whole(9000, Event::Stop(SERVICE)), [COUNT]);
    assert_eq!(life.whole(9000, NOBODY), [Action::Leave]);
}

#[test]
fn a_down_or_a_stop_is_not_lost_between_the_end_and_the_rest() {
    let mut life = kept();
    assert_eq!(life.whole(2001, letter(b'd')), []);
    assert_eq!(life.whole(2002, NO_FINISH), [COUNT]);
    assert_eq!(life.whole(2002, left(1, DAEMON)), SWEEP);

    let mut life = kept();
    assert_eq!(life.whole(2001, Event::Stop(SERVICE)), []);
    assert_eq!(life.whole(2002, NO_FINISH), [COUNT]);
    assert_eq!(life.whole(2002, NOBODY), [Action::Leave]);
}

#[test]
fn only_who_succeeds_by_himself_leaves_somebody_on_purpose() {
    let mut life = Life::up();
    assert_eq!(life.whole(1000, letter(b'o')), []);
    assert_eq!(life.whole(2000, CRASHED), [COUNT]);
    assert_eq!(life.whole(2000, left(1, WORKER)).first(), Some(&stragglers(1, CRASH)));

    let mut life = Life::up();
    assert_eq!(life.whole(1000, letter(b'o')), []);
    assert_eq!(life.whole(1000, letter(b't')).len(), 1);
    assert_eq!(life.whole(2000, ENDED), [COUNT]);
    assert_eq!(life.whole(2000, left(1, WORKER)), SWEEP);
}

#[test]
fn by_policy_survivors_are_always_ended() {
    for wish in *b"uo" {
        let mut life = with_policy(Policy::End);
        assert_eq!(life.whole(1000, letter(wish)), []);
        assert_eq!(life.whole(2000, ENDED), [COUNT]);
        let told = life.whole(2000, left(1, WORKER));
        assert_eq!(told, [&[stragglers(1, SUCCESS)], &SWEEP[..]].concat());
    }
}

#[test]
fn by_policy_survivors_are_left_alone() {
    let mut life = with_policy(Policy::Leave);
    assert_eq!(life.whole(2000, ENDED), [FINISH_SUCCESS]);
    assert_eq!(life.whole(2000, NO_FINISH), [Action::Start]);
    assert_eq!(life.whole(2000, STARTED), []);
    assert_eq!(life.whole(4000, CRASHED), [FINISH_CRASH]);
    assert_eq!(life.whole(4000, NO_FINISH), [Action::Start]);
    assert_eq!(life.whole(4000, STARTED), []);
    let _ = life.whole(5000, letter(b'd'));
    assert_eq!(life.whole(6000, CRASHED), [FINISH_CRASH]);
    assert_eq!(life.whole(6000, NO_FINISH), []);
    assert_eq!(life.whole(6001, letter(b'd')), []);

    // Where the file is changed they are remembered.
    set_policy(&mut life, Policy::End);
    assert_eq!(life.whole(7000, letter(b'u')), [COUNT]);
    assert_eq!(life.whole(7000, left(2, WORKER)), SWEEP);
}

#[test]
fn an_answer_that_nobody_asked_for_changes_nothing() {
    let answers = [NOBODY, left(1, WORKER), NO_FINISH, Event::Finishing(Ok(Some(WORKER)))];
    let lives = || [Life::new(Wish::Down), Life::starting(), Life::up(), clearing()];
    for answer in answers {
        for mut life in lives() {
            let was = (life.0.view(), life.0.remark(), life.0.deadline());
            assert_eq!(life.whole(2001, answer), [], "{answer:?}");
            assert_eq!((life.0.view(), life.0.remark(), life.0.deadline()), was);
        }
    }
}
