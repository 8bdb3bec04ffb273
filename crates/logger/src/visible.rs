//! Control characters made visible: what a line could do to a terminal stays on paper.

/// The most bytes of a character in UTF-8.
const CHAR_MAX: usize = 4;

/// Writes lines with `\x1b` for an escape, and so for the control characters U+0080 to U+009F, as
/// UTF-8 and as the single bytes that they are in Latin-1. A tab stays, and so do a backslash and
/// letters of Latin-1: it is for eyes, not to be read back. Nothing is lost but the difference
/// between `\x1b` and what is written so.
#[derive(Debug, Default)]
pub(crate) struct Visible {
    /// What has come of a character of several bytes.
    held: [u8; CHAR_MAX],
    len: usize,
}

impl Visible {
    /// Appends a piece of a line, but for a character at its end that is not whole.
    pub(crate) fn append(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some((&first, after)) = rest.split_first() {
            let plain = rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len());
            if plain == 0 {
                self.byte(first, out);
                rest = after;
                continue;
            }
            self.let_go(out);
            let (plain, after) = rest.split_at(plain);
            out.extend_from_slice(plain);
            rest = after;
        }
    }

    /// The character that has begun does not go on, as at the end of a line.
    pub(crate) fn let_go(&mut self, out: &mut Vec<u8>) {
        let len = std::mem::take(&mut self.len);
        self.held.iter().take(len).for_each(|byte| loose(*byte, out));
    }

    /// The character that has begun and is whole is written as its bytes.
    fn write_bytes(&mut self, out: &mut Vec<u8>) {
        let len = std::mem::take(&mut self.len);
        self.held.iter().take(len).for_each(|byte| escape(*byte, out));
    }

    /// A control character, or a byte beyond ASCII.
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.hold(byte);
        match std::str::from_utf8(self.begun()) {
            Ok(text) if text.chars().any(char::is_control) => self.write_bytes(out),
            Ok(_) => {
                out.extend_from_slice(self.begun());
                self.len = 0;
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                self.len -= 1;
                if self.len == 0 {
                    return loose(byte, out);
                }
                self.let_go(out);
                // It may begin the next character.
                self.byte(byte, out);
            }
        }
    }

    fn hold(&mut self, byte: u8) {
        if let Some(place) = self.held.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn begun(&self) -> &[u8] {
        self.held.get(..self.len).unwrap_or_default()
    }
}

/// How many bytes at the end of `bytes` begin a character that is not whole: as many as
/// [`Visible::append`] holds of them.
pub(crate) fn begun(bytes: &[u8]) -> usize {
    let is_begun = |len: &usize| {
        let end = bytes.len().checked_sub(*len).and_then(|at| bytes.get(at..));
        let read = end.map(std::str::from_utf8);
        read.is_some_and(|read| read.is_err_and(|error| error.error_len().is_none()))
    };
    (1..CHAR_MAX).find(is_begun).unwrap_or(0)
}

/// A byte that belongs to no character.
fn loose(byte: u8, out: &mut Vec<u8>) {
    if is_control(byte) || matches!(byte, 0x80..=0x9f) {
        escape(byte, out);
    } else {
        out.push(byte);
    }
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

/// Whether it is a character of ASCII that is written as it is.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !is_control(byte)
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
        visible.let_go(&mut out);
        out
    }

    #[test]
    fn control_characters_are_written_as_numbers() {
        for (line, seen) in [
            ("\x1b[2Jgone\r", r"\x1b[2Jgone\x0d"),
            ("tab\there", "tab\there"),
            ("\0\x07\x7f", r"\x00\x07\x7f"),
            (
                "caf\u{e9} \u{a0}\u{bf} \u{2192}\u{1f980}",
                "caf\u{e9} \u{a0}\u{bf} \u{2192}\u{1f980}",
            ),
            (r"C:\x1b", r"C:\x1b"),
            ("\u{9b}2J", r"\xc2\x9b2J"),
        ] {
            assert_eq!(visible(&[line.as_bytes()]), seen.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_controls_or_letters_of_latin_1() {
        for (line, seen) in [
            (&b"\x9b2J"[..], &b"\\x9b2J"[..]),
            (b"caf\xe9", b"caf\xe9"),
            (b"caf\xe9\x9b2J", b"caf\xe9\\x9b2J"),
            (b"\xc2\xc2\x85\xc2\x1b", b"\xc2\\xc2\\x85\xc2\\x1b"),
            (b"\xe0\x82\x9b", b"\xe0\\x82\\x9b"),
            (b"\xf0\x9f\xa6", b"\xf0\\x9f\xa6"),
            (b"\xf0\x9f\xa6x", b"\xf0\\x9f\xa6x"),
        ] {
            assert_eq!(visible(&[line]), seen, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn the_start_of_a_character_at_the_end_is_known() {
        for (bytes, len) in [
            (&b""[..], 0),
            (b"a", 0),
            (b"a\xe2", 1),
            (b"a\xe2\x86", 2),
            (b"a\xe2\x86\x92", 0),
            (b"\xf0\x9f\xa6", 3),
            (b"\xf0\x9f\xa6\x80", 0),
            (b"\xf0\xf0", 1),
            (b"\xe0\x82", 0),
            (b"\x86", 0),
        ] {
            assert_eq!(begun(bytes), len, "{}", bytes.escape_ascii());
        }
    }

    fn odd_byte() -> impl Strategy<Value = u8> {
        prop_oneof![any::<u8>(), Just(0xc2), Just(0x9b), Just(0xe2)]
    }

    proptest! {
        #[test]
        fn what_is_held_has_begun(line in proptest::collection::vec(odd_byte(), 0..50)) {
            let mut visible = Visible::default();
            visible.append(&line, &mut Vec::new());
            prop_assert_eq!(visible.len, begun(&line));
        }

        #[test]
        fn it_does_not_matter_where_a_line_is_cut(
            line in proptest::collection::vec(odd_byte(), 0..50),
            at: prop::sample::Index,
        ) {
            let (head, tail) = line.split_at(at.index(line.len() + 1));
            let whole = visible(&[&line]);
            prop_assert_eq!(visible(&[head, tail]), whole.clone());
            for chunk in whole.utf8_chunks() {
                prop_assert!(!chunk.valid().chars().any(|c| c.is_control() && c != '\t'));
                prop_assert!(!chunk.invalid().iter().any(|byte| (0x80..0xa0).contains(byte)));
            }
            prop_assert!(whole.len() <= 4 * line.len());
        }

        #[test]
        fn text_without_controls_stays_as_it_is(text in "[^\\p{Cc}]{0,40}") {
            prop_assert_eq!(visible(&[text.as_bytes()]), text.into_bytes());
        }
    }
}
