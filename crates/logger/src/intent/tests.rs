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
    Scene { taken, pipe: Some((1, 2)), waiting: RAW, current: Some((7, len)) }
}

const NOTHING: Repair = Repair { cut: None, end_line: false, skip: 0, line: Line::None };

#[test]
fn lines_that_still_wait_are_cut_off_wherever_the_write_has_ended() {
    for len in 100..=108 {
        let repair = repair(&intent(), &scene(Some(false), len));
        assert_eq!(repair, Repair { cut: Some(100), ..NOTHING }, "{len}");
    }
}

#[test]
fn lines_that_were_taken_stay() {
    assert_eq!(repair(&intent(), &scene(Some(true), 108)), NOTHING);
}

#[test]
fn nothing_is_cut_off_another_file_or_one_that_somebody_else_has_written() {
    let other = Scene { current: Some((8, 104)), ..scene(Some(false), 0) };
    for scene in [other, scene(Some(false), 99), scene(Some(false), 109)] {
        assert_eq!(repair(&intent(), &scene), NOTHING);
    }
    assert_eq!(repair(&intent(), &Scene { current: None, ..other }), NOTHING);
}

#[test]
fn nothing_is_cut_off_where_the_lines_are_not_in_the_pipe() {
    let short: &[u8] = b"one\n";
    let strange: &[u8] = b"one\nTWO\n";
    for waiting in [short, strange, b""] {
        let scene = Scene { waiting, ..scene(Some(false), 108) };
        assert_eq!(repair(&intent(), &scene), NOTHING);
    }
    for pipe in [None, Some((1, 3)), Some((2, 2))] {
        let scene = Scene { pipe, ..scene(Some(false), 108) };
        assert_eq!(repair(&intent(), &scene), NOTHING);
    }
}

#[test]
fn a_torn_line_whose_rest_is_gone_is_ended() {
    let ended = Repair { end_line: true, ..NOTHING };
    for (len, expected) in [(100, NOTHING), (101, ended), (107, ended), (108, NOTHING)] {
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
        let mut packed = intent.pack();
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
        raw in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let [session, number, dev, ino, file, offset, output, skip] = numbers;
        let mut intent = Intent {
            session, number, keeper, lines: (before, after), pipe: (dev, ino), file, offset,
            output, skip, ..Intent::default()
        };
        intent.note(&raw);
        prop_assert_eq!(Intent::unpack(&intent.pack()), Some((intent, false)));
    }

    #[test]
    fn no_file_is_too_odd(
        at in 0usize..INTENT_LEN, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..600),
        taken: Option<bool>, current: Option<(u64, u64)>,
    ) {
        let mut packed = intent().pack();
        packed[at] = byte;
        for bytes in [&noise[..], &packed[..], &packed[..at]] {
            if let Some((intent, _)) = Intent::unpack(bytes) {
                let scene = Scene { taken, pipe: Some((1, 2)), waiting: &noise, current };
                let repair = repair(&intent, &scene);
                // Never longer than it is.
                prop_assert!(repair.cut.is_none_or(|cut| current.is_some_and(|c| cut <= c.1)));
            }
        }
    }
}
