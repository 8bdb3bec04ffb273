use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{Fill, Piece};

/// Writes all outputs away; what a run has written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    logs: Vec<Vec<u8>>,
    alerts: Vec<u8>,
    status: Vec<Vec<u8>>,
}

impl Written {
    fn take(&mut self, outputs: &mut Outputs) {
        self.logs.resize(outputs.logs.len(), Vec::new());
        self.status.resize(outputs.status.len(), Vec::new());
        for (log, waiting) in self.logs.iter_mut().zip(&mut outputs.logs) {
            log.append(waiting);
        }
        self.alerts.append(&mut outputs.alerts);
        for (file, waiting) in self.status.iter_mut().zip(&mut outputs.status) {
            if !waiting.is_empty() {
                *file = std::mem::take(waiting);
            }
        }
    }
}

fn script(words: &[&str]) -> Script {
    Script::parse(words.iter().map(|word| word.as_bytes()), |_| None).unwrap()
}

fn sieve_of(script: Script) -> Sieve {
    Sieve::new(script, |_| None)
}

fn stamp(second: u64) -> Stamp {
    Stamp::from_unix(Duration::from_secs(second))
}

/// Feeds `blocks`; the n-th line begins at second n.
fn run(words: &[&str], blocks: &[&[u8]]) -> Written {
    let mut sieve = sieve_of(script(words));
    let (mut second, mut written) = (0, Written::default());
    for block in blocks {
        let mut rest = *block;
        while !rest.is_empty() {
            let now = || {
                second += 1;
                stamp(second)
            };
            let taken = sieve.feed(rest, now);
            assert!(taken > 0);
            written.take(sieve.outputs());
            rest = &rest[taken..];
        }
    }
    sieve.finish();
    written.take(sieve.outputs());
    written
}

fn only_log(words: &[&str], blocks: &[&[u8]]) -> String {
    String::from_utf8(run(words, blocks).logs.remove(0)).unwrap()
}

#[test]
fn every_line_goes_to_every_log() {
    let written = run(&["./a", "./b"], &[b"one\n\ntw", b"o\nthree"]);
    assert_eq!(written.logs, [b"one\n\ntwo\nthree\n", b"one\n\ntwo\nthree\n"]);
}

#[test]
fn a_stamp_is_taken_at_the_first_byte_of_a_line() {
    let log = only_log(&["t", "./a"], &[b"on", b"e\n", b"\n", b"three"]);
    assert_eq!(log, format!("{} one\n{} \n{} three\n", stamp(1), stamp(2), stamp(3)));
}

#[test]
fn no_input_is_no_line() {
    assert_eq!(only_log(&["t", "./a"], &[]), "");
    assert_eq!(only_log(&["t", "./a"], &[b"\n"]), format!("{} \n", stamp(1)));
}

#[test]
fn actions_are_carried_out_in_order() {
    let words = ["./all", "-*", "./none", "+b*", "./b", "-*x", "./b-but-x"];
    let written = run(&words, &[b"a\nb\nbx\n"]);
    let logs: Vec<&[u8]> = written.logs.iter().map(Vec::as_slice).collect();
    assert_eq!(logs, [b"a\nb\nbx\n".as_slice(), b"", b"b\nbx\n", b"b\n"]);
}

#[test]
fn a_pattern_sees_the_stamp() {
    let words = ["t", "-*", "+@* b", "./b", "-* b", "./none"];
    let written = run(&words, &[b"a\nb\n"]);
    assert_eq!(written.logs, [format!("{} b\n", stamp(2)).into_bytes(), Vec::new()]);
}

#[test]
fn only_a_thousand_bytes_are_matched_and_the_stamp_counts() {
    let exactly = "x".repeat(1000);
    let longer = format!("{exactly}y");
    let pattern = format!("-{exactly}");
    for line in [&exactly, &longer] {
        assert_eq!(only_log(&[&pattern, "./a"], &[line.as_bytes()]), "");
    }
    let stamped = format!("-@* {}", "x".repeat(974));
    let line = format!("{}y\n", "x".repeat(974));
    assert_eq!(only_log(&["t", &stamped, "./a"], &[line.as_bytes()]), "");
    let shorter = format!("{}y\n", "x".repeat(973));
    assert!(only_log(&["t", &stamped, "./a"], &[shorter.as_bytes()]).ends_with("xy\n"));
}

#[test]
fn a_long_line_is_passed_on_before_its_end_comes() {
    let mut sieve = sieve_of(script(&["./a"]));
    sieve.feed(&[b'x'; 999], || stamp(1));
    assert_eq!(sieve.outputs().logs[0].len(), 0);
    sieve.feed(b"x", || stamp(1));
    assert_eq!(sieve.outputs().logs[0].len(), 1000);
    sieve.feed(b"yy", || stamp(1));
    assert_eq!(sieve.outputs().logs[0].len(), 1002);
    assert!(sieve.within_line());
    sieve.feed(b"\n", || stamp(1));
    assert!(!sieve.within_line());
    assert_eq!(sieve.outputs().logs[0].len(), 1003);
}

#[test]
fn an_alert_shows_the_first_200_bytes() {
    let (fits, long) = ("x".repeat(200), "y".repeat(201));
    let text = format!("{fits}\n{long}\nno\n");
    let written = run(&["-no", "e"], &[text.as_bytes()]);
    let expected = format!("{fits}\n{}...\n", "y".repeat(200));
    assert_eq!(String::from_utf8(written.alerts).unwrap(), expected);
}

#[test]
fn a_status_is_the_last_selected_line_in_1001_bytes() {
    let long = "z".repeat(3000);
    let text = format!("STAT one\nother\nSTAT two\nother\n{long}\n");
    let written = run(&["=long", "-*", "+STAT*", "=stat"], &[text.as_bytes()]);
    assert!(written.status.iter().all(|status| status.len() == 1001));
    let shown: Vec<&[u8]> = written.status.iter().map(|text| text.trim_ascii_end()).collect();
    assert_eq!(shown, [&long.as_bytes()[..1000], b"STAT two"]);
    assert!(written.status[1][8..].iter().all(|byte| *byte == b'\n'));
}

#[test]
fn short_lines_do_not_pile_up() {
    let mut sieve = sieve_of(script(&["t", "./a", "./b"]));
    let block = b"\n".repeat(65_536);
    let taken = sieve.feed(&block, || stamp(1));
    assert!(taken > 1000 && taken < block.len());
    for log in &sieve.outputs().logs {
        assert_eq!(log.len(), taken * 27);
        assert!(log.len() < OUTPUT_FULL + 27);
    }
    assert_eq!(sieve.feed(&block, || stamp(1)), 0);
}

#[test]
fn alerts_do_not_pile_up() {
    let mut sieve = sieve_of(script(&["e"]));
    let block = [b"x".repeat(199), b"\n".to_vec()].concat().repeat(1000);
    assert!(sieve.feed(&block, || stamp(1)) < OUTPUT_FULL + 200);
}

/// What a script does, line by line, without blocks, limits or hurry.
fn slowly(words: &[&str], text: &[u8]) -> Written {
    let script = script(words);
    let mut written = Written {
        logs: vec![Vec::new(); script.logs().count()],
        status: vec![Vec::new(); script.status_files().count()],
        ..Written::default()
    };
    let ended = text.strip_suffix(b"\n").unwrap_or(text);
    let lines: Vec<&[u8]> = ended.split(|byte| *byte == b'\n').collect();
    for (line, second) in lines.iter().filter(|_| !text.is_empty()).zip(1..) {
        let prefix = if script.stamping == Stamping::Tai {
            format!("{} ", stamp(second))
        } else {
            String::new()
        };
        let line = [prefix.as_bytes(), line].concat();
        let (head, mut selected) = (&line[..line.len().min(1000)], true);
        let (mut log, mut status) = (0, 0);
        for action in &script.actions {
            match action {
                Action::Deselect(pattern) if pattern.matches(head) => selected = false,
                Action::Select(pattern) if pattern.matches(head) => selected = true,
                Action::Deselect(_) | Action::Select(_) => {}
                Action::Alert => {
                    if selected {
                        let dots = if head.len() > 200 { "...\n" } else { "\n" };
                        written.alerts.extend_from_slice(&head[..head.len().min(200)]);
                        written.alerts.extend_from_slice(dots.as_bytes());
                    }
                }
                Action::Status(_) => {
                    if selected {
                        written.status[status] = head.to_vec();
                        written.status[status].resize(1001, b'\n');
                    }
                    status += 1;
                }
                Action::Log(_) => {
                    if selected {
                        written.logs[log].extend_from_slice(&line);
                        written.logs[log].push(b'\n');
                    }
                    log += 1;
                }
            }
        }
    }
    written
}

fn words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        Just("./d"),
        Just("e"),
        Just("=s"),
        Just("-*"),
        Just("+*b*"),
        Just("-*a"),
        Just("-@*  *"),
        Just("?")
    ];
    (any::<bool>(), proptest::collection::vec(word, 0..6)).prop_map(|(stamped, words)| {
        let first = if stamped { "t" } else { "?" };
        [first].into_iter().chain(words).map(str::to_owned).collect()
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ab \n]{0,6}".prop_map(String::into_bytes),
        1 => (960usize..1010).prop_map(|len| vec![b'b'; len]),
        1 => Just(vec![b'a'; 150]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn blocks_do_not_show(words in words(), text in text(), cuts: [usize; 3]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut cuts = cuts.map(|cut| cut % (text.len() + 1));
        cuts.sort_unstable();
        let blocks = [&text[..cuts[0]], &text[cuts[0]..cuts[1]], &text[cuts[1]..cuts[2]],
            &text[cuts[2]..]];
        prop_assert_eq!(run(&words, &blocks), slowly(&words, &text));
    }
}

/// Writes lines into files of this size as the shell does; the files of each log.
fn files(words: &[&str], text: &[u8], cut: usize) -> Vec<Vec<Vec<u8>>> {
    let script = script(words);
    let mut fills: Vec<Fill> = script.logs().map(|log| Fill::new(0, log.size)).collect();
    let mut logs: Vec<Vec<Vec<u8>>> = fills.iter().map(|_| vec![Vec::new()]).collect();
    let mut sieve = sieve_of(script);
    for block in text.chunks(cut) {
        let mut rest = block;
        while !rest.is_empty() {
            sieve.give_rooms(fills.iter().map(Fill::room));
            let taken = sieve.feed(rest, || stamp(1));
            assert!(taken > 0);
            rest = &rest[taken..];
            let outputs = &mut sieve.outputs().logs;
            for (output, (fill, files)) in outputs.iter_mut().zip(fills.iter_mut().zip(&mut logs)) {
                let lines = memchr::memchr_iter(b'\n', output).count();
                let mut cuts = 0;
                while !output.is_empty() {
                    let mut ended = true;
                    if let Piece::Write { len, last } = fill.next(output) {
                        files.last_mut().unwrap().extend(output.drain(..len));
                        fill.add(len);
                        ended = last;
                    }
                    if ended {
                        files.push(Vec::new());
                        fill.clear();
                        cuts += usize::from(!output.is_empty());
                    }
                }
                // Files end between blocks, but for a line that is cut: it comes alone.
                assert!(cuts == 0 || lines <= 1, "{cuts} {lines}");
            }
        }
    }
    logs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_file_never_ends_within_a_block_of_lines(
        lens in proptest::collection::vec(prop_oneof![9 => 0usize..200, 1 => 0usize..9000], 0..80),
        cut in prop_oneof![Just(65_536usize), 1usize..5000], stamped: bool,
    ) {
        let text: Vec<u8> =
            lens.iter().flat_map(|len| [vec![b'x'; *len], vec![b'\n']].concat()).collect();
        let first = if stamped { "t" } else { "s1" };
        let files = files(&[first, "s4096", "./a", "s6000", "./b", "s99999", "./c"], &text, cut);
        for log in &files {
            let all = log.concat();
            prop_assert_eq!(all.len(), text.len() + if stamped { 26 * lens.len() } else { 0 });
            prop_assert!(stamped || all == text);
        }
    }
}

#[test]
fn the_start_of_a_line_is_held_without_its_stamp() {
    let mut sieve = sieve_of(script(&["t", "./a"]));
    sieve.feed(b"one\n", || stamp(1));
    assert_eq!(sieve.held(), b"");
    sieve.feed(b"half", || stamp(1));
    assert_eq!(sieve.held(), b"half");
    sieve.feed(&[b'x'; 1000], || stamp(1));
    assert_eq!(sieve.held(), b"", "it is passed on by now");
}

#[test]
fn a_line_in_parts_is_resumed_by_another_sieve() {
    let words = ["-no*", "./a", "+no*", "./b"];
    let mut first = sieve_of(script(&words));
    let half = [b"no ".as_slice(), &[b'x'; 1500]].concat();
    assert_eq!(first.feed(&half, || stamp(1)), half.len());
    let lines: Vec<Line> = first.lines().collect();
    assert_eq!(lines, [Line::Deselected, Line::Selected]);
    let mut second = sieve_of(script(&words));
    assert!(second.lines().all(|line| line == Line::None));
    second.resume(lines.into_iter());
    second.feed(b" rest\nnew\n", || stamp(1));
    assert_eq!(second.outputs().logs, [b"new\n".to_vec(), b" rest\nnew\n".to_vec()]);
}

/// Words whose settings have a time: in seconds.
fn limited(words: &[&str]) -> Sieve {
    let time = |text: &str| Some(Duration::from_secs(text.parse().ok()?));
    sieve_of(Script::parse(words.iter().map(|word| word.as_bytes()), time).unwrap())
}

fn taken(sieve: &mut Sieve, log: usize) -> String {
    String::from_utf8(std::mem::take(&mut sieve.outputs().logs[log])).unwrap()
}

#[test]
fn a_log_with_a_rate_leaves_lines_out_and_says_so_between_lines() {
    let mut sieve = limited(&["./all", "%rate=1/10", "./few"]);
    let now = || stamp(1);
    sieve.tick(Duration::from_secs(100), now);
    assert_eq!(sieve.feed(b"one\ntwo\nthree\nfo", now), 16);
    assert_eq!(sieve.deadline(), Some(Duration::from_secs(110)));
    assert_eq!(
        (taken(&mut sieve, 0).as_str(), taken(&mut sieve, 1).as_str()),
        ("one\ntwo\nthree\n", "one\n")
    );
    // In a long line that was passed on already, it must wait.
    let long = format!("ur {}", "x".repeat(1000));
    sieve.tick(Duration::from_secs(109), now);
    sieve.feed(long.as_bytes(), now);
    sieve.tick(Duration::from_secs(110), now);
    assert_eq!((sieve.deadline(), taken(&mut sieve, 1).as_str()), (None, ""));
    sieve.feed(b"\n", now);
    sieve.tick(Duration::from_secs(111), now);
    assert_eq!(
        taken(&mut sieve, 1),
        "multilog: warning: 3 lines are left out: more than 1 in 10s\n"
    );
    sieve.feed(b"five\nsix\n", now);
    sieve.tick_last(now);
    let end = "five\nmultilog: warning: 1 line is left out: more than 1 in 10s\n";
    assert_eq!(taken(&mut sieve, 1), end);
    assert!(taken(&mut sieve, 0).ends_with("xx\nfive\nsix\n"));
}

#[test]
fn what_is_said_of_lines_left_out_is_stamped() {
    let mut sieve = limited(&["%stamp=utc", "%rate=1/10", "./few"]);
    sieve.feed(b"one\ntwo\n", || stamp(1));
    sieve.tick_last(|| stamp(2));
    let said = "multilog: warning: 1 line is left out: more than 1 in 10s\n";
    let said = format!("1970-01-01T00:00:01.000000Z one\n1970-01-01T00:00:02.000000Z {said}");
    assert_eq!(taken(&mut sieve, 0), said);
}

#[test]
fn control_characters_are_visible_where_it_was_asked_for() {
    let words = ["%stamp=utc", "./raw", "%visible=on", "./seen", "%visible=off", "./raw2"];
    let mut sieve = limited(&words);
    let line = format!("a\x1b[0m\t{}\x07\n", "x".repeat(2000));
    sieve.feed(line.as_bytes(), || stamp(1));
    let stamp = "1970-01-01T00:00:01.000000Z ";
    assert_eq!(taken(&mut sieve, 0), format!("{stamp}{line}"));
    assert_eq!(taken(&mut sieve, 1), format!("{stamp}a\\x1b[0m\t{}\\x07\n", "x".repeat(2000)));
    assert_eq!(taken(&mut sieve, 2), format!("{stamp}{line}"));
}

#[test]
fn a_byte_at_the_end_of_a_line_has_nothing_to_do_with_the_next() {
    let mut sieve = limited(&["%visible=on", "./a"]);
    sieve.feed(b"one\xc2\n\x9btwo\n", || stamp(1));
    assert_eq!(sieve.outputs().logs[0], b"one\xc2\n\\x9btwo\n");
}

#[test]
fn a_character_that_is_not_whole_is_held_for_all_logs_as_the_start_of_a_line_is() {
    let mut sieve = limited(&["./raw", "%visible=on", "./a"]);
    let long = "x".repeat(MATCHED_MAX - 2);
    let started = [long.as_bytes(), b"\xe2\x86"].concat();
    assert_eq!(sieve.feed(&started, || stamp(1)), MATCHED_MAX);
    assert_eq!((taken(&mut sieve, 0), taken(&mut sieve, 1)), (long.clone(), long.clone()));
    assert_eq!(sieve.held(), b"\xe2\x86");
    // Killed here, the next sieve goes on.
    let mut next = limited(&["./raw", "%visible=on", "./a"]);
    next.resume([Line::Selected; 2].into_iter());
    next.feed(sieve.held(), || stamp(1));
    for mut sieve in [sieve, next] {
        assert_eq!(sieve.feed(b"\x92", || stamp(1)), 1);
        assert_eq!(sieve.held(), b"");
        sieve.feed(b"\xf0\xf0", || stamp(1));
        // The first of them begins nothing: it is written, and nobody holds it in secret.
        assert_eq!(sieve.held(), b"\xf0");
        for log in &sieve.outputs().logs {
            assert_eq!(log.escape_ascii().to_string(), r"\xe2\x86\x92\xf0");
        }
        sieve.finish();
        for log in &sieve.outputs().logs {
            assert_eq!(log.escape_ascii().to_string(), r"\xe2\x86\x92\xf0\xf0\n");
        }
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_where_a_block_ends_within_a_character(
        line in proptest::collection::vec(prop_oneof![Just(0xe2u8), Just(0x86), Just(0x92),
            Just(0xf0), Just(0x9b), Just(0xc2), Just(b'x'), Just(b'\n')], 0..30),
        before in MATCHED_MAX - 8..MATCHED_MAX + 8,
        at in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let line = [vec![b'x'; before], line].concat();
        let mut ends: Vec<usize> = at.iter().map(|at| at.index(line.len() + 1)).collect();
        ends.extend([0, line.len()]);
        ends.sort_unstable();
        let blocks: Vec<&[u8]> = ends.windows(2).map(|ends| &line[ends[0]..ends[1]]).collect();
        let words = ["./raw", "%visible=on", "./a"];
        let script = || Script::parse(words.iter().map(|word| word.as_bytes()), |_| None).unwrap();
        let mut cut = sieve_of(script());
        for block in blocks {
            prop_assert_eq!(cut.feed(block, || stamp(1)), block.len());
        }
        let mut whole = sieve_of(script());
        whole.feed(&line, || stamp(1));
        cut.finish();
        whole.finish();
        prop_assert_eq!(&cut.outputs().logs, &whole.outputs().logs);
    }
}

#[test]
fn a_line_of_megabytes_costs_no_more_memory_than_a_block() {
    let mut sieve = limited(&["-no*", "%visible=on", "./a"]);
    let block = vec![b'\x01'; 65_536];
    for _ in 0..100 {
        let mut rest = block.as_slice();
        while !rest.is_empty() {
            let len = sieve.feed(rest, || stamp(1));
            assert!(len > 0);
            rest = &rest[len..];
            let log = &mut sieve.outputs().logs[0];
            assert!(log.capacity() <= 5 * block.len(), "{}", log.capacity());
            log.clear();
        }
    }
    assert!(sieve.head.capacity() <= 2 * MATCHED_MAX);
}
