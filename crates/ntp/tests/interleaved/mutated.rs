//! Answers that were changed on their way.

use ntp::interleave::Pairs;
use ntp::packet::{self, Header, Mode};
use ntp::source::Heard;
use ntp::time::Span;

use super::pair::{HELD, Pair, WAY, mixed};

/// One bit, byte or field of an answer is changed; `n` decides which.
fn mutated(genuine: &Header, n: u64) -> Vec<u8> {
    let mut bytes = genuine.encode().to_vec();
    for round in 0..=(n % 3) {
        let n = mixed(n.wrapping_add(round << 48));
        let at = usize::try_from((n >> 8) % 48).unwrap();
        match n % 8 {
            0 | 2 => bytes[at] ^= 1 << ((n >> 16) % 8),
            1 | 3 => bytes[at] = u8::try_from((n >> 16) & 0xff).unwrap(),
            4 => bytes[at & !7..][..8].fill(0),
            5 => bytes.copy_within(24 + (at & 8)..32 + (at & 8), 40 - (at & 8)),
            6 => bytes.truncate(at),
            _ => bytes.extend_from_slice(&n.to_be_bytes()[..(at % 8)]),
        }
        if bytes.len() < 48 {
            break;
        }
    }
    bytes
}

/// A few thousand answers are changed in a few places each; `KEEPUP_MUTATED` of them, if it is
/// set. What is believed lies in what its delay allows, or in what a changed stamp could say.
#[test]
fn mutated_answers_are_refused_or_harmless_in_both_manners() {
    let rounds = std::env::var("KEEPUP_MUTATED").ok().and_then(|text| text.parse().ok());
    let rounds: u64 = rounds.unwrap_or(20_000);
    let mut pair = Pair::settled();
    let (mut believed, mut refused) = (0_u64, 0_u64);
    for n in 0..rounds {
        if n % 4 == 0 || pair.source.deadline().is_none() || pair.source.is_lost() {
            pair = Pair::settled();
        }
        if n % 3 == 0 {
            pair.pairs = Pairs::default();
        }
        let request = pair.ask();
        let genuine = pair.answer();
        let bytes = mutated(&genuine, mixed(n));
        let arrived = pair.now + WAY + HELD + WAY;
        match pair.source.hear(&bytes, arrived) {
            Heard::Sample(sample, _) => {
                believed += 1;
                assert!(sample.delay >= Span::ZERO && sample.at <= arrived);
                let header = packet::parse(&bytes).unwrap().0;
                assert!(request.answered(header.origin).is_some());
                assert!(header.mode == Mode::Server && (1..16).contains(&header.stratum));
            }
            Heard::Known | Heard::Slower | Heard::Away => believed += 1,
            Heard::Foreign(_) => {
                refused += 1;
                let heard = pair.hear(&genuine);
                assert!(matches!(heard, Heard::Sample(..) | Heard::Known), "{n}: {heard:?}");
            }
            Heard::Useless(_) => {
                refused += 1;
                assert!(matches!(pair.hear(&genuine), Heard::Sample(..) | Heard::Known), "{n}");
            }
        }
    }
    assert!(believed > rounds / 20 && refused > rounds / 4, "{believed} {refused}");
}
