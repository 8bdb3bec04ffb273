//! readproctitle: what it reads stands in its own command line, where ps looks.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use crate::support::{Daemon, Sandbox, each_suite, only_ours};

each_suite!(
    the_newest_is_shifted_into_the_last_word,
    ps_shows_it,
    every_byte_but_nul_is_shown_as_it_is,
    five_bytes_are_enough_and_four_are_not,
    the_last_word_is_all_dots_at_first,
    one_word_and_a_very_long_one_will_do,
    nothing_but_the_last_word_changes,
    a_writer_does_not_wait_and_memory_does_not_grow,
    wrong_usage_is_100_in_silence,
    the_end_of_the_input_is_its_end,
    input_that_cannot_be_read_is_111_in_silence,
    without_output_and_errors_it_works_as_well,
);

only_ours!(an_input_that_does_not_block_is_waited_for);

/// A readproctitle that shows what is written to the file.
fn starts(sandbox: &Sandbox, words: &str) -> (Daemon, File) {
    sandbox.make_fifo(&sandbox.path("fifo"));
    let daemon = sandbox.daemon_by_shell(&format!("exec readproctitle {words} <fifo"));
    // Both ends: to open one alone would wait for the other.
    let both = OpenOptions::new().read(true).write(true).open(sandbox.path("fifo")).unwrap();
    let writer = OpenOptions::new().write(true).open(sandbox.path("fifo")).unwrap();
    sandbox.wait_until("it runs", || command_line(daemon)[0] == b"readproctitle");
    let open = |fd| fs::read_link(format!("/proc/{}/fd/{fd}", daemon.pid));
    sandbox.wait_until("it has its input", || open(0).is_ok_and(|it| it.ends_with("fifo")));
    drop(both);
    (daemon, writer)
}

/// The words of a process as the kernel tells them to ps.
fn command_line(daemon: Daemon) -> Vec<Vec<u8>> {
    let bytes = fs::read(format!("/proc/{}/cmdline", daemon.pid)).unwrap();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

#[track_caller]
fn shows(sandbox: &Sandbox, daemon: Daemon, expected: &[u8]) {
    let what = format!("it shows {:?}", String::from_utf8_lossy(expected));
    sandbox.wait_until(&what, || command_line(daemon).last().unwrap() == expected);
}

fn the_newest_is_shifted_into_the_last_word(sandbox: &Sandbox) {
    let (daemon, mut writer) = starts(sandbox, "service errors: ..........");
    for (written, shown) in [
        ("ab", &b"........ab"[..]),
        ("cde", b".....abcde"),
        ("f\n", b"...abcdef\n"),
        ("g", b"...bcdef\ng"),
        ("0123456789", b"...3456789"),
        ("a very long line that is cut at its left\n", b"...s left\n"),
    ] {
        writer.write_all(written.as_bytes()).unwrap();
        shows(sandbox, daemon, shown);
    }
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn ps_shows_it(sandbox: &Sandbox) {
    if sandbox.shell("command -v ps").code != 0 {
        return crate::support::skipped("there is no ps");
    }
    let (daemon, mut writer) = starts(sandbox, &format!("service errors: {}", ".".repeat(400)));
    writer.write_all(b"svscan: warning: unable to stat x: file does not exist\n").unwrap();
    let ps = format!("ps -ww -o args= -p {}", daemon.pid);
    let shown = || sandbox.shell(&ps).text();
    sandbox.wait_until("ps shows it", || shown().contains("stat x: file does not exist"));
    assert!(shown().starts_with("readproctitle service errors: ....."), "{}", shown());
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn every_byte_but_nul_is_shown_as_it_is(sandbox: &Sandbox) {
    let (daemon, mut writer) = starts(sandbox, &".".repeat(3 + 255));
    let all: Vec<u8> = (0..=u8::MAX).collect();
    writer.write_all(&all).unwrap();
    shows(sandbox, daemon, &[b"...", &all[1..]].concat());
    writer.write_all(&[0; 1000]).unwrap();
    writer.write_all(b"x").unwrap();
    shows(sandbox, daemon, &[b"...", &all[2..], b"x"].concat());
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn five_bytes_are_enough_and_four_are_not(sandbox: &Sandbox) {
    let (daemon, mut writer) = starts(sandbox, ".....");
    writer.write_all(b"abc").unwrap();
    shows(sandbox, daemon, b"...bc");
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
    sandbox.tool("readproctitle", &["....."]).is(0, "", "");
    sandbox.tool("readproctitle", &["...."]).is(100, "", "");
}

fn the_last_word_is_all_dots_at_first(sandbox: &Sandbox) {
    let (daemon, writer) = starts(sandbox, "errors: \"$(printf 'not dots \\377\\n at all')\"");
    shows(sandbox, daemon, &[b'.'; 18]);
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn one_word_and_a_very_long_one_will_do(sandbox: &Sandbox) {
    const LEN: usize = 100_000;
    let (daemon, mut writer) = starts(sandbox, &".".repeat(LEN));
    let text: Vec<u8> = (0..LEN * 3).map(|n| b'a' + u8::try_from(n % 23).unwrap()).collect();
    writer.write_all(&text).unwrap();
    shows(sandbox, daemon, &[b"...", &text[LEN * 2 + 3..]].concat());
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn nothing_but_the_last_word_changes(sandbox: &Sandbox) {
    let (daemon, mut writer) = starts(sandbox, "one '' three ..........");
    let environ = || fs::read(format!("/proc/{}/environ", daemon.pid)).unwrap();
    let before = environ();
    writer.write_all(&[b'x'; 1000]).unwrap();
    shows(sandbox, daemon, b"...xxxxxxx");
    let words: [&[u8]; 5] = [b"readproctitle", b"one", b"", b"three", b"...xxxxxxx"];
    assert_eq!(command_line(daemon), words);
    assert_eq!(environ(), before);
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn a_writer_does_not_wait_and_memory_does_not_grow(sandbox: &Sandbox) {
    let (daemon, mut writer) = starts(sandbox, "..........");
    let block = vec![b'x'; 64 * 1024];
    for _ in 0..16 {
        writer.write_all(&block).unwrap();
    }
    writer.write_all(b"the end").unwrap();
    shows(sandbox, daemon, b"...the end");
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid)).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_kb: u32 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak_kb < 16 * 1024, "{peak_kb}");
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

fn wrong_usage_is_100_in_silence(sandbox: &Sandbox) {
    sandbox.tool::<&str>("readproctitle", &[]).is(100, "", "");
    for words in [&[""][..], &["....", ""], &["a long enough word", "...."], &["\n\n\n\n"]] {
        sandbox.tool("readproctitle", words).is(100, "", "");
    }
    sandbox.shell("echo unread | readproctitle ....").is(100, "", "");
}

fn the_end_of_the_input_is_its_end(sandbox: &Sandbox) {
    sandbox.shell("readproctitle ..... </dev/null").is(0, "", "");
    sandbox.shell("echo half a li | readproctitle ..........").is(0, "", "");
}

fn input_that_cannot_be_read_is_111_in_silence(sandbox: &Sandbox) {
    sandbox.shell("exec readproctitle ..... <&-").is(111, "", "");
    sandbox.shell("exec readproctitle ..... </").is(111, "", "");
    sandbox.shell("exec readproctitle ..... 0>write-only").is(111, "", "");
}

fn without_output_and_errors_it_works_as_well(sandbox: &Sandbox) {
    let (daemon, mut writer) = starts(sandbox, ".......... >&- 2>&-");
    writer.write_all(b"heard").unwrap();
    shows(sandbox, daemon, b".....heard");
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}

/// Theirs ends with 111: somebody else may have made the pipe so.
fn an_input_that_does_not_block_is_waited_for(sandbox: &Sandbox) {
    let path = sandbox.path("fifo");
    sandbox.make_fifo(&path);
    let reader = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    let mut command = sandbox.tool_command("readproctitle");
    let daemon = sandbox.start(command.arg("..........").stdin(reader));
    drop(command); // it holds the reader, and would be one more
    shows(sandbox, daemon, b"..........");
    writer.write_all(b"heard").unwrap();
    shows(sandbox, daemon, b".....heard");
    drop(writer);
    assert_eq!(sandbox.end_of(daemon), 0);
}
