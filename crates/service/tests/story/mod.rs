//! A [`Life`] whose stories a person can read, for `tests/life.rs`, `aftermath.rs` and `finish.rs`.

use std::time::Duration;

use contract::{Letter, status::Wish};
use service::life::Service;
use service::words::{Action, End, Event, Farewell, Pid, Survivors};
use service::{Boottime, Monotonic, Now};

pub(crate) const RUN: Pid = Pid(7);
pub(crate) const NEXT: Pid = Pid(8);
pub(crate) const CRASH: End = End::Exited(1);

pub(crate) const NOBODY: Event = Event::Survivors(Survivors { count: 0, oldest: None });
pub(crate) const NO_FINISH: Event = Event::Finishing(Ok(None));

pub(crate) const SERVICE: Farewell = Farewell { linger: ms(0), grace: ms(5000) };

pub(crate) fn letter(byte: u8) -> Event {
    Event::Letter(Letter::from_byte(byte).expect("a letter of svc"))
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn at(ms: u64) -> Now {
    let time = Duration::from_millis(ms);
    Now { monotonic: Monotonic(time), boottime: Boottime(time) }
}

/// What answers it, where nobody outlives the main process and there is no `./finish`.
fn answer(action: Action) -> Option<Event> {
    match action {
        Action::CountSurvivors => Some(NOBODY),
        Action::Finish(..) => Some(NO_FINISH),
        Action::Start
        | Action::Send(..)
        | Action::AskDrained
        | Action::Sweep(_)
        | Action::Report(_)
        | Action::Leave => None,
    }
}

/// A service whose story is told in milliseconds since it was taken in.
pub(crate) struct Life(pub(crate) Service);

impl Life {
    pub(crate) fn new(want: Wish) -> Self {
        Self(Service::new(at(0), want, 1))
    }

    /// Wanted up, and asked for at 0.
    pub(crate) fn starting() -> Self {
        let mut life = Self::new(Wish::Up);
        assert_eq!(life.at(0, Event::Tick), [Action::Start]);
        life
    }

    /// Wanted up, and up since 0.
    pub(crate) fn up() -> Self {
        let mut life = Self::starting();
        assert_eq!(life.at(0, Event::Started(Ok(RUN))), []);
        life
    }

    /// What is to be done, where nobody outlives the main process and there is no `./finish`.
    pub(crate) fn at(&mut self, ms: u64, event: Event) -> Vec<Action> {
        let mut actions = self.whole(ms, event);
        while let Some(asked) = actions.iter().position(|action| answer(*action).is_some()) {
            let question = actions.remove(asked);
            actions.extend(answer(question).into_iter().flat_map(|event| self.whole(ms, event)));
        }
        actions
    }

    /// What is to be done, all of it.
    pub(crate) fn whole(&mut self, ms: u64, event: Event) -> Vec<Action> {
        self.0.step(at(ms), event).into_iter().collect()
    }

    /// Asserts that nothing is due before the given time, and gives all that is due then.
    pub(crate) fn next(&mut self, ms: u64) -> Vec<Action> {
        assert_eq!(self.0.deadline(), Some(at(ms).monotonic));
        assert_eq!(self.whole(ms - 1, Event::Tick), []);
        self.whole(ms, Event::Tick)
    }

    /// It is started when that is due, and dies at once.
    pub(crate) fn crashes(&mut self) -> Vec<Action> {
        let due = self.0.deadline().expect("a start to come").0;
        let now = Now { monotonic: Monotonic(due), boottime: Boottime(due) };
        let start: Vec<_> = self.0.step(now, Event::Tick).into_iter().collect();
        assert_eq!(start, [Action::Start]);
        let mut told: Vec<_> = self.0.step(now, Event::Started(Ok(RUN))).into_iter().collect();
        for event in [Event::Ended(RUN, CRASH), NOBODY, NO_FINISH] {
            told.extend(self.0.step(now, event));
        }
        told.retain(|action| answer(*action).is_none());
        told
    }
}
