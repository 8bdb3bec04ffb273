//! Sentences that are said again and again: a loop that lasts a night must leave a log that can be
//! read, not a full disk.

/// So many kinds of sentences are remembered for a service; another one takes the oldest's place.
const KINDS_MAX: usize = 8;

/// What a service's operator was told, and how often.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    /// The sentence without its numbers.
    shape: String,
    times: u32,
}

impl Repeats {
    /// The sentence as it is to be said: as it is for the first time, with a count whenever that
    /// has doubled, and not at all otherwise.
    pub(crate) fn again(&mut self, sentence: String) -> Option<String> {
        let shape: String = sentence.chars().filter(|c| !c.is_ascii_digit()).collect();
        let Some(told) = self.told.iter_mut().find(|told| told.shape == shape) else {
            if self.told.len() == KINDS_MAX {
                self.told.remove(0);
            }
            self.told.push(Told { shape, times: 1 });
            return Some(sentence);
        };
        told.times = told.times.saturating_add(1);
        told.times.is_power_of_two().then(|| format!("{sentence} (repeated {} times)", told.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(repeats: &mut Repeats, times: u32, sentence: impl Fn(u32) -> String) -> Vec<String> {
        (0..times).filter_map(|turn| repeats.again(sentence(turn))).collect()
    }

    #[test]
    fn a_loop_of_a_night_is_a_handful_of_lines() {
        let mut repeats = Repeats::default();
        let lines = said(&mut repeats, 30_000, |turn| format!("a: left {turn} processes"));
        assert_eq!(lines.len(), 15);
        assert_eq!(lines[0], "a: left 0 processes");
        assert_eq!(lines[14], "a: left 16383 processes (repeated 16384 times)");
    }

    #[test]
    fn two_sentences_in_turn_are_counted_apart() {
        let mut repeats = Repeats::default();
        let words = ["cannot start", "started"];
        let lines = said(&mut repeats, 200, |turn| words[turn as usize % 2].to_owned());
        assert_eq!(lines.len(), 14);
    }

    #[test]
    fn no_number_of_sentences_takes_more_memory() {
        let mut repeats = Repeats::default();
        let lines = said(&mut repeats, 1000, |turn| "x".repeat(turn as usize));
        assert_eq!((lines.len(), repeats.told.len()), (1000, KINDS_MAX));
    }
}
