//! The cards that random stories are drawn from.

use std::time::Duration;

use contract::Letter;
use service::Monotonic;
use service::guard::Scarcity;
use service::pacing::Pace;
use service::words::{
    DeathLimit, Event, Farewell, Fault, Pid, Policy, Step, Survivors, TIMEOUT_FINISH,
};

use super::kernel::Temper;
use super::moves::{Finish, Move, Quiet, Setting};

const MISSING: Fault = Fault { step: Step::Exec, errno: 2 };
const FORBIDDEN: Fault = Fault { step: Step::Directory, errno: 13 };

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Around the floor, a good run, the deadlines and the longest pause.
const TIMES: [Duration; 12] = [
    ms(0),
    ms(1),
    ms(49),
    ms(51),
    ms(300),
    ms(999),
    ms(1000),
    ms(3000),
    ms(4999),
    ms(5000),
    ms(10_000),
    ms(80_000),
];

const SERVICE: Farewell = Farewell { linger: ms(0), grace: ms(1000) };
const LOGGER: Farewell = Farewell { linger: ms(300), grace: ms(120) };

/// What ends a story early is rare, so that most are long; what a story is made simpler with stands
/// first.
pub(crate) fn deck() -> Vec<Move> {
    let mut deck = Vec::new();
    for (copies, cards) in
        [main_process(), family(), letters(), time(), settings(), stray(), ends()]
            .into_iter()
            .flatten()
    {
        deck.extend(cards.into_iter().flat_map(|card| std::iter::repeat_n(card, copies)));
    }
    deck
}

type Cards = Vec<(usize, Vec<Move>)>;

fn main_process() -> Cards {
    let hopeless = [MISSING, FORBIDDEN].map(Temper::Hopeless).map(Move::Forks);
    let forks = [Temper::Obedient, Temper::Stubborn].map(Move::Forks);
    let odd = [Temper::Stopped, Temper::Waiting, Temper::Forking(2)].map(Move::Starts);
    vec![
        (500, vec![Move::Ends(1)]),
        (300, vec![Move::Starts(Temper::Obedient)]),
        (150, vec![Move::Ends(0)]),
        (100, vec![Move::Starts(Temper::Stubborn)]),
        (60, vec![Move::Mended, Move::Fails(MISSING)]),
        (2, TIMES.map(|time| Move::Delays(Scarcity::Pids, time)).to_vec()),
        (10, vec![Move::Delays(Scarcity::Memory, ms(2000)), Move::Ready]),
        (50, vec![Move::Drained(true), Move::Drained(false)]),
        (40, forks.to_vec()),
        (30, [&hopeless[..], &[Move::Fails(FORBIDDEN)]].concat()),
        (20, odd.to_vec()),
    ]
}

fn family() -> Cards {
    let odd = [Temper::Stopped, Temper::Waiting, Temper::Forking(2)];
    let finishes =
        [Temper::Stubborn, Temper::Waiting, Temper::Forking(1), Temper::Hopeless(FORBIDDEN)];
    vec![
        (150, vec![Move::Begets(Temper::Obedient)]),
        (20, vec![Move::Begets(Temper::Stubborn)]),
        (20, odd.map(Move::Begets).to_vec()),
        (150, vec![Move::Gone { told: true }]),
        (50, vec![Move::Gone { told: false }]),
        (100, vec![Move::Finishes(0)]),
        (5, vec![Move::Finishes(125), write(Finish::Fails(MISSING))]),
        (20, [Finish::Missing, Finish::Runs(Temper::Obedient)].map(write).to_vec()),
        (5, finishes.map(Finish::Runs).map(write).to_vec()),
        (30, vec![Move::Quiet(Quiet::Dawdle)]),
        (20, vec![Move::Quiet(Quiet::Veil)]),
        (100, vec![Move::Answer]),
    ]
}

fn write(finish: Finish) -> Move {
    Move::Quiet(Quiet::Write(finish))
}

fn letters() -> Cards {
    let signals = [Letter::Hangup, Letter::Alarm, Letter::Interrupt, Letter::Terminate];
    vec![
        (250, vec![Move::Say(Letter::Up)]),
        (100, vec![Move::Say(Letter::Down)]),
        (60, vec![Move::Say(Letter::Once)]),
        (20, [Letter::Pause, Letter::Continue, Letter::Kill].map(Move::Say).to_vec()),
        (20, signals.map(Move::Say).to_vec()),
    ]
}

fn time() -> Cards {
    vec![
        (400, vec![Move::Sleep]),
        (15, TIMES.map(Move::Wait).to_vec()),
        (5, TIMES.map(Quiet::Stall).map(Move::Quiet).to_vec()),
        (3, TIMES.map(Quiet::Suspend).map(Move::Quiet).to_vec()),
    ]
}

fn settings() -> Cards {
    let limits = [1, 2, 3].map(|deaths| Some(DeathLimit { deaths, within: ms(3000) }));
    let many = Some(DeathLimit { deaths: 8, within: ms(80_000) });
    let timeouts = TIMES.map(Some);
    let paces = TIMES.map(|spacing_max| Pace { spacing_max, ..Pace::default() });
    let stable = TIMES.map(|stable_run| Pace { stable_run, ..Pace::default() });
    let set =
        |settings: &[Setting]| settings.iter().copied().map(Quiet::Set).map(Move::Quiet).collect();
    vec![
        (2, set(&timeouts.map(Setting::TimeoutKill))),
        (5, set(&[Setting::TimeoutKill(None)])),
        (1, set(&timeouts.map(Setting::TimeoutFinish))),
        (5, set(&[Setting::TimeoutFinish(None), Setting::TimeoutFinish(Some(TIMEOUT_FINISH))])),
        (30, set(&[Setting::Survivors(Policy::Adopt)])),
        (5, set(&[Policy::End, Policy::Leave].map(Setting::Survivors))),
        (3, set(&limits.map(Setting::MaxDeaths))),
        (3, set(&[Setting::MaxDeaths(many)])),
        (20, set(&[Setting::MaxDeaths(None)])),
        (1, set(&paces.map(Setting::Pace))),
        (1, set(&stable.map(Setting::Pace))),
        (40, set(&[Setting::Pace(Pace::default())])),
    ]
}

fn stray() -> Cards {
    let some = Survivors { count: 1, oldest: Some(Pid(9)) };
    let stray = [
        Event::Started(Ok(Pid(9))),
        Event::Started(Err(MISSING)),
        Event::Forked(Pid(9)),
        Event::Delayed(Scarcity::Pids, Monotonic(ms(9))),
        Event::Survivors(Survivors::default()),
        Event::Survivors(some),
        Event::Uncounted,
        Event::Finishing(Ok(None)),
        Event::Finishing(Ok(Some(Pid(9)))),
        Event::Finishing(Err(MISSING)),
    ];
    vec![
        (30, vec![Move::OrphanEnds]),
        (5, stray.map(Move::Stray).to_vec()),
        (5, vec![Move::Stray(Event::OrphanEnded)]),
    ]
}

fn ends() -> Cards {
    let services = TIMES.map(|grace| Move::Stop(Farewell { grace, ..SERVICE }));
    let loggers = TIMES.map(|grace| Move::Stop(Farewell { grace, ..LOGGER }));
    let lingering = TIMES.map(|linger| Move::Stop(Farewell { linger, ..LOGGER }));
    let stops = [services, loggers, lingering].concat();
    vec![(5, vec![Move::Say(Letter::Exit)]), (1, stops)]
}
