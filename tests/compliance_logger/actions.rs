//! What the actions of a script do with lines.

use std::fs;
use std::process::Stdio;

use crate::suite::{Suite, counted, mode, names, read, run, scratch, text};

on_both! {
    every_line_goes_into_current,
    a_last_line_without_an_end_gets_one,
    no_script_reads_all_and_says_nothing,
    unknown_actions_are_left_out,
    every_line_is_stamped_as_tai64n_does,
    t_counts_only_as_the_first_action,
    stars_are_as_short_as_they_can_be,
    patterns_see_the_stamp_and_a_thousand_bytes,
    actions_are_carried_out_in_order,
    alerts_show_the_first_200_bytes,
    a_status_file_holds_the_last_selected_line,
    what_cannot_begin_is_said_in_djbs_words,
    binary_and_long_lines_pass_to_the_byte,
}

fn every_line_goes_into_current(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["./a", "./b"], "one\n\ntwo\n");
    assert_eq!(read(dir.path().join("a/current")), "one\n\ntwo\n");
    assert_eq!(read(dir.path().join("b/current")), "one\n\ntwo\n");
    suite.log(dir.path(), &["./a"], "three\n");
    assert_eq!(read(dir.path().join("a/current")), "one\n\ntwo\nthree\n");
}

fn a_last_line_without_an_end_gets_one(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["./m"], "one\ntwo");
    suite.log(dir.path(), &["./m"], "");
    suite.log(dir.path(), &["./long"], "x".repeat(1000));
    assert_eq!(read(dir.path().join("m/current")), "one\ntwo\n");
    assert_eq!(read(dir.path().join("long/current")), "x".repeat(1000) + "\n");
}

fn no_script_reads_all_and_says_nothing(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &[], "one\ntwo");
    assert!(names(dir.path()).is_empty());
}

fn unknown_actions_are_left_out(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["xyz", "", "Z", "./m", "t", "--", "T"], "one\n");
    assert_eq!(read(dir.path().join("m/current")), "one\n");
}

/// Whether it is `@`, 24 lower-case hex digits and a space, and then `rest`.
fn is_stamped(line: &str, rest: &str) -> bool {
    line.starts_with("@4000000")
        && line[1..25].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && line[25..] == format!(" {rest}")
}

fn every_line_is_stamped_as_tai64n_does(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["t", "./m"], "one\n\nthree");
    let log = read(dir.path().join("m/current"));
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, rest) in lines.iter().zip(["one", "", "three"]) {
        assert!(is_stamped(line, rest), "{line}");
    }
    assert!(lines.is_sorted_by_key(|line| &line[..25]));
}

fn t_counts_only_as_the_first_action(suite: &Suite) {
    let dir = scratch();
    suite.log(dir.path(), &["./a", "t", "./b"], "one\n");
    suite.log(dir.path(), &["time", "./c"], "one\n");
    assert_eq!(read(dir.path().join("b/current")), "one\n");
    assert!(is_stamped(read(dir.path().join("c/current")).trim_end(), "one"));
}

fn stars_are_as_short_as_they_can_be(suite: &Suite) {
    let cases = [
        ("hello", "hello", true),
        ("hello", "hello world", false),
        ("hello*", "hello world", true),
        ("* one", "any one", true),
        ("* one", "  one", false),
        ("*ab", "aab", false),
        ("*", "", true),
        ("", "", true),
        ("", "x", false),
        ("**", "abc", false),
        ("**", "ab*c", true),
        ("***x", "a*bcx", true),
        ("***x", "abcx", false),
        ("a?c", "abc", false),
        ("[ab]", "a", false),
        ("\\*", "\\anything", true),
        ("named[*]: Cleaned cache *", "named[135]: Cleaned cache of 3121 RRs", true),
    ];
    for (pattern, line, matches) in cases {
        let dir = scratch();
        let select = format!("+{pattern}");
        suite.log(dir.path(), &["-*", &select, "./m"], format!("{line}\n"));
        let logged = read(dir.path().join("m/current")) == format!("{line}\n");
        assert_eq!(logged, matches, "{pattern:?} {line:?}");
    }
}

fn patterns_see_the_stamp_and_a_thousand_bytes(suite: &Suite) {
    let dir = scratch();
    let log = |name: &str| read(dir.path().join(name).join("current")).lines().count();
    suite.log(dir.path(), &["t", "-b", "./b", "-@* b", "./stamped"], "a\nb\nc\n");
    assert_eq!((log("b"), log("stamped")), (3, 2));
    let thousand = "x".repeat(1000);
    let input = format!("{thousand}\n{thousand}y\n{}\n", &thousand[1..]);
    suite.log(dir.path(), &[&format!("-{thousand}"), "./x"], input);
    assert_eq!(read(dir.path().join("x/current")), format!("{}\n", &thousand[1..]));
    let (fits, over) = (format!("-@* {}", &thousand[26..]), format!("{}yyy\n", &thousand[26..]));
    suite.log(dir.path(), &["t", &fits, "./t"], over);
    assert_eq!(log("t"), 0);
}

fn actions_are_carried_out_in_order(suite: &Suite) {
    let dir = scratch();
    let script = ["./all", "-*", "./none", "+b*", "./b", "-*x", "./but-x", "+*", "./again"];
    suite.log(dir.path(), &script, "a\nb\nbx\n");
    let log = |name: &str| read(dir.path().join(name).join("current"));
    let logs = [log("all"), log("none"), log("b"), log("but-x"), log("again")];
    assert_eq!(logs, ["a\nb\nbx\n", "", "b\nbx\n", "b\n", "a\nb\nbx\n"]);
}

fn alerts_show_the_first_200_bytes(suite: &Suite) {
    let dir = scratch();
    let (fits, long) = ("x".repeat(200), "y".repeat(1500));
    let output = suite.multilog(dir.path(), &["-no", "e"], format!("{fits}\n{long}\nno\nend"));
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), format!("{fits}\n{}...\nend\n", "y".repeat(200)));
}

fn a_status_file_holds_the_last_selected_line(suite: &Suite) {
    let dir = scratch();
    let status = dir.path().join("status");
    suite.log(dir.path(), &["=status"], "");
    assert_eq!((mode(&status), read(&status).len()), (0o600, 0));
    suite.log(dir.path(), &["-*", "+STAT*", "=status"], "STAT 1\nx\nSTAT 2\ny\n");
    assert_eq!(read(&status), format!("STAT 2{}", "\n".repeat(995)));
    suite.log(dir.path(), &["=status"], "z".repeat(3000));
    assert_eq!(read(&status), "z".repeat(1000) + "\n");
    suite.log(dir.path(), &["=status"], "");
    assert_eq!(read(&status), "z".repeat(1000) + "\n");
}

fn what_cannot_begin_is_said_in_djbs_words(suite: &Suite) {
    let dir = scratch();
    let cases: [(&[&str], &str); 4] = [
        (&["./no/m"], "unable to open directory ./no/m: file does not exist"),
        (&["./m", "./m"], "unable to lock directory ./m: temporary failure"),
        (&["=no/status"], "unable to create no/status: file does not exist"),
        (&["./file"], "unable to open directory ./file: not a directory"),
    ];
    fs::write(dir.path().join("file"), "").unwrap();
    for (script, sentence) in cases {
        let output = suite.multilog(dir.path(), script, "line\n");
        assert_eq!(output.status.code(), Some(111), "{script:?}");
        let said = text(&output.stderr);
        // What ours says beyond that.
        let said = said.replacen(": another multilog writes there\n", "\n", 1);
        // Theirs opens a file as if it were a directory, and fails one system call later.
        assert_eq!(said, format!("multilog: fatal: {sentence}\n"), "{script:?}");
    }
    let first = suite.start(dir.path(), &["./held"]);
    crate::suite::until("it has begun", || dir.path().join("held/current").exists());
    let second = suite.multilog(dir.path(), &["./held"], "");
    assert_eq!(second.status.code(), Some(111));
    assert!(first.finish().0.success());
    let mut command = suite.tool("multilog", dir.path());
    assert!(run(command.arg("./held").stdout(Stdio::null()), "").status.success());
}

fn binary_and_long_lines_pass_to_the_byte(suite: &Suite) {
    let dir = scratch();
    let mut input: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    input.extend_from_slice(counted(0, 100, 999).as_bytes());
    input.extend_from_slice(&b"x".repeat(200_000));
    input.push(b'\n');
    suite.log(dir.path(), &["s16777215", "./m"], &input);
    assert!(fs::read(dir.path().join("m/current")).unwrap() == input);
}
