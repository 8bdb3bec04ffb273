//! What was done, and what is shown.

use contract::status::Wish;
use service::Monotonic;
use service::life::Service;
use service::words::{Action, Cause, Pid, Policy, Remark, Report, Signal, View};

use super::super::kernel::Process;
use super::{Clearing, Due, Fact, Ledger, Owed, Sight, Verdict, earlier, require};

impl Ledger {
    pub(super) fn judge(&mut self, mut owed: Owed, actions: &[Action]) -> Verdict {
        owed.signals.reverse();
        owed.sweeps.reverse();
        owed.reports.reverse();
        for &action in actions {
            require(!self.left, "something follows the leave")?;
            match action {
                Action::Start => self.started(&mut owed)?,
                Action::Send(pid, signal) => self.sent(pid, signal, owed.signals.pop())?,
                Action::Report(report) => self.reported(report, owed.reports.pop())?,
                Action::AskDrained => {
                    require(std::mem::take(&mut owed.ask), "asks about the pipe out of turn")?;
                    self.drain_asked = true;
                    self.seen.note(Sight::AskedDrained);
                }
                Action::CountSurvivors => self.asked_for_count(&mut owed)?,
                Action::Sweep(signal) => self.swept(signal, owed.sweeps.pop())?,
                Action::Finish(pid, how) => {
                    require(owed.finish.take() == Some((pid, how)), "a ./finish not owed")?;
                }
                Action::Leave => self.has_left(&mut owed)?,
            }
        }
        require(owed.signals.is_empty(), "a signal was not sent")?;
        require(owed.sweeps.is_empty(), "those who are left were not signalled")?;
        require(owed.reports.is_empty(), "a report was not told")?;
        require(!owed.ask, "did not ask about the pipe")?;
        require(owed.count != Due::Must, "did not ask who is left")?;
        require(owed.finish.is_none(), "did not ask for ./finish")?;
        require(!owed.leave, "did not leave")?;
        require(owed.start != Due::Must, "did not start what was wanted and due")
    }

    fn started(&mut self, owed: &mut Owed) -> Verdict {
        require(matches!(self.fact, Fact::Down), "two processes of one service")?;
        let may_leave = self.settings.policy == Policy::Leave;
        require(self.family.is_empty() || may_leave, "two lives at one time")?;
        require(owed.start != Due::No, "a start that nobody wants, or too soon")?;
        owed.start = Due::No;
        self.seen.note_if(!self.family.is_empty(), Sight::TwoLives);
        self.seen.note_if(self.hurried && self.now.monotonic < self.window.0, Sight::Hurried);
        self.cause = match (self.hurried, self.never_started) {
            (true, _) => Cause::Asked,
            (false, true) => Cause::First,
            (false, false) => Cause::Restart,
        };
        self.hurried = false;
        self.fact = Fact::Asked;
        Ok(())
    }

    fn asked_for_count(&mut self, owed: &mut Owed) -> Verdict {
        require(owed.count != Due::No, "asks who is left out of turn")?;
        owed.count = Due::No;
        let mut clearing = match self.fact {
            Fact::Clearing(clearing) => clearing,
            Fact::Down => {
                // A start that was due is due when nobody is left.
                if self.want == Wish::Up && self.window.0 <= self.now.monotonic {
                    self.window.1 = self.window.0;
                }
                Clearing::new(None)
            }
            Fact::Asked | Fact::Up { .. } | Fact::Finishing { .. } => {
                return Err("asks who is left of a life that lives".to_owned());
            }
        };
        clearing.asked = true;
        self.fact = Fact::Clearing(clearing);
        Ok(())
    }

    fn sent(&mut self, pid: Pid, signal: Signal, owed: Option<(Pid, Signal)>) -> Verdict {
        let process = self.main().or(self.finish());
        require(process.is_some_and(|it| it.pid == pid), "a signal for a stranger")?;
        require(owed == Some((pid, signal)), "a signal that is not owed, or out of order")?;
        self.family.send(pid, signal, self.now.monotonic);
        Ok(())
    }

    fn swept(&mut self, signal: Signal, owed: Option<Signal>) -> Verdict {
        let is_alive = self.main().or(self.finish()).is_some();
        require(!is_alive, "signals for all where one is supervised")?;
        require(owed == Some(signal), "signals for all that are not owed, or out of order")?;
        self.seen.note_if(signal == Signal::Term, Sight::SweptTerm);
        self.seen.note_if(signal == Signal::Kill, Sight::SweptKill);
        self.family.sweep(signal, self.now.monotonic);
        Ok(())
    }

    fn has_left(&mut self, owed: &mut Owed) -> Verdict {
        require(std::mem::take(&mut owed.leave), "leaves out of turn")?;
        let may_leave = self.settings.policy == Policy::Leave || !self.farewell;
        let all_killed = self.family.members().all(Process::is_killed);
        require(may_leave || all_killed, "leaves somebody behind")?;
        self.left = true;
        self.seen.note(Sight::Left);
        Ok(())
    }

    fn reported(&mut self, report: Report, owed: Option<Report>) -> Verdict {
        self.seen.note(match report {
            Report::CannotStart(_) => Sight::CannotStart,
            Report::BackingOff { .. } => Sight::BackingOff,
            Report::StartsAgain => Sight::StartsAgain,
            Report::Delayed(_) => Sight::Delayed,
            Report::Killed(_) => Sight::Killed,
            Report::Background { .. } => Sight::ToldBackground,
            Report::Stragglers { .. } => Sight::Stragglers,
            Report::Unending(_) => Sight::Unending,
            Report::TooManyDeaths(_) => Sight::TooManyDeaths,
            Report::FinishedForGood => Sight::FinishedForGood,
            Report::CannotFinish(_) => Sight::CannotFinish,
            Report::FinishKilled(_) => Sight::FinishKilled,
        });
        match (report, owed) {
            (
                Report::BackingOff { deaths, last, pause },
                Some(Report::BackingOff { deaths: counted, last: seen, .. }),
            ) => {
                let (least, most) = self.window;
                let now = self.now.monotonic;
                let right = (least.since(now)..=most.since(now)).contains(&pause);
                require((deaths, last, right) == (counted, seen, true), "a wrong report")
            }
            (report, owed) => require(owed == Some(report), "a report that is not owed"),
        }
    }

    // What is shown.

    pub(super) fn agrees_with(&mut self, life: &Service) -> Verdict {
        let pid = self.main().map(|main| main.pid);
        let truth = View { pid, since: self.since, paused: self.paused, want: self.want };
        if life.view() != truth {
            return Err(format!("shows {:?} where {truth:?} is so", life.view()));
        }
        require(life.pid() == pid, "another pid than it shows")?;
        require(life.fault() == self.told, "another fault than was told")?;
        let ready = self.main().and(self.ready);
        require(life.ready() == ready, "ready at another time than it said")?;
        require(life.cause() == self.cause, "a start for another reason")?;
        self.believes_remark(life.remark())?;
        self.believes(life.deadline())
    }

    /// A deadline is in the future, and is the next thing that is owed.
    fn believes(&self, deadline: Option<Monotonic>) -> Verdict {
        let honest = match (self.fact, deadline) {
            (Fact::Down, Some(at)) => {
                self.starts_by_itself() && self.now.monotonic < at && self.may_start(at)
            }
            (Fact::Down, None) => !self.starts_by_itself(),
            (Fact::Asked, at) => at.is_none(),
            (Fact::Up { .. }, at) => {
                let tell_at = self.background.and_then(|background| background.tell_at);
                at == earlier(earlier(self.ask_at, self.kill_at), tell_at)
            }
            (Fact::Clearing(clearing), at) => at == clearing.look_at,
            (Fact::Finishing { kill_at, .. }, at) => at == kill_at,
        };
        if honest { Ok(()) } else { Err(format!("a deadline that is not honest: {deadline:?}")) }
    }

    fn starts_by_itself(&self) -> bool {
        let waits = self.want == Wish::Once && self.delayed.is_some();
        (self.want == Wish::Up || waits) && !self.leaving
    }

    fn may_start(&self, at: Monotonic) -> bool {
        let (least, most) = self.window;
        least <= at && at <= most
    }

    fn believes_remark(&mut self, remark: Remark) -> Verdict {
        let pauses = self.starts_by_itself();
        let truth = match (self.fact, self.told, remark) {
            (Fact::Up { .. }, ..) if self.background.is_some() => Remark::Background,
            (Fact::Clearing(clearing), ..) => Remark::Clearing(clearing.count),
            (Fact::Finishing { .. }, ..) => Remark::Finishing,
            (Fact::Down, ..) if self.left => remark,
            (Fact::Down, ..) if self.given_up => Remark::GivenUp,
            (Fact::Down, ..) if let Some(what) = self.delayed.filter(|_| pauses) => {
                Remark::Delayed(what)
            }
            (Fact::Down, Some(fault), _) if pauses => Remark::CannotStart(fault),
            (Fact::Down, None, Remark::BackingOff { until, .. })
                if pauses && self.backs_off() && self.may_start(until) =>
            {
                let deaths = self.quick_deaths;
                let (since, last) = self.first_quick.zip(self.last).ok_or("an untold death")?;
                Remark::BackingOff { until, deaths, since, last }
            }
            (Fact::Down, None, _) if pauses && self.backs_off() => {
                return Err(format!("does not say that it backs off: {remark:?}"));
            }
            (Fact::Up { .. } | Fact::Asked | Fact::Down, ..) => Remark::None,
        };
        match remark {
            Remark::None => {}
            Remark::BackingOff { .. } => self.seen.note(Sight::RemarkedBackingOff),
            Remark::Background => self.seen.note(Sight::RemarkedBackground),
            Remark::Clearing(_) => self.seen.note(Sight::RemarkedClearing),
            Remark::Finishing => self.seen.note(Sight::RemarkedFinishing),
            Remark::GivenUp => self.seen.note(Sight::RemarkedGivenUp),
            Remark::CannotStart(_) => self.seen.note(Sight::RemarkedFault),
            Remark::Delayed(_) => self.seen.note(Sight::RemarkedDelayed),
        }
        if remark == truth { Ok(()) } else { Err(format!("says {remark:?} where {truth:?} is so")) }
    }
}
