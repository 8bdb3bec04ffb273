//! What settings make of lines: rates, visible control characters, stamps that people read.

use crate::suite::{Suite, counted, read, scratch, text, until};

#[test]
fn a_flood_is_cut_and_counted_once_its_time_is_over() {
    let dir = scratch();
    let logs = dir.path().join("few/current");
    let script = ["s1000000", "./all", "%rate=3/300ms", "./few"];
    let mut log = Suite::ours().start(dir.path(), &script);
    log.write(counted(0, 1000, 100));
    // Nothing more comes, and it is said all the same.
    let log_of = || std::fs::read_to_string(&logs).unwrap_or_default();
    until("it is counted", || log_of().contains("left out"));
    log.write("after\n");
    let (status, said) = log.finish();
    assert!(status.success() && said.is_empty(), "{said}");
    assert_eq!(read(dir.path().join("all/current")).lines().count(), 1001);
    let (told, lines): (Vec<String>, Vec<String>) = read(&logs)
        .lines()
        .map(str::to_owned)
        .partition(|line| line.starts_with("multilog: warning: "));
    let count = |line: &String| line.split(' ').nth(2).unwrap().parse::<usize>().unwrap();
    assert_eq!(lines.len() + told.iter().map(count).sum::<usize>(), 1001);
    assert!(told.iter().all(|line| line.ends_with(" left out: more than 3 in 300ms")), "{told:?}");
    assert_eq!(lines.last().map(String::as_str), Some("after"));
}

#[test]
fn what_was_left_out_is_counted_at_the_end() {
    let dir = scratch();
    Suite::ours().log(dir.path(), &["%rate=2/1h", "./m"], "one\ntwo\nthree\nfour\n");
    let said = "multilog: warning: 2 lines are left out: more than 2 in 3600s\n";
    assert_eq!(read(dir.path().join("m/current")), format!("one\ntwo\n{said}"));
}

#[test]
fn control_characters_are_made_visible() {
    let dir = scratch();
    let script = ["%visible=on", "./seen", "%visible=off", "./raw"];
    let line = "\x1b]0;owned\x07\ttab caf\u{e9}\r\n";
    Suite::ours().log(dir.path(), &script, line);
    let seen = "\\x1b]0;owned\\x07\ttab caf\u{e9}\\x0d\n";
    assert_eq!(read(dir.path().join("seen/current")), seen);
    assert_eq!(read(dir.path().join("raw/current")), line);
}

/// The digits of `line` replaced by `0`.
fn shape(line: &str) -> String {
    line.replace(|c: char| c.is_ascii_digit(), "0")
}

#[test]
fn stamps_are_dates_in_utc_or_local_time() {
    let dir = scratch();
    for (stamp, zone, expected) in [
        ("%stamp=utc", "Asia/Kolkata", "0000-00-00T00:00:00.000000Z line\n"),
        ("%stamp=local", "UTC-5:30", "0000-00-00T00:00:00.000000+00:00 line\n"),
        ("%stamp=local", "UTC0", "0000-00-00T00:00:00.000000+00:00 line\n"),
        ("%stamp=local", "XYZ3:30", "0000-00-00T00:00:00.000000-00:00 line\n"),
    ] {
        let mut command = Suite::ours().tool("multilog", dir.path());
        command.args([stamp, "./m"]).env("TZ", zone);
        let output = crate::suite::run(&mut command, "line\n");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let log = read(dir.path().join("m/current"));
        assert_eq!(shape(&log), expected);
        std::fs::remove_dir_all(dir.path().join("m")).unwrap();
        let offset = log.get(26..32).unwrap();
        match zone {
            "UTC-5:30" => assert_eq!(offset, "+05:30"),
            "XYZ3:30" => assert_eq!(offset, "-03:30"),
            "UTC0" => assert_eq!(offset, "+00:00"),
            _ => {}
        }
        let date = std::process::Command::new("date").arg("+%Y-%m-%dT%H").env("TZ", zone).output();
        let date = text(&date.unwrap().stdout);
        if zone != "Asia/Kolkata" && !log.starts_with(date.trim()) {
            // The hour may have ended between.
            assert!(log.get(14..19).unwrap() > "59:50", "{log} {date}");
        }
    }
}

#[test]
fn patterns_see_the_date() {
    let dir = scratch();
    Suite::ours().log(dir.path(), &["%stamp=utc", "-*Z no*", "./m"], "yes\nno more\n");
    assert!(read(dir.path().join("m/current")).ends_with("Z yes\n"));
}
