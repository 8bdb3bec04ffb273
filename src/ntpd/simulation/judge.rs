//! What no life may do, whatever happens in it.

use super::timekeeping::Timekeeping;

const HOUR: f64 = 3600.0;

/// Turns in a row that neither waited nor found anything: a timer that is due, its consequences,
/// and one for rounding.
const IDLE_MAX: usize = 6;

/// In an hour the loop turns of itself so often: each server is asked a few dozen times, each
/// answer is taken in and acted upon, and a clock that nobody announces steps of is looked at
/// every 4 s.
const TURNS_PER_SERVER: usize = 400;
const TURNS: usize = 1200;

/// Requests to one server in an hour without bursts: one each 64 s, and a few of a start.
const REQUESTS: usize = 3600 / 64 + 24;
/// What is asked beyond that after each thing that happens to us: bursts that check.
const REQUESTS_MORE: usize = 16;

/// Lines in an hour, and what each thing that happens may add to them.
const LINES: usize = 60;
const LINES_MORE: usize = 12;

/// Writes of adjtimex in an hour for each request: frequency, slew, errors; a step takes four.
const WRITES_PER_REQUEST: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Judge {
    hour: f64,
    idle: usize,
    turns: usize,
    writes: usize,
    lines: usize,
    /// So often something came in this life, and so often a wait found something at once.
    came: usize,
    found: usize,
    requests: Vec<usize>,
    /// Things that happened in this hour and the last.
    events: [usize; 2],
}

impl Judge {
    pub(super) fn new(peers: usize) -> Self {
        Self { hour: HOUR, requests: vec![0; peers], ..Self::default() }
    }

    /// Something happens to the machine.
    pub(super) fn event(&mut self) {
        self.events[1] += 1;
    }

    /// Something is there for the loop to be woken for.
    pub(super) fn comes(&mut self) {
        self.came += 1;
    }

    /// The loop asks to wait. `found`: something is there; `excused`: a process is looked after.
    pub(super) fn wait(&mut self, is_nothing: bool, found: bool, excused: bool) {
        if found {
            self.idle = 0;
            self.found += 1;
            assert!(self.found <= self.came, "the loop is woken again and again by the same");
            return;
        }
        self.idle = if is_nothing { self.idle + 1 } else { 0 };
        assert!(self.idle <= IDLE_MAX, "the loop is busy with nothing");
        self.turns += usize::from(!excused);
    }

    pub(super) fn request(&mut self, peer: usize) {
        self.requests[peer] += 1;
        let allowed = REQUESTS + REQUESTS_MORE * self.happened();
        let asked = self.requests[peer];
        assert!(asked <= allowed, "{asked} requests of server {} in an hour", peer + 1);
    }

    /// Whether there may be so many more lines.
    pub(super) fn lines(&mut self, said: usize) -> bool {
        self.lines += said;
        let allowed = LINES + LINES_MORE * self.happened();
        self.lines <= allowed
    }

    /// The time goes on to `truth`; what was allowed in an hour is allowed again in the next.
    pub(super) fn until(&mut self, truth: f64, kernel: &Timekeeping) {
        if truth < self.hour {
            return;
        }
        self.hour = truth + HOUR;
        let asked: usize = self.requests.iter().sum();
        let more = self.happened() * 100;
        let turns = TURNS + TURNS_PER_SERVER * self.requests.len() + more;
        assert!(self.turns <= turns, "{} turns in an hour", self.turns);
        let written = kernel.writes - self.writes;
        let allowed = 20 + WRITES_PER_REQUEST * asked + more;
        assert!(written <= allowed, "{written} writes of adjtimex for {asked} requests");
        self.writes = kernel.writes;
        (self.turns, self.lines) = (0, 0);
        self.requests.fill(0);
        self.events = [self.events[1], 0];
    }

    fn happened(&self) -> usize {
        self.events.iter().sum()
    }
}
