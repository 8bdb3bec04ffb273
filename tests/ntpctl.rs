//! `ntpctl` and what ntpd does for those around it: the socket, readiness, what it remembers.
//!
//! Every ntpd here is told `--observe`, or serves the local clock without asking anybody; nothing
//! here may ever set a clock. Steps are made in a virtual machine (`tests/vm`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// An ntpd that works in `dir`, with its words in the file `log` there.
struct Ntpd {
    child: Child,
    dir: PathBuf,
}

impl Ntpd {
    /// One that never sets the clock; its socket is `s`.
    fn observer(dir: &TempDir, args: &[&str]) -> Self {
        Self::begin(dir, &["--observe", "--socket", "s"], args)
    }

    /// A local reference, and where it is.
    fn reference(dir: &TempDir, args: &[&str]) -> (Self, String) {
        let ntpd = Self::begin(dir, &["--serve", "127.0.0.1:0"], args);
        let line = ntpd.says("serving the local clock on ");
        let address = line.split(" on ").nth(1).unwrap().split(',').next().unwrap();
        (ntpd, address.to_owned())
    }

    fn begin(dir: &TempDir, first: &[&str], args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.args(first).args(args);
        Self::spawn(dir, command)
    }

    fn spawn(dir: &TempDir, mut command: Command) -> Self {
        let dir = dir.path().to_owned();
        let log = fs::File::create(dir.join("log")).unwrap();
        let child = command.current_dir(&dir).stderr(log).stdin(Stdio::null()).spawn().unwrap();
        Self { child, dir }
    }

    /// The first line that holds `part`, once there is one.
    fn says(&self, part: &str) -> String {
        let mut line = None;
        wait_for(part, || {
            let text = fs::read_to_string(self.dir.join("log")).unwrap();
            let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            line = whole.find(|line| line.contains(part)).map(|line| line.trim_end().to_owned());
            line.is_some()
        });
        line.unwrap()
    }

    /// What `ntpctl` says, and its exit code.
    fn asked(&self, words: &[&str]) -> (String, i32) {
        ntpctl(&self.dir.join("s"), words)
    }

    fn leave(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill $0", &pid]).status().unwrap().success());
        wait_for("its end", || self.child.try_wait().unwrap().is_some());
    }
}

impl Drop for Ntpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn ntpctl(socket: &Path, words: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keepup"));
    command.arg("ntpctl").arg("-s").arg(socket).args(words).env_remove("COLUMNS");
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code().unwrap())
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// An address where nobody answers.
fn nobody() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn who_asks_nobody_says_what_he_serves() {
    let dir = dir();
    let (local, _) = Ntpd::reference(&dir, &["--stratum", "3", "--socket", "s"]);
    let (text, code) = local.asked(&[]);
    let expected = "\
state:       local
             the local clock is served, and no server is asked
stratum:     3, root delay 0.000 ns, root dispersion 0.000 ns
clock:       left alone
";
    assert_eq!((text.as_str(), code), (expected, 1));
    let (text, _) = local.asked(&["--json"]);
    assert!(text.starts_with("{\"state\":\"local\",") && text.contains("\"stratum\":3,"), "{text}");
    let why = "it asks no server; what it serves is this clock, which somebody else sets";
    let said = format!("ntpctl: fatal: ntpd says no: {why}\n");
    assert_eq!(local.asked(&["step"]), (said, 111));
}

#[test]
fn who_is_believed_and_who_is_not_and_why() {
    let dirs = [dir(), dir(), dir(), dir()];
    let (_a, a) = Ntpd::reference(&dirs[0], &["--stratum", "3"]);
    let (_b, b) = Ntpd::reference(&dirs[1], &[]);
    let (_liar, liar) = Ntpd::reference(&dirs[2], &["--serve-offset", "5"]);
    let nobody = nobody();
    let servers = ["-p", &a, "-p", &b, "-p", &liar, "-p", &nobody, "-p", "time.invalid"];
    let observer = Ntpd::observer(&dirs[3], &servers);
    observer.says("synchronised to 2 of 3 servers");
    let (text, code) = observer.asked(&[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("state:       synchronised\n"), "{text}");
    assert!(text.contains("\nservers:     4: 3 answer, 2 agree"), "{text}");
    assert!(text.contains(", left alone (--observe)\n"), "{text}");
    wait_for("all are judged", || {
        let (text, code) = observer.asked(&["sources"]);
        assert_eq!(code, 0, "{text}");
        let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap_or("");
        let false_one = line(&liar);
        false_one.starts_with("x ")
            && false_one.contains("s off from the majority")
            && line(&nobody).ends_with("does not answer: connection refused")
            && line("time.invalid").starts_with("  time.invalid: ")
            && [line(&a), line(&b)].iter().filter(|line| line.starts_with("* ")).count() == 1
            && [line(&a), line(&b)].iter().filter(|line| line.starts_with("+ ")).count() == 1
    });
    let (text, code) = observer.asked(&["--json"]);
    assert_eq!((code, text.lines().count()), (0, 1), "{text}");
    for part in ["{\"state\":\"synchronised\"", "\"mark\":\"false\"", "\"steers\":false"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (text, code) = observer.asked(&["history"]);
    assert_eq!(code, 0);
    assert!(text.contains('*') && text.contains("now\n"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 100), "{text}");
}

#[test]
fn a_clock_that_nobody_vouches_for_is_exit_code_1() {
    let dir = dir();
    let observer = Ntpd::observer(&dir, &["-p", &nobody()]);
    observer.says("no server answers");
    let (text, code) = observer.asked(&[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("state:       no-answer\n"), "{text}");
    assert_eq!(observer.asked(&["--json"]).1, 1);
    assert_eq!(observer.asked(&["history"]), ("no offset is known yet\n".to_owned(), 0));
}

#[test]
fn whose_answers_are_interleaved_is_shown() {
    let dirs = [dir(), dir(), dir()];
    let (_a, a) = Ntpd::reference(&dirs[0], &[]);
    let (_b, b) = Ntpd::reference(&dirs[1], &[]);
    let conf = format!("server {a} iburst minpoll 3 xleave\nserver {b} iburst minpoll 3\n");
    fs::write(dirs[2].path().join("conf"), conf).unwrap();
    let observer = Ntpd::observer(&dirs[2], &["-c", "conf"]);
    let line = |name: &str| {
        let (text, _) = observer.asked(&["sources"]);
        text.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned()
    };
    wait_for("interleaved answers", || line(&a).ends_with(", interleaved"));
    assert!(!line(&b).contains("interleaved"), "{}", line(&b));
    let (text, _) = observer.asked(&["--json"]);
    let told = |name: &str, is: &str| {
        let mut sources = text.split("{\"server\":\"");
        let source = sources.find(|source| source.starts_with(name)).unwrap();
        assert!(source.contains(&format!("\"interleaved\":{is}}}")), "{name}: {text}");
    };
    told(&a, "true");
    told(&b, "false");
}

#[test]
fn an_observer_says_that_it_sets_nothing() {
    let dirs = [dir(), dir()];
    let (_reference, address) = Ntpd::reference(&dirs[0], &["--serve-offset", "-2h"]);
    let observer = Ntpd::observer(&dirs[1], &["-p", &address]);
    let line = observer.says("the machine's clock is 2 h 0 min fast, and nothing sets it: ");
    assert!(line.starts_with("ntpd: warning: "), "{line}");
    let (text, code) = observer.asked(&[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("state:       wrong\n             the machine's clock is "), "{text}");
    assert!(text.contains("min fast, left alone (--observe)\n"), "{text}");
    let (text, code) = observer.asked(&["--json"]);
    assert_eq!(code, 1, "{text}");
    for part in ["\"state\":\"wrong\"", "\"synchronised\":false", " min fast\",\"bound\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (text, code) = observer.asked(&["step"]);
    assert_eq!(code, 111);
    assert_eq!(text, "ntpctl: fatal: ntpd says no: it only observes (--observe)\n");
}

#[test]
fn without_an_ntpd_there_is_a_sentence() {
    let dir = dir();
    let socket = dir.path().join("s");
    let (text, code) = ntpctl(&socket, &[]);
    let at = socket.display();
    let sentence = format!("ntpctl: fatal: unable to ask ntpd at {at}: file does not exist\n");
    assert_eq!((text, code), (sentence, 111));
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 100]);
        stream.write_all(b"220 mail.example ESMTP\n").unwrap();
    });
    let (text, code) = ntpctl(&socket, &[]);
    assert_eq!(code, 111);
    assert_eq!(text, format!("ntpctl: fatal: what answers at {at} is no ntpd\n"));
}

#[test]
fn whoever_sits_in_ntpds_place_commands_no_terminal() {
    let dir = dir();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let answers = ["synchronised\nstate: \x1b[2J\u{9b}2J\rgood\n", "no: \x1b[2J\nwhy\n"];
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 100]);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    assert_eq!(ntpctl(&socket, &[]), ("state: ?[2J?2J?good\n".to_owned(), 0));
    let said = "ntpctl: fatal: ntpd says no: ?[2J?why\n".to_owned();
    assert_eq!(ntpctl(&socket, &[]), (said, 111));
}

#[test]
fn whoever_hangs_or_talks_nonsense_costs_nothing() {
    let dir = dir();
    let observer = Ntpd::observer(&dir, &["-p", &nobody()]);
    observer.says("no server answers");
    let connect = || UnixStream::connect(dir.path().join("s")).unwrap();
    let mut silent: Vec<UnixStream> = (0..30).map(|_| connect()).collect();
    assert_eq!(observer.asked(&[]).1, 1, "it answers all the same");
    let open = fs::read_dir(format!("/proc/{}/fd", observer.child.id())).unwrap().count();
    assert!(open < 20, "{open} are open");
    for question in [&b"bananas\n"[..], b"\n", b"history\n", b"history -1\n", b"step now\n"] {
        let mut stream = connect();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(question).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "no: that is no question that this ntpd understands\n");
    }
    let mut endless = connect();
    endless.set_read_timeout(Some(PATIENCE)).unwrap();
    while endless.write_all(&[b'x'; 100]).is_ok() {}
    for stream in &mut silent {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let heard = stream.read(&mut [0; 10]);
        assert!(matches!(heard, Ok(0)), "it is hung up on: {heard:?}");
    }
}

#[test]
fn a_crowd_at_the_socket_does_not_keep_root_out() {
    let dir = dir();
    let observer = Ntpd::observer(&dir, &["-p", &nobody()]);
    observer.says("no server answers");
    let mode = |name: &str| {
        let meta = fs::metadata(dir.path().join(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!((mode("s"), mode("s.private")), (0o666, 0o600));
    let at = dir.path().join("s");
    let over = Arc::new(AtomicBool::new(false));
    let crowd = (0..2).map(|_| {
        let (at, over) = (at.clone(), Arc::clone(&over));
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                // Waits where the queue is full, as everybody behind it does.
                drop(UnixStream::connect(&at));
            }
        })
    });
    let crowd: Vec<_> = crowd.collect();
    wait_for("the public door is blocked", || {
        sys::peer::connect(&at).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    for _ in 0..20 {
        let (text, code) = observer.asked(&[]);
        assert_eq!(code, 1, "{text}");
    }
    over.store(true, Ordering::Relaxed);
    drop(observer);
    for thread in crowd {
        thread.join().unwrap();
    }
}

#[test]
fn a_socket_is_its_own_and_goes_with_it() {
    let dir = dir();
    let socket = dir.path().join("s");
    drop(UnixListener::bind(&socket).unwrap());
    let first = Ntpd::observer(&dir, &["-p", &nobody()]);
    first.says("no server answers");
    let mode = fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
    assert_eq!((first.asked(&[]).1, mode), (1, 0o666), "what was left behind is replaced");
    assert!(dir.path().join("s.private").exists());
    let other = tempfile::tempdir_in(dir.path()).unwrap();
    let at = socket.to_str().unwrap();
    let second = Ntpd::begin(&other, &["--observe", "--socket", at], &["-p", &nobody()]);
    let line = second.says("unable to listen at");
    assert!(line.ends_with(": another ntpd listens there; ntpctl cannot ask"), "{line}");
    second.says("no server answers");
    second.leave();
    assert_eq!(first.asked(&[]).1, 1, "the first one is still there");
    first.leave();
    assert!(!socket.exists() && !dir.path().join("s.private").exists());
    fs::write(&socket, "precious").unwrap();
    let third = Ntpd::observer(&dir, &["-p", &nobody()]);
    third.says("a file is there that is no socket");
    third.says("no server answers");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
    let long = "x".repeat(200);
    let fourth = Ntpd::begin(&other, &["--observe", "--socket", &long], &["-p", &nobody()]);
    fourth.says("unable to listen at xxx");
    fourth.says("no server answers");
}

#[test]
fn root_makes_no_socket_where_others_may_write() {
    let dir = dir();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let is_root = fs::metadata(dir.path()).unwrap().uid() == 0;
    let observer = Ntpd::observer(&dir, &["-p", &nobody()]);
    observer.says("no server answers");
    assert_eq!(dir.path().join("s").exists(), !is_root);
    if is_root {
        let line = observer.says("unable to listen at s: ");
        assert!(line.contains(": others than root may write its directory;"), "{line}");
    }
}

/// It is not enough that the socket's own directory is closed: who may rename what is above it puts
/// another in its place.
#[test]
fn root_makes_no_socket_where_others_may_change_what_leads_there() {
    let dir = dir();
    let open = dir.path().join("open");
    fs::create_dir_all(open.join("closed")).unwrap();
    fs::create_dir(dir.path().join("safe")).unwrap();
    for (path, mode) in [(&open, 0o777), (&open.join("closed"), 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink(open.join("closed"), dir.path().join("link")).unwrap();
    symlink("safe", dir.path().join("known")).unwrap();
    let is_root = fs::metadata(dir.path()).unwrap().uid() == 0;
    for at in ["open/closed", "link", "known"] {
        let socket = format!("{at}/s");
        let begin = ["--observe", "--socket", &socket];
        let observer = Ntpd::begin(&dir, &begin, &["-p", &nobody()]);
        let there = || dir.path().join(&socket).exists();
        if is_root && at != "known" {
            let line = observer.says(&format!("unable to listen at {socket}: "));
            let why = format!(": others than root may write {};", open.display());
            assert!(line.contains(&why) && !there(), "{line}");
        } else {
            wait_for(&socket, there);
        }
        observer.leave();
    }
}

/// What the test is told on descriptor 3, which is a file here.
fn ready(dir: &TempDir, args: &[&str]) -> Ntpd {
    let mut command = Command::new("sh");
    let script = "exec 3>ready && exec \"$0\" --observe --socket s \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_ntpd")]).args(args);
    Ntpd::spawn(dir, command)
}

#[test]
fn ready_is_said_when_the_clock_is_right_and_not_before() {
    let dirs = [dir(), dir(), dir(), dir()];
    let (_right, right) = Ntpd::reference(&dirs[0], &[]);
    let (_wrong, wrong) = Ntpd::reference(&dirs[1], &["--serve-offset", "3"]);
    let told = |dir: &TempDir| fs::read_to_string(dir.path().join("ready")).unwrap();
    let late = ready(&dirs[2], &["--ready-within", "1s", "-p", &wrong]);
    let soon = ready(&dirs[3], &["--ready-within", "1s", "-p", &right]);
    assert_eq!(soon.says("ready:"), "ntpd: info: ready: the clock is within 1 s");
    assert_eq!(told(&dirs[3]), "\n");
    assert!(soon.asked(&[]).0.contains("\nready:       yes\n"));
    let open = fs::read_link(format!("/proc/{}/fd/3", soon.child.id()));
    assert!(!open.is_ok_and(|path| path.ends_with("ready")), "it is closed");
    late.says(" s slow, and nothing sets it");
    assert!(late.asked(&[]).0.contains("\nready:       not yet\n"));
    late.leave();
    assert_eq!(told(&dirs[2]), "");
}

#[test]
fn without_the_descriptor_nobody_is_told_and_time_goes_on() {
    let dir = dir();
    let args = ["--ready-within", "1s", "--ready-fd", "77", "-p", &nobody()];
    let observer = Ntpd::observer(&dir, &args);
    let line = observer.says("--ready-within");
    assert!(line.contains("unable to use descriptor 77: ") && line.ends_with("; nobody is told"));
    observer.says("no server answers");
}

#[test]
fn good_addresses_are_remembered_for_a_time_without_names() {
    let dirs = [dir(), dir()];
    let (_reference, address) = Ntpd::reference(&dirs[0], &[]);
    let port = address.rsplit(':').next().unwrap();
    let observer = Ntpd::observer(&dirs[1], &["-f", "d", "-p", &format!("localhost:{port}")]);
    observer.says("synchronised to localhost (127.0.0.1:");
    observer.leave();
    let kept = fs::read_to_string(dirs[1].path().join("d.last")).unwrap();
    assert!(
        kept.starts_with("time 1") && kept.contains("\naddress localhost 127.0.0.1\n"),
        "{kept}"
    );
    let forgotten = kept.replace("localhost", "time.invalid");
    fs::write(dirs[1].path().join("d.last"), forgotten).unwrap();
    let observer = Ntpd::observer(&dirs[1], &["-f", "d", "-p", &format!("time.invalid:{port}")]);
    observer.says("time.invalid has no address now; asking those that were good before");
    observer.says("synchronised to time.invalid (127.0.0.1:");
}
