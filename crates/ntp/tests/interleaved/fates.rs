//! Losses, repetitions, delays, doubts, a server that forgets: in any order.

use ntp::answer::Refused;
use ntp::interleave::Pairs;
use ntp::packet::{Header, Leap};
use ntp::source::Heard;
use ntp::time::Span;
use proptest::prelude::*;

use super::pair::{Pair, THETA, near};

/// What happens to one exchange.
#[derive(Debug, Clone)]
enum Fate {
    Well,
    QuestionLost,
    AnswerLost,
    /// Answers of before come first, then the genuine one, so often.
    Repeated(usize, u8),
    /// It comes after the next question.
    Delayed,
    Forgotten,
    Doubted,
    Unsynchronised,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Well),
        1 => Just(Fate::QuestionLost),
        1 => Just(Fate::AnswerLost),
        2 => (0_usize..20, 1_u8..4).prop_map(|(back, times)| Fate::Repeated(back, times)),
        1 => Just(Fate::Delayed),
        1 => Just(Fate::Forgotten),
        1 => Just(Fate::Doubted),
        1 => Just(Fate::Unsynchronised),
    ]
}

/// One exchange; what was heard that was believed.
fn live(pair: &mut Pair, fate: &Fate, said: &mut Vec<Header>) -> Vec<Heard> {
    pair.ask();
    // What is still under way comes now, too late.
    let delayed = said.last().copied();
    let mut heard: Vec<Heard> = delayed.iter().map(|old| pair.hear(old)).collect();
    assert!(heard.iter().all(|heard| matches!(heard, Heard::Foreign(Refused::Origin))));
    heard.clear();
    if matches!(fate, Fate::Forgotten) {
        pair.pairs = Pairs::default();
    }
    if matches!(fate, Fate::QuestionLost) {
        return heard;
    }
    let answer = pair.answer();
    match fate {
        Fate::Repeated(back, times) => {
            let old = said.iter().rev().skip(*back).take(3).copied().collect::<Vec<_>>();
            heard.extend(old.iter().map(|old| pair.hear(old)));
            heard.extend((0..*times).map(|_| pair.hear(&answer)));
        }
        Fate::Unsynchronised => {
            heard.push(pair.hear(&Header { leap: Leap::Unsynchronised, ..answer }));
        }
        Fate::AnswerLost | Fate::Delayed | Fate::QuestionLost => {}
        Fate::Doubted => {
            pair.source.doubt(pair.now);
            heard.push(pair.hear(&answer));
        }
        Fate::Well | Fate::Forgotten => heard.push(pair.hear(&answer)),
    }
    said.push(answer);
    heard.retain(|heard| matches!(heard, Heard::Sample(..) | Heard::Known));
    heard
}

proptest! {
    /// Whatever is lost, repeated, late or forgotten: at most one answer to a request is believed,
    /// each measurement is right to what it cannot know, later than the last, and of another
    /// exchange; and soon after the end of all trouble answers are interleaved again.
    #[test]
    fn whatever_the_network_does_measurements_are_right_and_in_order(
        fates in proptest::collection::vec(fate(), 1..60),
        iburst in any::<bool>(),
    ) {
        let mut pair = Pair::new(if iburst { "xleave iburst" } else { "xleave" });
        let mut said = Vec::new();
        let mut last = None;
        for fate in fates.iter().chain(&[const { Fate::Well }; 20]) {
            let heard = live(&mut pair, fate, &mut said);
            prop_assert!(heard.len() <= 1, "{:?}", heard);
            if let Some(Heard::Sample(sample, _)) = heard.first() {
                let off = (sample.theta - THETA).abs();
                prop_assert!(off <= sample.delay.half() + Span::from_nanos(100), "{:?}", sample);
                prop_assert!(last.is_none_or(|last| sample.at > last), "{:?}", sample);
                last = Some(sample.at);
            }
        }
        prop_assert!(pair.source.is_interleaved());
        prop_assert!(near(pair.sample().theta, THETA));
    }
}
