//! `tai64n`: a label before each line.

use memchr::memchr_iter;
use tai::Stamp;

use crate::Prefix;

/// Puts labels into a stream that comes in blocks.
#[derive(Debug, Default)]
pub struct Prefixer {
    prefix: Prefix,
    within_line: bool,
}

impl Prefixer {
    /// Appends `block` to `out`, with a label where a line begins; `now` is asked for each line.
    pub fn feed(&mut self, block: &[u8], mut now: impl FnMut() -> Stamp, out: &mut Vec<u8>) {
        let mut rest = block;
        for end in memchr_iter(b'\n', block) {
            let begun = block.len() - rest.len();
            let (line, after) = rest.split_at(end + 1 - begun);
            self.piece(line, &mut now, out);
            self.within_line = false;
            rest = after;
        }
        if !rest.is_empty() {
            self.piece(rest, &mut now, out);
        }
    }

    fn piece(&mut self, piece: &[u8], now: impl FnOnce() -> Stamp, out: &mut Vec<u8>) {
        if !self.within_line {
            out.extend_from_slice(self.prefix.at(now()));
            self.within_line = true;
        }
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn feed(blocks: &[&[u8]]) -> String {
        let (mut prefixer, mut second) = (Prefixer::default(), 0);
        let mut out = Vec::new();
        for block in blocks {
            let now = || {
                second += 1;
                Stamp::from_unix(Duration::from_secs(second))
            };
            prefixer.feed(block, now, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn label(second: u64) -> String {
        Stamp::from_unix(Duration::from_secs(second)).to_string()
    }

    #[test]
    fn every_line_gets_a_label_at_its_first_byte() {
        let expected = format!("{} a\n{} \n{} b", label(1), label(2), label(3));
        assert_eq!(feed(&[b"a\n\nb"]), expected);
        assert_eq!(feed(&[b"a", b"\n", b"\nb"]), expected);
    }

    #[test]
    fn a_line_end_at_the_end_of_a_block_begins_no_line() {
        assert_eq!(feed(&[b"a\n", b""]), format!("{} a\n", label(1)));
        assert_eq!(feed(&[]), "");
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_does_not_show(text in "[ab\n]{0,60}", cut in 0usize..60) {
            let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(feed(&[head, tail]), feed(&[text.as_bytes()]));
        }
    }
}
