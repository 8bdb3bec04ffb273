//! Intents as bytes, and what the next logger makes of them.

use super::*;
use proptest::prelude::*;

const RAW: &[u8] = b"one\ntwo\n";

/// Eight bytes at offset 100 of file 7, from pipe (1, 2).
fn intent() -> Intent {
    let mut intent = Intent {
        session: 5,
        number: 3,
        keeper: true,
        pipe: (1, 2),
        file: 7,
        offset: 100,
        output: 8,
        ..Intent::default()
    };
    intent.note(RAW);
    intent
}

fn scene(taken: Option<bool>, len: u64) -> Scene<'static> {
    let count = u64::try_from(RAW.len()).unwrap();
    Scene { taken, pipe: Some((1, 2)), waiting: RAW, count, current: Some((7, len)) }
}

fn nothing() -> Repair {
    Repair::default()
}

/// What is done where the pipe is another one, or says something else.
fn gone() -> Repair {
    Repair { held_ends: true, ..Repair::default() }
}

fn packed(intent: &Intent) -> Vec<u8> {
    let mut packed = Vec::new();
    intent.pack(&mut packed);
    packed
}

#[test]
fn lines_that_still_wait_are_cut_off_wherever_the_write_has_ended() {
    for len in 100..=108 {
        let repair = repair(&intent(), &scene(Some(false), len));
        assert_eq!(repair, Repair { cut: Some(100), ..nothing() }, "{len}");
    }
}

#[test]
fn whoever_sees_only_the_start_of_what_waits_knows_it_by_that() {
    let few = Scene { waiting: &RAW[..3], ..scene(Some(false), 104) };
    assert_eq!(repair(&intent(), &few), Repair { cut: Some(100), ..nothing() });
    let others = Scene { waiting: b"thr", ..few };
    assert_eq!(repair(&intent(), &others), Repair { end_line: true, ..gone() });
}

#[test]
fn lines_that_were_taken_stay() {
    assert_eq!(repair(&intent(), &scene(Some(true), 108)), nothing());
}

#[test]
fn nothing_is_cut_off_another_file_or_one_that_somebody_else_has_written() {
    let other = Scene { current: Some((8, 104)), ..scene(Some(false), 0) };
    for scene in [other, scene(Some(false), 99), scene(Some(false), 109)] {
        assert_eq!(repair(&intent(), &scene), nothing());
    }
    assert_eq!(repair(&intent(), &Scene { current: None, ..other }), nothing());
}

#[test]
fn nothing_is_cut_off_where_the_lines_are_not_in_the_pipe() {
    let short: &[u8] = b"one\n";
    let strange: &[u8] = b"one\nTWO\n";
    for waiting in [short, strange, b""] {
        let scene = Scene { waiting, count: waiting.len() as u64, ..scene(Some(false), 108) };
        assert_eq!(repair(&intent(), &scene), gone());
    }
    for pipe in [None, Some((1, 3)), Some((2, 2))] {
        let scene = Scene { pipe, ..scene(Some(false), 108) };
        assert_eq!(repair(&intent(), &scene), gone());
    }
}

#[test]
fn a_torn_line_whose_rest_is_gone_is_ended() {
    for (len, end_line) in [(100, false), (101, true), (107, true), (108, false)] {
        let expected = Repair { end_line, ..gone() };
        let scene = Scene { pipe: Some((1, 3)), ..scene(Some(false), len) };
        assert_eq!(repair(&intent(), &scene), expected, "{len}");
        assert_eq!(repair(&intent(), &Scene { taken: None, ..scene }), expected, "{len}");
    }
}

#[test]
fn a_line_in_parts_goes_on_where_it_was() {
    let mut intent = intent();
    intent.lines = (Line::Selected, Line::Deselected);
    assert_eq!(repair(&intent, &scene(Some(false), 100)).line, Line::Selected);
    assert_eq!(repair(&intent, &scene(Some(true), 108)).line, Line::Deselected);
    let other_pipe = Scene { pipe: Some((9, 9)), ..scene(Some(true), 108) };
    assert_eq!(repair(&intent, &other_pipe).line, Line::None);
}

#[test]
fn the_start_of_a_line_goes_on_or_is_ended() {
    let mut intent = intent();
    intent.held = (b"before".to_vec(), b"after".to_vec());
    for (taken, held) in [(Some(false), b"before".to_vec()), (Some(true), b"after".to_vec())] {
        let here = repair(&intent, &scene(taken, 100));
        assert_eq!((&here.held, here.held_ends), (&held, false));
        let elsewhere = Scene { pipe: Some((9, 9)), ..scene(taken, 100) };
        let there = repair(&intent, &elsewhere);
        assert_eq!((&there.held, there.held_ends), (&held, true));
    }
}

#[test]
fn the_start_of_a_character_goes_on_or_is_forgotten() {
    let mut intent = intent();
    intent.lines = (Line::Selected, Line::Selected);
    intent.held = (b"\xe2".to_vec(), b"\xc2".to_vec());
    for (taken, held) in [(Some(false), b"\xe2"), (Some(true), b"\xc2")] {
        let here = repair(&intent, &scene(taken, 100));
        assert_eq!((here.held.as_slice(), here.line), (&held[..], Line::Selected));
        let elsewhere = Scene { pipe: Some((9, 9)), ..scene(taken, 100) };
        assert_eq!(repair(&intent, &elsewhere).held, b"");
    }
    // Before the block a line stood in the intent, after it a character.
    intent.lines.0 = Line::None;
    let elsewhere = Scene { pipe: Some((9, 9)), ..scene(Some(false), 100) };
    assert_eq!(repair(&intent, &elsewhere).held, b"\xe2");
}

#[test]
fn the_longest_intent_is_less_than_a_page() {
    let mut intent = intent();
    intent.note(&[b'x'; 5000]);
    intent.held = (vec![b'x'; MATCHED_MAX], vec![b'x'; MATCHED_MAX]);
    assert_eq!(packed(&intent).len(), INTENT_MAX);
    const { assert!(INTENT_MAX < 4096) };
}

#[test]
fn what_stands_in_earlier_files_is_left_out_whatever_current_is() {
    let mut intent = intent();
    (intent.skip, intent.output) = (30, 50);
    for current in [Some((7, 104)), Some((99, 0)), None] {
        let scene = Scene { current, ..scene(Some(false), 0) };
        assert_eq!(repair(&intent, &scene).skip, 30);
    }
    assert_eq!(repair(&intent, &scene(Some(false), 120)).cut, Some(100));
    assert_eq!(repair(&intent, &scene(Some(false), 121)).cut, None);
}

#[test]
fn the_keeper_tells_for_all() {
    let keeper = |number| Intent { number, ..intent() };
    let other = Intent { keeper: false, ..intent() };
    let stranger = Intent { session: 6, ..intent() };
    assert_eq!(was_taken(&other, &[(keeper(3), false)]), Some(false));
    assert_eq!(was_taken(&other, &[(keeper(3), true)]), Some(true));
    assert_eq!(was_taken(&other, &[(keeper(4), false)]), Some(true));
    assert_eq!(was_taken(&other, &[(keeper(2), true)]), None);
    assert_eq!(was_taken(&other, &[(stranger, true), (other.clone(), true)]), None);
}

#[test]
fn the_mark_is_told_from_every_byte_that_can_come() {
    for last in 0..=255 {
        let mut intent = intent();
        intent.note(&[b'x', last]);
        let mut packed = packed(&intent);
        assert_eq!(Intent::unpack(&packed), Some((intent.clone(), false)));
        packed[MARK_AT] = last;
        assert_eq!(Intent::unpack(&packed), Some((intent, true)));
    }
}

fn a_line() -> impl Strategy<Value = Line> {
    prop_oneof![Just(Line::None), Just(Line::Selected), Just(Line::Deselected)]
}

proptest! {
    #[test]
    fn what_is_packed_is_unpacked(
        numbers: [u64; 8], keeper: bool, before in a_line(), after in a_line(),
        raw in proptest::collection::vec(any::<u8>(), 0..600), held: (Vec<u8>, Vec<u8>),
        noise: Vec<u8>,
    ) {
        let [session, number, dev, ino, file, offset, output, skip] = numbers;
        let mut intent = Intent {
            session, number, keeper, lines: (before, after), pipe: (dev, ino), file, offset,
            output, skip, held, ..Intent::default()
        };
        intent.note(&raw);
        let packed = [packed(&intent), noise].concat();
        prop_assert_eq!(Intent::unpack(&packed), Some((intent, false)));
    }

    #[test]
    fn no_file_is_too_odd(
        at in 0usize..120, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..600),
        taken: Option<bool>, current: Option<(u64, u64)>,
    ) {
        let mut packed = packed(&intent());
        packed[at] = byte;
        for bytes in [&noise[..], &packed[..], &packed[..at]] {
            if let Some((intent, _)) = Intent::unpack(bytes) {
                let count = noise.len() as u64;
                let scene = Scene { taken, pipe: Some((1, 2)), waiting: &noise, count, current };
                let repair = repair(&intent, &scene);
                // Never longer than it is.
                prop_assert!(repair.cut.is_none_or(|cut| current.is_some_and(|c| cut <= c.1)));
            }
        }
    }
}
