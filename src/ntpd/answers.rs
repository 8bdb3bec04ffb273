//! What those are told who ask at the socket.

use std::process::ExitCode;

use ntp::client::Event;

use super::control::Question;
use super::daemon::Daemon;
use super::machine::Machine;
use super::show::{self, Beyond};

impl<M: Machine> Daemon<M> {
    /// Answers all that was asked since the last time. The exit code, should that end us.
    pub(super) fn answer_all(&mut self) -> Option<ExitCode> {
        let asked = self.control.as_mut()?.hear(self.machine.raw());
        let mut code = None;
        for asked in asked {
            let (answer, end) = self.reply(asked.question, asked.may_change);
            code = code.or(end);
            let is_right = self.client.view(self.machine.now()).is_synchronised;
            asked.answer(is_right, answer);
        }
        code
    }

    /// What somebody is told who asks this, and may or may not change things.
    pub(super) fn reply(
        &mut self,
        question: Option<Question>,
        may_change: bool,
    ) -> (Result<String, String>, Option<ExitCode>) {
        match question {
            None => (Err("that is no question that this ntpd understands".to_owned()), None),
            Some(Question::Step) if !may_change => {
                let why = "to set the clock is for root, and for the user ntpd runs as";
                (Err(why.to_owned()), None)
            }
            Some(Question::Step) => self.step_now(),
            Some(question) => (Ok(self.show(question)), None),
        }
    }

    fn show(&mut self, question: Question) -> String {
        let now = self.machine.now();
        let mut view = self.client.view(now);
        if let Some(service) = &mut self.service {
            service.complete(&mut view, now, &self.leaps);
        }
        match question {
            Question::Sources => show::sources(&view),
            Question::History(width) => show::plot(self.client.history().points(), now.raw, width),
            Question::Json => {
                show::object(&view, &self.beyond(), self.client.history().points(), now.raw)
            }
            Question::Status | Question::Step => show::status(&view, &self.beyond()),
        }
    }

    fn beyond(&self) -> Beyond {
        let refusal = self.client.why_no_step();
        Beyond {
            cure: self.cure.clone().filter(|_| refusal.is_none()),
            rival: self.rivals.seen.clone(),
            steps: self.steps.count,
            last_step: self.steps.last.clone(),
            ready: self.ready.as_ref().map(super::ready::Ready::is_said),
        }
    }

    /// Lets what is refused happen, once and now.
    fn step_now(&mut self) -> (Result<String, String>, Option<ExitCode>) {
        if let Some(why) = self.client.why_no_step() {
            return (Err(why), None);
        }
        self.log.info("an operator allows one step, whatever its size (ntpctl step)");
        let before = self.steps.count;
        let end = self.tell(Event::Permit);
        let answer = if self.steps.count > before {
            Ok(format!("stepped: {}\n", self.steps.last.as_deref().unwrap_or_default()))
        } else if self.hooks.is_busy() {
            Ok("the program before a step runs; the step follows\n".to_owned())
        } else {
            Err(self.client.view(self.machine.now()).sentence)
        };
        (answer, end)
    }
}
