//! The words of svstat's line on a supervised service (daemontools, `svstat.c`).

use tai::Stamp;

use crate::{Status, Wish};

/// What svstat says at `now` of a service in this state: `up (pid 42) 7 seconds, want down`.
/// `normally_down`: its directory has a file `down`. A status from the future is 0 seconds old.
#[must_use]
pub fn words(status: &Status, normally_down: bool, now: Stamp) -> String {
    let seconds = printed(now.secs().saturating_sub(status.since.secs()));
    let mut words = match status.pid {
        0 => format!("down {seconds} seconds"),
        pid => format!("up (pid {pid}) {seconds} seconds"),
    };
    let up = status.pid != 0;
    let remarks = [
        (up && normally_down, ", normally down"),
        (!up && !normally_down, ", normally up"),
        (up && status.paused, ", paused"),
        (!up && status.want == Wish::Up, ", want up"),
        (up && status.want == Wish::Down, ", want down"),
    ];
    words.extend(remarks.into_iter().filter(|(holds, _)| *holds).map(|(_, remark)| remark));
    words
}

/// The original passes seconds through a double (`tai_approx`): beyond 2^53 it prints the nearest
/// number that one can hold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the loss is the original's, and whole seconds are neither negative nor too large"
)]
fn printed(seconds: u64) -> u64 {
    seconds as f64 as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    /// Half a second into the second, so that fractions would show.
    fn now() -> Stamp {
        Stamp::from_unix(Duration::new(1_795_391_161, 500_000_000))
    }

    fn line(pid: u32, paused: bool, want: Wish, normally_down: bool) -> String {
        let since = Stamp::from_unix(Duration::new(1_795_391_161 - 5, 900_000_000));
        words(&Status { since, pid, paused, want }, normally_down, now())
    }

    /// Printed by Debian's svstat for these 18 bytes.
    #[test]
    fn every_combination_has_the_words_of_the_original() {
        let table = [
            ((7, false, Wish::Up, false), "up (pid 7) 5 seconds"),
            ((7, false, Wish::Once, false), "up (pid 7) 5 seconds"),
            ((7, false, Wish::Down, false), "up (pid 7) 5 seconds, want down"),
            ((7, true, Wish::Up, false), "up (pid 7) 5 seconds, paused"),
            ((7, false, Wish::Up, true), "up (pid 7) 5 seconds, normally down"),
            ((7, true, Wish::Down, true), "up (pid 7) 5 seconds, normally down, paused, want down"),
            ((0, false, Wish::Down, true), "down 5 seconds"),
            ((0, false, Wish::Once, true), "down 5 seconds"),
            ((0, false, Wish::Down, false), "down 5 seconds, normally up"),
            ((0, false, Wish::Once, false), "down 5 seconds, normally up"),
            ((0, false, Wish::Up, true), "down 5 seconds, want up"),
            ((0, true, Wish::Up, false), "down 5 seconds, normally up, want up"),
            ((u32::MAX, false, Wish::Up, false), "up (pid 4294967295) 5 seconds"),
        ];
        for ((pid, paused, want, normally_down), expected) in table {
            assert_eq!(line(pid, paused, want, normally_down), expected);
        }
    }

    fn seconds_since(secs: u64) -> String {
        let mut packed = [0; tai::PACKED_LEN];
        packed[..8].copy_from_slice(&secs.to_be_bytes());
        let since = Stamp::unpack(packed);
        words(&Status { since, pid: 1, paused: false, want: Wish::Up }, false, now())
    }

    #[test]
    fn the_future_is_now_and_the_dawn_of_time_is_rounded_as_the_original_rounds_it() {
        let secs = now().secs();
        for future in [secs + 1, secs + 100, 1 << 63, u64::MAX] {
            assert_eq!(seconds_since(future), "up (pid 1) 0 seconds");
        }
        assert_eq!(seconds_since(secs), "up (pid 1) 0 seconds");
        assert_eq!(seconds_since(secs - 1), "up (pid 1) 1 seconds");
        assert_eq!(seconds_since(secs - (1 << 53) - 1), "up (pid 1) 9007199254740992 seconds");
        assert_eq!(seconds_since(0), "up (pid 1) 4611686020222779392 seconds");
    }

    /// What a reader takes from the words: pid, paused, and the wish as far as it is told.
    fn read_back(words: &str) -> (u32, u64, bool, Option<Wish>, bool) {
        let (state, remarks) = words.split_once(" seconds").unwrap();
        let seconds = state.rsplit_once(' ').unwrap().1.parse().unwrap();
        let pid =
            state.strip_prefix("up (pid ").map_or("0", |rest| rest.split(')').next().unwrap());
        let remarks: Vec<&str> = remarks.split(", ").filter(|remark| !remark.is_empty()).collect();
        let says = |remark| remarks.contains(&remark);
        let want = match (says("want up"), says("want down")) {
            (true, false) => Some(Wish::Up),
            (false, true) => Some(Wish::Down),
            _ => None,
        };
        let normally_down = says("normally down") || (pid == "0" && !says("normally up"));
        (pid.parse().unwrap(), seconds, says("paused"), want, normally_down)
    }

    fn any_wish() -> impl Strategy<Value = Wish> {
        prop_oneof![Just(Wish::Up), Just(Wish::Down), Just(Wish::Once)]
    }

    proptest! {
        #[test]
        fn what_is_said_can_be_read_back(
            pid in prop_oneof![Just(0), any::<u32>()],
            paused: bool,
            normally_down: bool,
            want in any_wish(),
            age in 0u64..1 << 50,
        ) {
            let since = Stamp::from_unix(Duration::from_secs(1 << 40));
            let now = Stamp::from_unix(Duration::from_secs((1 << 40) + age));
            let words = words(&Status { since, pid, paused, want }, normally_down, now);
            let told = match (pid, want) {
                (0, Wish::Up) => Some(Wish::Up),
                (1.., Wish::Down) => Some(Wish::Down),
                (_, Wish::Up | Wish::Down | Wish::Once) => None,
            };
            let expected = (pid, age, pid != 0 && paused, told, normally_down);
            prop_assert_eq!(read_back(&words), expected, "{}", words);
        }

        #[test]
        fn the_words_are_one_short_line(bytes: [u8; 18], normally_down: bool, now: [u8; 12]) {
            let status = Status::decode(&bytes).unwrap();
            let words = words(&status, normally_down, Stamp::unpack(now));
            prop_assert!(words.len() < 100 && !words.contains('\n'), "{}", words);
        }
    }
}
