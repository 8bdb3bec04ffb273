//! svstat's lines in directories whose status the test has written itself.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Fake, Pair, Sandbox, Suite, code_of, each_suite, is_root, only_ours};

each_suite!(
    each_state_has_its_words,
    seconds_are_counted_from_the_stamp,
    a_stamp_from_before_all_time_is_many_seconds,
    a_short_record_is_a_bad_format_and_a_long_one_is_read,
    what_is_wrong_stands_in_the_line_and_the_exit_code_is_0,
    a_directory_one_may_not_enter_is_said_so,
    a_fifo_in_place_of_the_status_is_not_waited_for,
    names_are_printed_as_the_bytes_they_are,
    any_number_of_directories_has_a_line_each,
    without_directories_nothing_is_printed,
    two_free_descriptors_are_enough,
);

only_ours!(
    any_bytes_are_read_as_theirs_reads_them,
    a_thousand_services_are_few_writes,
    a_status_that_cannot_be_read_is_said_so,
    output_that_cannot_be_written_is_111,
    one_free_descriptor_is_enough,
);

/// TAI64 seconds of now.
fn now() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    (1 << 62) + 10 + unix
}

/// The bytes of a status, by hand: the contract is what is tested.
fn record(seconds: u64, pid: u32, paused: u8, want: u8) -> Vec<u8> {
    let mut bytes = seconds.to_be_bytes().to_vec();
    bytes.extend([0x02, 0x4e, 0xef, 0x4c]);
    bytes.extend(pid.to_le_bytes());
    bytes.extend([paused, want]);
    bytes
}

/// The line on `s`, without its name.
fn line(sandbox: &Sandbox, dir: &str) -> String {
    let ran = sandbox.tool("svstat", &[dir]);
    assert_eq!((ran.code, ran.complaint()), (0, String::new()));
    let text = ran.text();
    let line = text.strip_prefix(&format!("{dir}: ")).and_then(|rest| rest.strip_suffix('\n'));
    line.unwrap_or_else(|| panic!("not a line on {dir}: {text:?}")).to_owned()
}

fn each_state_has_its_words(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    let later = now() + 1_000_000; // what lies in the future is 0 seconds old
    let table = [
        ((7, 0, b'u', false), "up (pid 7) 0 seconds"),
        ((7, 0, b'd', false), "up (pid 7) 0 seconds, want down"),
        ((7, 0, 0, false), "up (pid 7) 0 seconds"),
        ((7, 1, b'u', false), "up (pid 7) 0 seconds, paused"),
        ((7, 2, b'u', false), "up (pid 7) 0 seconds, paused"),
        ((7, 0, b'u', true), "up (pid 7) 0 seconds, normally down"),
        ((7, 1, b'd', true), "up (pid 7) 0 seconds, normally down, paused, want down"),
        ((u32::MAX, 0, b'x', false), "up (pid 4294967295) 0 seconds"),
        ((0, 0, b'd', true), "down 0 seconds"),
        ((0, 0, 0, true), "down 0 seconds"),
        ((0, 0, 0, false), "down 0 seconds, normally up"),
        ((0, 0, b'd', false), "down 0 seconds, normally up"),
        ((0, 0, b'u', true), "down 0 seconds, want up"),
        ((0, 1, b'u', false), "down 0 seconds, normally up, want up"),
    ];
    for ((pid, paused, want, normally_down), expected) in table {
        fake.write("supervise/status", record(later, pid, paused, want));
        let _ = fs::remove_file(fake.path("down"));
        if normally_down {
            fake.write("down", "");
        }
        assert_eq!(line(sandbox, "s"), expected);
    }
}

fn seconds_are_counted_from_the_stamp(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    let since = now() - 1000;
    fake.write("supervise/status", record(since, 7, 0, b'u'));
    let line = line(sandbox, "s");
    let seconds = line.strip_prefix("up (pid 7) ").and_then(|rest| rest.strip_suffix(" seconds"));
    let seconds: u64 = seconds.and_then(|text| text.parse().ok()).unwrap_or_default();
    assert!((1000..=now() - since).contains(&seconds), "{line}");
}

fn a_stamp_from_before_all_time_is_many_seconds(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    for past in [0, 1, 2] {
        fake.write("supervise/status", record(past, 7, 0, b'u'));
        // The original counts in a double, which holds every 1024th number of this size.
        let near = |seconds: u64| format!("up (pid 7) {} seconds", (seconds + 512) / 1024 * 1024);
        let (before, line, after) = (now(), line(sandbox, "s"), now());
        assert!(line == near(before) || line == near(after), "{line}");
    }
}

fn a_short_record_is_a_bad_format_and_a_long_one_is_read(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    let whole = record(now() + 1_000_000, 7, 0, b'u');
    for short in 0..whole.len() {
        fake.write("supervise/status", &whole[..short]);
        assert_eq!(line(sandbox, "s"), "unable to read supervise/status: bad format");
    }
    let runit = [whole.as_slice(), &[0, 1]].concat();
    let encore = [whole.as_slice(), &[b'u'; 22]].concat();
    for whole in [whole, runit, encore] {
        fake.write("supervise/status", whole);
        assert_eq!(line(sandbox, "s"), "up (pid 7) 0 seconds");
    }
}

fn what_is_wrong_stands_in_the_line_and_the_exit_code_is_0(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    fake.write("supervise/status", record(now() + 1_000_000, 7, 0, b'u'));
    sandbox.resting("plain");
    Fake::unread(sandbox, "dead");
    let _bare = Fake::new(sandbox, "bare");
    let looped = Fake::new(sandbox, "loop");
    symlink("down", looped.path("down")).unwrap();
    let dirs = ["s", "nowhere", "plain/run", "plain", "dead", "bare", "loop", "", "s/"];
    let expected = "\
s: up (pid 7) 0 seconds
nowhere: unable to chdir: file does not exist
plain/run: unable to chdir: not a directory
plain: unable to open supervise/ok: file does not exist
dead: supervise not running
bare: unable to open supervise/status: file does not exist
loop: unable to stat down: symbolic link loop
: unable to chdir: file does not exist
s/: up (pid 7) 0 seconds
";
    sandbox.tool("svstat", &dirs).is(0, expected, "");
}

fn a_directory_one_may_not_enter_is_said_so(sandbox: &Sandbox) {
    if is_root() {
        return; // who may do all cannot be refused
    }
    let (_shut, _held) = (Fake::new(sandbox, "shut"), Fake::new(sandbox, "held"));
    sandbox.shell("chmod 0 shut held/supervise").is(0, "", "");
    let expected = "\
shut: unable to chdir: access denied
held: unable to open supervise/ok: access denied
";
    sandbox.tool("svstat", &["shut", "held"]).is(0, expected, "");
    sandbox.shell("chmod 700 shut held/supervise").is(0, "", "");
}

fn a_fifo_in_place_of_the_status_is_not_waited_for(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    sandbox.make_fifo(&fake.path("supervise/status"));
    assert_eq!(line(sandbox, "s"), "unable to read supervise/status: bad format");
}

fn names_are_printed_as_the_bytes_they_are(sandbox: &Sandbox) {
    let name = OsStr::from_bytes(b"a\xff\xfe\nb");
    let fake = Fake::new(sandbox, "s");
    fake.write("supervise/status", record(now() + 1_000_000, 7, 0, b'u'));
    symlink("s", sandbox.path("").join(name)).unwrap();
    let ran = sandbox.tool("svstat", &[name]);
    assert_eq!(ran.out, b"a\xff\xfe\nb: up (pid 7) 0 seconds\n");
}

fn any_number_of_directories_has_a_line_each(sandbox: &Sandbox) {
    const MANY: usize = 6000; // well beyond what is written at once
    let fake = Fake::new(sandbox, "s");
    fake.write("supervise/status", record(now() + 1_000_000, 7, 0, b'u'));
    let ran = sandbox.tool("svstat", &vec!["s"; MANY]);
    assert!(ran.text() == "s: up (pid 7) 0 seconds\n".repeat(MANY), "{} bytes", ran.out.len());
}

fn without_directories_nothing_is_printed(sandbox: &Sandbox) {
    sandbox.tool::<&str>("svstat", &[]).is(0, "", "");
}

fn two_free_descriptors_are_enough(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    fake.write("supervise/status", record(now() + 1_000_000, 7, 0, b'u'));
    let expected = "s: up (pid 7) 0 seconds\n".repeat(2);
    sandbox.shell("ulimit -n 5; exec svstat s s").is(0, &expected, "");
}

/// Statuses that nobody would write, of all lengths: both print the same.
fn any_bytes_are_read_as_theirs_reads_them(sandbox: &Sandbox) {
    const SERVICES: usize = 300;
    let theirs = Pair { tools: Suite::Theirs, daemon: Suite::Theirs };
    if let Some(why) = theirs.missing() {
        return crate::support::skipped(why);
    }
    let mut random = Random(0x6b03_46ad);
    let names: Vec<String> = (0..SERVICES).map(|n| format!("s{n}")).collect();
    let fakes: Vec<Fake> = names.iter().map(|name| Fake::new(sandbox, name)).collect();
    for fake in &fakes {
        fake.write("supervise/status", random.status());
        if random.below(2) == 0 {
            fake.write("down", "");
        }
    }
    let theirs = || sandbox.tool_of(Suite::Theirs, "svstat", &names).text();
    let (before, ours, after) = (theirs(), sandbox.tool("svstat", &names).text(), theirs());
    assert_eq!(ours.lines().count(), SERVICES);
    for ((before, ours), after) in before.lines().zip(ours.lines()).zip(after.lines()) {
        assert!(ours == before || ours == after, "{ours} but theirs: {after}");
    }
}

/// A seeded xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }

    /// Mostly a record of 18 bytes from some time near today.
    fn status(&mut self) -> Vec<u8> {
        let seconds = match self.below(4) {
            0 => self.below(u64::MAX),
            1 => now() + self.below(1000),
            _ => now() - self.below(100_000_000),
        };
        let pid = if self.below(2) == 0 { 0 } else { u32::try_from(self.below(1 << 32)).unwrap() };
        let want = [b'u', b'd', 0, self.byte()][usize::try_from(self.below(4)).unwrap()];
        let mut bytes = record(seconds, pid, u8::try_from(self.below(3)).unwrap(), want);
        if self.below(4) == 0 {
            bytes.resize(usize::try_from(self.below(40)).unwrap(), 0);
        }
        bytes
    }
}

fn a_thousand_services_are_few_writes(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    fake.write("supervise/status", record(now() + 1_000_000, 7, 0, b'u'));
    let (writer, reader) = UnixDatagram::pair().unwrap(); // each write is a datagram
    let mut command = sandbox.tool_command("svstat");
    command.args(vec!["s"; 1000]).stdout(OwnedFd::from(writer)).stderr(Stdio::null());
    assert_eq!(code_of(&mut command), 0);
    drop(command);
    reader.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let sizes: Vec<usize> = std::iter::from_fn(|| reader.recv(&mut buffer).ok())
        .take_while(|&length| length > 0)
        .collect();
    assert!(sizes.len() <= 2, "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 1000 * "s: up (pid 7) 0 seconds\n".len());
}

/// Theirs prints what it knows of the directory before (it takes -1 bytes for many).
fn a_status_that_cannot_be_read_is_said_so(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    fs::create_dir(fake.path("supervise/status")).unwrap();
    assert_eq!(line(sandbox, "s"), "unable to read supervise/status: is a directory");
}

/// Theirs says nothing and exits 0; but a reader that leaves is no failure.
fn output_that_cannot_be_written_is_111(sandbox: &Sandbox) {
    let fatal = "svstat: fatal: unable to write to standard output: out of disk space\n";
    sandbox.shell("exec svstat nowhere >/dev/full").is(111, "", fatal);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut command = sandbox.tool_command("svstat");
    command.arg("nowhere").stdout(writer).stderr(Stdio::null());
    let code = code_of(&mut command);
    assert!([0, 128 + libc::SIGPIPE].contains(&code), "{code}");
}

/// Theirs needs two: it keeps the directory it came from open.
fn one_free_descriptor_is_enough(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    fake.write("supervise/status", record(now() + 1_000_000, 7, 0, b'u'));
    sandbox.shell("ulimit -n 4; exec svstat s").is(0, "s: up (pid 7) 0 seconds\n", "");
}
