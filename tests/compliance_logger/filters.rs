//! tai64n and tai64nlocal.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::suite::{Suite, run, scratch, text};

on_both! {
    tai64n_puts_a_label_before_each_line,
    tai64n_shows_a_line_at_once,
    tai64nlocal_shows_local_time,
    tai64nlocal_leaves_other_lines_alone,
    tai64nlocal_shows_a_line_at_once,
    labels_and_back_is_now,
}

fn filter(suite: &Suite, tool: &str, zone: &str, input: impl AsRef<[u8]>) -> String {
    let dir = scratch();
    let output = run(suite.tool(tool, dir.path()).env("TZ", zone), input);
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success(), "{:?}", output.status);
    text(&output.stdout)
}

fn tai64n_puts_a_label_before_each_line(suite: &Suite) {
    let labelled = filter(suite, "tai64n", "UTC", "one\n\nthree");
    let lines: Vec<&str> = labelled.split('\n').collect();
    assert_eq!(lines.len(), 3);
    for (line, rest) in lines.iter().zip([" one", " ", " three"]) {
        let (label, after) = line.split_at(25);
        assert!(label.starts_with("@40000000") && after == rest, "{line}");
        assert!(label[1..].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    }
    assert_eq!(filter(suite, "tai64n", "UTC", ""), "");
}

/// Writes a line and reads what comes out of it, while the input stays open.
fn shows_at_once(suite: &Suite, tool: &str, line: &str, expected_len: usize) -> String {
    let dir = scratch();
    let mut command = suite.tool(tool, dir.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(line.as_bytes()).unwrap();
    let mut shown = vec![0; expected_len];
    stdout.read_exact(&mut shown).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    text(&shown)
}

fn tai64n_shows_a_line_at_once(suite: &Suite) {
    assert!(shows_at_once(suite, "tai64n", "one\n", 30).ends_with(" one\n"));
    assert!(shows_at_once(suite, "tai64n", "o", 27).ends_with(" o"));
}

fn tai64nlocal_shows_a_line_at_once(suite: &Suite) {
    assert_eq!(shows_at_once(suite, "tai64nlocal", "one\n", 4), "one\n");
    let shown = shows_at_once(suite, "tai64nlocal", "@4000000037c219bf2ef02e94 x\n", 32);
    assert!(shown.ends_with(".787492500 x\n"));
}

/// The zones of the test, written out: no time zone files are needed.
const PACIFIC: &str = "PST8PDT,M4.1.0,M10.5.0";
const HALF: &str = "XXX-5:30";

fn tai64nlocal_shows_local_time(suite: &Suite) {
    let cases = [
        ("UTC0", "@400000000000000a00000000", "1970-01-01 00:00:00.000000000"),
        ("UTC0", "@400000000000000900000001", "1969-12-31 23:59:59.000000001"),
        ("UTC0", "@4000000037c219bf2ef02e94", "1999-08-24 04:04:05.787492500"),
        (PACIFIC, "@4000000037c219bf2ef02e94", "1999-08-23 21:04:05.787492500"),
        (HALF, "@4000000037c219bf2ef02e94", "1999-08-24 09:34:05.787492500"),
        (PACIFIC, "@400000003840f60a3b9ac9ff", "1999-11-28 01:29:36.999999999"),
        ("UTC0", "@400000000000000affffffff", "1970-01-01 00:00:00.4294967295"),
        ("UTC0", "@40000000f48656fa00000000", "2099-12-31 23:59:44.000000000"),
        ("UTC0", "@400000413b51bf0a00000000", "10848-03-04 04:41:36.000000000"),
    ];
    for (zone, label, time) in cases {
        let shown = filter(suite, "tai64nlocal", zone, format!("{label} mark {label}\n"));
        assert_eq!(shown, format!("{time} mark {label}\n"), "{zone}");
        assert_eq!(filter(suite, "tai64nlocal", zone, format!("{label}\n")), format!("{time}\n"));
        assert_eq!(filter(suite, "tai64nlocal", zone, format!("{label}.s")), format!("{time}.s"));
    }
}

fn tai64nlocal_leaves_other_lines_alone(suite: &Suite) {
    for input in ["", "\n", "plain", " @400000000000000a00000000\n", "x@\n\n\nend\n", "\0\n"] {
        assert_eq!(filter(suite, "tai64nlocal", "UTC0", input), input);
    }
    let long = "x".repeat(300_000) + "\nnext";
    assert_eq!(filter(suite, "tai64nlocal", "UTC0", &long), long);
}

fn labels_and_back_is_now(suite: &Suite) {
    let before = std::time::SystemTime::now();
    let labelled = filter(suite, "tai64n", "UTC0", "x\n".repeat(1000));
    let shown = filter(suite, "tai64nlocal", "UTC0", labelled);
    assert_eq!(shown.lines().count(), 1000);
    assert!(shown.lines().is_sorted());
    let unix = before.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let day = format!("{:02}:{:02}:", unix % 86_400 / 3600, unix % 3600 / 60);
    let next = format!("{:02}:{:02}:", (unix + 60) % 86_400 / 3600, (unix + 60) % 3600 / 60);
    assert!(shown[11..].starts_with(&day) || shown[11..].starts_with(&next), "{}", &shown[..30]);
}
