//! Control characters made visible: what a line could do to a terminal stays on paper.

use memchr::memchr;

/// The first byte of the control characters beyond ASCII, U+0080 to U+009F, in UTF-8. Some
/// terminals obey them.
const C1_LEAD: u8 = 0xc2;

/// Writes lines with `\x1b` for an escape. A tab stays, and so does a backslash: it is for eyes,
/// not to be read back. Nothing is lost but the difference between `\x1b` and what is written so.
#[derive(Debug, Default)]
pub(crate) struct Visible {
    /// The last byte was [`C1_LEAD`].
    after_lead: bool,
}

impl Visible {
    /// Appends a piece of a line.
    pub(crate) fn append(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some((&first, _)) = rest.split_first() {
            if self.after_lead && (0x80..0xa0).contains(&first) || is_control(first) {
                out.extend_from_slice(&[b'\\', b'x', digit(first >> 4), digit(first & 15)]);
                self.after_lead = false;
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let plain = rest.iter().position(|byte| is_control(*byte)).unwrap_or(rest.len());
            let plain = rest.get(..plain).unwrap_or_default();
            let end = memchr(C1_LEAD, plain).map_or(plain.len(), |at| at + 1);
            let (plain, after) = rest.split_at(end);
            out.extend_from_slice(plain);
            self.after_lead = plain.last() == Some(&C1_LEAD);
            rest = after;
        }
    }

    /// The next line has nothing to do with this one.
    pub(crate) const fn end_line(&mut self) {
        self.after_lead = false;
    }
}

const fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 10..=31 | 127)
}

fn digit(value: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or(b'?')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn visible(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut visible, mut out) = (Visible::default(), Vec::new());
        for piece in pieces {
            visible.append(piece, &mut out);
        }
        out
    }

    #[test]
    fn control_characters_are_written_as_numbers() {
        for (line, seen) in [
            ("\x1b[2Jgone\r", r"\x1b[2Jgone\x0d"),
            ("tab\there", "tab\there"),
            ("\0\x07\x7f", r"\x00\x07\x7f"),
            ("caf\u{e9} \u{a0}\u{bf}", "caf\u{e9} \u{a0}\u{bf}"),
            (r"C:\x1b", r"C:\x1b"),
        ] {
            assert_eq!(visible(&[line.as_bytes()]), seen.as_bytes());
        }
        assert_eq!(visible(&["\u{9b}2J".as_bytes()]), b"\xc2\\x9b2J");
        assert_eq!(visible(&[b"\xc2\xc2\x85\xc2\x1b"]), b"\xc2\xc2\\x85\xc2\\x1b");
    }

    fn odd_byte() -> impl Strategy<Value = u8> {
        prop_oneof![any::<u8>(), Just(0xc2), Just(0x9b)]
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_line_is_cut(
            line in proptest::collection::vec(odd_byte(), 0..50),
            at: prop::sample::Index,
        ) {
            let (head, tail) = line.split_at(at.index(line.len() + 1));
            let whole = visible(&[&line]);
            prop_assert_eq!(visible(&[head, tail]), whole.clone());
            prop_assert!(!whole.iter().any(|byte| is_control(*byte)));
            let c1 = |pair: &[u8]| pair[0] == 0xc2 && (0x80..0xa0).contains(&pair[1]);
            prop_assert!(!whole.windows(2).any(c1));
            prop_assert!(whole.len() <= 4 * line.len());
        }
    }
}
