//! ntpd as a server and as a process with few rights, over the loopback interface.
//!
//! As in `tests/ntpd.rs` nothing here may set a clock: each ntpd is told `--observe`, or serves the
//! local clock, and chronyd is told `-x`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[path = "ntp_peers/unpacked.rs"]
mod unpacked;

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ntp::packet::{self, Header, Leap, Mode};
use ntp::time::{Span, Stamp, Wall};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nobody's number.
const NOBODY: &str = "65534";

struct Ntpd {
    child: Child,
    lines: Receiver<String>,
    at: String,
    dir: tempfile::TempDir,
}

impl Ntpd {
    /// One that serves on the loopback interface, with this ntp.conf.
    fn serving(conf: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ntp.conf");
        fs::write(&path, conf.replace("DIR", dir.path().to_str().unwrap())).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.args(["--observe", "--serve", "127.0.0.1:0", "-c"]).arg(path).args(args);
        command.current_dir(dir.path()).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            // Whoever asked has perhaps gone: then nobody wants the rest.
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        let mut ntpd = Self { child, lines, at: String::new(), dir };
        let line = ntpd.wait_for("serving the ");
        let at = line.split(" on ").nth(1).unwrap().split(',').next().unwrap();
        at.clone_into(&mut ntpd.at);
        ntpd
    }

    fn wait_for(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    fn ask(&self, client: &UdpSocket, question: &Header) -> Header {
        client.send_to(&question.encode(), &self.at).unwrap();
        answer(client)
    }

    /// Until there is an answer: in a flood a question may be lost.
    fn ask_through_a_flood(&self, client: &UdpSocket, question: &Header) {
        client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            client.send_to(&question.encode(), &self.at).unwrap();
            if client.recv_from(&mut [0; 100]).is_ok() {
                return;
            }
            assert!(Instant::now() < end, "no answer");
        }
    }

    /// A line of its `/proc/PID/status`.
    fn fact(&self, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().to_owned()
    }

    fn leave(mut self) -> (tempfile::TempDir, Vec<String>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill $1", "sh", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
        let lines = self.lines.iter().collect();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        (dir, lines)
    }
}

impl Drop for Ntpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn answer(client: &UdpSocket) -> Header {
    let mut buffer = [0; 2000];
    let heard = |received: &io::Result<usize>| {
        // Whoever is stopped and goes on has his wait broken off (signal(7)).
        !received.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
    };
    let mut tries = std::iter::repeat_with(|| client.recv(&mut buffer));
    let length = tries.find(heard).unwrap().unwrap();
    assert_eq!(length, packet::HEADER, "no answer is longer than the question");
    packet::parse(&buffer[..length]).unwrap().0
}

fn question(nonce: u64) -> Header {
    Header { version: 4, mode: Mode::Client, transmit: Stamp(nonce), ..Header::default() }
}

const LOCAL: &str = "server 127.127.1.0\nfudge 127.127.1.0 stratum 7\n";

#[test]
fn who_is_to_be_ignored_is() {
    let ntpd = Ntpd::serving(&format!("{LOCAL}restrict 127.0.0.2 ignore\n"), &[]);
    let (ignored, welcome) = (client("127.0.0.2"), client("127.0.0.1"));
    ignored.send_to(&question(1).encode(), &ntpd.at).unwrap();
    let answered = ntpd.ask(&welcome, &question(2));
    assert_eq!((answered.origin, answered.stratum), (Stamp(2), 7));
    ignored.set_nonblocking(true).unwrap();
    assert!(ignored.recv_from(&mut [0; 100]).is_err(), "the first question was heard before");
}

#[test]
fn who_asks_too_often_is_told_so_and_takes_nothing_from_others() {
    let ntpd = Ntpd::serving(&format!("{LOCAL}restrict default kod limited\n"), &[]);
    let loud = client("127.0.0.2");
    for n in 0..200 {
        loud.send_to(&question(n + 1).encode(), &ntpd.at).unwrap();
        if n % 50 == 49 {
            // They are heard before the next are sent: the socket's queue is short.
            ntpd.ask_through_a_flood(&client(&format!("127.0.1.{n}")), &question(9));
        }
    }
    let other = ntpd.ask(&client("127.0.0.4"), &question(5));
    assert_eq!(other.stratum, 7);
    loud.set_nonblocking(true).unwrap();
    let mut buffer = [0; 100];
    let mut kisses = 0;
    let mut answers = 0;
    while let Ok((length, _)) = loud.recv_from(&mut buffer) {
        let (header, _) = packet::parse(&buffer[..length]).unwrap();
        if header.stratum == 0 {
            assert_eq!((header.reference_id, header.leap), (*b"RATE", Leap::Unsynchronised));
            kisses += 1;
        } else {
            answers += 1;
        }
    }
    assert_eq!(kisses, 1, "the first of its kind in 8 seconds");
    assert!((1..120).contains(&answers), "{answers}");
}

#[test]
fn an_interleaved_answer_tells_when_the_last_one_left() {
    let ntpd = Ntpd::serving(LOCAL, &[]);
    let client = client("127.0.0.1");
    let first = ntpd.ask(&client, &question(1));
    assert_eq!(first.origin, Stamp(1));
    let next = Header { origin: first.receive, receive: Stamp(77), ..question(2) };
    let second = ntpd.ask(&client, &next);
    assert_eq!(second.origin, Stamp(77), "so the client knows which mode it is");
    assert!(second.receive.wall() > first.receive.wall());
    let left = second.transmit.wall();
    assert!(left >= first.receive.wall() && left < second.receive.wall());
    let third = ntpd.ask(&client, &Header { origin: second.receive, ..next });
    assert_eq!(third.origin, Stamp(77));
    let left = third.transmit.wall();
    assert!(left >= second.receive.wall() && left < third.receive.wall());
    assert_eq!(ntpd.ask(&client, &next).origin, Stamp(2), "each pair is told once");
}

#[test]
fn an_orphan_serves_its_own_clock() {
    let nobody = client("127.0.0.1").local_addr().unwrap();
    let conf = format!("server {nobody}\ntos orphan 8 orphanwait 0\n");
    let ntpd = Ntpd::serving(&conf, &[]);
    let answered = ntpd.ask(&client("127.0.0.1"), &question(1));
    assert_eq!((answered.stratum, answered.leap), (8, Leap::None));
}

/// Now, as a stamp in whole seconds since 1900, and so many more.
fn in_ntp_seconds(more: u64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.as_secs() + 2_208_988_800 + more
}

/// A table with a leap second in two hours. The check sum is coreutils'.
fn leap_table(dir: &Path) -> PathBuf {
    let (update, expires) = (in_ntp_seconds(0), in_ntp_seconds(100 * 86_400));
    let leap = in_ntp_seconds(7200);
    let summed = format!("{update}{expires}369221760037{leap}38");
    let script = "printf %s \"$1\" | sha1sum";
    let sum = Command::new("sh").args(["-c", script, "sh", &summed]).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let words: Vec<&str> = (0..5).map(|n| &sum[n * 8..n * 8 + 8]).collect();
    let path = dir.join("leap-seconds.list");
    let lines = format!("#$ {update}\n#@ {expires}\n3692217600 37\n{leap} 38\n");
    fs::write(&path, format!("{lines}#h {}\n", words.join(" "))).unwrap();
    path
}

/// A chain: the second of two learns of the leap second from its table only when it knows the time.
fn with_leap_table(more: &str) -> (Ntpd, Ntpd) {
    let reference = Ntpd::serving(LOCAL, &[]);
    let tables = tempfile::tempdir().unwrap();
    let table = leap_table(tables.path());
    let at = &reference.at;
    let conf = format!("server {at} iburst\nleapfile {}\n{more}", table.display());
    let mut ntpd = Ntpd::serving(&conf, &[]);
    ntpd.wait_for("a leap second is put in at the end of the day");
    (reference, ntpd)
}

#[test]
fn a_leap_second_of_the_table_is_announced() {
    let (_reference, ntpd) = with_leap_table("");
    let answered = ntpd.ask(&client("127.0.0.1"), &question(1));
    assert_eq!((answered.leap, answered.stratum), (Leap::Insert, 8));
}

#[test]
fn who_smears_announces_nothing_and_says_by_how_much() {
    let (_reference, ntpd) = with_leap_table("leapsmearinterval 86400\n");
    let answered = ntpd.ask(&client("127.0.0.1"), &question(1));
    assert_eq!((answered.leap, answered.reference_id[0]), (Leap::None, 254));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let off = answered.transmit.wall() - Wall::from_nanos(i64::try_from(now.as_nanos()).unwrap());
    // 2 hours before the middle of 24: (1 - cos(10/24 pi)) / 2 = 0.371.
    assert!((off + Span::from_seconds(0.371)).abs() < Span::from_seconds(0.1), "{off:?}");
}

#[test]
fn a_flood_from_thousands_costs_neither_memory_nor_descriptors_nor_lines() {
    let ntpd = Ntpd::serving(&format!("{LOCAL}restrict default kod limited\n"), &[]);
    let pid = ntpd.child.id();
    let descriptors = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let resident = || ntpd.fact("VmRSS").split(' ').next().unwrap().parse::<u64>().unwrap();
    ntpd.ask(&client("127.0.0.1"), &question(1));
    let before = (descriptors(), resident());
    for n in 0..3000_u32 {
        let [_, high, middle, low] = (n + 256).to_be_bytes();
        let socket = client(&format!("127.{}.{middle}.{low}", high + 1));
        for bytes in [&question(1).encode()[..], &[0x23; 47], &[0xff; 100], &[]] {
            socket.send_to(bytes, &ntpd.at).unwrap();
        }
    }
    ntpd.ask_through_a_flood(&client("127.0.0.2"), &question(2));
    assert_eq!(descriptors(), before.0);
    assert!(resident() < before.1 + 4096, "{} kB, {} before", resident(), before.1);
    let (_, lines) = ntpd.leave();
    assert_eq!(lines, ["ntpd: info: told to leave"]);
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

#[test]
fn what_only_serves_has_no_rights_left() {
    let (named, uid) = if is_root() { (&["-u", "65534:65534"][..], NOBODY) } else { (&[][..], "") };
    let ntpd = Ntpd::serving(LOCAL, named);
    ntpd.ask(&client("127.0.0.1"), &question(1));
    assert_eq!(ntpd.fact("CapEff"), "0000000000000000");
    assert_eq!(ntpd.fact("CapPrm"), "0000000000000000");
    assert_eq!(ntpd.fact("NoNewPrivs"), "1");
    assert_eq!(ntpd.fact("Seccomp"), "2");
    assert!(ntpd.fact("Uid").split_whitespace().all(|id| uid.is_empty() || id == uid));
}

#[test]
fn an_unknown_user_is_nobody_to_become() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
    command.args(["--observe", "--serve", "127.0.0.1:0", "-u", "no-such-user"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| !line.starts_with("ntpd: info: ")).unwrap();
    if is_root() {
        assert_eq!(line, "ntpd: fatal: unknown account no-such-user");
        assert_eq!(child.wait().unwrap().code(), Some(111));
    } else {
        let said = "-u no-such-user is ignored: only root can become somebody else";
        assert_eq!(line, format!("ntpd: warning: {said}"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_drift_file_that_its_user_may_not_replace_is_written_all_the_same() {
    if !is_root() {
        return;
    }
    let reference = Ntpd::serving(LOCAL, &[]);
    let conf = format!("server {} iburst\n", reference.at);
    // The directory of the configuration is root's, with mode 700.
    let drift = ["-d", "-u", "65534:65534", "-f", "ntp.drift"];
    let mut ntpd = Ntpd::serving(&conf, &drift);
    ntpd.wait_for("may not replace the drift file: it is kept open");
    let end = Instant::now() + PATIENCE;
    loop {
        let line = ntpd.wait_for(" ppm +- ");
        let sd = line.rsplit(" ppm +- ").next().and_then(|end| end.strip_suffix(" ppm"));
        if sd.and_then(|sd| sd.parse().ok()).is_some_and(|sd: f64| sd < 0.9) {
            break;
        }
        assert!(Instant::now() < end, "{line}");
    }
    let (dir, _) = ntpd.leave();
    let ppm: f64 =
        fs::read_to_string(dir.path().join("ntp.drift")).unwrap().trim().parse().unwrap();
    assert!(ppm.abs() <= 500.0, "{ppm}");
}

#[test]
fn a_configuration_is_checked_without_being_used() {
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("ntp.conf");
    let check = |text: &str| {
        fs::write(&conf, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        let output = command.arg("--check-config").arg("-c").arg(&conf).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = check("pool a.example\nserver b.example\nstatsdir /tmp\n");
    let place = conf.display();
    let expected = format!(
        "{place}: not supported and ignored: statsdir (line 3)\npool a.example\nserver b.example\n\
         the configuration can be used\n"
    );
    assert_eq!((code, said), (Some(0), expected));
    let (code, said) = check("restrict 192.0.2.0 mask 255.0.255.0\n");
    let expected = format!("ntpd: fatal: {place}: line 1: mask cannot be 255.0.255.0\n");
    assert_eq!((code, said), (Some(100), expected));
}

/// chronyd measures us in interleaved mode, from its kernel's stamps.
#[test]
fn chronyd_is_content_with_our_answers_and_has_them_interleaved() {
    let Some(chronyd) = unpacked::theirs("chronyd") else { return };
    let ntpd = Ntpd::serving(LOCAL, &[]);
    let (host, port) = ntpd.at.split_once(':').unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let place = dir.path().display();
    let conf = format!(
        "server {host} port {port} iburst minpoll -2 maxpoll -2 xleave\nport 0\ncmdport 0\n\
         bindcmdaddress {place}/sock\npidfile {place}/pid\nlogdir {place}\n\
         log rawmeasurements\n"
    );
    fs::write(dir.path().join("conf"), conf).unwrap();
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let mut command = Command::new(chronyd);
    command.args(["-x", "-d", "-U", "-u", user.trim(), "-f"]).arg(dir.path().join("conf"));
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let log = dir.path().join("measurements.log");
    let end = Instant::now() + PATIENCE;
    let interleaved = || fs::read_to_string(&log).unwrap_or_default().contains(" 4I ");
    while !interleaved() && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(&log).unwrap_or_default();
    assert!(text.contains(" 4I "), "{text}");
    assert!(text.contains(" N  7 ") && text.contains(" 111 111 1111 "), "{text}");
}
