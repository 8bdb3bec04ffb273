//! A life of ntpd in the played machine.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::os::fd::IntoRawFd as _;
use std::process::ExitCode;
use std::rc::Rc;

use super::super::control::Question;
use super::super::daemon::Daemon;
use super::super::log::Log;
use super::super::options::{self, COMMAND};
use super::super::ready::Ready;
use super::super::service::Service;
use super::super::start::Opened;
use super::super::state::State;
use ntp::time::Span;

use super::clockwork::Clockwork;
use super::machine::Played;
use super::server::{Character, Peer};
use super::world::{Blow, PAUSE, TODAY, World};

/// The log is read this often, seconds.
const READ_EVERY: f64 = 600.0;

/// What a life begins with.
#[derive(Debug, Clone)]
pub(super) struct Birth {
    pub(super) seed: u64,
    /// The beginning, seconds since 1970.
    pub(super) start: i64,
    /// The clock is so many seconds ahead.
    pub(super) offset: f64,
    /// The oscillator is fast by this ratio.
    pub(super) fast: f64,
    pub(super) peers: Vec<Peer>,
    /// Flags of the command line.
    pub(super) flags: Vec<String>,
    /// Lines of the configuration: without any, each of the peers is a server.
    pub(super) config: String,
    pub(super) may_steer: bool,
    pub(super) announces_steps: bool,
    pub(super) stamps: bool,
    pub(super) stamps_late: bool,
    /// Somebody waits for readiness.
    pub(super) ready: bool,
}

impl Birth {
    /// A clock that is 50 ms off, an oscillator that is 30 ppm fast, and so many honest servers.
    pub(super) fn with(servers: usize) -> Self {
        Self {
            seed: 1,
            start: TODAY,
            offset: 0.05,
            fast: 30e-6,
            peers: vec![Peer::new(Character::Honest); servers],
            flags: Vec::new(),
            config: String::new(),
            may_steer: true,
            announces_steps: true,
            stamps: true,
            stamps_late: false,
            ready: false,
        }
    }

    pub(super) fn off(self, offset: f64) -> Self {
        Self { offset, ..self }
    }

    pub(super) fn flags(self, flags: &[&str]) -> Self {
        Self { flags: flags.iter().map(|&flag| flag.to_owned()).collect(), ..self }
    }
}

pub(super) struct Life {
    pub(super) daemon: Daemon<Played>,
    pub(super) world: Rc<RefCell<World>>,
    pub(super) dir: tempfile::TempDir,
    /// What was said, and until when.
    pub(super) said: Vec<(f64, String)>,
    read: usize,
    pub(super) ended: Option<ExitCode>,
    /// Where readiness is said.
    pub(super) ready: Option<std::io::PipeReader>,
    /// Where others ask.
    pub(super) serves: Option<SocketAddr>,
}

impl Life {
    pub(super) fn begin(birth: &Birth) -> Self {
        Self::begin_in(tempfile::tempdir().unwrap(), birth)
    }

    /// As `start::run` does, without what concerns root and this machine.
    pub(super) fn begin_in(dir: tempfile::TempDir, birth: &Birth) -> Self {
        let clock = Clockwork::new(birth.start, birth.offset, birth.fast);
        let mut world = World::new(birth.seed, clock, birth.peers.clone());
        world.kernel.may_steer = birth.may_steer;
        (world.announces_steps, world.stamps) = (birth.announces_steps, birth.stamps);
        world.stamps_late = birth.stamps_late;
        let world = Rc::new(RefCell::new(world));
        let mut options = options_of(&dir, birth);
        let machine = Played(Rc::clone(&world));
        let mut log = Log::open(options.log.clone(), options.debug).unwrap();
        log.settle().unwrap();
        let (reader, ready) = birth.ready.then(|| std::io::pipe().unwrap()).unzip();
        let serve = options.serve.take();
        let service = serve.map(|serve| Service::open(&machine, serve, false, None).unwrap());
        let serves = service.as_ref().and_then(|service| service.sockets().first()?.local().ok());
        let opened = Opened {
            service,
            // It would change the umask of all tests for a moment.
            control: None,
            state: options.drift.clone().map(State::new),
            ready: ready.map(|writer| Ready::new(Span::from_seconds(0.01), writer.into_raw_fd()).0),
        };
        let mut daemon = Daemon::begin(machine, options, log, opened);
        daemon.set_forward();
        let (said, ended) = (Vec::new(), None);
        Self { daemon, world, dir, said, read: 0, ended, ready: reader, serves }
    }

    /// Goes on for so many true seconds; the largest error of the clock in that time.
    pub(super) fn run(&mut self, seconds: f64) -> f64 {
        let end = self.truth() + seconds;
        let error = self.error().abs();
        self.world.borrow_mut().worst = error;
        while self.truth() < end && self.ended.is_none() {
            let until = (self.truth() + READ_EVERY).min(end);
            self.run_until(until);
        }
        self.world.borrow().worst
    }

    fn run_until(&mut self, until: f64) {
        self.world.borrow_mut().until = until;
        match self.daemon.turns() {
            Ok(code) => self.ended = Some(code),
            Err(error) => {
                assert!(format!("{error:#}").ends_with(PAUSE), "{error:#}");
            }
        }
        self.read_log();
    }

    /// Goes on for so many true seconds, in the first of which something happens while the loop
    /// waits; how long after that the error was below `limit` for good.
    pub(super) fn heal(&mut self, blow: Blow, limit: f64, seconds: f64) -> f64 {
        let at = self.truth() + 1.0;
        self.world.borrow_mut().ahead = Some((at, blow));
        let asleep = if let Blow::Sleep(seconds) = blow { seconds } else { 0.0 };
        self.settle(limit, asleep + seconds) - asleep - 1.0
    }

    /// Goes on for so many true seconds; after how many the error was below `limit` for good.
    pub(super) fn settle(&mut self, limit: f64, seconds: f64) -> f64 {
        let begun = self.truth();
        {
            let mut world = self.world.borrow_mut();
            (world.limit, world.discontent) = (limit, begun);
        }
        self.run(seconds);
        self.world.borrow().discontent - begun
    }

    pub(super) fn read_log(&mut self) {
        let text = self.file("log");
        let new: Vec<&str> = text[self.read..].lines().collect();
        self.read = text.len();
        let truth = self.truth();
        let is_bounded = self.world.borrow_mut().judge.lines(new.len());
        self.said.extend(new.into_iter().map(|line| (truth, line.to_owned())));
        assert!(is_bounded, "too many lines in an hour:\n{}", self.log());
    }

    pub(super) fn strike(&mut self, blow: Blow) {
        self.world.borrow_mut().strike(blow);
    }

    pub(super) fn truth(&self) -> f64 {
        self.world.borrow().clock.truth
    }

    /// The clock minus true time, seconds.
    pub(super) fn error(&self) -> f64 {
        self.world.borrow().clock.error()
    }

    /// How many lines have this in them.
    pub(super) fn lines(&self, part: &str) -> usize {
        self.said.iter().filter(|(_, line)| line.contains(part)).count()
    }

    pub(super) fn log(&self) -> String {
        let line = |(at, line): &(f64, String)| format!("{at:>12.1} {line}");
        self.said.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn steps(&self) -> Vec<f64> {
        self.world.borrow().kernel.steps.iter().map(|(_, by)| *by).collect()
    }

    pub(super) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// What outlives it, for the next one.
    pub(super) fn into_dir(self) -> tempfile::TempDir {
        let Self { daemon, dir, .. } = self;
        drop(daemon);
        fs::remove_file(dir.path().join("log")).unwrap();
        dir
    }

    /// The log was moved away.
    pub(super) fn moved_log(&mut self) {
        self.read = 0;
    }

    /// The name service knows this name for the first so many servers, and answers at once.
    pub(super) fn know(&mut self, host: &str, servers: u8) {
        let names = &mut self.world.borrow_mut().names;
        let addresses = (1..=servers).map(|n| std::net::Ipv4Addr::new(10, 0, 0, n).into());
        names.known.insert(host.to_owned(), addresses.collect());
        names.takes = 0.3;
    }

    /// What ntpctl is told that root has called, and whether the clock is right.
    pub(super) fn ask(&mut self, question: Question) -> (Result<String, String>, bool) {
        let (answer, end) = self.daemon.reply(Some(question), true);
        assert_eq!(end, None);
        self.run(0.1);
        let now = self.world.borrow().clock.now();
        (answer, self.daemon.client.view(now).is_synchronised)
    }
}

fn options_of(dir: &tempfile::TempDir, birth: &Birth) -> options::Options {
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let config = if birth.config.is_empty() {
        let server = |(n, peer): (usize, &Peer)| {
            let xleave = if peer.interleaves { "xleave" } else { "" };
            format!("server 10.0.0.{} iburst {xleave}\n", n + 1)
        };
        birth.peers.iter().enumerate().map(server).collect()
    } else {
        birth.config.clone()
    };
    fs::write(path("ntp.conf"), config).unwrap();
    let mut words: Vec<String> = birth.flags.clone();
    for (flag, name) in [("-c", "ntp.conf"), ("-l", "log"), ("-f", "drift")] {
        words.extend([flag.to_owned(), path(name)]);
    }
    let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    let Ok(args) = cli::parse(&COMMAND, words.clone()) else { panic!("{words:?}") };
    options::read(&args, &words).unwrap()
}
