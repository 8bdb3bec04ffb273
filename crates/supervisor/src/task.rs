//! One supervised service: its machine, its files, and how the machine's wishes become system
//! calls.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use cli::{Unable, UnableExt as _};
use contract::remarks::Remark;
use contract::{Letter, Status, layout, status::Wish};
use service::census::Census;
use service::scan::EntryId;
use service::words::{self, View};
use service::{Boottime, Monotonic, Now, Service, Signal};
use sys::inotify::Watch;
use sys::reexec::Inherited;
use sys::spawn::{Identity, Verdict, Way};
use tai::Stamp;

use crate::adoption::{Adopted, Living, Past};
use crate::explain;
use crate::files::{self, Files, Locked};
use crate::groups::Membership;
use crate::look::{self, Look, Names};
use crate::marker::Marker;
use crate::repeats::Repeats;
use crate::settings::Settings;
use crate::survivors::Question;

/// So many letters are taken from a control FIFO in a turn: as many as svc ever writes at once. The
/// others wait for the next, so that a flood for one service keeps no other waiting for long.
pub(crate) const LETTERS_PER_TURN: usize = 16;

/// A status that could not be written is tried again after this: soon enough for whoever has just
/// made room on the disk and looks at it with svstat.
const REWRITE_PAUSE: Duration = Duration::from_secs(5);

/// A supervised service. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(pub(crate) u32);

/// Which of a pair it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The service itself.
    Main,
    /// The logger of it.
    Log,
}

/// One supervised service.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) entry: EntryId,
    pub(crate) part: Part,
    /// What messages call it.
    pub(crate) name: String,
    /// A path to its directory that stays right when its link goes.
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    /// Whether its directory could keep us waiting.
    pub(crate) way: Way,
    /// Which of the names are there that make a difference, as far as that is known.
    pub(crate) names: Names,
    /// Its directory, while something is done in it.
    pub(crate) look: Option<Box<Look>>,
    /// Whether `supervise/` was made by us a moment ago.
    pub(crate) fresh: bool,
    pub(crate) service: Service,
    /// Its process, where that is no child of ours.
    pub(crate) adopted: Option<Adopted>,
    /// When its process was last asked for, and whether that is not answered yet.
    pub(crate) asked_for: Boottime,
    pub(crate) starting: bool,
    /// What the operator wants, and whether he has told it to leave: not what the end of everything
    /// wants.
    pub(crate) wish: (Wish, bool),
    pub(crate) files: Option<Files>,
    /// What `supervise/status` says.
    written: Option<View>,
    /// The stamp it says it with: the same as long as the pid is.
    stamp: Option<(Boottime, Stamp)>,
    /// When to write it again, where that failed and the operator knows.
    rewrite_at: Option<Monotonic>,
    /// The deadline the engine's queue knows of.
    pub(crate) queued: Option<Monotonic>,
    /// What a child that was forked will have told when it has ended.
    pub(crate) verdict: Option<Verdict>,
    /// Set while its directory is watched for what may mend it.
    pub(crate) watch: Option<Watch>,
    /// What its files say.
    pub(crate) settings: Rc<Settings>,
    /// What ties its processes to it: a control group,
    pub(crate) membership: Option<Box<Membership>>,
    /// a secret in their environment,
    pub(crate) marker: Marker,
    /// Set while its processes are counted by us.
    pub(crate) census: Option<Census>,
    /// Open until it has said that it is ready, or cannot any more.
    pub(crate) readiness: Option<File>,
    /// Set while the kernel tells us of limits that it hits.
    pub(crate) limit_watches: Vec<Watch>,
    /// Those that it has hit.
    pub(crate) limit_remarks: Vec<Remark>,
    /// and the session of the last life, where it led one.
    pub(crate) session: Option<u32>,
    /// Whether its life began under another supervisor, whose orphans do not come to us.
    pub(crate) has_strange_kin: bool,
    /// Who is left of it, as long as that has no answer.
    pub(crate) question: Question,
    /// What `supervise/remarks` says.
    remarked: Option<String>,
    /// What the machine says of its life, and that in words. Kept as long as no start was tried:
    /// a cure is for the file that failed, not for the one that has been mended since.
    explained: Option<Box<(words::Remark, Option<Remark>)>>,
    /// What was wrong with its settings when they were last read.
    complaints: Vec<String>,
    /// What the operator was told, and how often.
    pub(crate) told: Repeats,
}

/// Which service a task is to be made of.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) entry: EntryId,
    pub(crate) part: Part,
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
}

impl Task {
    /// A task whose lock is taken. Its FIFOs are opened after its first status.
    ///
    /// # Errors
    /// No such directory, or another supervise has it.
    pub(crate) fn new(
        now: Now,
        wanted: Wanted,
        seed: u64,
        defaults: &Rc<Settings>,
        inherited: &mut Inherited,
    ) -> Result<(Self, Locked), Unable> {
        let Wanted { entry, part, name, dir } = wanted;
        let look = Look::at(&dir, Names::UNKNOWN).ok().map(Box::new);
        let (identity, way, names) = if let Some(look) = &look {
            (look.identity, look.way(), look.names)
        } else {
            let meta = std::fs::metadata(&dir).unable(format_args!("stat {name}"))?;
            (identity(&meta), look::way_of(&dir, &meta), Names::UNKNOWN)
        };
        let handed_over = inherited.find(&dir.join(layout::LOCK)).map(Locked::inherited);
        let (taken, fresh) =
            handed_over.map_or_else(|| Locked::take(&dir, &name), |lock| Ok((lock, false)))?;
        let want = if files::is_down(&dir, names) { Wish::Down } else { Wish::Up };
        let service = Service::new(now, want, seed);
        let remarked = if fresh { None } else { files::read_remarks(&dir) };
        let task = Self {
            names,
            look,
            fresh,
            entry,
            part,
            name,
            dir,
            identity,
            way,
            service,
            adopted: None,
            asked_for: now.boottime,
            starting: false,
            wish: (want, false),
            files: None,
            written: None,
            stamp: None,
            rewrite_at: None,
            queued: None,
            verdict: None,
            watch: None,
            settings: Rc::clone(defaults),
            membership: None,
            marker: Marker::new(seed),
            census: None,
            readiness: None,
            limit_watches: Vec::new(),
            limit_remarks: Vec::new(),
            session: None,
            has_strange_kin: false,
            question: Question::default(),
            remarked,
            explained: None,
            complaints: Vec::new(),
            told: Repeats::default(),
        };
        Ok((task, taken))
    }

    /// Goes on where another supervisor left it; gives who lives.
    pub(crate) fn resume(
        &mut self,
        now: Now,
        past: Past,
        defaults: &Rc<Settings>,
        seed: u64,
    ) -> Option<Living> {
        self.refresh(defaults);
        // What is wrong with its files is told at its next start.
        self.complaints.clear();
        self.service = Service::resume(now, past.memory, past.found, self.settings.life, seed);
        self.asked_for = past.asked_for;
        if let Some((marker, session)) = past.ties {
            (self.marker, self.session) = (marker, session);
        }
        self.trust(now, past.status);
        past.living
    }

    /// Whether an earlier supervisor has left it a control group that we have not used.
    pub(crate) fn has_group_of_another(&self) -> bool {
        self.membership.is_none() && self.dir.join(layout::CGROUP).is_symlink()
    }

    /// Leaves a status that is right as it is: to write it is most of what adoption would cost.
    fn trust(&mut self, now: Now, found: Option<Status>) {
        let view = self.service.view();
        let Some(found) = found else { return };
        let right = status(stamp(now, view.since), view);
        let apart = match (right.since.to_unix(), found.since.to_unix()) {
            (Some(right), Some(found)) => right.abs_diff(found),
            (_, _) => return,
        };
        if (Status { since: right.since, ..found }) == right && apart < STAMP_PRECISION {
            (self.written, self.stamp) = (Some(view), Some((view.since, found.since)));
        }
    }

    /// The letters that wait in the control FIFO, in order; bytes that are none are dropped.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let mut bytes = [0; LETTERS_PER_TURN];
        let Some(files) = &self.files else { return Vec::new() };
        // EAGAIN: somebody else was quicker. There is no other error on a FIFO of which we hold
        // both ends.
        let len = (&files.control).read(&mut bytes).unwrap_or(0);
        bytes.iter().take(len).filter_map(|byte| Letter::from_byte(*byte)).collect()
    }

    /// Brings `supervise/status` up to what the machine says. Gives an error once per failure.
    pub(crate) fn publish(&mut self, now: Now) -> Result<(), Unable> {
        let view = self.service.view();
        if self.written == Some(view) && self.rewrite_at.is_none() {
            return Ok(());
        }
        let stamp = self.stamp_of(now, view);
        match self.write_status(&status(stamp, view)) {
            Ok(()) => {
                (self.written, self.rewrite_at) = (Some(view), None);
                Ok(())
            }
            Err(error) => {
                let told = self.rewrite_at.replace(now.monotonic + REWRITE_PAUSE).is_some();
                let failed = if told { Ok(()) } else { Err(error) };
                failed.unable(format_args!("write {}/{}", self.name, layout::STATUS_NEW))
            }
        }
    }

    /// The stamp of its status, if that is all there is to say of it while it runs.
    pub(crate) fn shown(&mut self, now: Now) -> Option<Stamp> {
        let view = self.service.view();
        let is_all = self.service.remark() == words::Remark::None
            && self.service.ready().is_none()
            && self.limit_remarks.is_empty();
        (is_all && view.pid.is_some()).then(|| self.stamp_of(now, view))
    }

    fn stamp_of(&mut self, now: Now, view: View) -> Stamp {
        let stamp = match self.stamp {
            Some((since, stamp)) if since == view.since => stamp,
            Some(_) | None => stamp(now, view.since),
        };
        self.stamp = Some((view.since, stamp));
        stamp
    }

    /// When there is something to do for it, if nothing happens.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        let count_at = self.census.map(|census| census.at());
        self.service.deadline().into_iter().chain(self.rewrite_at).chain(count_at).min()
    }

    /// Writes it into our directory, not into one that has taken its place.
    fn write_status(&self, status: &Status) -> io::Result<()> {
        let look = self.look.as_ref().filter(|look| look.identity == self.identity);
        if let Some(look) = look.filter(|look| !look.exposed) {
            let first = self.fresh && self.written.is_none();
            return files::write_status_in(&look.held, look.identity.dev, status, first);
        }
        if identity(&std::fs::metadata(&self.dir)?) == self.identity {
            files::write_status(&self.dir, status)
        } else {
            Err(io::Error::other("another directory has taken its place"))
        }
    }

    fn is_ours(&self) -> bool {
        std::fs::metadata(&self.dir).is_ok_and(|meta| identity(&meta) == self.identity)
    }

    /// The wall clock was set: what is written says the wrong time.
    pub(crate) fn forget_written(&mut self) {
        (self.written, self.stamp) = (None, None);
    }

    /// Brings `supervise/remarks` up to what the machine says. It is a help, not a contract: where
    /// it cannot be written it is missing.
    pub(crate) fn remark(&mut self) {
        let first = self.explained();
        let ready = self.service.ready().map(|since| Remark::Ready(since.0));
        let lines: Vec<String> =
            ready.iter().chain(&first).chain(&self.limit_remarks).map(Remark::encode).collect();
        let text = (!lines.is_empty()).then(|| lines.join("\n"));
        if self.remarked != text && self.is_ours() {
            let _ = files::write_remarks(&self.dir, text.as_deref());
            self.remarked = text;
        }
    }

    fn explained(&mut self) -> Option<Remark> {
        let remark = self.service.remark();
        if remark == words::Remark::None {
            self.explained = None; // There is nothing to be said.
            return None;
        }
        match self.explained.as_deref() {
            Some((of, words)) if *of == remark => words.clone(),
            Some(_) | None => {
                let words = explain::remark(&self.name, &self.dir, remark);
                self.explained = Some(Box::new((remark, words.clone())));
                words
            }
        }
    }

    /// Reads what may have changed since the last start, for the next; gives a sentence for each
    /// file that cannot be understood, and could be, or said something else, the last time.
    pub(crate) fn refresh(&mut self, defaults: &Rc<Settings>) -> Vec<String> {
        let mut complaints = Vec::new();
        self.look_for_start();
        let settings = Settings::read(&self.dir, self.names, defaults, |complaint| {
            complaints.push(format!("{}/{complaint}", self.name));
        });
        let usual = settings == **defaults;
        self.settings = if usual { Rc::clone(defaults) } else { Rc::new(settings) };
        self.explained = None;
        self.service.set_settings(self.settings.life);
        let known = std::mem::replace(&mut self.complaints, complaints.clone());
        complaints.retain(|complaint| !known.contains(complaint));
        complaints
    }

    /// Looks at its directory, unless that is held already.
    pub(crate) fn look_around(&mut self) {
        if self.look.is_none() {
            self.look = Look::at(&self.dir, self.names).ok().map(Box::new);
        }
        self.names = self.look.as_ref().map_or(Names::UNKNOWN, |look| look.names);
    }

    /// The same, and whether it could keep us waiting.
    pub(crate) fn look_for_start(&mut self) {
        self.look_around();
        if let Some(look) = &self.look {
            self.way = look.way();
        } else if let Ok(meta) = std::fs::metadata(&self.dir) {
            self.way = look::way_of(&self.dir, &meta);
        }
    }

    /// What was done in its directory is done.
    pub(crate) fn let_go(&mut self) {
        (self.look, self.fresh) = (None, false);
    }
}

/// So far a stamp may be off before it is written anew: less than svstat shows.
const STAMP_PRECISION: Duration = Duration::from_millis(500);

fn identity(meta: &Metadata) -> Identity {
    Identity { dev: meta.dev(), ino: meta.ino() }
}

/// The stamp of an instant, counted back from now: right by the wall clock as it stands, whatever
/// was done to it since.
fn stamp(now: Now, since: Boottime) -> Stamp {
    let age = now.boottime.since(since);
    Stamp::from_unix(sys::clock::realtime().saturating_sub(age))
}

fn status(since: Stamp, view: View) -> Status {
    let pid = view.pid.map_or(0, |pid| pid.0);
    Status { since, pid, paused: view.paused, want: view.want }
}

/// The number of a signal.
pub(crate) fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Hup => sys::signals::HUP,
        Signal::Int => sys::signals::INT,
        Signal::Alrm => sys::signals::ALRM,
        Signal::Term => sys::signals::TERM,
        Signal::Kill => sys::signals::KILL,
        Signal::Stop => sys::signals::STOP,
        Signal::Cont => sys::signals::CONT,
    }
}

#[cfg(test)]
mod tests;
