//! Ours runs processors beside the log: one that is slow, fails or hangs holds up no line.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::suite::{
    Running, Suite, counted, listing, listing_at_work, make, names, old_files, read, scratch, text,
    until, whole_log,
};

/// So many lines of 100 bytes end a file of 4096.
const LINES: usize = 21;

/// The codes of the old files, oldest first.
fn codes(logs: &Path) -> String {
    let code = |name: &String| name.starts_with('@').then(|| name.chars().last().unwrap());
    names(logs).iter().filter_map(code).collect()
}

#[test]
fn lines_are_written_while_a_processor_hangs_and_term_ends_it() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let hangs = "!echo $$ >../pid; exec sleep 1000";
    let mut log = Suite::ours().start(dir.path(), &["s4096", "n20", hangs, "./m"]);
    let lines = counted(0, 5 * LINES, 100);
    log.write(&lines);
    until("all of it is there", || codes(&logs) == "uuuuu");
    assert_eq!(whole_log(&logs), lines);
    until("the processor runs", || fs::read(dir.path().join("pid")).is_ok_and(|p| !p.is_empty()));
    log.signal("TERM");
    let (status, said) = log.end();
    assert!(status.success(), "{said}");
    assert_eq!(said, "multilog: warning: 5 files in ./m are not processed\n");
    let pid = read(dir.path().join("pid"));
    // Where nobody reaps orphans what has ended stays in /proc.
    let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    until("nothing of it is left", || stat().is_empty() || stat().contains(") Z "));
    Suite::ours().log(dir.path(), &["n20", "./m"], "later\n");
    assert_eq!(whole_log(&logs), lines + "later\n");
}

#[test]
fn files_that_waited_are_processed_in_order_and_keep_their_labels() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let count = "!while [ ! -e ../go ]; do sleep 0.01; done; n=$(cat <&4); \
                 echo $((n + 1)) >&5; echo $n; cat";
    let mut log = Suite::ours().start(dir.path(), &["s4096", "n20", count, "./m"]);
    log.write(counted(0, 4 * LINES, 100));
    until("all of it is there", || codes(&logs) == "uuuu");
    let labels = |name: &std::path::PathBuf| name.file_stem().unwrap().to_owned();
    let before: Vec<_> = old_files(&logs).iter().map(labels).collect();
    fs::write(dir.path().join("go"), "").unwrap();
    until("they are processed", || codes(&logs) == "ssss");
    let after: Vec<_> = old_files(&logs).iter().map(labels).collect();
    assert_eq!(before, after);
    let (status, said) = log.finish();
    assert!(status.success() && said.is_empty(), "{said}");
    let lines = counted(0, 4 * LINES, 100);
    let files = lines.as_bytes().chunks(100 * LINES).map(text);
    let expected: Vec<_> =
        files.zip(["", "1", "2", "3"]).map(|(file, n)| format!("{n}\n{file}")).collect();
    assert_eq!(old_files(&logs).iter().map(read).collect::<Vec<_>>(), expected);
    assert_eq!(read(logs.join("state")), "4\n");
}

#[test]
fn no_file_is_pruned_before_a_processor_that_works_has_seen_it() {
    let dir = scratch();
    let seen = "!sleep 0.02; cat >>../seen";
    let lines = counted(0, 20 * LINES, 100);
    let output = Suite::ours().multilog(dir.path(), &["s4096", "n3", seen, "./m"], &lines);
    if text(&output.stderr).contains("takes more than 5 s: not waiting") {
        return println!("SKIPPED: this machine is too slow");
    }
    assert_eq!((output.status.success(), text(&output.stderr)), (true, String::new()));
    assert!(read(dir.path().join("seen")) == lines);
    assert_eq!(codes(&dir.path().join("m")), "ss");
}

#[test]
fn a_processor_that_hangs_is_waited_for_once_before_files_go() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["s4096", "n2", "!exec sleep 1000", "./m"]);
    let began = Instant::now();
    // To wait for each of so many files would take longer than any patience of these tests.
    let lines = counted(0, 60 * LINES, 100) + "end\n";
    log.write(&lines);
    let current = logs.join("current");
    until("the end is there", || fs::read(&current).is_ok_and(|log| log == b"end\n"));
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(5), "{waited:?}");
    assert_eq!(codes(&logs), "u");
    log.signal("TERM");
    let (status, said) = log.end();
    assert!(status.success(), "{said}");
    let slow = "multilog: warning: processor in ./m takes more than 5 s: not waiting\n";
    assert!(said.starts_with(slow) && said.lines().count() <= 61, "{said}");
}

#[test]
fn a_processor_that_fails_is_said_once_and_run_again() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let fails = "!test -e ../ok || { echo >../failed; exit 1; }; cat";
    let mut log = Suite::ours().start(dir.path(), &["s4096", "n20", fails, "./m"]);
    log.write(counted(0, 2 * LINES, 100));
    let failed = dir.path().join("failed");
    until("both files wait", || codes(&logs) == "uu" && failed.exists());
    fs::write(dir.path().join("ok"), "").unwrap();
    until("they are processed", || codes(&logs) == "ss");
    let (status, said) = log.finish();
    assert!(status.success());
    let failed = "multilog: warning: processor failed in ./m, pausing\n";
    assert_eq!(said, format!("{failed}multilog: warning: going on with the processor in ./m\n"));
    assert_eq!(whole_log(&logs), counted(0, 2 * LINES, 100));
}

#[test]
fn what_somebody_has_removed_before_its_turn_is_left_out() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let fails = "!test -e ../ok || { echo >../failed; exit 1; }; cat";
    let mut log = Suite::ours().start(dir.path(), &["s4096", "n20", fails, "./m"]);
    log.write(counted(0, 2 * LINES, 100));
    let failed = dir.path().join("failed");
    until("both files wait", || codes(&logs) == "uu" && failed.exists());
    fs::remove_file(&old_files(&logs)[0]).unwrap();
    fs::remove_file(logs.join("state")).unwrap();
    fs::write(dir.path().join("ok"), "").unwrap();
    let (status, said) = log.finish();
    assert!(status.success(), "{said}");
    assert!(said.contains(".u was removed and is not processed\n"), "{said}");
    assert_eq!(whole_log(&logs), counted(LINES, 2 * LINES, 100));
    let left = ["0744 @.s 2100", "0744 current 0", "0600 lock 0", "0644 state 0"];
    assert_eq!(listing(&logs), left);
}

#[test]
fn a_directory_at_each_step_of_a_processor() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let slow = "!echo half; while [ ! -e ../go ]; do sleep 0.01; done; echo new >&5; cat";
    let mut log = Suite::ours().start(dir.path(), &["s4096", slow, "./m"]);
    let before = || listing_at_work(&logs);
    until("it is open", || before() == ["0644 current 0", "0600 lock 0", "0644 state 0"]);
    log.write(counted(0, LINES, 100));
    let running = [
        "0744 @.u 2100",
        "0644 current 0",
        "0600 lock 0",
        "0644 newstate 0",
        "0644 processed 5",
        "0644 state 0",
    ];
    until("the processor runs", || before() == running);
    fs::write(dir.path().join("go"), "").unwrap();
    let done = ["0744 @.s 2105", "0644 current 0", "0600 lock 0", "0644 state 4"];
    until("it has ended", || before() == done);
    assert!(log.finish().0.success());
    assert_eq!(listing(&logs), ["0744 @.s 2105", "0744 current 0", "0600 lock 0", "0644 state 4"]);
}

#[test]
fn a_processor_that_outlives_its_logger_disturbs_no_later_one() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let stays = "!while [ ! -e ../go ]; do sleep 0.01; done; cat; echo stray; echo stray >&5; \
                 echo >../gone";
    let mut first = Suite::ours().start(dir.path(), &["s4096", stays, "./m"]);
    let lines = counted(0, 2 * LINES, 100);
    first.write(&lines[..100 * LINES]);
    first.input = None;
    until("it waits for the processor", || {
        logs.join("current").exists()
            && listing(&logs).contains(&"0744 current 0".to_owned())
            && logs.join("newstate").exists()
    });
    first.signal("KILL");
    let slow = "!cat; echo state >&5; while [ ! -e ../gone ]; do sleep 0.01; done";
    let mut second = Suite::ours().start(dir.path(), &["s4096", slow, "./m"]);
    second.write(&lines[100 * LINES..]);
    let state = || fs::read_to_string(logs.join("newstate")).unwrap_or_default();
    until("the second processor runs", || state() == "state\n");
    fs::write(dir.path().join("go"), "").unwrap();
    let (status, said) = second.finish();
    assert!(status.success() && said.is_empty(), "{said}");
    assert!(!first.end().0.success());
    assert_eq!(whole_log(&logs), lines);
    assert_eq!((codes(&logs).as_str(), read(logs.join("state")).as_str()), ("ss", "state\n"));
}

/// A log directory after an outage: a file that was on its way to a processor, one that was cut
/// off, one that a processor had made and that had not got its name yet, and one that is done.
fn after_an_outage(dir: &Path) -> std::path::PathBuf {
    let logs = dir.join("m");
    fs::create_dir(&logs).unwrap();
    for (nanos, code, mode, content) in [
        (1, 's', 0o744, "done\n"),
        (2, 'u', 0o744, "whole\n"),
        (3, 'u', 0o654, "made\n"),
        (4, 'u', 0o644, "cut off\n"),
    ] {
        make(logs.join(format!("@400000003b4a39c20000000{nanos}.{code}")), mode, content);
    }
    make(logs.join("current"), 0o644, "newest\n");
    logs
}

#[test]
fn what_is_no_file_and_never_ends_is_left_alone_by_the_processor() {
    let dir = scratch();
    let logs = after_an_outage(dir.path());
    symlink("/dev/zero", logs.join("@400000003b4a39c200000000.u")).unwrap();
    Suite::ours().log(dir.path(), &["n20", "!sed 's/^/x/'", "./m"], "");
    assert_eq!(codes(&logs), "usssss");
}

#[test]
fn what_an_outage_has_left_is_processed_at_the_next_start_and_once() {
    let dir = scratch();
    let logs = after_an_outage(dir.path());
    let script = ["n20", "!sed 's/^/x/'", "./m"];
    for more in ["", "later\n"] {
        Suite::ours().log(dir.path(), &script, more);
    }
    let contents: Vec<_> = old_files(&logs).iter().map(read).collect();
    assert_eq!(contents, ["done\n", "xwhole\n", "made\n", "xcut off\n", "xnewest\n"]);
    assert!(listing(&logs)[..5].iter().all(|file| file.starts_with("0744 @.s ")), "{logs:?}");
    assert_eq!(read(logs.join("current")), "later\n");
}

#[test]
fn what_waits_is_left_as_it_is_where_there_is_no_processor() {
    let dir = scratch();
    let logs = after_an_outage(dir.path());
    Suite::ours().log(dir.path(), &["n20", "./m"], "");
    assert_eq!(codes(&logs), "suuuu");
    assert_eq!(whole_log(&logs), "done\nwhole\nmade\ncut off\nnewest\n");
}

#[test]
fn wherever_a_logger_is_killed_each_file_is_processed_and_no_result_of_that_again() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let (unread, mut input) = std::io::pipe().unwrap();
    let lines = counted(0, 60 * LINES, 100);
    let start = || {
        let mut command = Suite::ours().tool("multilog", dir.path());
        command.args(["s4096", "n1000", "!sed 's/^/x/'", "./m"]);
        Running::on(command.stdin(unread.try_clone().unwrap()))
    };
    for (turn, more) in lines.as_bytes().chunks(500 * LINES).enumerate() {
        let log = start();
        input.write_all(more).unwrap();
        until("more is processed", || codes(&logs).matches('s').count() >= 4 * turn + turn % 4);
        log.signal("KILL");
        log.end();
    }
    drop(input);
    let (status, said) = start().end();
    assert!(status.success() && said.is_empty(), "{said}");
    let processed: String = old_files(&logs).iter().map(read).collect();
    let kept = processed + "x" + &read(logs.join("current")).replace('\n', "\nx");
    let expected = "x".to_owned() + &lines.replace('\n', "\nx");
    assert!(kept == expected, "{:?}", listing(&logs));
    assert!(!codes(&logs).contains('u'));
}
