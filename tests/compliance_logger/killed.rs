//! kill -9 at any moment: every line is there once, whole and in order.
//!
//! A writer counts into a pipe as fast as it can; loggers are killed one after the other, each at
//! another moment, and the next one goes on with the same pipe.

use std::fmt::Write as _;
use std::fs;
use std::io::{PipeReader, Write as _, pipe};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use crate::suite::{Suite, counted, names, old_files, read, scratch, text, until, whole_log};

/// A generator of numbers (Knuth's), so that a failure can be had again.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % limit
    }
}

/// The writer gets so many bytes at once, and more when they are written.
const CHUNK_LEN: usize = 1 << 16;

/// The writer says so often how far it is: what a pipe takes in one piece.
const PIECE_LEN: usize = 4096;

/// Lines that count, of lengths between `lens`, as many as are wanted.
fn lines(seed: Seed, lens: (u64, u64)) -> impl FnMut() -> String + Send + 'static {
    lines_of("abcdefghi", seed, lens)
}

/// As [`lines`], of these nine bytes over and over.
fn lines_of(
    nine: &'static str,
    mut seed: Seed,
    lens: (u64, u64),
) -> impl FnMut() -> String + Send + 'static {
    let mut number = 0;
    move || {
        let mut text = String::new();
        while text.len() < CHUNK_LEN {
            let fill = usize::try_from(lens.0 + seed.below(lens.1 - lens.0)).unwrap();
            let tenth = if number % 10 == 0 { "tenth" } else { "other" };
            writeln!(text, "{number} {tenth} {}", nine.repeat(fill / 9)).unwrap();
            number += 1;
        }
        text
    }
}

/// Writes into a pipe as fast as it can, until it is stopped.
struct Writer {
    written: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    text: JoinHandle<String>,
}

impl Writer {
    fn start(mut lines: impl FnMut() -> String + Send + 'static) -> (PipeReader, Self) {
        let (reader, mut writer) = pipe().unwrap();
        let (written, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (done, stopped) = (Arc::clone(&written), Arc::clone(&stop));
        let text = spawn(move || {
            let mut text = String::new();
            while !stopped.load(Relaxed) {
                let chunk = lines();
                for piece in chunk.as_bytes().chunks(PIECE_LEN) {
                    writer.write_all(piece).unwrap();
                    done.fetch_add(piece.len(), Relaxed);
                }
                text += &chunk;
            }
            text
        });
        (reader, Self { written, stop, text })
    }

    fn written(&self) -> usize {
        self.written.load(Relaxed)
    }
}

fn start(suite: &Suite, dir: &Path, script: &[&str], input: &PipeReader) -> Child {
    let mut command: Command = suite.tool("multilog", dir);
    command.args(script).stdin(input.try_clone().unwrap()).spawn().unwrap()
}

/// Kills `kills` loggers at random moments, every other one after it has read something, and lets a
/// last one end. Gives what was written.
fn kill_many(
    dir: &Path,
    script: &[&str],
    lines: impl FnMut() -> String + Send + 'static,
    kills: u32,
    mut seed: Seed,
) -> String {
    let (input, writer) = Writer::start(lines);
    let mut read = 0;
    for number in 0..kills {
        let before = writer.written();
        let mut log = start(&Suite::ours(), dir, script, &input);
        if number % 2 == 0 {
            let has_read = || writer.written() > before + PIECE_LEN;
            // Who was killed in the middle of a fork has left his lock to the child for a moment.
            until("it reads", || has_read() || log.try_wait().unwrap().is_some());
            read += u32::from(has_read());
        }
        sleep(Duration::from_micros(seed.below(15_000)));
        log.kill().unwrap();
        log.wait().unwrap();
    }
    assert!(read >= kills / 4, "only {read} have read something");
    writer.stop.store(true, Relaxed);
    let mut output = None;
    until("the lock is free", || {
        let last = start(&Suite::ours(), dir, script, &input);
        let ended = last.wait_with_output().unwrap();
        let is_locked = text(&ended.stderr).contains("unable to lock");
        output = Some(ended);
        !is_locked
    });
    let output = output.unwrap();
    assert!(output.status.success(), "{:?}", String::from_utf8_lossy(&output.stderr));
    writer.text.join().unwrap()
}

/// Fails with the first difference, not with megabytes.
fn assert_same(found: &str, expected: &str) {
    let (mut lines, mut wanted) = (found.lines(), expected.lines());
    for number in 0.. {
        let (line, want) = (lines.next(), wanted.next());
        let lens = [line, want].map(|line| line.map(str::len));
        assert!(line == want, "line {number}: {lens:?} of {} and {}", found.len(), expected.len());
        if want.is_none() {
            return;
        }
    }
}

#[test]
fn a_hundred_kills_under_full_load_lose_double_and_tear_nothing() {
    let dir = scratch();
    let lines = lines(Seed(1), (0, 200));
    let text = kill_many(dir.path(), &["s1000000", "n100000", "./m"], lines, 100, Seed(7));
    assert_same(&whole_log(&dir.path().join("m")), &text);
    assert!(!names(&dir.path().join("m")).contains(&"intent".to_owned()));
}

#[test]
fn kills_while_files_end_all_the_time_lose_nothing() {
    let dir = scratch();
    let lines = lines(Seed(2), (0, 200));
    let text = kill_many(dir.path(), &["s4096", "n100000", "./m"], lines, 60, Seed(7));
    assert_same(&whole_log(&dir.path().join("m")), &text);
}

#[test]
fn kills_within_lines_that_are_cut_lose_nothing() {
    let dir = scratch();
    let lines = lines(Seed(3), (3000, 20_000));
    let text = kill_many(dir.path(), &["s4096", "n100000", "./m"], lines, 60, Seed(7));
    // Lines that are cut across files are whole again when the files are put together.
    assert_same(&whole_log(&dir.path().join("m")), &text);
}

#[test]
fn kills_within_a_character_lose_and_escape_nothing() {
    let dir = scratch();
    let script = ["s16000000", "n100000", "%visible=on", "./seen", "%visible=off", "./raw"];
    let lines = lines_of("\u{2192}\u{e9}\u{1f980}", Seed(8), (3000, 20_000));
    let text = kill_many(dir.path(), &script, lines, 60, Seed(7));
    let log = |name: &str| {
        let dir = dir.path().join(name);
        let files = old_files(&dir).into_iter().chain([dir.join("current")]);
        String::from_utf8(files.flat_map(|file| fs::read(file).unwrap()).collect()).unwrap()
    };
    assert_same(&log("raw"), &text);
    assert_same(&log("seen"), &text);
}

#[test]
fn kills_within_lines_longer_than_a_pipe_lose_nothing() {
    let dir = scratch();
    let script = ["s16000000", "n100000", "./m", "-*", "+* tenth*", "./some"];
    let lines = lines(Seed(4), (50_000, 300_000));
    let text = kill_many(dir.path(), &script, lines, 60, Seed(7));
    assert_same(&whole_log(&dir.path().join("m")), &text);
    let some: String = text.split_inclusive('\n').filter(|line| line.contains("tenth")).collect();
    assert_same(&whole_log(&dir.path().join("some")), &some);
}

#[test]
fn kills_with_several_directories_stamps_and_patterns_lose_nothing_in_any() {
    let dir = scratch();
    let script = [
        "t",
        "s100000",
        "n100000",
        "./all",
        "-*",
        "+* * tenth*",
        "s5000",
        "./tens",
        "-*",
        "./none",
        "+*",
        "s50000",
        "./all2",
    ];
    let lines = lines(Seed(5), (0, 100));
    let text = kill_many(dir.path(), &script, lines, 60, Seed(7));
    let bare = |log: &str| -> String {
        let log = whole_log(&dir.path().join(log));
        log.split_inclusive('\n').map(|line| &line[26..]).collect()
    };
    assert_same(&bare("all"), &text);
    assert_same(&bare("all2"), &text);
    let tens: String = text.split_inclusive('\n').filter(|line| line.contains("tenth")).collect();
    assert_same(&bare("tens"), &tens);
    assert_eq!(bare("none"), "");
}

#[test]
fn kills_with_a_processor_lose_nothing() {
    let dir = scratch();
    let lines = lines(Seed(6), (0, 200));
    let text = kill_many(dir.path(), &["s100000", "n100000", "!cat", "./m"], lines, 60, Seed(7));
    assert_same(&whole_log(&dir.path().join("m")), &text);
}

#[test]
fn the_same_line_over_and_over_is_counted_right() {
    let dir = scratch();
    let same = || "the same\n".repeat(CHUNK_LEN / 9);
    let text = kill_many(dir.path(), &["s1000000", "n100000", "./m"], same, 60, Seed(7));
    let log = whole_log(&dir.path().join("m"));
    assert!(log.lines().all(|line| line == "the same"));
    assert_eq!(log.len(), text.len());
}

#[test]
fn the_next_logger_ends_a_line_that_has_begun() {
    let dir = scratch();
    let logs = dir.path().join("m");
    let (input, mut writer) = pipe().unwrap();
    let mut first = start(&Suite::ours(), dir.path(), &["./m"], &input);
    writer.write_all(b"one\nhalf a ").unwrap();
    until("the line is there", || fs::read(logs.join("current")).is_ok_and(|log| log == b"one\n"));
    first.kill().unwrap();
    first.wait().unwrap();
    writer.write_all(b"line\n").unwrap();
    drop(writer);
    let second = start(&Suite::ours(), dir.path(), &["./m"], &input);
    assert!(second.wait_with_output().unwrap().status.success());
    assert_eq!(whole_log(&logs), "one\nhalf a line\n");
}

#[test]
fn the_original_goes_on_with_a_killed_log_and_ours_with_one_of_the_original() {
    let Some(theirs) = Suite::theirs() else { return };
    let dir = scratch();
    let logs = dir.path().join("m");
    let text = counted(0, 3000, 100);
    for (number, suite) in [Suite::Ours, theirs, Suite::Ours].iter().enumerate() {
        let (input, mut writer) = pipe().unwrap();
        let mut log = start(suite, dir.path(), &["s1000000", "./m"], &input);
        writer.write_all(&text.as_bytes()[number * 100_000..(number + 1) * 100_000]).unwrap();
        let size = || fs::metadata(logs.join("current")).map_or(0, |found| found.len());
        until("the lines are there", || size() == 100_000);
        if number == 2 {
            drop(writer);
            assert!(log.wait().unwrap().success());
        } else {
            log.kill().unwrap();
            log.wait().unwrap();
            // The second one has found it, left it, and written another file.
            assert!(names(&logs).contains(&"intent".to_owned()));
        }
    }
    assert_same(&whole_log(&logs), &text);
    assert_eq!(read(logs.join("lock")), "");
}
