use super::*;
use crate::words::{Action, Event, Remark, Report, Survivors};
use crate::{Fault, Signal};
use contract::Letter;
use proptest::prelude::*;

const SEED: u64 = 7;

fn at(millis: u64) -> Now {
    let time = Duration::from_millis(millis);
    Now { monotonic: Monotonic(time), boottime: Boottime(time + Duration::from_secs(500)) }
}

/// What it asks for, where nobody is left of it and there is no `./finish`.
fn actions(service: &mut Service, millis: u64, event: Event) -> Vec<Action> {
    let (mut next, mut asked) = (Some(event), Vec::new());
    while let Some(event) = next.take() {
        for action in service.step(at(millis), event) {
            match action {
                Action::CountSurvivors => {
                    next = Some(Event::Survivors(Survivors::default()));
                }
                Action::Finish(..) => next = Some(Event::Finishing(Ok(None))),
                action @ (Action::Start
                | Action::Send(..)
                | Action::AskDrained
                | Action::Sweep(_)
                | Action::Report(_)
                | Action::Leave) => asked.push(action),
            }
        }
    }
    asked
}

fn up(millis: u64, pid: u32) -> Service {
    let mut service = Service::new(at(millis), Wish::Up, SEED);
    assert_eq!(actions(&mut service, millis, Event::Tick), [Action::Start]);
    assert_eq!(actions(&mut service, millis, Event::Started(Ok(Pid(pid)))), []);
    service
}

fn found(service: &Service) -> Option<Found> {
    match service.memory().phase {
        Phase::Up { pid, since } => Some(Found { pid, since, changed: service.memory().changed }),
        Phase::Down { .. } | Phase::Starting => None,
    }
}

/// The first millisecond after an instant.
fn after_it(at: Monotonic) -> u64 {
    u64::try_from(at.0.as_millis()).unwrap() + 1
}

fn resumed(service: &Service, millis: u64) -> Service {
    let (memory, found) = (service.memory(), found(service));
    Service::resume(at(millis), memory, found, Settings::default(), SEED)
}

/// Its supervisor is back, and it is gone. Nobody was left.
fn ended_meanwhile(millis: u64, memory: Memory) -> Service {
    Service::resume(at(millis), memory, None, Settings::default(), SEED)
}

#[test]
fn a_service_that_runs_goes_on_as_it_was() {
    let mut before = up(1000, 42);
    actions(&mut before, 1100, Event::Letter(Letter::Pause));
    let mut after = resumed(&before, 9000);
    assert_eq!((after.view(), after.memory()), (before.view(), before.memory()));
    assert_eq!(actions(&mut after, 9000, Event::Tick), [], "no second life");
    let sent = actions(&mut after, 9001, Event::Letter(Letter::Down));
    let pid = Pid(42);
    assert_eq!(sent, [Action::Send(pid, Signal::Term), Action::Send(pid, Signal::Cont)]);
}

#[test]
fn a_wish_outlives_the_supervisor_whether_up_or_down() {
    let mut service = up(1000, 42);
    actions(&mut service, 1100, Event::Letter(Letter::Down));
    let mut after = resumed(&service, 2000);
    assert_eq!(after.view().want, Wish::Down);
    actions(&mut after, 2100, Event::Ended(Pid(42), End::Unknown));
    assert_eq!(after.deadline(), None);
    let mut later = resumed(&after, 3000);
    assert_eq!(actions(&mut later, 3000, Event::Tick), []);
    assert_eq!(later.view(), after.view());
}

#[test]
fn what_ended_meanwhile_is_started_again_a_second_after_its_start() {
    let service = up(1000, 42);
    let mut after = ended_meanwhile(1200, service.memory());
    assert_eq!(after.pid(), None);
    assert_eq!(after.deadline(), Some(Monotonic(Duration::from_secs(2))));
    assert_eq!(actions(&mut after, 2000, Event::Tick), [Action::Start]);
    let mut late = ended_meanwhile(9000, service.memory());
    assert_eq!(actions(&mut late, 9000, Event::Tick), [Action::Start]);
}

#[test]
fn a_service_that_backs_off_does_not_begin_anew() {
    let mut service = Service::new(at(0), Wish::Up, SEED);
    let mut now = 0;
    for _ in 0..8 {
        now = now.max(service.deadline().map_or(0, after_it));
        assert_eq!(actions(&mut service, now, Event::Tick), [Action::Start]);
        actions(&mut service, now, Event::Started(Ok(Pid(42))));
        actions(&mut service, now, Event::Ended(Pid(42), End::Exited(1)));
    }
    let mut after = resumed(&service, now + 1);
    assert_eq!(after.deadline(), service.deadline());
    now = after.deadline().map_or(0, after_it);
    assert_eq!(actions(&mut after, now, Event::Tick), [Action::Start]);
    actions(&mut after, now, Event::Started(Ok(Pid(43))));
    let told = actions(&mut after, now, Event::Ended(Pid(43), End::Exited(1)));
    assert_eq!(told, [], "it was told before");
    assert_eq!(after.memory().quick_deaths, 9);
    let killed = up(now, 44).memory();
    let killed = Memory { quick_deaths: 9, ..killed };
    let ended = ended_meanwhile(now + 1, killed);
    assert!(ended.deadline().unwrap() >= at(now + 16_000).monotonic);
}

#[test]
fn a_start_that_never_came_is_made_after_the_pause() {
    let mut service = Service::new(at(0), Wish::Up, SEED);
    assert_eq!(actions(&mut service, 0, Event::Tick), [Action::Start]);
    let mut after = resumed(&service, 500);
    assert_eq!(actions(&mut after, 501, Event::Tick), []);
    assert_eq!(actions(&mut after, 1500, Event::Tick), [Action::Start]);
}

#[test]
fn once_is_once_even_if_nobody_saw_its_end() {
    let mut service = Service::new(at(0), Wish::Down, SEED);
    actions(&mut service, 0, Event::Letter(Letter::Once));
    actions(&mut service, 0, Event::Started(Ok(Pid(42))));
    let mut after = ended_meanwhile(5000, service.memory());
    assert_eq!(actions(&mut after, 60_000, Event::Tick), []);
}

#[test]
fn a_leave_that_waited_for_the_end_is_kept_while_it_runs_and_over_with_it() {
    let mut service = up(1000, 42);
    actions(&mut service, 1100, Event::Letter(Letter::Exit));
    let mut runs = resumed(&service, 2000);
    let left = actions(&mut runs, 2100, Event::Ended(Pid(42), End::Unknown));
    assert_eq!(left, [Action::Leave]);
    let mut ended = ended_meanwhile(3000, service.memory());
    assert_eq!(actions(&mut ended, 3000, Event::Tick), [Action::Start]);
}

#[test]
fn what_was_told_to_end_is_told_again_and_killed_a_grace_after_it_was_adopted() {
    let mut service = up(1000, 42);
    actions(&mut service, 1100, Event::Letter(Letter::Down));
    let timeout_kill = Some(Duration::from_secs(3));
    let settings = Settings { timeout_kill, ..Settings::default() };
    let found = found(&service);
    let mut after = Service::resume(at(2000), service.memory(), found, settings, SEED);
    let pid = Pid(42);
    let asked = actions(&mut after, 2000, Event::Tick);
    assert_eq!(asked, [Action::Send(pid, Signal::Term), Action::Send(pid, Signal::Cont)]);
    assert_eq!(after.deadline(), Some(at(5000).monotonic));
    let killed = actions(&mut after, 5000, Event::Tick);
    assert_eq!(killed, [Action::Report(Report::Killed(pid)), Action::Send(pid, Signal::Kill)]);
    let wanted = up(1000, 42).memory();
    let wanted = Service::resume(at(2000), wanted, found, settings, SEED);
    assert_eq!(wanted.deadline(), None);
}

#[test]
fn who_is_left_of_a_life_that_nobody_saw_the_end_of_is_ended_before_the_next() {
    let mut stragglers = Service::new(at(0), Wish::Up, SEED);
    actions(&mut stragglers, 0, Event::Tick);
    actions(&mut stragglers, 0, Event::Started(Ok(Pid(42))));
    let up = stragglers.memory();
    stragglers.step(at(5000), Event::Ended(Pid(42), End::Signalled(9)));
    let clearing = stragglers.memory();
    assert_eq!(clearing.phase, Phase::Down { not_before: Monotonic(Duration::from_secs(1)) });
    for memory in [up, clearing] {
        let mut after = ended_meanwhile(6000, memory);
        let asked: Vec<_> = after.step(at(6000), Event::Tick).into_iter().collect();
        assert_eq!(asked, [Action::CountSurvivors]);
        let left = Survivors { count: 1, oldest: Some(Pid(43)) };
        let asked: Vec<_> = after.step(at(6000), Event::Survivors(left)).into_iter().collect();
        assert_eq!(asked, [Action::Sweep(Signal::Term), Action::Sweep(Signal::Cont)]);
    }
}

#[test]
fn a_service_in_the_background_stays_there_and_is_not_told_of_again() {
    let mut service = Service::new(at(0), Wish::Up, SEED);
    actions(&mut service, 0, Event::Tick);
    actions(&mut service, 0, Event::Started(Ok(Pid(42))));
    service.step(at(100), Event::Ended(Pid(42), End::Exited(0)));
    let left = Survivors { count: 1, oldest: Some(Pid(43)) };
    service.step(at(100), Event::Survivors(left));
    let mut after = resumed(&service, 200);
    assert_eq!((after.pid(), after.remark()), (Some(Pid(43)), Remark::Background));
    assert_eq!(actions(&mut after, 9000, Event::Tick), []);
}

#[test]
fn what_was_given_up_stays_so() {
    let mut service = up(1000, 42);
    service.step(at(9000), Event::Ended(Pid(42), End::Exited(1)));
    service.step(at(9000), Event::Survivors(Survivors::default()));
    service.step(at(9000), Event::Finishing(Ok(Some(Pid(43)))));
    actions(&mut service, 9000, Event::Ended(Pid(43), End::Exited(125)));
    assert_eq!(service.remark(), Remark::GivenUp);
    let mut after = resumed(&service, 99_000);
    assert_eq!(after.remark(), Remark::GivenUp);
    assert_eq!(actions(&mut after, 99_000, Event::Tick), []);
}

#[test]
fn a_failed_start_keeps_its_pause_and_is_told_again() {
    let fault = Fault { step: crate::words::Step::Exec, errno: 2 };
    let mut service = Service::new(at(0), Wish::Up, SEED);
    actions(&mut service, 0, Event::Tick);
    let told = actions(&mut service, 0, Event::Started(Err(fault)));
    let mut after = resumed(&service, 500);
    assert_eq!(after.deadline(), service.deadline());
    actions(&mut after, 1000, Event::Tick);
    assert_eq!(actions(&mut after, 1000, Event::Started(Err(fault))), told);
}

/// A memory of somebody who lived before a thousand seconds had passed.
fn any_memory() -> impl Strategy<Value = Memory> {
    let instant = || (0..1_000_000_u64).prop_map(Duration::from_millis);
    let want = prop_oneof![Just(Wish::Up), Just(Wish::Down), Just(Wish::Once)];
    let end = prop_oneof![
        Just(None),
        Just(Some(End::Unknown)),
        any::<u8>().prop_map(|code| Some(End::Exited(code))),
    ];
    let first = prop::option::of(instant().prop_map(Monotonic));
    let times = (instant(), instant(), prop::option::of(instant().prop_map(Monotonic)), first);
    (want, end, times, any::<[bool; 7]>(), 0..20_u32).prop_map(
        |(want, last, (since, changed, ready, first_quick), is, quick_deaths)| {
            let [paused, asked, leaving, background, left_behind, given_up, told] = is;
            let phase = Phase::Up { pid: Pid(7), since: Monotonic(since) };
            let told_backing_off = told && quick_deaths > crate::pacing::FREE_DEATHS;
            let changed = Boottime(changed);
            Memory {
                want,
                phase,
                changed,
                paused,
                asked,
                leaving,
                background,
                left_behind,
                given_up,
                ready,
                quick_deaths,
                first_quick,
                last,
                told_backing_off,
            }
        },
    )
}

proptest! {
    #[test]
    fn who_lives_goes_on_with_all_that_was_written_down(memory in any_memory()) {
        let Phase::Up { pid, since } = memory.phase else { return Ok(()) };
        let found = Some(Found { pid, since, changed: memory.changed });
        let service =
            Service::resume(at(1_000_000), memory, found, Settings::default(), SEED);
        // Whoever was not to be up was asked to end; and nobody who is up was given up.
        let asked = memory.asked || memory.want == Wish::Down;
        let expected = Memory { asked, left_behind: false, given_up: false, ..memory };
        prop_assert_eq!(service.memory(), expected);
    }

    #[test]
    fn who_is_down_stays_as_it_was_written_down(memory in any_memory(), since: u16) {
        let not_before = Monotonic(Duration::from_millis(since.into()));
        let memory = Memory { phase: Phase::Down { not_before }, ..memory };
        let service = Service::resume(at(1_000_000), memory, None, Settings::default(), SEED);
        let (paused, asked, leaving, background) = (false, false, false, false);
        let expected =
            Memory { paused, asked, leaving, background, ready: None, ..memory };
        prop_assert_eq!(service.memory(), expected);
    }

    /// Whatever the file said: a start comes within the longest pause, and no instant lies in
    /// the future of the one who reads it.
    #[test]
    fn a_damaged_memory_keeps_no_service_down(
        millis: u64, deaths: u32, changed: u64, lives: bool, since: u64,
    ) {
        let now = at(1_000_000);
        let (paced, changed) = (Duration::from_millis(millis), Duration::from_millis(changed));
        let since = Monotonic(Duration::from_millis(since));
        let found = Found { pid: Pid(1), since, changed: Boottime(changed) };
        let memory = Memory {
            phase: Phase::Down { not_before: Monotonic(paced) },
            quick_deaths: deaths,
            told_backing_off: true,
            first_quick: Some(since),
            ..Memory::of_a_stranger(Wish::Up, true, found)
        };
        let found = lives.then_some(found);
        let settings = Settings::default();
        let service = Service::resume(now, memory, found, settings, SEED);
        let latest = now.monotonic + crate::pacing::SPACING_MAX * 2;
        prop_assert!(service.deadline().is_none_or(|at| at <= latest));
        prop_assert_eq!(service.deadline().is_none(), lives);
        prop_assert!(service.view().since <= now.boottime);
    }
}
