//! What ours does otherwise, on purpose: the original loops, crashes or is deaf here.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use crate::suite::{Suite, counted, make, mode, old_files, read, run, scratch, text};
use crate::suite::{until, whole_log};
use crate::trouble::{raise_limit, start_limited, wait_for_size};

const FULL: &str = "multilog: warning: unable to write to ./m/current, pausing: file too big\n";

#[test]
fn a_full_disk_is_said_once_and_so_is_its_end() {
    let dir = scratch();
    let mut log = start_limited(&Suite::ours(), dir.path(), 4096, &["./m"]);
    log.write(counted(0, 50, 100));
    wait_for_size(&dir.path().join("m/current"), 4096);
    // Long enough for a second try.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    raise_limit(&log);
    let (status, said) = log.finish();
    assert!(status.success());
    let rest = said.strip_prefix(FULL).unwrap();
    assert!(rest.starts_with("multilog: warning: going on with ./m after "), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn term_ends_the_wait_for_a_full_disk_and_leaves_the_lines_in_the_pipe() {
    let dir = scratch();
    let script = ["./m", "-*", "+*9", "./other"];
    let mut log = start_limited(&Suite::ours(), dir.path(), 4096, &script);
    log.write(counted(0, 50, 100) + "half a line");
    wait_for_size(&dir.path().join("m/current"), 4096);
    log.signal("TERM");
    let (status, said, unread) = log.end_said_and_unread();
    assert_eq!(status.code(), Some(111));
    let fatal = "multilog: fatal: unable to write to ./m/current: file too big; \
                 its lines stay in the pipe\n";
    assert!(said.ends_with(fatal), "{said}");
    assert_eq!(unread, counted(0, 50, 100) + "half a line");
    // An outage for this log, a clean end for the other; the next multilog has it all to write.
    assert_eq!(mode(dir.path().join("m/current")), 0o644);
    assert_eq!(read(dir.path().join("m/current")), "");
    assert_eq!(mode(dir.path().join("other/current")), 0o744);
    assert_eq!(read(dir.path().join("other/current")), "");
    Suite::ours().log(dir.path(), &script, unread);
    assert_eq!(whole_log(&dir.path().join("m")), counted(0, 50, 100) + "half a line\n");
    assert_eq!(read(dir.path().join("other/current")).lines().count(), 5);
}

#[test]
fn a_directory_that_is_called_an_old_file_ends_no_pruning() {
    let dir = scratch();
    let logs = dir.path().join("m");
    fs::create_dir_all(logs.join("@400000000000000000000000.s")).unwrap();
    let mut log = Suite::ours().start(dir.path(), &["s4096", "n3", "./m"]);
    log.write(counted(0, 500, 100));
    let (status, said) = log.finish();
    assert!(status.success());
    let names = fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name());
    let old = names.filter(|name| name.to_string_lossy().starts_with('@'));
    assert_eq!(old.count(), 3);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("remove ./m/@400000000000000000000000.s: "), "{said}");
}

#[test]
fn a_rotation_that_fails_waits_and_goes_on() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["s4096", "./m"]);
    until("it has begun", || logs.join("current").exists());
    fs::create_dir(logs.join("previous")).unwrap();
    log.write(counted(0, 30, 100));
    wait_for_size(&logs.join("current"), 2100);
    fs::remove_dir(logs.join("previous")).unwrap();
    let (status, said) = log.finish();
    assert!(status.success(), "{said}");
    assert_eq!(whole_log(&logs), counted(0, 30, 100));
    assert_eq!(old_files(&logs).len(), 1);
}

#[test]
fn term_ends_the_wait_for_a_rotation() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["s4096", "./m"]);
    until("it has begun", || logs.join("current").exists());
    fs::create_dir(logs.join("previous")).unwrap();
    log.write(counted(0, 30, 100));
    wait_for_size(&logs.join("current"), 2100);
    log.signal("TERM");
    let (status, said, unread) = log.end_said_and_unread();
    assert_eq!(status.code(), Some(111));
    assert!(said.contains("multilog: fatal: unable to give a label to ./m/previous: "), "{said}");
    assert_eq!(unread, counted(21, 30, 100));
    fs::remove_dir(logs.join("previous")).unwrap();
    Suite::ours().log(dir.path(), &["./m"], unread);
    assert_eq!(whole_log(&logs), counted(0, 30, 100));
}

#[test]
fn a_log_directory_that_cannot_be_written_is_waited_for() {
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        println!("SKIPPED: root may write everywhere");
        return;
    }
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["s4096", "./m"]);
    until("it has begun", || logs.join("current").exists());
    fs::set_permissions(&logs, fs::Permissions::from_mode(0o500)).unwrap();
    log.write(counted(0, 30, 100));
    wait_for_size(&logs.join("current"), 2100);
    fs::set_permissions(&logs, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(log.finish().0.success());
    assert_eq!(whole_log(&logs), counted(0, 30, 100));
}

#[test]
fn a_line_that_never_ends_does_not_hold_up_the_end() {
    let dir = scratch();
    let mut log = Suite::ours().start(dir.path(), &["./m"]);
    log.write("one\ntw");
    until("the line is there", || {
        fs::read(dir.path().join("m/current")).is_ok_and(|c| c == b"one\n")
    });
    log.signal("TERM");
    let (status, unread) = log.end_and_unread();
    assert_eq!((status.code(), unread.as_str()), (Some(0), ""));
    assert_eq!(read(dir.path().join("m/current")), "one\ntw\n");
    assert_eq!(mode(dir.path().join("m/current")), 0o744);
}

#[test]
fn no_old_file_is_replaced_and_none_comes_before_it_when_the_clock_goes_back() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let ours = Suite::ours();
    ours.log(dir.path(), &["./m"], "");
    let ahead = "@4000000fffffffff3b9ac9ff.s";
    make(logs.join(ahead), 0o744, "from a clock ahead of ours\n");
    let lines = counted(0, 200, 100);
    ours.log(dir.path(), &["s4096", "n100", "./m"], &lines);
    assert_eq!(whole_log(&logs), format!("from a clock ahead of ours\n{lines}"));
    assert!(old_files(&logs)[1].ends_with("@400000100000000000000000.s"));
    // And the one that goes first is the one that is oldest.
    ours.log(dir.path(), &["s4096", "n3", "./m"], &lines);
    assert!(!logs.join(ahead).exists() && whole_log(&logs).ends_with(&lines[18_000..]));
}

#[test]
fn a_label_that_is_taken_is_not_taken_again() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let ours = Suite::ours();
    ours.log(dir.path(), &["./m"], "");
    make(logs.join("@4000000fffffffff00000000.s"), 0o744, "0");
    let mut log = ours.start(dir.path(), &["s4096", "./m"]);
    log.write("one\n");
    wait_for_size(&logs.join("current"), 4);
    // The next two labels, by somebody else.
    for taken in 1..3 {
        make(logs.join(format!("@4000000fffffffff0000000{taken}.s")), 0o744, "taken");
    }
    log.signal("ALRM");
    let (status, said) = log.finish();
    assert!(status.success() && said.is_empty(), "{said}");
    let contents: Vec<String> = old_files(&logs).iter().map(read).collect();
    assert_eq!(contents, ["0", "taken", "taken", "one\n"]);
    assert!(logs.join("@4000000fffffffff00000003.s").exists());
}

#[test]
fn a_previous_that_somebody_has_put_there_is_not_replaced() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let ours = Suite::ours();
    ours.log(dir.path(), &["./m"], "one\n");
    make(logs.join("previous"), 0o644, "strange\n");
    ours.log(dir.path(), &["s4096", "./m"], counted(0, 21, 100));
    assert_eq!(whole_log(&logs), format!("strange\none\n{}", counted(0, 21, 100)));
}

#[test]
fn a_file_of_ours_that_somebody_has_linked_is_not_mistaken_for_one_with_a_label() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let ours = Suite::ours();
    ours.log(dir.path(), &["s4096", "./m"], counted(0, 20, 100));
    fs::hard_link(logs.join("current"), dir.path().join("backup")).unwrap();
    ours.log(dir.path(), &["s4096", "./m"], counted(20, 30, 100));
    assert_eq!(whole_log(&logs), counted(0, 30, 100));
}

#[test]
fn a_current_that_somebody_has_removed_does_not_stop_the_log() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["s4096", "./m"]);
    log.write("gone\n");
    wait_for_size(&logs.join("current"), 5);
    fs::remove_file(logs.join("current")).unwrap();
    log.write(counted(0, 42, 100));
    until("a new file is there", || logs.join("current").exists());
    let (status, said) = log.finish();
    assert!(status.success());
    assert_eq!(said, "multilog: warning: ./m/current was removed by somebody\n");
    assert!(counted(0, 42, 100).ends_with(&whole_log(&logs)) && !whole_log(&logs).is_empty());
}

#[test]
fn a_current_that_somebody_has_removed_does_not_hold_up_the_end() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = Suite::ours().start(dir.path(), &["./m"]);
    log.write("gone\n");
    wait_for_size(&logs.join("current"), 5);
    fs::remove_file(logs.join("current")).unwrap();
    assert!(log.finish().0.success());
}

#[test]
fn an_old_file_that_cannot_be_removed_does_not_stop_the_log() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let ours = Suite::ours();
    ours.log(dir.path(), &["./m"], "");
    fs::create_dir(logs.join("@300000000000000000000000.s")).unwrap();
    let output = ours.multilog(dir.path(), &["s4096", "n2", "./m"], counted(0, 90, 100));
    assert!(output.status.success());
    let said = text(&output.stderr);
    let sentence = "unable to remove ./m/@300000000000000000000000.s: is a directory";
    assert_eq!(said, format!("multilog: warning: {sentence}\n"));
}

#[test]
fn an_input_that_cannot_be_read_is_said() {
    let dir = scratch();
    let mut command = Suite::ours().tool("multilog", dir.path());
    let output = command.arg("./m").stdin(fs::File::open("/").unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(111));
    let expected = "multilog: fatal: unable to read standard input: is a directory\n";
    assert_eq!(text(&output.stderr), expected);
    assert_eq!(mode(dir.path().join("m/current")), 0o744);
}

#[test]
fn a_broken_standard_error_does_not_stop_the_log() {
    let dir = scratch();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Suite::ours().tool("multilog", dir.path());
    let output = run(command.args(["e", "./m"]).stderr(writer), "one\ntwo\n");
    assert!(output.status.success());
    assert_eq!(read(dir.path().join("m/current")), "one\ntwo\n");
}

/// `tai64nlocal` over this input, with this limit on its memory.
fn local(dir: &Path, input: impl AsRef<[u8]>) -> Vec<u8> {
    let tool = Suite::ours().tool("tai64nlocal", dir);
    let mut limited = Command::new("prlimit");
    limited.arg("--as=40000000").arg("--").arg(tool.get_program()).args(tool.get_args());
    let output = run(limited.env("TZ", "UTC0"), input);
    assert!(output.status.success(), "{:?} {}", output.status, text(&output.stderr));
    output.stdout
}

#[test]
fn tai64nlocal_survives_every_label() {
    let dir = scratch();
    let odd = [
        "@\n",
        "@ \n",
        "@hello\n",
        "@4000\n",
        "@4000000037c219bf2ef02e9\n",
        "@4000000037c219bf2ef02e94a\n",
        "@4000000037c219bf2ef02e940000000000000\n",
        "@00000000000000000000000000\n",
        "@000000000000000000000000\n",
        "@ffffffffffffffffffffffff x\n",
        "@7fffffffffffffff3b9ac9ff x\n",
        "@4000000037C219BF2EF02E94\n",
        "@@4000000037c219bf2ef02e94\n",
    ];
    for line in odd {
        assert_eq!(text(&local(dir.path(), line)), line);
    }
    let all = odd.concat();
    assert_eq!(text(&local(dir.path(), &all)), all);
}

#[test]
fn tai64nlocal_loses_nothing_when_the_input_ends_within_a_label() {
    let dir = scratch();
    let text_of = |input: &str| text(&local(dir.path(), input));
    assert_eq!(text_of("one\n@4000000037"), "one\n@4000000037");
    assert_eq!(text_of("one\n@4000000037c219bf2ef02e94"), "one\n1999-08-24 04:04:05.787492500");
}

#[test]
fn a_line_of_any_length_needs_no_memory() {
    let dir = scratch();
    let line = [b"@4000000037c219bf2ef02e94 ".as_slice(), &vec![b'x'; 60_000_000], b"\n"].concat();
    let shown = local(dir.path(), &line);
    assert_eq!(shown.len(), line.len() + "1999-08-24 04:04:05.787492500".len() - 25);
}

#[test]
fn a_reader_that_leaves_ends_a_filter_as_it_ends_the_original() {
    let dir = scratch();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Suite::ours().tool("tai64n", dir.path());
    let child = command.stdin(fs::File::open("/proc/self/status").unwrap()).stdout(writer);
    let output = child.output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGPIPE));
    assert_eq!(text(&output.stderr), "");
}
