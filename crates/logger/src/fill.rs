//! How full a log file is, and where the next file begins (`multilog.c`, `c_write`).

use memchr::memchr;

/// Within so many bytes of the size a file ends at the next line end, so that few lines are cut.
const MARGIN: u64 = 2000;

/// The fill of a `current` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    bytes: u64,
    size: u64,
}

/// How much goes into a file before the next one is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// A line end at this place, or after it, ends the file.
    pub ends_at: usize,
    /// No more fits.
    pub len: usize,
}

/// What to do next with bytes that wait to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// The file is full: a new one is due before anything is written.
    Rotate,
    /// Write so many of the bytes.
    Write {
        /// How many; at least one.
        len: usize,
        /// Whether the file is full once they are all written.
        last: bool,
    },
}

impl Fill {
    /// A file that holds `bytes` and may hold `size`.
    #[must_use]
    pub const fn new(bytes: u64, size: u64) -> Self {
        Self { bytes, size }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What the file has room for.
    #[must_use]
    pub fn room(&self) -> Room {
        Room {
            ends_at: clip(self.size.saturating_sub(MARGIN).saturating_sub(self.bytes + 1)),
            len: clip(self.size.saturating_sub(self.bytes)),
        }
    }

    /// What to do next with `data`, which is not empty. A file ends after the first line end within
    /// the margin; a line that is longer is cut where the file is full.
    ///
    /// The original looks for the *last* line end in what it has buffered (512 bytes at most), so
    /// where a burst comes in, its files may end a little later than ours.
    #[must_use]
    pub fn next(&self, data: &[u8]) -> Piece {
        let Room { ends_at: from, len } = self.room();
        if len == 0 {
            return Piece::Rotate;
        }
        let fits = data.get(..len).unwrap_or(data);
        match fits.get(from..).and_then(|rest| memchr(b'\n', rest)) {
            Some(at) => Piece::Write { len: from + at + 1, last: true },
            None => Piece::Write { len: fits.len(), last: false },
        }
    }

    /// How many bytes are in it.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// So many bytes were written.
    pub fn add(&mut self, len: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }

    /// The file was cut to this length.
    pub const fn cut(&mut self, bytes: u64) {
        self.bytes = bytes;
    }

    /// A new file was begun.
    pub fn clear(&mut self) {
        self.bytes = 0;
    }
}

fn clip(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes `data` as the shell does, `most` bytes at a time; the files, the last one `current`.
    fn files(size: u64, data: &[u8], most: usize) -> Vec<Vec<u8>> {
        let mut fill = Fill::new(0, size);
        let mut files = vec![Vec::new()];
        let mut rest = data;
        while !rest.is_empty() {
            match fill.next(rest) {
                Piece::Rotate => {
                    files.push(Vec::new());
                    fill.clear();
                }
                Piece::Write { len, last } => {
                    let written = len.min(most);
                    files.last_mut().unwrap().extend_from_slice(&rest[..written]);
                    fill.add(written);
                    rest = &rest[written..];
                    if last && written == len {
                        files.push(Vec::new());
                        fill.clear();
                    }
                }
            }
        }
        files
    }

    #[test]
    fn a_file_ends_at_the_first_line_end_within_the_margin() {
        let lines = [b'x'; 99].iter().copied().chain([b'\n']).cycle();
        let data: Vec<u8> = lines.take(10_000).collect();
        let lens: Vec<usize> = files(4096, &data, usize::MAX).iter().map(Vec::len).collect();
        assert_eq!(lens, [2100, 2100, 2100, 2100, 1600]);
    }

    #[test]
    fn a_line_end_one_byte_before_the_margin_does_not_end_the_file() {
        let before = Fill::new(0, 4096);
        let mut line = vec![b'x'; 2094];
        line.push(b'\n');
        assert_eq!(before.next(&line), Piece::Write { len: 2095, last: false });
        line.insert(0, b'x');
        assert_eq!(before.next(&line), Piece::Write { len: 2096, last: true });
    }

    #[test]
    fn a_line_longer_than_a_file_is_cut_at_the_size() {
        let lens: Vec<usize> = files(4096, &[b'x'; 9000], 512).iter().map(Vec::len).collect();
        assert_eq!(lens, [4096, 4096, 808]);
    }

    #[test]
    fn a_line_end_that_is_the_last_byte_that_fits_ends_the_file_there() {
        let mut line = vec![b'x'; 4095];
        line.push(b'\n');
        assert_eq!(files(4096, &line, usize::MAX), [line.clone(), Vec::new()]);
    }

    #[test]
    fn a_full_file_of_an_earlier_run_is_rotated_before_the_first_byte() {
        assert_eq!(Fill::new(5000, 4096).next(b"x\n"), Piece::Rotate);
        assert_eq!(Fill::new(4096, 4096).next(b"x\n"), Piece::Rotate);
        assert_eq!(Fill::new(4095, 4096).next(b"x\n"), Piece::Write { len: 1, last: false });
    }

    fn logs() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![40 => Just(b'x'), 1 => Just(b'\n')];
        proptest::collection::vec(byte, 0..15_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn files_never_exceed_the_size_and_lose_nothing(data in logs(), most in 1usize..5000) {
            let files = files(4096, &data, most);
            prop_assert!(files.iter().all(|file| file.len() <= 4096));
            prop_assert_eq!(files.concat(), data);
        }

        #[test]
        fn files_do_not_depend_on_how_it_is_written(data in logs(), most in 1usize..5000) {
            prop_assert_eq!(files(4096, &data, most), files(4096, &data, usize::MAX));
        }

        #[test]
        fn only_a_full_file_or_one_within_the_margin_ends(data in logs()) {
            let files = files(4096, &data, usize::MAX);
            for file in &files[..files.len() - 1] {
                let ends_a_line = file.last() == Some(&b'\n') && file.len() >= 2096;
                prop_assert!(ends_a_line || file.len() == 4096, "{}", file.len());
            }
        }
    }
}
