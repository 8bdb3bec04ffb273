//! svlog: what was written is what is read back, across files, rotations and processors.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use tai::Stamp;
use tempfile::TempDir;

/// Long enough for the slowest machine; no test waits so long unless it fails.
const PATIENCE: Duration = Duration::from_mins(3);

const LOGS: &str = "m";

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn ours(name: &str, dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keepup"));
    command.arg(name).current_dir(dir).env("TZ", "UTC0").env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What svlog prints, with success and without a complaint.
fn svlog(dir: &Path, args: &[&str]) -> String {
    let output = ours("svlog", dir).args(args).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

fn multilog(dir: &Path, script: &[&str], input: &[u8]) -> Output {
    let mut child = ours("multilog", dir).args(script).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

fn stamp(secs: u64) -> Stamp {
    Stamp::from_unix(Duration::from_secs(secs))
}

/// Makes an old file that was ended at this time.
fn old(dir: &Path, secs: u64, content: impl AsRef<[u8]>) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join(format!("{}.s", stamp(secs))), content).unwrap();
}

fn line(secs: u64, text: &str) -> String {
    format!("{} {text}\n", stamp(secs))
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(Duration::from_millis(5));
    }
}

fn counted(from: usize, to: usize) -> String {
    (from..to).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{number:040}").unwrap();
        lines
    })
}

/// A svlog that follows; it is ended with the test.
struct Following {
    child: Child,
    out: std::path::PathBuf,
}

impl Following {
    fn start(dir: &Path, args: &[&str]) -> Self {
        let out = dir.join("out");
        let mut command = ours("svlog", dir);
        command.arg("-f").args(args).stdout(File::create(&out).unwrap());
        Self { child: command.stderr(Stdio::inherit()).spawn().unwrap(), out }
    }

    fn shows(&self, wanted: &str) {
        let read = || fs::read_to_string(&self.out).unwrap();
        until("it is shown", || read().len() >= wanted.len());
        // What is doubled comes late.
        sleep(Duration::from_millis(50));
        let shown = read();
        let differs = shown.lines().zip(wanted.lines()).find(|(a, b)| a != b);
        assert!(shown == wanted, "{} bytes of {}: {differs:?}", shown.len(), wanted.len());
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Lines of any length, also such as are cut at the end of a file; runs that end well.
    #[test]
    fn what_multilog_wrote_is_read_back(
        runs in proptest::collection::vec(
            proptest::collection::vec(("[ -~]{0,9}", 0usize..3000), 0..30), 1..4,
        ),
        packed: bool,
    ) {
        let dir = scratch();
        let mut written = String::new();
        for run in runs {
            let mut input = String::new();
            for (word, len) in run {
                let len = if len > 2900 { 9000 } else { len };
                writeln!(input, "{word}{}", "x".repeat(len)).unwrap();
            }
            let script = ["s4096", "n1000", "!gzip", "./m"];
            let without: Vec<&str> =
                script.into_iter().filter(|word| packed || *word != "!gzip").collect();
            multilog(dir.path(), &without, input.as_bytes());
            written.push_str(&input);
        }
        prop_assert_eq!(svlog(dir.path(), &[LOGS]), written.as_str());
        let last: Vec<&str> = written.lines().rev().take(7).collect();
        let shown = svlog(dir.path(), &["-n", "7", LOGS]);
        prop_assert_eq!(shown.lines().rev().collect::<Vec<_>>(), last);
    }

    /// Stamps that rise and fall: the clock was set.
    #[test]
    fn times_choose_lines_and_leave_their_order(
        files in proptest::collection::vec((0u64..50, 1usize..6), 1..6), since in 0u64..60,
        until in 0u64..60,
    ) {
        let dir = scratch();
        let (mut all, mut label) = (Vec::new(), 0);
        for (from, count) in files {
            let times: Vec<u64> = (0..count as u64).map(|step| 1000 + from + step).collect();
            let lines: String = times.iter().map(|at| line(*at, "x") + "more\n").collect();
            label = times.iter().copied().max().unwrap().max(label + 1);
            old(&dir.path().join(LOGS), label, lines);
            all.extend(times);
        }
        let (since, until) = (1000 + since, 1000 + until);
        let expected: String = all.iter().filter(|at| (since..until).contains(at))
            .map(|at| line(*at, "x") + "more\n").collect();
        let times = [stamp(since).to_string(), stamp(until).to_string()];
        let shown = svlog(
            dir.path(), &["--raw", "--since", &times[0], "--until", &times[1], LOGS],
        );
        prop_assert_eq!(shown, expected);
    }
}

/// Follows a multilog with this script through more than a hundred rotations.
fn follows(script: &[&str]) {
    let dir = scratch();
    let mut log = ours("multilog", dir.path()).args(script).spawn().unwrap();
    let mut input = log.stdin.take().unwrap();
    input.write_all(counted(0, 10).as_bytes()).unwrap();
    until("it has begun", || svlog_or_nothing(dir.path()).len() == 410);
    let following = Following::start(dir.path(), &["-n", "1000", LOGS]);
    following.shows(&counted(0, 10));
    input.write_all(counted(10, 6000).as_bytes()).unwrap();
    drop(input);
    assert!(log.wait().unwrap().success());
    following.shows(&counted(0, 6000));
    assert!(fs::read_dir(dir.path().join(LOGS)).unwrap().count() > 100);
    // And through a new run of the logger.
    multilog(dir.path(), script, b"again\n");
    following.shows(&(counted(0, 6000) + "again\n"));
}

fn svlog_or_nothing(dir: &Path) -> Vec<u8> {
    ours("svlog", dir).arg(LOGS).output().unwrap().stdout
}

#[test]
fn a_log_is_followed_through_a_hundred_rotations() {
    follows(&["s4096", "n1000", "./m"]);
}

#[test]
fn a_log_is_followed_while_its_files_are_packed() {
    follows(&["s4096", "n1000", "!gzip", "./m"]);
}

#[test]
fn a_log_that_is_not_there_yet_is_waited_for_and_lines_are_shown_when_they_end() {
    let dir = scratch();
    let logs = dir.path().join("a/log/main");
    fs::create_dir_all(dir.path().join("a/log")).unwrap();
    fs::write(dir.path().join("a/log/run"), "#!/bin/sh\nexec multilog t ./main\n").unwrap();
    let following = Following::start(dir.path(), &["a"]);
    fs::create_dir(&logs).unwrap();
    let mut current = File::create(logs.join("current")).unwrap();
    current.write_all(b"one\ntw").unwrap();
    following.shows("one\n");
    current.write_all(b"o\n").unwrap();
    following.shows("one\ntwo\n");
    // An outage within a line: the next file does not go on with it.
    current.write_all(b"half").unwrap();
    fs::rename(logs.join("current"), logs.join(format!("{}.u", stamp(5)))).unwrap();
    fs::write(logs.join("current"), "three\n").unwrap();
    following.shows("one\ntwo\nhalf\nthree\n");
}

#[test]
fn logs_of_other_loggers_are_read_back() {
    for (program, config, args) in [
        ("s6-log", "", &["-b", "n1000", "s4096", "T", "./m"][..]),
        ("s6-log", "", &["-b", "t", "n1000", "s4096", "./m"]),
        ("svlogd", "s4096\nn1000\n", &["-ttt", "./m"]),
        ("/usr/bin/multilog", "", &["t", "n1000", "s4096", "./m"]),
    ] {
        let dir = scratch();
        let logs = dir.path().join(LOGS);
        if !config.is_empty() {
            fs::create_dir(&logs).unwrap();
            fs::write(logs.join("config"), config).unwrap();
        }
        let mut command = Command::new(program);
        command.args(args).current_dir(dir.path()).env("TZ", "UTC0").stdin(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            println!("SKIPPED: {program} is not installed");
            continue;
        };
        child.stdin.take().unwrap().write_all(counted(0, 900).as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(fs::read_dir(&logs).unwrap().count() > 5, "{program}");
        let shown = svlog(dir.path(), &["--since", "1h", LOGS]);
        let texts: String = shown
            .lines()
            .filter_map(|line| line.rsplit(' ').next())
            .flat_map(|text| [text, "\n"])
            .collect();
        assert_eq!(texts, counted(0, 900), "{program}");
        assert_eq!(svlog(dir.path(), &["--until", "1h", LOGS]), "");
    }
}

/// Seconds since 1970, of a JSON line.
fn unix(line: &str) -> f64 {
    let (_, rest) = line.split_once("\"unix\":").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn labels_of_s6_log_are_read_with_its_leap_seconds_and_sorted_between_multilogs() {
    let dir = scratch();
    let mut before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    for (name, number) in [("a", "1\n"), ("b", "2\n"), ("c", "3\n")] {
        let at = format!("./{name}");
        if name == "b" {
            let mut command = Command::new("s6-log");
            command.args(["-b", "t", &at]).current_dir(dir.path()).stdin(Stdio::piped());
            let Ok(mut child) = command.spawn() else {
                println!("SKIPPED: s6-log is not installed");
                return;
            };
            child.stdin.take().unwrap().write_all(number.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
        } else {
            multilog(dir.path(), &["t", &at], number.as_bytes());
        }
    }
    let shown = svlog(dir.path(), &["--json", "a", "b", "c"]);
    let order: Vec<_> = shown.lines().map(|line| line.chars().rev().nth(2).unwrap()).collect();
    assert_eq!(order, ['1', '2', '3'], "{shown}");
    for line in shown.lines() {
        assert!(unix(line) >= before - 0.5, "{line}");
        before = unix(line);
    }
    assert!(before <= SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64());
    let second = shown.lines().nth(1).unwrap();
    let label = second.split('"').nth(3).unwrap();
    assert_eq!(svlog(dir.path(), &["--since", label, "--raw", "b"]).lines().count(), 1);
    assert_eq!(svlog(dir.path(), &["--until", label, "--raw", "b"]), "");
    // A lock that nobody else may read is not s6-log's.
    fs::set_permissions(dir.path().join("b/lock"), Permissions::from_mode(0o600)).unwrap();
    let ahead = unix(&svlog(dir.path(), &["--json", "b"])) - unix(second);
    assert!((ahead - 27.0).abs() < 0.001, "{ahead}");
}

#[test]
fn who_follows_until_a_time_is_done_when_it_has_come() {
    let dir = scratch();
    multilog(dir.path(), &["t", "./m"], b"one\ntwo\n");
    let done = |until: &str| {
        let mut svlog = Following::start(dir.path(), &["--until", until, "--raw", LOGS]);
        let began = Instant::now();
        let status = loop {
            match svlog.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(began.elapsed() < PATIENCE, "it goes on"),
            }
            sleep(Duration::from_millis(5));
        };
        assert!(status.success());
        fs::read_to_string(&svlog.out).unwrap().lines().count()
    };
    assert_eq!(done("now"), 2);
    let later = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(2);
    assert_eq!(done(&Stamp::from_unix(later).to_string()), 2);
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap() >= later);
}

#[test]
fn each_packer_is_unpacked_by_what_the_file_begins_with() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    let mut expected = String::new();
    for (at, packer) in (1000..).zip(["gzip", "bzip2", "xz", "zstd"]) {
        let Ok(mut child) =
            Command::new(packer).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        else {
            println!("SKIPPED: {packer} is not installed");
            continue;
        };
        child.stdin.take().unwrap().write_all(line(at, packer).as_bytes()).unwrap();
        old(&logs, at, child.wait_with_output().unwrap().stdout);
        expected += &line(at, packer);
    }
    fs::write(logs.join("current"), line(2000, "plain")).unwrap();
    expected += &line(2000, "plain");
    assert_eq!(svlog(dir.path(), &["--raw", LOGS]), expected);
}

#[test]
fn a_packed_file_that_is_broken_is_said_and_the_rest_is_read() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    old(&logs, 1000, b"\x1f\x8b\x08broken");
    fs::write(logs.join("current"), "fine\n").unwrap();
    let output = ours("svlog", dir.path()).arg(LOGS).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(111), "fine\n".into()));
    let name = format!("m/{}.s", stamp(1000));
    let said = format!("svlog: warning: unable to read {name}: gzip cannot unpack it\n");
    assert_eq!(text(&output.stderr), said);
}

#[test]
fn services_are_found_by_name_and_shown_as_one() {
    let dir = scratch();
    let scan = dir.path().join("scan");
    fs::create_dir(&scan).unwrap();
    for (name, script, place) in [
        ("web", "exec setuidgid log multilog t ./somewhere\n", "log/somewhere"),
        ("db", "exec svlogd -tt ./main\n", "log/main"),
    ] {
        let service = dir.path().join("etc").join(name);
        fs::create_dir_all(service.join(place)).unwrap();
        fs::write(service.join("log/run"), format!("#!/bin/sh\n{script}")).unwrap();
        symlink(&service, scan.join(name)).unwrap();
    }
    let web = line(1, "one") + " at a\n" + &line(3, "three");
    fs::write(dir.path().join("etc/web/log/somewhere/current"), web).unwrap();
    let db = "1970-01-01_00:00:02.50000 two\n";
    fs::write(dir.path().join("etc/db/log/main/current"), db).unwrap();
    let expected = "1970-01-01 00:00:01.000000000 web: one\nweb:  at a\n\
                    1970-01-01_00:00:02.50000 db: two\n\
                    1970-01-01 00:00:03.000000000 web: three\n";
    assert_eq!(svlog(dir.path(), &["-s", "scan", "web", "db"]), expected);
    let flags_behind = svlog(dir.path(), &["web", "db", "-s", "scan"]);
    assert_eq!(flags_behind, expected);
    let alone = svlog(dir.path(), &["-s", "scan", "-n", "1", "scan/web/log"]);
    assert_eq!(alone, "1970-01-01 00:00:03.000000000 three\n");
    let last = svlog(dir.path(), &["-s", "scan", "-n", "2", "web", "db"]);
    assert_eq!(last.lines().collect::<Vec<_>>(), expected.lines().skip(2).collect::<Vec<_>>());
}

#[test]
fn a_service_without_a_log_is_said_and_the_others_are_shown() {
    let dir = scratch();
    let logs = dir.path().join("scan/web/log/main");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("current"), line(1, "one")).unwrap();
    for (name, run) in [("db", "db/run"), ("mail", "mail/log/run")] {
        let run = dir.path().join("scan").join(run);
        fs::create_dir_all(run.parent().unwrap()).unwrap();
        fs::write(run, "#!/bin/sh\nexec cat\n").unwrap();
        assert!(dir.path().join("scan").join(name).is_dir());
    }
    let run = |args: &[&str]| ours("svlog", dir.path()).args(args).output().unwrap();
    let db = "unable to find the log of db: it has no logger, and writes to where svscan's \
              messages go\n";
    let mail = "unable to find the log of mail: no log directory is there; svcheck mail may say \
                why\n";
    let several = run(&["-s", "scan", "db", "web", "mail"]);
    assert_eq!(text(&several.stdout), "1970-01-01 00:00:01.000000000 one\n");
    assert_eq!(several.status.code(), Some(111));
    let said = format!("svlog: warning: {db}svlog: warning: {mail}");
    assert_eq!(text(&several.stderr), said);
    let alone = run(&["-s", "scan", "db"]);
    assert_eq!(text(&alone.stderr), format!("svlog: fatal: {db}"));
    assert_eq!((alone.status.code(), alone.stdout.len()), (Some(111), 0));
}

#[test]
fn the_file_current_stands_for_its_directory() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("current"), line(2, "two")).unwrap();
    old(&logs, 1, line(1, "one"));
    let both = svlog(dir.path(), &[LOGS]);
    assert_eq!(both.lines().count(), 2);
    assert_eq!(svlog(dir.path(), &[&format!("{LOGS}/current")]), both);
    assert_eq!(svlog(&logs, &["current"]), both);
}

#[test]
fn a_line_goes_on_in_the_next_file_unless_that_begins_with_a_stamp() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    old(&logs, 1000, line(999, "begun").trim_end());
    old(&logs, 1001, " and ended\nmore\n".to_owned() + line(1001, "cut").trim_end());
    fs::write(logs.join("current"), line(1002, "next")).unwrap();
    let expected =
        [&line(999, "begun and ended"), "more\n", &line(1001, "cut"), &line(1002, "next")];
    assert_eq!(svlog(dir.path(), &["--raw", LOGS]), expected.concat());
    let since = stamp(1001).to_string();
    let shown = svlog(dir.path(), &["--raw", "--since", &since, LOGS]);
    assert_eq!(shown, expected[2..].concat());
}

#[test]
fn lines_without_a_stamp_have_the_time_of_the_one_before_also_in_the_file_before() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    old(&logs, 1001, line(999, "early") + &line(1001, "one"));
    old(&logs, 1002, "of one\n".to_owned() + &line(1002, "two"));
    let since = stamp(1000).to_string();
    let expected = [&line(1001, "one"), "of one\n", &line(1002, "two")].concat();
    assert_eq!(svlog(dir.path(), &["--raw", "--since", &since, LOGS]), expected);
    let until = stamp(1002).to_string();
    let shown = svlog(dir.path(), &["--raw", "--since", &since, "--until", &until, LOGS]);
    assert_eq!(shown, line(1001, "one") + "of one\n");
}

#[test]
fn texts_choose_lines() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    fs::create_dir(&logs).unwrap();
    let lines = ["Disk is full", "disk is fine", "all is well", "a400 is in the label"];
    let content: String = lines.iter().map(|text| line(1, text)).collect();
    fs::write(logs.join("current"), content).unwrap();
    let chosen = |args: &[&str]| -> Vec<usize> {
        let shown = svlog(dir.path(), &[args, &["--raw", LOGS]].concat());
        shown.lines().map(|it| lines.iter().position(|text| it.ends_with(text)).unwrap()).collect()
    };
    assert_eq!(chosen(&["-g", "disk"]), [1]);
    assert_eq!(chosen(&["-i", "-g", "disk"]), [0, 1]);
    assert_eq!(chosen(&["-g", "isk*full", "-g", "well"]), [0, 2]);
    assert_eq!(chosen(&["-v", "is f"]), [2, 3]);
    assert_eq!(chosen(&["-g", "is f", "-n", "1"]), [1]);
    assert_eq!(chosen(&["-g", "@400"]), [0; 0]);
}

#[test]
fn hostile_files_are_neither_waited_for_nor_followed_into() {
    let dir = scratch();
    let logs = dir.path().join(LOGS);
    old(&logs, 1000, "fine\n");
    fs::create_dir(logs.join(format!("{}.s", stamp(1001)))).unwrap();
    let fifo = logs.join("current");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_eq!(svlog(dir.path(), &[LOGS]), "fine\n");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let dir = scratch();
    multilog(dir.path(), &["s16777215", "./m"], counted(0, 20_000).as_bytes());
    let mut child = ours("svlog", dir.path()).arg(LOGS).spawn().unwrap();
    let mut first = [0; 41];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((text(&first), text(&output.stderr)), (counted(0, 1), String::new()));
}
