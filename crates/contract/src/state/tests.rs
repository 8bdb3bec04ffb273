use proptest::prelude::*;

use super::*;
use crate::Status;

const WORLD: World = World { boot: *b"0123456789abcdef", pid_namespace: 7, time_namespace: 8 };
const KEEPER: u64 = 0x1122_3344_5566_7788;

fn any_time() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_nanos)
}

fn any_record() -> impl Strategy<Value = Record> {
    let phase =
        prop_oneof![Just(Phase::Down), Just(Phase::Starting), any::<u32>().prop_map(Phase::Up)];
    let want = prop_oneof![Just(Wish::Up), Just(Wish::Down), Just(Wish::Once)];
    let end = prop_oneof![
        Just(LastEnd::None),
        Just(LastEnd::Unknown),
        any::<u8>().prop_map(LastEnd::Exited),
        any::<u8>().prop_map(LastEnd::Signalled),
    ];
    let times = [any_time(), any_time(), any_time(), any_time(), any_time()];
    let numbers = any::<(u64, u64, u64, u32, u16)>();
    let shown = prop::option::of((1..=u8::MAX).prop_map(|byte| Stamp::unpack([byte; 12])));
    (phase, want, end, times, numbers, any::<[bool; 7]>(), shown).prop_map(
        |(
            phase,
            want,
            end,
            [changed, asked_for, paced, first_quick, ready],
            numbers,
            flags,
            shown,
        )| {
            let (dev, ino, marker, session, quick_deaths) = numbers;
            let [paused, asked, told, leaving, background, left_behind, given_up] = flags;
            Record {
                directory: (dev, ino.max(1)),
                phase,
                changed,
                asked_for,
                paced,
                first_quick,
                ready,
                marker,
                session,
                quick_deaths,
                want,
                paused,
                asked,
                told,
                leaving,
                background,
                left_behind,
                given_up,
                end,
                shown,
            }
        },
    )
}

fn record_of(sides: [[u8; SIDE_LEN]; 2]) -> [u8; LEN] {
    sides.concat().try_into().unwrap()
}

#[test]
fn a_header_is_read_back_and_has_its_place_for_each_field() {
    let bytes = WORLD.encode(KEEPER);
    assert_eq!(World::decode(&bytes), Some(WORLD));
    assert_eq!(&bytes[..16], b"keepup\0\n\x01\0\0\0\0\x01\0\0");
    assert_eq!(&bytes[16..32], &WORLD.boot);
    assert_eq!((bytes[32], bytes[40]), (7, 8));
    assert_eq!(bytes[52..60], KEEPER.to_le_bytes());
}

#[test]
fn a_header_of_another_version_is_not_read_even_where_it_is_whole() {
    for (place, byte) in [(0, b'K'), (8, 2), (12, 64)] {
        let mut bytes = WORLD.encode(KEEPER);
        bytes[place] = byte;
        let sum = checksum(&bytes[..48]);
        bytes[48..52].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(World::decode(&bytes), None, "byte {place}");
    }
}

#[test]
fn what_was_never_written_is_no_side() {
    assert_eq!(Side::decode(&[0; SIDE_LEN]), None);
    assert_eq!(Side::in_force(&[0; LEN]), None);
}

#[test]
fn a_free_record_is_one_and_says_so() {
    let free = Side { generation: 3, record: None, child: 0, supervisor: KEEPER };
    assert_eq!(Side::decode(&free.encode()), Some(free));
}

#[test]
fn the_child_is_where_the_kernel_writes_it_and_makes_no_side_torn() {
    let side = Side { generation: 1, record: Some(Record::FREE), child: 0, supervisor: KEEPER };
    let record = Record { directory: (1, 2), phase: Phase::Starting, ..Record::FREE };
    let mut bytes = Side { record: Some(record), ..side }.encode();
    bytes[CHILD_AT..].copy_from_slice(&4711_u32.to_le_bytes());
    assert_eq!(Side::decode(&bytes).unwrap().child, 4711);
}

fn file_of(keeper: u64, sides: &[Side]) -> Vec<u8> {
    let mut file = WORLD.encode(keeper).to_vec();
    for side in sides {
        file.extend(record_of([[0; SIDE_LEN], side.encode()]));
    }
    file
}

#[test]
fn only_what_runs_and_was_noted_by_the_keeper_of_the_file_is_shown() {
    let since = Stamp::unpack([64, 0, 0, 0, 107, 3, 70, 173, 2, 78, 239, 76]);
    let record = Record {
        directory: (1, 2),
        phase: Phase::Up(42),
        paused: true,
        want: Wish::Once,
        shown: Some(since),
        ..Record::FREE
    };
    let by =
        |supervisor, record| Side { generation: 1, record: Some(record), supervisor, child: 0 };
    let sides = [
        by(KEEPER + 1, record),
        by(0, record),
        by(KEEPER, Record { shown: None, ..record }),
        by(KEEPER, Record { phase: Phase::Down, ..record }),
        by(KEEPER, Record { phase: Phase::Starting, ..record }),
        Side { record: None, ..by(KEEPER, record) },
        by(KEEPER, Record { directory: (1, 9), ..record }),
    ];
    let found = |keeper| shown(&file_of(keeper, &sides)).collect::<Vec<_>>();
    let status = Status { since, pid: 42, paused: true, want: Wish::Once };
    assert_eq!(found(KEEPER), [((1, 9), status)]);
    assert_eq!(found(0), []);
    assert_eq!(shown(&[]).count() + shown(&WORLD.encode(KEEPER)).count(), 0);
}

#[test]
fn generations_wrap_round() {
    let record = Record { directory: (1, 2), ..Record::FREE };
    let side = |generation| Side { generation, record: Some(record), child: 0, supervisor: KEEPER };
    for (old, new) in [(0, 1), (u32::MAX, 0), (u32::MAX - 1, u32::MAX)] {
        let both = record_of([side(old).encode(), side(new).encode()]);
        assert_eq!(Side::in_force(&both), Some((1, side(new))));
        let both = record_of([side(new).encode(), side(old).encode()]);
        assert_eq!(Side::in_force(&both), Some((0, side(new))));
    }
}

proptest! {
    #[test]
    fn a_side_is_read_back(
        record in any_record(), generation: u32, supervisor: u64, child: u32,
    ) {
        let side = Side { generation, record: Some(record), supervisor, child };
        prop_assert_eq!(Side::decode(&side.encode()), Some(side));
    }

    #[test]
    fn no_bytes_are_too_odd_to_read(header: Vec<u8>, bytes: [[u8; 32]; 8]) {
        let bytes: [u8; LEN] = bytes.concat().try_into().unwrap();
        prop_assert_eq!(World::decode(&header), None);
        let _ = Side::in_force(&bytes);
    }

    #[test]
    fn a_header_with_one_byte_changed_is_not_read(place in 0..52_usize, change in 1..=u8::MAX) {
        let mut bytes = WORLD.encode(KEEPER);
        bytes[place] ^= change;
        prop_assert_eq!(World::decode(&bytes), None);
    }

    /// Killed after so many bytes: the side before is in force, or the new one is whole.
    #[test]
    fn a_store_torn_anywhere_leaves_the_one_before(
        old in any_record(), new in any_record(), at in 0..=SIDE_LEN, generation: u32,
    ) {
        let side = |generation, record| {
            Side { generation, record: Some(record), child: 0, supervisor: KEEPER }
        };
        let before = side(generation, old);
        let after = side(generation.wrapping_add(1), new);
        // What stood there: the side before the last.
        let mut torn = side(generation.wrapping_sub(1), old).encode();
        torn[..at].copy_from_slice(&after.encode()[..at]);
        let (_, found) = Side::in_force(&record_of([before.encode(), torn])).unwrap();
        prop_assert!(found == before || found == after, "{:?}", found);
        prop_assert!(at < CHILD_AT || found == after);
        prop_assert!(at > 56 || found == before);
    }
}
