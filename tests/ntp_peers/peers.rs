//! The programs: theirs as servers, ours as a client that only observes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// One of the throw-away certificates.
pub(crate) fn certificate(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("crates/nts/tests/certificates").join(name);
    file.to_str().unwrap().to_owned()
}

/// A port that is free for both kinds of socket, and that no other test is given: it lies below
/// those that the kernel gives to whoever names none (ip(7), `ip_local_port_range`).
fn free_port() -> u16 {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    const RANGE: std::ops::Range<u16> = 12_000..32_000;
    let begin = std::process::id().wrapping_mul(97);
    for _ in RANGE {
        let count = u32::from(COUNT.fetch_add(1, Ordering::Relaxed));
        let offset = begin.wrapping_add(count) % u32::from(RANGE.end - RANGE.start);
        let port = RANGE.start + u16::try_from(offset).unwrap();
        let is_free = UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free {
            return port;
        }
    }
    panic!("no port is free");
}

fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// chronyd with a clock of stratum 3 that is the system's, which it may not touch (`-x`).
pub(crate) struct Chronyd {
    child: Child,
    dir: TempDir,
    pub(crate) port: u16,
    pub(crate) nts_port: u16,
}

impl Chronyd {
    pub(crate) fn with_keys(program: &Path, keys: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_secret(&dir.path().join("keys"), keys);
        let line = format!("keyfile {}\n", dir.path().join("keys").display());
        Self::start(program, dir, free_port(), 0, &line)
    }

    pub(crate) fn with_certificate(program: &Path, name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_secret(&dir.path().join("key"), &fs::read_to_string(certificate("s.key")).unwrap());
        let nts_port = free_port();
        let lines = format!(
            "ntsport {nts_port}\nntsservercert {}\nntsserverkey {}\nntsprocesses 0\n",
            certificate(name),
            dir.path().join("key").display()
        );
        Self::start(program, dir, free_port(), nts_port, &lines)
    }

    fn start(program: &Path, dir: TempDir, port: u16, nts_port: u16, lines: &str) -> Self {
        let alone = "bindcmdaddress /\ncmdport 0";
        let common = format!("bindaddress 127.0.0.1\n{alone}\nlocal stratum 3\nallow 127.0.0.1\n");
        let pid = dir.path().join("pid");
        let text = format!("port {port}\n{common}pidfile {}\n{lines}", pid.display());
        fs::write(dir.path().join("conf"), text).unwrap();
        let child = Self::run(program, &dir);
        let this = Self { child, dir, port, nts_port };
        this.wait();
        this
    }

    fn run(program: &Path, dir: &TempDir) -> Child {
        let mut command = Command::new(program);
        command.args(["-d", "-x", "-U", "-u", "root", "-f"]).arg(dir.path().join("conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Waits until it answers.
    fn wait(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let request = ntp::packet::request(ntp::time::Stamp(1));
        let end = Instant::now() + PATIENCE;
        let answers = || {
            let _ = socket.send_to(&request, ("127.0.0.1", self.port));
            socket.recv_from(&mut [0; 100]).is_ok()
        };
        let shakes =
            || self.nts_port == 0 || TcpStream::connect(("127.0.0.1", self.nts_port)).is_ok();
        while !(answers() && shakes()) {
            assert!(Instant::now() < end, "chronyd does not answer");
        }
    }

    /// The same at the same ports, with keys of its own that are new.
    pub(crate) fn again(mut self, program: &Path) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = fs::remove_file(self.dir.path().join("pid"));
        self.child = Self::run(program, &self.dir);
        self.wait();
        self
    }
}

impl Drop for Chronyd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// chronyd as a client that writes down what it measures, and may not touch the clock (`-x`).
pub(crate) struct Asking {
    child: Child,
    dir: TempDir,
}

impl Asking {
    pub(crate) fn with_key(program: &Path, port: u16, key: u32, keys: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_secret(&dir.path().join("keys"), keys);
        let text = format!(
            "server 127.0.0.1 port {port} key {key} iburst minpoll -2 maxpoll -2\nport 0\n\
             cmdport 0\nbindcmdaddress /\npidfile {0}/pid\nkeyfile {0}/keys\nlogdir {0}\n\
             log rawmeasurements\n",
            dir.path().display()
        );
        fs::write(dir.path().join("conf"), text).unwrap();
        let child = Chronyd::run(program, &dir);
        Self { child, dir }
    }

    /// By NTS; `more` are words of its configuration.
    pub(crate) fn by_nts(program: &Path, nts_port: u16, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "server localhost nts ntsport {nts_port} iburst minpoll -2 maxpoll -2 {more}\nport 0\n\
             cmdport 0\nbindcmdaddress /\npidfile {0}/pid\nlogdir {0}\nlog rawmeasurements\n\
             ntstrustedcerts {1}\nnosystemcert\n",
            dir.path().display(),
            certificate("ca.pem")
        );
        fs::write(dir.path().join("conf"), text).unwrap();
        let child = Chronyd::run(program, &dir);
        Self { child, dir }
    }

    /// Its first measurement, all of whose tests are passed: the fifth is that of the code.
    pub(crate) fn wait_for_a_good_one(&self) {
        let end = Instant::now() + PATIENCE;
        let log = self.dir.path().join("measurements.log");
        while !fs::read_to_string(&log).unwrap_or_default().contains(" 111 111 1111 ") {
            assert!(Instant::now() < end, "{}", fs::read_to_string(&log).unwrap_or_default());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our ntpd, which observes and says all.
pub(crate) struct Ours {
    child: Child,
    lines: Receiver<String>,
    _dir: TempDir,
}

impl Ours {
    pub(crate) fn new(config: &str) -> Self {
        Self::with_keys(config, "")
    }

    pub(crate) fn with_keys(config: &str, keys: &str) -> Self {
        Self::start(config, keys, &["-d"])
    }

    /// One that serves its own clock to who has these keys; and its port.
    pub(crate) fn serving(config: &str, keys: &str) -> (Self, u16) {
        Self::serving_with(config, keys, &[])
    }

    fn serving_with(config: &str, keys: &str, args: &[&str]) -> (Self, u16) {
        let config = format!("server 127.127.1.0\ntrustedkey (1 ... 9)\n{config}");
        let args = [&["--serve", "127.0.0.1:0"], args].concat();
        let mut ours = Self::start(&config, keys, &args);
        let line = ours.wait_for("serving the local clock on ");
        let port = line.split("127.0.0.1:").nth(1).unwrap().split(',').next().unwrap();
        (ours, port.parse().unwrap())
    }

    /// One that serves NTS as well, as localhost; and its ports: of the time, of handshakes.
    pub(crate) fn granting(config: &str) -> (Self, u16, u16) {
        Self::granting_with(config, &[])
    }

    /// The same, with these arguments.
    pub(crate) fn granting_with(config: &str, args: &[&str]) -> (Self, u16, u16) {
        let (certificate, key) = (certificate("good.pem"), certificate("s.key"));
        let nts = format!("nts enable port 0 cert {certificate} key {key}\n");
        let (mut ours, port) = Self::serving_with(&format!("{nts}{config}"), "", args);
        let line = ours.wait_for("serving NTS, hands are shaken on ");
        (ours, port, line.rsplit(':').next().unwrap().parse().unwrap())
    }

    /// Sends it SIGHUP.
    pub(crate) fn hang_up(&self) {
        let kill = Command::new("kill").arg("-HUP").arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn start(config: &str, keys: &str, args: &[&str]) -> Self {
        let (dir, conf) = configured(config, keys);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.arg("--observe").args(args).arg("-c").arg(conf);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            // Whoever asked has perhaps gone: then nobody wants the rest.
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        Self { child, lines, _dir: dir }
    }

    /// The next line that holds `part`; those before it are passed over.
    pub(crate) fn wait_for(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => passed.push(line),
                Err(error) => panic!("no line with {part:?} ({error}); there were {passed:#?}"),
            }
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configured(config: &str, keys: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (file, conf) = (dir.path().join("keys"), dir.path().join("conf"));
    write_secret(&file, keys);
    fs::write(&conf, format!("keys {}\n{config}", file.display())).unwrap();
    (dir, conf)
}

/// What our ntpd says beside an ntpsec that has these keys, both in namespaces of their own; or
/// SKIPPED where there are none to be had.
pub(crate) fn beside_ntpsec(program: &Path, keys: &str, config: &str) -> String {
    let (dir, ours) = configured(config, keys);
    let theirs = dir.path().join("theirs");
    write_secret(&dir.path().join("key"), &fs::read_to_string(certificate("s.key")).unwrap());
    let text = format!(
        "interface ignore wildcard\ninterface listen 127.0.0.1\ndisable ntp\nkeys {0}/keys\n\
         trustedkey 1 2 3 6\nnts enable\nnts key {0}/key\nnts cert {1}\nnts cookie {0}/cookies\n",
        dir.path().display(),
        certificate("good.pem")
    );
    fs::write(&theirs, text).unwrap();
    let script = "ip link set lo up || exit 77
        \"$1\" -n -c \"$2\" >/dev/null 2>&1 & theirs=$!
        \"$3\" --observe -q -c \"$4\" 2>&1
        kill $theirs; wait";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", script, "sh"]);
    command.arg(program).arg(theirs).arg(env!("CARGO_BIN_EXE_ntpd")).arg(ours);
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        println!("SKIPPED: there is no unshare");
        return "SKIPPED".to_owned();
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !said.contains("ntpd: ") {
        println!("SKIPPED: no namespace: {}", String::from_utf8_lossy(&output.stderr));
        return "SKIPPED".to_owned();
    }
    said
}

/// What an ntpsec has measured that asks our ntpd by NTS, both in namespaces of their own; or
/// SKIPPED where there are none to be had.
pub(crate) fn ntpsec_beside_us(program: &Path) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let nts = format!("nts enable cert {} key {}", certificate("good.pem"), certificate("s.key"));
    fs::write(&ours, format!("server 127.127.1.0\n{nts}\n")).unwrap();
    let text = format!(
        "interface ignore wildcard\ninterface listen 127.0.0.1\ndisable ntp\nnts ca {}\n\
         server localhost nts iburst minpoll 3\nstatsdir {}/\nstatistics peerstats\n\
         filegen peerstats file peerstats type none enable\n",
        certificate("ca.pem"),
        dir.path().display()
    );
    fs::write(&theirs, text).unwrap();
    let script = "ip link set lo up || exit 77
        \"$3\" --observe --serve 127.0.0.1:1123 -c \"$4\" 2>/dev/null & ours=$!
        \"$1\" -n -c \"$2\" >\"$5\" 2>&1 & theirs=$!
        for second in $(seq 120); do
            [ ! -s \"$6\" ] || break
            sleep 1
        done
        kill $theirs $ours; wait; cat \"$5\" \"$6\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", script, "sh"]);
    command.arg(program).arg(theirs).arg(env!("CARGO_BIN_EXE_ntpd")).arg(ours);
    command.arg(dir.path().join("log")).arg(dir.path().join("peerstats"));
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        println!("SKIPPED: there is no unshare");
        return "SKIPPED".to_owned();
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.is_empty() {
        println!("SKIPPED: no namespace: {}", String::from_utf8_lossy(&output.stderr));
        return "SKIPPED".to_owned();
    }
    said
}
