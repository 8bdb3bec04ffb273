//! Lines out of a stream that comes in blocks, and that may go on from one file into the next.

use memchr::memchr;

/// A longer line is given in pieces: more is not held. A log file of multilog has 99999 bytes
/// unless told otherwise.
pub const LINE_MAX: usize = 1 << 20;

/// How much is asked for at once: what a pipe holds.
const BLOCK: usize = 64 * 1024;

/// A line, or a part of one that is too long, in the buffer of [`Lines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    from: usize,
    /// Behind its last byte, without the line end.
    to: usize,
    /// A line begins here.
    pub begins: bool,
    /// A line ends here.
    pub ends: bool,
}

impl Piece {
    /// How many bytes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.to - self.from
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.to == self.from
    }

    /// The same with no more than its first `len` bytes.
    #[must_use]
    pub fn first(self, len: usize) -> Self {
        Self { to: self.to.min(self.from.saturating_add(len)), ..self }
    }
}

/// A buffer that is filled with blocks and emptied by lines.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// No line end is before.
    searched: usize,
    begins: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, searched: 0, begins: true }
    }
}

impl Lines {
    /// The next whole line. Its bytes stay where they are until [`Lines::room`] is called.
    pub fn next_line(&mut self) -> Option<Piece> {
        let unseen = self.buffer.get(self.searched..self.end).unwrap_or_default();
        if let Some(at) = memchr(b'\n', unseen) {
            let to = self.searched + at;
            return Some(self.take(to, to + 1, true));
        }
        self.searched = self.end;
        (self.end - self.start >= LINE_MAX).then(|| self.take(self.end, self.end, false))
    }

    /// What has come of a line that will not go on: it ends here.
    pub fn rest(&mut self) -> Option<Piece> {
        let is_within = self.end > self.start || !self.begins;
        is_within.then(|| self.take(self.end, self.end, true))
    }

    /// Whether a line has begun and has no end yet.
    #[must_use]
    pub const fn is_within_line(&self) -> bool {
        self.end > self.start || !self.begins
    }

    /// All that has come is thrown away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The bytes of a piece.
    #[must_use]
    pub fn bytes(&self, piece: Piece) -> &[u8] {
        self.buffer.get(piece.from..piece.to).unwrap_or_default()
    }

    /// Where the next block belongs; [`Lines::filled`] says how much of it came.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + BLOCK {
            self.buffer.resize(self.end + BLOCK, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// `len` bytes of the room were filled.
    pub fn filled(&mut self, len: usize) {
        self.end = self.buffer.len().min(self.end + len);
    }

    fn take(&mut self, to: usize, next: usize, ends: bool) -> Piece {
        let piece = Piece { from: self.start, to, begins: self.begins, ends };
        self.begins = ends;
        self.start = next;
        self.searched = next;
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(lines: &mut Lines, mut bytes: &[u8], out: &mut Vec<(Vec<u8>, bool, bool)>) {
        while !bytes.is_empty() {
            let room = lines.room();
            let len = room.len().min(bytes.len());
            room[..len].copy_from_slice(&bytes[..len]);
            lines.filled(len);
            bytes = &bytes[len..];
            while let Some(piece) = lines.next_line() {
                out.push((lines.bytes(piece).to_vec(), piece.begins, piece.ends));
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces() {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        let text = [vec![b'x'; LINE_MAX + BLOCK], b"y\nz\n".to_vec()].concat();
        feed(&mut lines, &text, &mut out);
        let shapes: Vec<_> = out.iter().map(|(_, begins, ends)| (*begins, *ends)).collect();
        assert_eq!(shapes, [(true, false), (false, true), (true, true)]);
        assert_eq!(out[0].0.len() + out[1].0.len(), LINE_MAX + BLOCK + 1);
        assert!(lines.buffer.len() <= LINE_MAX + 2 * BLOCK);
    }

    #[test]
    fn of_a_piece_there_may_be_wanted_less() {
        let mut lines = Lines::default();
        feed(&mut lines, b"half", &mut Vec::new());
        let piece = lines.rest().unwrap();
        let first = |len| lines.bytes(piece.first(len));
        assert_eq!((first(0), first(3), first(9)), (&b""[..], &b"hal"[..], &b"half"[..]));
        assert!(piece.first(1).ends && piece.first(0).is_empty() && piece.first(9).len() == 4);
    }

    #[test]
    fn what_does_not_go_on_ends_there() {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        assert!(!lines.is_within_line() && lines.rest().is_none());
        feed(&mut lines, b"half", &mut out);
        assert!(out.is_empty() && lines.is_within_line());
        let piece = lines.rest().unwrap();
        assert_eq!((lines.bytes(piece), piece.begins, piece.ends), (&b"half"[..], true, true));
        assert!(!lines.is_within_line());
        feed(&mut lines, &vec![b'x'; LINE_MAX], &mut out);
        assert!(lines.is_within_line() && !out[0].2);
        let piece = lines.rest().unwrap();
        assert_eq!((lines.bytes(piece), piece.begins, piece.ends), (&b""[..], false, true));
        out.clear();
        feed(&mut lines, b"next\n", &mut out);
        assert_eq!(out, [(b"next".to_vec(), true, true)]);
    }

    proptest! {
        #[test]
        fn lines_are_what_was_fed_however_it_is_cut(text in "[ab\n]{0,80}", cut in 0usize..80) {
            let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
            let (mut lines, mut out) = (Lines::default(), Vec::new());
            feed(&mut lines, head, &mut out);
            feed(&mut lines, tail, &mut out);
            let mut joined = Vec::new();
            for (line, begins, ends) in out {
                prop_assert!(begins && ends);
                joined.extend(line);
                joined.push(b'\n');
            }
            if let Some(rest) = lines.rest() {
                joined.extend_from_slice(lines.bytes(rest));
            }
            prop_assert_eq!(joined, text.into_bytes());
        }
    }
}
