//! The way of a line: out of the blocks that were read, past the actions of the script, into what
//! is to be written where (`multilog.c`, `doit`).

use std::time::Duration;

use memchr::{memchr, memrchr};
use tai::Stamp;

use crate::limit::Limit;
use crate::visible::{self, Visible};
use crate::{Action, KeptZone, Line, MATCHED_MAX, Room, Script, Settings, Stamping, Stamps};

/// Length of the content of a status file: what is matched of a line, and at least one line end.
pub const STATUS_LEN: usize = MATCHED_MAX + 1;

/// So much of a line is shown on standard error.
const ALERT_MAX: usize = 200;

/// Where so much waits to be written, no more lines are taken: short lines grow to 27 times their
/// length by their stamps. Lines of 60 bytes and more still make one write of each read of 64 KiB.
const OUTPUT_FULL: usize = 96 * 1024;

/// Takes blocks, gives [`Outputs`].
#[derive(Debug)]
pub struct Sieve {
    script: Script,
    /// No action looks at the lines: every log gets them all.
    plain: bool,
    stamps: Stamps,
    place: Place,
    /// The start of the line, while the rest that is to be matched has not come.
    head: Vec<u8>,
    /// The start of a character that no log has yet, because the rest of it has not come and some
    /// log looks at characters.
    begun: Vec<u8>,
    /// For each log, whether the current line goes there.
    selected: Vec<bool>,
    /// For each log, what its file has room for.
    rooms: Vec<Room>,
    /// For each log, what its settings do to lines.
    ways: Vec<Way>,
    outputs: Outputs,
}

/// What the settings of a log do to its lines.
#[derive(Debug)]
struct Way {
    limit: Option<Limit>,
    visible: Option<Visible>,
}

/// A byte that is made visible takes so many.
const VISIBLE_LEN: usize = 4;

/// Of a log that nobody has given a [`Room`].
const NO_END: Room = Room { ends_at: usize::MAX, len: usize::MAX };

/// What waits to be written. Who has written it clears it.
#[derive(Debug, Default)]
pub struct Outputs {
    /// For each log directory, in the order of the script.
    pub logs: Vec<Vec<u8>>,
    /// For standard error.
    pub alerts: Vec<u8>,
    /// For each status file, in the order of the script: its new content, or nothing.
    pub status: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a line.
    Start,
    /// Within the part that is matched: nothing of this line has been passed on.
    Head,
    /// Beyond it: the rest goes where the head went.
    Tail,
}

impl Sieve {
    /// A sieve before the first line; `zone` is for stamps in local time.
    #[must_use]
    pub fn new(script: Script, zone: KeptZone) -> Self {
        let (logs, status) = (script.logs().count(), script.status_files().count());
        let ways: Vec<Way> = script.logs().map(|log| Way::new(&log.settings)).collect();
        let plain = script.actions.iter().all(|action| matches!(action, Action::Log(_)))
            && ways.iter().all(Way::is_plain);
        Self {
            stamps: Stamps::new(script.stamping, zone),
            script,
            plain,
            ways,
            place: Place::Start,
            head: Vec::with_capacity(MATCHED_MAX),
            begun: Vec::new(),
            selected: vec![true; logs],
            rooms: vec![NO_END; logs],
            outputs: Outputs {
                logs: vec![Vec::new(); logs],
                alerts: Vec::new(),
                status: vec![Vec::new(); status],
            },
        }
    }

    /// What the files have room for, in the order of the logs: where one is full, no more lines are
    /// taken, and a line that does not fit whole is only taken alone.
    pub fn give_rooms(&mut self, rooms: impl Iterator<Item = Room>) {
        self.rooms.iter_mut().zip(rooms).for_each(|(old, new)| *old = new);
    }

    /// How the logs stand to the line that has begun.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.selected.iter().map(|selected| match (self.place, selected) {
            (Place::Start | Place::Head, _) => Line::None,
            (Place::Tail, true) => Line::Selected,
            (Place::Tail, false) => Line::Deselected,
        })
    }

    /// Goes on within a line that an earlier sieve has begun.
    pub fn resume(&mut self, lines: impl Iterator<Item = Line>) {
        for (selected, line) in self.selected.iter_mut().zip(lines) {
            *selected = line == Line::Selected;
            if line != Line::None {
                self.place = Place::Tail;
            }
        }
    }

    /// Takes note of the time, by a clock that never goes back, and puts into the outputs what is
    /// to be said of lines that were left out. To be written before the next lines are taken:
    /// nothing of the input waits for it.
    pub fn tick(&mut self, now: Duration, stamp: impl Fn() -> Stamp) {
        self.say(|limit| limit.tick(now), stamp);
    }

    /// As [`Self::tick`], for the last time.
    pub fn tick_last(&mut self, stamp: impl Fn() -> Stamp) {
        self.say(Limit::take_count, stamp);
    }

    /// Nothing is said in the middle of a line.
    fn say(&mut self, mut what: impl FnMut(&mut Limit) -> Option<String>, now: impl Fn() -> Stamp) {
        if self.place == Place::Tail {
            return;
        }
        for (log, way) in self.outputs.logs.iter_mut().zip(&mut self.ways) {
            if let Some(said) = way.limit.as_mut().and_then(&mut what) {
                log.extend_from_slice(self.stamps.at(&now));
                log.extend_from_slice(said.as_bytes());
                log.push(b'\n');
            }
        }
    }

    /// When [`Self::tick`] will have something to say.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let limits = self.ways.iter().filter_map(|way| way.limit.as_ref()?.deadline()).min();
        limits.filter(|_| self.place != Place::Tail)
    }

    /// Takes lines from the start of `block` until enough waits to be written; how many bytes were
    /// taken: at least one where there is one. `now` is asked for each line if they are stamped.
    pub fn feed(&mut self, block: &[u8], mut now: impl FnMut() -> Stamp) -> usize {
        let mut rest = block;
        while !rest.is_empty() && !self.is_full() {
            let whole = self.unchanged(rest);
            if whole > 0 {
                rest = rest.get(whole..).unwrap_or_default();
                continue;
            }
            let end = memchr(b'\n', rest);
            if !self.has_room_for(end.map_or(rest.len(), |end| end + 1)) {
                break;
            }
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            if end.is_some() && self.plain && self.place == Place::Start {
                self.whole_line(rest.get(..=piece.len()).unwrap_or(rest), &mut now);
            } else if end.is_some() && self.can_match_at_once(piece.len()) {
                self.decide(piece);
                self.pass(piece);
                self.end_line();
            } else {
                self.piece(piece, &mut now);
                if end.is_some() {
                    self.end_line();
                }
            }
            rest = after.get(1..).unwrap_or_default();
        }
        block.len() - rest.len()
    }

    /// The input has ended, or no more of it is wanted: a line that has begun is ended.
    pub fn finish(&mut self) {
        if self.within_line() {
            self.end_line();
        }
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn within_line(&self) -> bool {
        self.place != Place::Start
    }

    /// What was taken of the line that has begun and not passed on: its start, or that of a
    /// character. To be known by who goes on where this sieve is killed.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        match self.place {
            Place::Head => self.head.get(self.stamps.len()..).unwrap_or_default(),
            Place::Start => &[],
            Place::Tail => &self.begun,
        }
    }

    /// What waits to be written, to be looked at.
    #[must_use]
    pub const fn waiting(&self) -> &Outputs {
        &self.outputs
    }

    /// What waits to be written.
    pub fn outputs(&mut self) -> &mut Outputs {
        &mut self.outputs
    }

    /// Whether something waits that is to be written before more is taken.
    fn is_full(&self) -> bool {
        let full =
            |(log, room): (&Vec<u8>, &Room)| log.len() >= OUTPUT_FULL || log.len() > room.ends_at;
        self.outputs.alerts.len() >= OUTPUT_FULL
            || self.outputs.logs.iter().zip(&self.rooms).any(full)
    }

    /// Whether a line of this length fits into every file, or is the first and must be cut.
    fn has_room_for(&self, len: usize) -> bool {
        let start = match self.place {
            Place::Start => self.stamps.len(),
            Place::Tail => 0,
            Place::Head => self.head.len(),
        };
        let len = len.saturating_add(start);
        let longest = if self.shows_characters() { VISIBLE_LEN } else { 1 };
        let len = len.saturating_mul(longest);
        let logs = self.outputs.logs.iter().zip(&self.rooms);
        logs.clone().all(|(log, room)| log.len().saturating_add(len) <= room.len)
            || logs.clone().all(|(log, _)| log.is_empty())
    }

    fn shows_characters(&self) -> bool {
        self.ways.iter().any(|way| way.visible.is_some())
    }

    /// The shortest way, of lines that nothing is added to: passes on as many of them as fit into
    /// every file, and says how many bytes that are.
    fn unchanged(&mut self, rest: &[u8]) -> usize {
        if !self.plain || self.script.stamping != Stamping::None || self.place != Place::Start {
            return 0;
        }
        let (mut ends_at, mut room) = (usize::MAX, usize::MAX);
        for (log, of) in self.outputs.logs.iter().zip(&self.rooms) {
            let most = of.ends_at.min(OUTPUT_FULL);
            ends_at = ends_at.min(most.saturating_sub(log.len()));
            room = room.min(of.len.saturating_sub(log.len()));
        }
        let ending = rest.get(ends_at..).and_then(|late| memchr(b'\n', late));
        let mut len = match ending {
            Some(at) => ends_at + at + 1,
            None => memrchr(b'\n', rest).map_or(0, |at| at + 1),
        };
        if len > room {
            let before = rest.get(..len - 1).and_then(|early| memrchr(b'\n', early));
            len = before.map_or(0, |at| at + 1);
        }
        let lines = rest.get(..len).unwrap_or_default();
        self.outputs.logs.iter_mut().for_each(|log| log.extend_from_slice(lines));
        len
    }

    /// Whether a line is matched as it is, without being put together first.
    fn can_match_at_once(&self, len: usize) -> bool {
        let bare = self.script.stamping == Stamping::None;
        bare && self.place == Place::Start && len <= MATCHED_MAX
    }

    /// The short way of most lines of most logs. The line has its end.
    fn whole_line(&mut self, line: &[u8], now: impl FnOnce() -> Stamp) {
        let prefix = self.stamps.at(now);
        for log in &mut self.outputs.logs {
            log.extend_from_slice(prefix);
            log.extend_from_slice(line);
        }
    }

    fn piece(&mut self, piece: &[u8], now: impl FnOnce() -> Stamp) {
        if self.place == Place::Start {
            self.head.clear();
            self.head.extend_from_slice(self.stamps.at(now));
            self.place = Place::Head;
        }
        let mut rest = piece;
        if self.place == Place::Head {
            let room = MATCHED_MAX - self.head.len();
            let (head, after) = piece.split_at(room.min(piece.len()));
            self.head.extend_from_slice(head);
            rest = after;
            if self.head.len() == MATCHED_MAX {
                self.decide_held();
            }
        }
        self.pass_whole(rest);
    }

    fn end_line(&mut self) {
        if self.place == Place::Head {
            self.decide_held();
        }
        let begun = std::mem::take(&mut self.begun);
        self.pass(&begun);
        let logs = self.outputs.logs.iter_mut().zip(&self.selected).zip(&mut self.ways);
        logs.filter(|((_, selected), _)| **selected).for_each(|((log, _), way)| way.end_line(log));
        self.place = Place::Start;
    }

    /// All that is matched of the line is there: runs the script.
    fn decide(&mut self, head: &[u8]) {
        self.place = Place::Tail;
        let (mut selected, mut log, mut status) = (true, 0, 0);
        for action in &self.script.actions {
            match action {
                Action::Deselect(pattern) => selected = selected && !pattern.matches(head),
                Action::Select(pattern) => selected = selected || pattern.matches(head),
                Action::Alert if selected => self.outputs.alert(head),
                Action::Alert => {}
                Action::Status(_) => {
                    if let Some(text) = self.outputs.status.get_mut(status).filter(|_| selected) {
                        text.clear();
                        text.extend_from_slice(head);
                        text.resize(STATUS_LEN, b'\n');
                    }
                    status += 1;
                }
                Action::Log(_) => {
                    let way = self.ways.get_mut(log);
                    if let Some((place, way)) = self.selected.get_mut(log).zip(way) {
                        *place = selected && way.passes();
                    }
                    log += 1;
                }
            }
        }
    }

    /// As [`Self::decide`], of the head that is held, which is passed on.
    fn decide_held(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.decide(&head);
        self.pass_whole(&head);
        self.head = head;
    }

    /// Passes on what is there, but for a character at its end that is not whole: it is held, as
    /// the start of a line is. Nothing is held by the ways of the logs: who is killed must not have
    /// anything that nobody knows of.
    fn pass_whole(&mut self, bytes: &[u8]) {
        if self.place != Place::Tail || !self.shows_characters() {
            return self.pass(bytes);
        }
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let (whole, begun) = all.split_at(all.len() - visible::begun(&all));
        self.pass(whole);
        for (log, way) in self.outputs.logs.iter_mut().zip(&mut self.ways) {
            way.let_go(log);
        }
        self.begun = begun.to_vec();
    }

    fn pass(&mut self, bytes: &[u8]) {
        if self.place == Place::Tail {
            let logs = self.outputs.logs.iter_mut().zip(&self.selected).zip(&mut self.ways);
            logs.filter(|((_, selected), _)| **selected)
                .for_each(|((log, _), way)| way.append(bytes, log));
        }
    }
}

impl Way {
    fn new(settings: &Settings) -> Self {
        Self {
            limit: settings.rate.map(Limit::new),
            visible: settings.visible.then(Visible::default),
        }
    }

    const fn is_plain(&self) -> bool {
        self.limit.is_none() && self.visible.is_none()
    }

    fn passes(&mut self) -> bool {
        self.limit.as_mut().is_none_or(Limit::passes)
    }

    fn append(&mut self, bytes: &[u8], log: &mut Vec<u8>) {
        match &mut self.visible {
            Some(visible) => visible.append(bytes, log),
            None => log.extend_from_slice(bytes),
        }
    }

    fn let_go(&mut self, log: &mut Vec<u8>) {
        if let Some(visible) = &mut self.visible {
            visible.let_go(log);
        }
    }

    fn end_line(&mut self, log: &mut Vec<u8>) {
        self.let_go(log);
        log.push(b'\n');
    }
}

impl Outputs {
    fn alert(&mut self, line: &[u8]) {
        let dots = if line.len() > ALERT_MAX { "...\n" } else { "\n" };
        self.alerts.extend_from_slice(line.get(..ALERT_MAX).unwrap_or(line));
        self.alerts.extend_from_slice(dots.as_bytes());
    }
}

#[cfg(test)]
mod tests;
