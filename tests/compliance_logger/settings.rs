//! Words with `%`, and what a log does for itself: lines that are dropped and counted, files that
//! end by age, bounded directories, a `current` or a directory that somebody has removed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::suite::{
    Suite, counted, make, names, old_files, read, run, scratch, text, until, whole_log,
};
use crate::trouble::{raise_limit, start_limited, wait_for_size};

#[test]
fn a_setting_that_is_not_known_is_asked_wrongly() {
    let dir = scratch();
    for (word, said) in [
        ("%ful=drop", "%ful=drop is no setting; there are %full, %age"),
        ("%age=often", "%age=often is not understood: %age= takes a time"),
        ("%rate=0", "%rate=0 is not understood: %rate= takes one line or more"),
    ] {
        let output = Suite::ours().multilog(dir.path(), &[word, "./m"], "");
        assert_eq!(output.status.code(), Some(100));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
        assert!(names(dir.path()).is_empty());
    }
}

#[test]
fn the_original_leaves_settings_out() {
    let Some(theirs) = Suite::theirs() else { return };
    let dir = scratch();
    theirs.log(dir.path(), &["%full=drop", "%age=1d", "./m"], "one\n");
    assert_eq!(read(dir.path().join("m/current")), "one\n");
}

#[test]
fn lines_that_cannot_be_written_are_dropped_and_counted() {
    let dir = scratch();
    let current = dir.path().join("m/current");
    let mut log = start_limited(&Suite::ours(), dir.path(), 4096, &["%full=drop", "./m"]);
    log.write(counted(0, 10, 100));
    wait_for_size(&current, 1000);
    // More than every buffer holds: the writer is not held up.
    log.write(counted(10, 9000, 100));
    log.write("the last that is lost\n");
    until("all of it is read", || log.unread_len() == 0);
    raise_limit(&log);
    // Some may have been told of before: a count is shorter than a line, and had room still.
    until("all of it is there or told", || accounted(&read(&current)) == 9001);
    log.write("after\n");
    let (status, said) = log.finish();
    assert!(status.success(), "{said}");
    let log = whole_log(&dir.path().join("m"));
    let told = |line: &&str| line.starts_with("multilog: warning: ");
    assert_eq!(accounted(&log), 9002);
    let sentence = " lines are lost: unable to write to ./m/current: file too big";
    assert!(log.lines().filter(told).all(|line| line.ends_with(sentence)), "{log}");
    assert!(log.starts_with(&counted(0, 10, 100)) && log.ends_with("\nafter\n"));
    assert!(log.lines().all(|line| line.len() == 99 || line == "after" || told(&line)));
    assert!(said.lines().count() < 20, "{said}");
}

#[test]
fn lines_that_are_still_dropped_at_the_end_are_counted_on_standard_error() {
    let dir = scratch();
    let mut log = start_limited(&Suite::ours(), dir.path(), 4096, &["%full=drop", "./m"]);
    let full = counted(0, 1, 4090);
    log.write(&full);
    wait_for_size(&dir.path().join("m/current"), 4090);
    log.write(counted(0, 50, 100));
    until("it is read", || log.unread_len() == 0);
    log.signal("TERM");
    let (status, said) = log.end();
    assert_eq!(status.code(), Some(111));
    let sentence = "unable to write to ./m/current: file too big; 50 lines for ./m are lost\n";
    assert!(said.ends_with(sentence), "{said}");
    assert_eq!(read(dir.path().join("m/current")), full, "no half lines");
}

/// Runs a script in a mount namespace of its own, in a full disk; where that may not be, nothing.
fn in_small_disk(script: &str, input: &str) -> Option<String> {
    let dir = scratch();
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-ec"]);
    command.arg(format!("mount -t tmpfs -o size=512k none . && cd \"$PWD\" && {script}"));
    let elsewhere = scratch();
    make(elsewhere.path().join("said"), 0o600, "");
    command.env("MULTILOG", env!("CARGO_BIN_EXE_keepup")).current_dir(dir.path());
    command.env("SAID", elsewhere.path().join("said"));
    let output = run(command.stderr(std::process::Stdio::piped()), input);
    if text(&output.stderr).contains("unshare:") || text(&output.stderr).contains("mount:") {
        println!("SKIPPED: no mount namespaces: {}", text(&output.stderr));
        return None;
    }
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn the_oldest_files_make_room_on_a_full_disk() {
    let input = counted(0, 20_000, 100);
    let script = "\"$MULTILOG\" multilog %full=oldest s50000 n1000 ./m && cat m/@* m/current";
    let Some(log) = in_small_disk(script, &input) else { return };
    assert!(input.ends_with(&log), "the newest lines stay, and none is lost in between");
    assert!(log.len() > 300_000, "{}", log.len());
}

#[test]
fn a_directory_that_is_called_an_old_file_keeps_no_room() {
    let input = counted(0, 20_000, 100);
    let odd = "m/@400000000000000000000000.s";
    let log = "\"$MULTILOG\" multilog %full=oldest s50000 n1000 ./m";
    let script = format!("mkdir -p {odd} && {log} && rmdir {odd} && cat m/@* m/current");
    let Some(log) = in_small_disk(&script, &input) else { return };
    assert!(input.ends_with(&log) && log.len() > 300_000, "{}", log.len());
}

/// A disk that is full at the start and is freed once multilog has said so; what it says is in the
/// file `$SAID`, on another disk.
const FREED: &str = "head -c 440000 /dev/zero >ballast; \
    (until grep -q 'unable to write' \"$SAID\"; do sleep 0.1; done; rm ballast) & ";

#[test]
fn a_full_disk_that_is_freed_has_lost_nothing() {
    let input = counted(0, 3000, 100);
    let log = "\"$MULTILOG\" multilog t s50000 n1000 ./m 2>\"$SAID\"";
    let script = format!("{FREED} {log} && cat m/@* m/current");
    let Some(log) = in_small_disk(&script, &input) else { return };
    let bare: String = log.split_inclusive('\n').map(|line| &line[26..]).collect();
    assert!(bare == input);
}

#[test]
fn a_full_disk_that_is_freed_has_each_line_or_its_count() {
    let input = counted(0, 3000, 100);
    let log = "\"$MULTILOG\" multilog %full=drop s50000 n1000 ./m 2>\"$SAID\"";
    // The writer goes on while the disk is full, and after.
    let after = "n=0; until [ ! -e ballast ] && grep -qx more m/current; \
                 do echo more; n=$((n+1)); sleep 0.1; done; echo $n after";
    let script = format!("{FREED} (cat; {after}) | {log} && cat m/@* m/current");
    let Some(log) = in_small_disk(&script, &input) else { return };
    let last = log.lines().next_back().and_then(|line| line.strip_suffix(" after"));
    let more: usize = last.and_then(|more| more.parse().ok()).unwrap_or_else(|| panic!("{log}"));
    assert_eq!(accounted(&log), 3000 + more + 1, "{log}");
    assert!(log.contains(" lines are lost: "), "{log}");
}

/// How many lines are in a log, or are said to be lost: `multilog: warning: 5 lines are lost`.
fn accounted(log: &str) -> usize {
    let count = |line: &str| match line.strip_prefix("multilog: warning: ") {
        Some(told) => told.split(' ').next().and_then(|lost| lost.parse().ok()).unwrap_or(0),
        None => 1,
    };
    log.lines().map(count).sum()
}

#[test]
fn a_file_ends_when_its_first_line_is_old_enough() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["%age=100ms", "./m", "%age=1h", "./other"]);
    for (number, line) in ["one\n", "two\n"].into_iter().enumerate() {
        log.write(line);
        until("the file has ended", || old_files(&logs).len() == number + 1);
        assert_eq!(read(&old_files(&logs)[number]), line);
    }
    // An empty file does not end, nor one that is young.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(old_files(&logs).len(), 2);
    assert!(old_files(&dir.path().join("other")).is_empty());
    assert!(log.finish().0.success());
}

#[test]
fn a_file_of_an_earlier_run_is_as_old_as_it_is() {
    let dir = scratch();
    let logs = dir.path().join("m");
    Suite::ours().log(dir.path(), &["./m"], "one\n");
    let current = fs::File::options().append(true).open(logs.join("current")).unwrap();
    current.set_modified(std::time::SystemTime::now() - Duration::from_hours(2)).unwrap();
    let log = Suite::ours().start(dir.path(), &["%age=1h", "./m"]);
    until("the file has ended", || old_files(&logs).len() == 1);
    assert!(log.finish().0.success());
}

#[test]
fn all_files_together_stay_within_their_total() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let lines = counted(0, 2000, 100);
    Suite::ours().log(dir.path(), &["s10000", "n1000", "%total=50k", "./m"], &lines);
    let kept = whole_log(&logs);
    assert!(lines.ends_with(&kept));
    assert!((41_200..=51_200 + 10_000).contains(&kept.len()), "{}", kept.len());
}

#[test]
fn settings_that_have_shrunk_hold_at_once() {
    let dir = scratch();
    let logs = dir.path().join("m");
    Suite::ours().log(dir.path(), &["s4096", "n100", "./m"], counted(0, 1000, 100));
    assert!(old_files(&logs).len() > 40);
    Suite::ours().log(dir.path(), &["n5", "./m"], "");
    assert_eq!(old_files(&logs).len(), 4);
    Suite::ours().log(dir.path(), &["n5", "%total=4k", "./m"], "");
    assert!(old_files(&logs).len() <= 1);
}

#[test]
fn what_was_written_is_synced_in_time() {
    if !Path::new("/usr/bin/strace").exists() {
        println!("SKIPPED: no strace");
        return;
    }
    let dir = scratch();
    let tool = Suite::ours().tool("multilog", dir.path());
    let mut command = Command::new("strace");
    command.args(["-o", "calls", "-e", "trace=fsync"]).arg(tool.get_program());
    command.args(tool.get_args()).args(["%sync=50ms", "./m"]);
    command.current_dir(dir.path()).stderr(std::process::Stdio::piped());
    let mut log = crate::suite::Running::start(&mut command);
    let syncs = || fs::read_to_string(dir.path().join("calls")).map_or(0, |c| c.lines().count());
    for number in 1..3 {
        log.write("one\n");
        until("it is synced", || syncs() == number);
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(syncs(), 2, "nothing new, no sync");
    assert!(log.finish().0.success());
}

#[test]
fn a_current_that_somebody_has_removed_is_begun_again() {
    let dir = scratch();
    let current = dir.path().join("m/current");
    let mut log = Suite::ours().start(dir.path(), &["./m"]);
    log.write("gone\n");
    wait_for_size(&current, 5);
    fs::remove_file(&current).unwrap();
    until("it is there again", || {
        log.write("again\n");
        fs::read(&current).is_ok_and(|log| log.ends_with(b"again\n"))
    });
    let (status, said) = log.finish();
    assert!(status.success());
    assert_eq!(said, "multilog: warning: ./m/current was removed by somebody\n");
}

#[test]
fn a_directory_that_somebody_has_removed_is_made_again() {
    let dir = scratch();
    let current = dir.path().join("m/current");
    let mut log = Suite::ours().start(dir.path(), &["./m"]);
    log.write("gone\n");
    wait_for_size(&current, 5);
    fs::remove_dir_all(dir.path().join("m")).unwrap();
    until("it is there again", || {
        log.write("again\n");
        fs::read(&current).is_ok_and(|log| log.ends_with(b"again\n"))
    });
    assert!(log.finish().0.success());
    // It is a log directory like any other.
    Suite::ours().log(dir.path(), &["./m"], "later\n");
    assert!(whole_log(&dir.path().join("m")).ends_with("again\nlater\n"));
}

#[test]
fn a_directory_that_cannot_be_opened_holds_up_no_other_where_lines_may_be_dropped() {
    let dir = scratch();
    fs::write(dir.path().join("m"), "in the way").unwrap();
    fs::write(dir.path().join("never"), "in the way").unwrap();
    fs::write(dir.path().join("intent"), "not ours").unwrap();
    let script = ["%full=drop", "./m", "./other", "%full=oldest", "./never"];
    let mut log = Suite::ours().start(dir.path(), &script);
    log.write(counted(0, 10, 100));
    wait_for_size(&dir.path().join("other/current"), 1000);
    fs::remove_file(dir.path().join("m")).unwrap();
    let current = dir.path().join("m/current");
    let whole = || fs::read_to_string(&current).unwrap_or_default();
    until("it is there, and told", || whole().contains("lines are lost"));
    log.write("after\n");
    until("it goes on", || whole().ends_with("\nafter\n"));
    log.signal("TERM");
    let (status, said) = log.end();
    assert_eq!(status.code(), Some(111));
    let reason = "unable to open directory ./m: not a directory";
    let told = format!("multilog: warning: 10 lines are lost: {reason}\nafter\n");
    assert_eq!(read(&current), told);
    assert_eq!(read(dir.path().join("other/current")), counted(0, 10, 100) + "after\n");
    let never = "unable to open directory ./never: not a directory";
    assert_eq!(
        said,
        format!(
            "multilog: warning: {reason}; dropping lines\n\
             multilog: warning: {never}; dropping lines\n\
             multilog: warning: going on with ./m: 10 lines are lost\n\
             multilog: fatal: {never}; 11 lines for ./never are lost\n"
        )
    );
    assert_eq!(read(dir.path().join("intent")), "not ours");
    assert!(!dir.path().join("lock").exists());
}

#[test]
fn a_directory_of_another_multilog_is_never_written_without() {
    let dir = scratch();
    let mut first = Suite::ours().start(dir.path(), &["./m"]);
    first.write("one\n");
    wait_for_size(&dir.path().join("m/current"), 4);
    let refused = Suite::ours().multilog(dir.path(), &["%full=drop", "./m"], "lost\n");
    assert_eq!(refused.status.code(), Some(111));
    let fatal = "multilog: fatal: unable to lock directory ./m: temporary failure: another \
                 multilog writes there\n";
    assert_eq!(text(&refused.stderr), fatal);
    assert!(first.finish().0.success());
    assert_eq!(read(dir.path().join("m/current")), "one\n");
}
