//! The program ntpd, over the loopback interface.
//!
//! Whoever runs these tests may be root and own the clock. So each ntpd here is told `--observe`,
//! or serves the local clock without asking anybody; nothing here may ever set a clock. What ntpd
//! does to a clock is tested in a simulated world (`crates/ntp/tests`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use ntp::packet::{self, Header, Mode};
use ntp::time::Stamp;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Where nobody answers. No socket of another test comes to be there: a port that the kernel has
/// given away and got back may be the next one's.
const NOBODY: &str = "127.0.0.1:1";

/// An ntpd that is at work.
struct Ntpd {
    child: Child,
    lines: Receiver<String>,
}

impl Ntpd {
    /// Somebody who asks, and never sets the clock.
    fn observer(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.arg("--observe").args(args);
        Self::start(command)
    }

    /// A local reference, and where it is.
    fn reference(args: &[&str]) -> (Self, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.args(["--serve", "127.0.0.1:0"]).args(args);
        Self::serving(command)
    }

    fn serving(command: Command) -> (Self, String) {
        let mut ntpd = Self::start(command);
        let line = ntpd.wait_for("serving the local clock on ");
        let address = line.split(" on ").nth(1).unwrap().split(',').next().unwrap();
        (ntpd, address.to_owned())
    }

    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            // Whoever asked has perhaps gone: then nobody wants the rest.
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        Self { child, lines }
    }

    /// The next line that holds `part`; those before it are passed over.
    fn wait_for(&mut self, part: &str) -> String {
        self.wait_until(part, |line| line.contains(part))
    }

    fn wait_until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if is_it(&line) => return line,
                Ok(line) => passed.push(line),
                Err(error) => panic!("no line with {what:?} ({error}); there were {passed:#?}"),
            }
        }
    }

    /// The page faults of all its children that have ended: they grow with each.
    fn faults_of_children(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(8).unwrap().parse().unwrap()
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -$1 $2", "sh", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Tells it to leave; how it did, and what else it said.
    fn leave(mut self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM");
        let status = self.wait();
        let rest = self.lines.iter().collect();
        (status, rest)
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Ntpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end; its exit code, and all that it said.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut ntpd = Ntpd::observer(args);
    let status = ntpd.wait();
    let lines: Vec<String> = ntpd.lines.iter().map(|line| line + "\n").collect();
    (status.code(), lines.concat())
}

#[test]
fn an_observer_finds_a_local_reference_and_says_so_in_seconds() {
    let (reference, address) = Ntpd::reference(&[]);
    let mut observer = Ntpd::observer(&["-p", &address]);
    let answers = observer.wait_for("answers:");
    assert!(answers.starts_with(&format!("ntpd: info: {address} answers: offset ")), "{answers}");
    assert!(answers.ends_with(", stratum 10"), "{answers}");
    let line = observer.wait_for("synchronised");
    assert!(line.starts_with(&format!("ntpd: info: synchronised to {address}: offset ")), "{line}");
    assert!(line.contains(", delay 0.") && line.contains(", jitter 0."), "{line}");
    assert!(line.ends_with("; observing only, the clock is left alone (--observe)"), "{line}");
    let (status, rest) = observer.leave();
    assert_eq!(status.code(), Some(0));
    assert_eq!(rest, ["ntpd: info: told to leave"], "nothing is said twice");
    let (status, rest) = reference.leave();
    assert_eq!((status.code(), rest.len()), (Some(0), 1), "{rest:?}");
}

#[test]
fn a_name_is_resolved_by_a_process_of_its_own() {
    let (_reference, address) = Ntpd::reference(&[]);
    let port = address.rsplit(':').next().unwrap();
    let mut observer = Ntpd::observer(&["-p", &format!("localhost:{port}")]);
    observer.wait_for(&format!("synchronised to localhost (127.0.0.1:{port})"));
    let (status, _) = observer.leave();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_name_without_an_address_is_no_reason_to_end() {
    let mut observer = Ntpd::observer(&["-p", "time.invalid"]);
    let line = observer.wait_for("no server has an address: time.invalid: ");
    assert!(line.starts_with("ntpd: warning: ") && line.ends_with("; trying again"), "{line}");
    let before = observer.faults_of_children();
    observer.signal("HUP"); // tries again at once
    let end = Instant::now() + PATIENCE;
    while observer.faults_of_children() == before {
        assert!(Instant::now() < end, "it does not try again");
        thread::sleep(Duration::from_millis(10));
    }
    let (status, _) = observer.leave();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn nobody_there_is_said_with_the_networks_reason_and_is_no_reason_to_end() {
    let mut observer = Ntpd::observer(&["-p", NOBODY]);
    let line = observer.wait_for("no server answers");
    assert_eq!(line, "ntpd: warning: no server answers: connection refused; trying again");
    let (status, _) = observer.leave();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn hours_of_offset_are_no_reason_to_end() {
    let (_reference, address) = Ntpd::reference(&["--serve-offset", "-4h"]);
    let mut observer = Ntpd::observer(&["-p", &address]);
    let line = observer.wait_for("the machine's clock is ");
    let said =
        "4 h 0 min fast, and nothing sets it: ntpd only observes (--observe); the time comes ";
    assert!(line.contains(said), "{line}");
    let offset = line.split("offset ").nth(1).unwrap().split(' ').next().unwrap();
    let offset: f64 = offset.parse().unwrap();
    assert!((offset + 14_400.0).abs() < 60.0, "{line}");
    let (status, _) = observer.leave();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_false_ticker_of_three_is_named_and_not_believed() {
    let (_a, a) = Ntpd::reference(&["--stratum", "3"]);
    let (_b, b) = Ntpd::reference(&[]);
    let (_liar, liar) = Ntpd::reference(&["--serve-offset", "5"]);
    let mut observer = Ntpd::observer(&["-p", &a, "-p", &b, "-p", &liar]);
    // The two of them may answer long before the third: then it is synchronised to 2 of 2.
    let mut found = Vec::new();
    while found.len() < 2 {
        let is_it = |line: &str| line.contains("is not believed") || line.contains("synchronised");
        found.push(observer.wait_until("both are said", is_it));
    }
    found.sort_unstable();
    let [synchronised, outvoted] = [&found[0], &found[1]];
    assert!(synchronised.contains(" synchronised to 2 of "), "{found:?}");
    assert!(outvoted.starts_with(&format!("ntpd: warning: {liar} is ")), "{found:?}");
    assert!(outvoted.contains("s off from the majority"), "{found:?}");
}

#[test]
fn two_that_contradict_each_other_are_no_majority() {
    let (_honest, honest) = Ntpd::reference(&[]);
    let (_liar, liar) = Ntpd::reference(&["--serve-offset", "1h"]);
    let mut observer = Ntpd::observer(&["-p", &honest, "-p", &liar]);
    observer.wait_for("warning: no majority: 2 servers answer and at most 1 of them agree");
}

#[test]
fn a_chain_of_two_knows_how_far_it_is_from_the_reference() {
    let (_reference, address) = Ntpd::reference(&["--stratum", "4"]);
    let mut middle = Ntpd::observer(&["--serve", "127.0.0.1:0", "-p", &address]);
    let line = middle.wait_for("serving the time on ");
    let middle_at = line.split(" on ").nth(1).unwrap().to_owned();
    middle.wait_for("synchronised to");
    let mut end = Ntpd::observer(&["-p", &middle_at]);
    let line = end.wait_for("answers:");
    assert!(line.ends_with(", stratum 5"), "{line}");
}

#[test]
fn who_does_not_know_the_time_serves_none() {
    let mut ignorant = Ntpd::observer(&["--serve", "127.0.0.1:0", "-p", NOBODY]);
    let line = ignorant.wait_for("serving the time on ");
    let at = line.split(" on ").nth(1).unwrap().to_owned();
    let mut observer = Ntpd::observer(&["-p", &at]);
    let line = observer.wait_for("no server is of use");
    assert!(line.contains("the server says that it is not synchronised"), "{line}");
}

/// A server that sends all sorts of packets before the one that it was asked for.
#[test]
fn a_server_under_attack_is_still_heard() {
    let (_reference, address) = Ntpd::reference(&[]);
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = front.local_addr().unwrap().to_string();
    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
    back.set_read_timeout(Some(PATIENCE)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((length, client)) = front.recv_from(&mut buffer) {
            let request = buffer[..length].to_vec();
            back.send_to(&request, &address).unwrap();
            let (length, _) = back.recv_from(&mut buffer).unwrap();
            let genuine = buffer[..length].to_vec();
            for forged in forgeries(&genuine) {
                front.send_to(&forged, client).unwrap();
            }
            front.send_to(&genuine, client).unwrap();
        }
    });
    let mut observer = Ntpd::observer(&["-d", "-p", &at]);
    observer.wait_for("is ignored: ");
    observer.wait_for(&format!("synchronised to {at}: offset "));
}

fn forgeries(genuine: &[u8]) -> Vec<Vec<u8>> {
    let (header, _) = packet::parse(genuine).unwrap();
    let forged = |header: Header| header.encode().to_vec();
    let late = Stamp(header.receive.0.wrapping_add(9000 << 32));
    vec![
        vec![],
        vec![0x24; 7],
        vec![0x24; 1500],
        forged(Header { origin: Stamp::ZERO, receive: late, transmit: late, ..header }),
        forged(Header { origin: Stamp(1), receive: late, transmit: late, ..header }),
        forged(Header { stratum: 0, reference_id: *b"DENY", origin: Stamp(2), ..header }),
        forged(Header { mode: Mode::Broadcast, ..header }),
        [genuine, &[0xff; 28]].concat(),
    ]
}

/// CVE-2020-13817: neither stamp nor port can be guessed, and the stamp does not tell our time.
#[test]
fn no_request_is_like_another() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let _observer = Ntpd::observer(&["-p", &server.local_addr().unwrap().to_string()]);
    let mut seen: Vec<(u16, Stamp)> = Vec::new();
    let mut buffer = [0; 2000];
    for _ in 0..4 {
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        let (request, _) = packet::parse(&buffer[..length]).unwrap();
        let nothing = Header { version: 4, mode: Mode::Client, ..Header::default() };
        assert_eq!(Header { transmit: Stamp::ZERO, ..request }, nothing, "it tells of us");
        for &(_, stamp) in &seen {
            let apart = stamp.0.abs_diff(request.transmit.0);
            assert!(apart > 1 << 40, "closer than chance has them: {seen:?}");
        }
        seen.push((from.port(), request.transmit));
    }
    let mut ports: Vec<u16> = seen.iter().map(|(port, _)| *port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() > 1, "{seen:?}");
}

/// CVE-2009-3563, CVE-2013-5211.
#[test]
fn only_questions_are_answered_and_never_with_more_than_they_brought() {
    let (_reference, address) = Ntpd::reference(&[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let header = Header { version: 4, transmit: Stamp(1), ..Header::default() };
    for mode in [Mode::Server, Mode::Broadcast, Mode::Control, Mode::Private] {
        socket.send_to(&Header { mode, ..header }.encode(), &address).unwrap();
    }
    socket.send_to(&[0x16, 2, 0, 0], &address).unwrap();
    let nonce = Stamp(0x0123_4567_89ab_cdef);
    socket.send_to(&packet::request(nonce), &address).unwrap();
    let mut buffer = [0; 2000];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(length, 48);
    let (answer, _) = packet::parse(&buffer[..length]).unwrap();
    assert_eq!(answer.origin, nonce, "the others were not answered");
    assert_eq!((answer.mode, answer.stratum), (Mode::Server, 10));
}

#[test]
fn once_ends_with_what_it_found() {
    let (_reference, address) = Ntpd::reference(&[]);
    let (code, log) = run(&["-q", "-p", &address]);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("synchronised to"), "{log}");
}

#[test]
fn once_fails_with_the_reason() {
    let (code, log) = run(&["-q", "-p", NOBODY]);
    assert_eq!(code, Some(111), "{log}");
    let line = "ntpd: fatal: unable to tell the time: no server answers: connection refused\n";
    assert!(log.ends_with(line), "{log}");
}

#[test]
fn what_was_asked_wrongly_ends_with_100() {
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("ntp.conf");
    fs::write(&conf, "server 127.0.0.1\n\nsevrer 127.0.0.1\n").unwrap();
    let conf = conf.to_str().unwrap();
    let usage = "ntpd: usage: ntpd [-dgnqQx]";
    for (args, said) in [
        (&["-z"][..], "ntpd: illegal option -- z\n"),
        (&["-p"], "ntpd: option requires an argument -- p\n"),
        (&["-p", "127.0.0.1", "more"], "ntpd: no such argument: more\n"),
        (&["--serve", "here"], "ntpd: --serve cannot be here\n"),
        (&["-z"], usage),
        (&["-c", conf], &format!("ntpd: fatal: {conf}: line 3: no such word: sevrer\n")),
    ] {
        let (code, log) = run(args);
        assert_eq!(code, Some(100), "{args:?}: {log}");
        assert!(log.contains(said), "{args:?}: {log}");
    }
}

#[test]
fn what_cannot_be_had_now_ends_with_111() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let (code, log) = run(&["--serve", &at]);
    let said = format!("ntpd: fatal: unable to bind to {at}: address already used\n");
    assert_eq!((code, log), (Some(111), said));
    let (code, log) = run(&["-c", "/nonexistent/ntp.conf"]);
    let said = "ntpd: fatal: unable to read /nonexistent/ntp.conf: file does not exist\n";
    assert_eq!((code, log.as_str()), (Some(111), said));
    let (code, log) = run(&["-p", "127.0.0.1", "-l", "/nonexistent/log"]);
    let said = "ntpd: fatal: unable to open /nonexistent/log: file does not exist\n";
    assert_eq!((code, log.as_str()), (Some(111), said));
}

#[test]
fn a_distributions_configuration_works_with_one_warning() {
    let (_reference, address) = Ntpd::reference(&[]);
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("ntp.conf");
    let text = format!("server {address} iburst\nrestrict default kod nomodify\nstatsdir /tmp\n");
    fs::write(&conf, text).unwrap();
    let conf = conf.to_str().unwrap();
    let mut observer = Ntpd::observer(&["-n", "-g", "-p", "/run/ntpd.pid", "-c", conf]);
    observer.wait_for("info: -p /run/ntpd.pid is ignored: ");
    let line = observer.wait_for("warning: ");
    let said = format!("{conf}: not supported and ignored: statsdir (line 3)");
    assert_eq!(line, format!("ntpd: warning: {said}"));
    observer.wait_for("synchronised to");
}

#[test]
fn the_frequency_is_kept_where_an_observer_is_told_to() {
    let (_reference, address) = Ntpd::reference(&[]);
    let dir = tempfile::tempdir().unwrap();
    let (drift, conf) = (dir.path().join("ntp.drift"), dir.path().join("ntp.conf"));
    // Where the machine is busy the burst does not suffice: then it is asked every eight seconds.
    fs::write(&conf, format!("server {address} iburst minpoll 3 maxpoll 3\n")).unwrap();
    let (conf, file) = (conf.to_str().unwrap(), drift.to_str().unwrap());
    let mut observer = Ntpd::observer(&["-d", "-c", conf, "-f", file]);
    observer.wait_until("a frequency that is known to 1 ppm", |line| {
        let deviation = line.rsplit(" ppm +- ").next().and_then(|end| end.strip_suffix(" ppm"));
        deviation.and_then(|sd| sd.parse().ok()).is_some_and(|sd: f64| sd < 0.9)
    });
    let (status, _) = observer.leave();
    assert_eq!(status.code(), Some(0));
    let ppm: f64 = fs::read_to_string(&drift).unwrap().trim().parse().unwrap();
    assert!(ppm.abs() <= 500.0, "{ppm}");
    let first = dir.path().join("ntp.drift.first");
    assert!(!first.exists(), "-g was not used, nothing was set");
    let last = fs::read_to_string(dir.path().join("ntp.drift.last")).unwrap();
    assert!(last.starts_with("time 1"), "{last}");
}

#[test]
fn a_log_file_that_was_moved_away_is_begun_anew_on_hup() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("log"), dir.path().join("old"));
    let (_reference, address) = Ntpd::reference(&[]);
    // Only one who stays root may open a file of root's again.
    let observer = Ntpd::observer(&["-u", "root", "-p", &address, "-l", log.to_str().unwrap()]);
    wait_for_text(&log, "synchronised to");
    fs::rename(&log, &old).unwrap();
    let first = fs::read_to_string(&old).unwrap().lines().next().unwrap().to_owned();
    observer.signal("HUP");
    wait_for_text(&log, "");
    let (status, stderr) = observer.leave();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:?}");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.ends_with("ntpd: info: told to leave\n"), "{text}");
    assert!(!text.contains(&first), "{text}");
}

fn wait_for_text(path: &Path, part: &str) {
    let end = Instant::now() + PATIENCE;
    while !fs::read_to_string(path).is_ok_and(|text| text.contains(part)) {
        assert!(Instant::now() < end, "no {part:?} in {}", path.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn signals_in_quick_succession_are_not_lost() {
    for _ in 0..20 {
        let (reference, _) = Ntpd::reference(&[]);
        reference.signal("HUP");
        let (status, _) = reference.leave();
        assert_eq!(status.code(), Some(0));
    }
}

#[test]
fn help_and_version_are_given() {
    for (flag, said) in [("--help", "--serve-offset TIME"), ("--version", "ntpd (keepup) ")] {
        let output = Command::new(env!("CARGO_BIN_EXE_ntpd")).arg(flag).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("resolve-for-ntpd"), "{text}");
    }
}

#[test]
fn the_example_of_a_local_reference_serves() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("service-examples/ntp-local-reference");
    let programs = Path::new(env!("CARGO_BIN_EXE_ntpd")).parent().unwrap().to_owned();
    let mut command = Command::new("./run");
    command.current_dir(dir).env("NTP_SERVE", "127.0.0.1:0");
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", programs.display()));
    // The example joins stderr to stdout, as logged services do; here it is wanted apart.
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("ntpd: info: serving the local clock on 127.0.0.1:"), "{line}");
}

/// It is not run: as root it would set the clock.
#[test]
fn the_example_that_sets_the_clock_is_well_formed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("service-examples/ntp");
    let config = ntp::config::parse(&fs::read_to_string(dir.join("ntp.conf")).unwrap()).unwrap();
    assert!(config.servers.iter().all(|server| server.pool && server.polling.iburst));
    for script in ["run", "log/run"] {
        let checked = Command::new("sh").arg("-n").arg(dir.join(script)).status().unwrap();
        assert!(checked.success(), "{script}");
    }
}
