//! Answering those who ask us: who, how often, with what.
//!
//! Nobody outside can make this grow or take the processor: what is remembered of clients is
//! bounded (`ntp::limiter`, `ntp::interleave`), nothing is logged for a question, and serving takes
//! at most half of one processor: a turn of the loop that answers is measured from its wake-up to
//! its end, however few questions it answers, and rested from for as long.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use cli::{Unable, UnableExt as _};
use ntp::budget::{Budget, Share};
use ntp::client::{Level, View};
use ntp::config;
use ntp::interleave::{self, Pairs};
use ntp::leap::{self, Smear};
use ntp::limiter::{Limiter, Verdict};
use ntp::mac;
use ntp::packet::{HEADER, Header, Leap};
use ntp::server::{self, Orphan, Question, Reference};
use ntp::time::{Now, Raw, Span, Stamp};
use sys::udp::{Received, Socket};

use super::clock::{self, When};
use super::granting::{self, Granting, Seal};
use super::leaps::Leaps;
use super::machine::Machine;
use super::options::Serve;
use super::proofs::Proofs;
use super::sockets::BUFFER;

/// So many questions are answered before anything else gets its turn.
const BATCH: usize = 64;

/// Nobody is heard for as long as questions were answered, once that is more than this: a few who
/// ask in the same moment do not wait for it, and in a flood the kernel holds what comes meanwhile.
const REST_AFTER: Span = Span::from_nanos(1_000_000);

/// So many who sign with another key are told so at once: a network's clients with a wrong file.
const NAKS: u8 = 16;

/// And then one in this time: a flood of wrong codes makes no flood of ours.
const NAK_SPACING: Span = Span::from_secs(1);

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    serve: Serve,
    sockets: Vec<Socket>,
    limiter: Limiter,
    naks: Budget,
    pairs: Pairs,
    orphan: Option<Orphan>,
    /// The clock that is served instead, as a test instrument: its time minus the oscillator.
    instrument: Option<Span>,
    /// No server is configured: it is the local clock that is served.
    is_local: bool,
    /// When the turn began in which somebody is answered.
    begun: Option<Raw>,
    share: Share,
    /// Nobody is heard before then.
    rests_until: Option<Raw>,
    granting: Option<Granting>,
    lines: Vec<(Level, String)>,
}

/// The state of who asks nobody, in a word for `ntpctl`.
pub(crate) const LOCAL: &str = "local";

/// How it is known who asks, and so what his answer is signed with.
enum Signature<'a> {
    None,
    Key(mac::Claim),
    Nts(Seal<'a>),
}

impl Service {
    /// Listens for questions. `keeper`: whom we become, where that is somebody else.
    ///
    /// # Errors
    /// An address cannot be had.
    pub(crate) fn open(
        machine: &impl Machine,
        mut serve: Serve,
        is_local: bool,
        keeper: Option<u32>,
    ) -> Result<Self, Unable> {
        let bind = |&at: &SocketAddr| Socket::bound(at).unable(format_args!("bind to {at}"));
        let sockets = serve.at.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let now = machine.now();
        // Early at boot there may be nothing random; nobody floods us yet.
        let secret = machine.nonce().map_or(1, std::num::NonZeroU64::get);
        let orphan = serve.stratum.filter(|_| !is_local);
        let config = serve.granting.take();
        let mut service = Self {
            limiter: Limiter::new(serve.limits, secret),
            naks: Budget::new(NAKS, NAK_SPACING),
            pairs: Pairs::default(),
            orphan: orphan.map(|stratum| Orphan::new(stratum, serve.orphan_wait, now.raw)),
            instrument: serve.off.map(|off| now.theta() + off),
            sockets,
            serve,
            is_local,
            begun: None,
            share: Share::new(1, REST_AFTER),
            rests_until: None,
            granting: None,
            lines: Vec::new(),
        };
        service.lines.push((Level::Info, service.sentence()));
        if let Some(config) = config {
            service.grant(config, keeper, now);
        }
        Ok(service)
    }

    /// Serves NTS as well; where that cannot be had, the time is served all the same.
    fn grant(&mut self, config: config::Granting, keeper: Option<u32>, now: Now) {
        let at = self.sockets.iter().filter_map(|socket| socket.local().ok());
        let at: Vec<SocketAddr> = at.collect();
        match Granting::open(config, &at, keeper, now) {
            Ok((granting, warning)) => {
                self.lines.push((Level::Info, granting.sentence()));
                self.lines.extend(warning.map(|warning| (Level::Warning, warning)));
                self.granting = Some(granting);
            }
            Err(why) => self.lines.push((Level::Warning, format!("NTS is not served: {why}"))),
        }
    }

    /// Opens what this user may not replace later.
    pub(crate) fn hold(&mut self, uid: u32, groups: &[u32]) {
        let held = self.granting.as_mut().map(|granting| granting.hold(uid, groups));
        if let Some(Err(error)) = held {
            let why = format!("unable to keep the keys of NTS: {}", cli::reason(&error));
            self.lines.push((Level::Warning, why));
        }
    }

    /// Reads again what may have been replaced.
    pub(crate) fn reload(&mut self) {
        self.lines.extend(self.granting.as_mut().map(Granting::reload));
    }

    /// Goes on with what does not wait for a question.
    pub(crate) fn turn(&mut self, machine: &impl Machine, mut when: When) {
        let Some(granting) = &mut self.granting else { return };
        // Those whom we serve have no other time than our own clock's, unless that is impossible.
        when.is_known |= self.is_local && when.now >= when.floor;
        self.lines.extend(granting.turn(machine, &self.serve.access, when));
    }

    /// What there is to say since the last call.
    pub(crate) fn lines(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines)
    }

    /// What is served, and where: ports of the kernel's choice are known by now.
    fn sentence(&self) -> String {
        let at = self.sockets.iter().zip(&self.serve.at);
        let at = at.map(|(socket, at)| socket.local().unwrap_or(*at).to_string());
        let at = at.collect::<Vec<_>>().join(" and ");
        let what = if self.is_local { "the local clock" } else { "the time" };
        let stratum = self.serve.local_stratum();
        let stratum = if self.is_local { format!(", stratum {stratum}") } else { String::new() };
        let off = self.serve.off.map_or_else(String::new, |off| {
            format!(", off by {:+.6} s on purpose (--serve-offset)", off.seconds())
        });
        format!("serving {what} on {at}{stratum}{off}")
    }

    /// Whom to wait for; nobody, while it rests.
    pub(crate) fn sockets(&self) -> &[Socket] {
        if self.rests_until.is_some() { &[] } else { &self.sockets }
    }

    /// Whom to wait for besides; they are looked at in [`Service::turn`].
    pub(crate) fn guests(&self, now: Raw) -> Vec<BorrowedFd<'_>> {
        self.granting.as_ref().map(|granting| granting.descriptors(now)).unwrap_or_default()
    }

    /// The loop was woken at `now` by those who ask.
    pub(crate) fn is_asked(&mut self, now: Raw) {
        self.begun = Some(now);
    }

    /// How long there is nothing to do, should nobody ask; none where that is for ever. A turn of
    /// the loop ends.
    pub(crate) fn rest(&mut self, now: Raw) -> Option<Span> {
        if let Some(begun) = self.begun.take() {
            self.rests_until = self.share.worked(begun, now);
        }
        self.rests_until = self.rests_until.filter(|until| now < *until);
        let rest = self.rests_until.map(|until| until - now);
        let granting = self.granting.as_ref().map(|granting| granting.wait(now));
        rest.into_iter().chain(granting).min()
    }

    /// Puts into `view` what others are told, and that nobody is asked where that is so.
    pub(crate) fn complete(&mut self, view: &mut View, now: Now, leaps: &Leaps) {
        if let Some(told) = self.reference(now, view.reference, leaps) {
            view.reference = told;
        }
        if self.is_local {
            view.state = LOCAL;
            "the local clock is served, and no server is asked".clone_into(&mut view.sentence);
        }
    }

    /// Answers what has come at the sockets that are `ready`, with what the servers say.
    pub(crate) fn answer(
        &mut self,
        machine: &impl Machine,
        ready: &[bool],
        known: Reference,
        leaps: &Leaps,
        proofs: &Proofs,
    ) {
        let begun = machine.now();
        let reference = self.reference(begun, known, leaps);
        let sockets = std::mem::take(&mut self.sockets);
        for (socket, _) in sockets.iter().zip(ready).filter(|(_, ready)| **ready) {
            self.answer_batch(machine, socket, reference.as_ref(), proofs);
        }
        self.sockets = sockets;
    }

    fn answer_batch(
        &mut self,
        machine: &impl Machine,
        socket: &Socket,
        reference: Option<&Reference>,
        proofs: &Proofs,
    ) {
        let mut buffer = [0; BUFFER];
        for _ in 0..BATCH {
            // What the network says of an answer of ours is of no interest.
            let Ok(asked) = socket.receive(&mut buffer) else { return };
            let bytes = buffer.get(..asked.length).unwrap_or_default();
            if let Some(reference) = reference {
                self.answer_one(machine, socket, asked, bytes, reference, proofs);
            }
        }
    }

    fn answer_one(
        &mut self,
        machine: &impl Machine,
        socket: &Socket,
        asked: Received,
        bytes: &[u8],
        reference: &Reference,
        proofs: &Proofs,
    ) {
        let now = machine.now();
        let Some(from) = asked.from else { return };
        let terms = self.serve.access.terms(from.ip());
        let may_be_nts = self.granting.is_some() && bytes.len() > HEADER;
        let is_welcome = |question: &Question| {
            terms.answered && (question.claim.is_some() || may_be_nts || !terms.signed)
        };
        let Some(question) = server::question(bytes).ok().filter(is_welcome) else { return };
        let Question { header: question, claim } = question;
        let judged = terms.limited.then(|| self.limiter.judge(from.ip(), terms.kod, now.raw));
        let verdict = judged.unwrap_or(Verdict::Answer);
        if verdict == Verdict::Silence {
            return;
        }
        if claim.is_some_and(|claim| !proofs.is_true(claim, bytes)) {
            if self.naks.spend(now.raw) {
                drop(socket.answer(&server::nak(&question), from, asked.to, false));
            }
            return;
        }
        let signature = match self.signature(&question, claim, bytes) {
            Ok(Signature::None) if terms.signed => return,
            Ok(signature) => signature,
            Err(None) => return,
            Err(Some(kiss)) => return drop(socket.answer(&kiss, from, asked.to, false)),
        };
        let signed = |header: Header| match &signature {
            Signature::None => header.encode().to_vec(),
            Signature::Key(claim) => proofs.sign(Some(*claim), header.encode().to_vec()),
            Signature::Nts(seal) => seal.answer(&header),
        };
        if verdict == Verdict::Kiss {
            let kiss = signed(server::kiss(&question, self.serve.limits.average));
            return drop(socket.answer(&kiss, from, asked.to, false));
        }
        let received = now.wall + -(now.raw - clock::arrival(now, asked.stamp));
        let plain = server::answer(&question, reference, received, machine.wall());
        let (answer, is_interleaved) = interleaved(&mut self.pairs, &question, plain);
        // Whoever cannot be reached asks again.
        if socket.answer(&signed(answer), from, asked.to, is_interleaved).is_err() {
            return;
        }
        let departure = is_interleaved.then(|| socket.departure()).flatten();
        let left = departure.map_or(plain.transmit, |left| {
            Stamp::from_wall(clock::wall(left) + reference.correction)
        });
        self.pairs.remember(answer.receive, left);
    }

    /// How it is known who asks.
    ///
    /// # Errors
    /// By NTS it is not; perhaps there is something to tell him.
    fn signature<'a>(
        &self,
        question: &Header,
        claim: Option<mac::Claim>,
        bytes: &'a [u8],
    ) -> Result<Signature<'a>, Option<Vec<u8>>> {
        let granting = match (claim, &self.granting) {
            (Some(claim), _) => return Ok(Signature::Key(claim)),
            (None, Some(granting)) if bytes.len() > HEADER => granting,
            (None, Some(_) | None) => return Ok(Signature::None),
        };
        match granting.read(bytes, question) {
            granting::Claim::None => Ok(Signature::None),
            granting::Claim::Broken => Err(None),
            granting::Claim::Disowned(kiss) => Err(Some(kiss)),
            granting::Claim::True(seal) => Ok(Signature::Nts(seal)),
        }
    }

    /// What others are told; nothing, in the moment of a leap second that is smeared.
    fn reference(&mut self, now: Now, known: Reference, leaps: &Leaps) -> Option<Reference> {
        let mut reference = if self.is_local {
            let off = self.instrument.map_or(Span::ZERO, |theta| theta - now.theta());
            Reference::local(self.serve.local_stratum(), now.wall, off)
        } else {
            self.orphan.as_mut().map_or(known, |orphan| orphan.stand_in(known, now))
        };
        if reference.stratum == 0 {
            return Some(reference);
        }
        let true_time = now.wall + reference.correction;
        reference.leap = leaps.warning(true_time);
        let Some(length) = self.serve.smear else { return Some(reference) };
        let smear = leaps.near(true_time).map(|near| leap::smear(&near, length, true_time));
        // Who is told of the leap second as well would make it a second time.
        reference.leap = Leap::None;
        match smear.unwrap_or(Smear::None) {
            Smear::None => {}
            Smear::By(by) => {
                reference.correction = reference.correction + by;
                reference.reference_id = leap::smeared_id(by);
            }
            Smear::Ambiguous => return None,
        }
        Some(reference)
    }
}

/// The answer as those get it who ask for the time at which the last one really left.
fn interleaved(pairs: &mut Pairs, question: &Header, plain: Header) -> (Header, bool) {
    let receive = pairs.unique(plain.receive);
    let last = pairs.last_answer_left(question);
    let (origin, left) =
        last.map_or((plain.origin, plain.transmit), |left| (question.receive, left));
    let transmit = interleave::apart(left, receive);
    // Whoever shows an origin goes on from answer to answer, and may want the next one so.
    let goes_on = last.is_some() || question.origin != Stamp::ZERO;
    (Header { origin, receive, transmit, ..plain }, goes_on)
}
