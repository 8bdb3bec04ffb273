//! A time found in a file without reading all of it.

use std::io;

use memchr::{memchr, memrchr};
use tai::Stamp;

/// A file that can be read anywhere.
pub trait ReadAt {
    /// Reads at `offset` into `buffer`: how much, and nothing only at the end.
    ///
    /// # Errors
    /// Those of reading.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// A window in which a stamp is looked for. A record of many lines without a stamp that is longer
/// makes the search give up, and the file is read from its start.
const WINDOW: usize = 64 * 1024;

/// Where in the first `len` bytes of a file the first line begins whose stamp is `wanted` or later:
/// `len` where there is none. `None` where that is not known: no line has a stamp, or they do not
/// rise, as after the clock was set.
///
/// # Errors
/// Those of reading.
pub fn first_at(
    file: &impl ReadAt,
    len: u64,
    wanted: Stamp,
    mut stamp_of: impl FnMut(&[u8]) -> Option<Stamp>,
) -> io::Result<Option<u64>> {
    let buffer = vec![0; WINDOW];
    let mut window = Window { file, len, buffer, reached_end: false, stamp_of: &mut stamp_of };
    let Some((first_line, first)) = window.stamp_from(0)? else { return Ok(None) };
    let Some(last) = window.last_stamp()? else { return Ok(None) };
    if first > last {
        return Ok(None);
    }
    if first >= wanted {
        return Ok(Some(first_line));
    }
    if last < wanted {
        return Ok(Some(len));
    }
    // Always: the stamp found from `low` on is before `wanted`, from `high` on it is not.
    let (mut low, mut high) = ((0, first), (len, last));
    while high.0 - low.0 > 1 {
        let middle = low.0 + (high.0 - low.0) / 2;
        match window.stamp_from(middle)? {
            Some((_, stamp)) if stamp < low.1 || stamp > high.1 => return Ok(None),
            Some((_, stamp)) if stamp < wanted => low = (middle, stamp),
            Some((_, stamp)) => high = (middle, stamp),
            None if window.reached_end => high.0 = middle,
            None => return Ok(None),
        }
    }
    let found = window.stamp_from(high.0)?;
    Ok(Some(found.map_or(len, |(line, _)| line)))
}

struct Window<'a, F, S> {
    file: &'a F,
    len: u64,
    buffer: Vec<u8>,
    /// The last look went to the end of the file.
    reached_end: bool,
    stamp_of: S,
}

impl<F: ReadAt, S: FnMut(&[u8]) -> Option<Stamp>> Window<'_, F, S> {
    /// The first line with a stamp that begins at `from` or later.
    fn stamp_from(&mut self, from: u64) -> io::Result<Option<(u64, Stamp)>> {
        // The byte before tells whether a line begins at `from`.
        let start = from.saturating_sub(1);
        let filled = fill(self.file, &mut self.buffer, start, self.len)?;
        self.reached_end = start + filled as u64 >= self.len;
        let block = self.buffer.get(..filled).unwrap_or_default();
        let mut at = if from == 0 { 0 } else { next_line(block, 0) };
        while at < block.len() {
            if let Some(stamp) = (self.stamp_of)(block.get(at..).unwrap_or_default()) {
                return Ok(Some((start + at as u64, stamp)));
            }
            at = next_line(block, at);
        }
        Ok(None)
    }

    /// The stamp of the last line that has one.
    fn last_stamp(&mut self) -> io::Result<Option<Stamp>> {
        let start = self.len.saturating_sub(WINDOW as u64);
        let filled = fill(self.file, &mut self.buffer, start, self.len)?;
        let mut block = self.buffer.get(..filled).unwrap_or_default();
        while let Some(before) = memrchr(b'\n', block) {
            let line = block.get(before + 1..).unwrap_or_default();
            if let Some(stamp) = (self.stamp_of)(line) {
                return Ok(Some(stamp));
            }
            block = block.get(..before).unwrap_or_default();
        }
        Ok(if start == 0 { (self.stamp_of)(block) } else { None })
    }
}

/// Where the line after the one at `at` begins.
fn next_line(block: &[u8], at: usize) -> usize {
    let rest = block.get(at..).unwrap_or_default();
    memchr(b'\n', rest).map_or(block.len(), |end| at + end + 1)
}

fn fill(file: &impl ReadAt, buffer: &mut [u8], start: u64, len: u64) -> io::Result<usize> {
    let wanted = usize::try_from(len.saturating_sub(start)).unwrap_or(usize::MAX);
    let mut filled = 0;
    while filled < wanted.min(buffer.len()) {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        match file.read_at(room, start + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::fmt::Write as _;
    use std::time::Duration;

    struct Text(Vec<u8>, Cell<usize>);

    impl ReadAt for Text {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            self.1.set(self.1.get() + len);
            Ok(len)
        }
    }

    fn stamp(secs: u64) -> Stamp {
        Stamp::from_unix(Duration::from_secs(secs))
    }

    fn found(text: &str, wanted: u64) -> Option<u64> {
        let file = Text(text.as_bytes().to_vec(), Cell::new(0));
        first_at(&file, text.len() as u64, stamp(wanted), Stamp::parse_label).unwrap()
    }

    #[test]
    fn a_time_is_found_in_a_large_file_with_little_reading() {
        let lines: Vec<String> =
            (0..100_000).map(|secs| format!("{} {secs:070}\n", stamp(secs))).collect();
        let file = Text(lines.concat().into_bytes(), Cell::new(0));
        let len = file.0.len() as u64;
        let at = first_at(&file, len, stamp(70_000), Stamp::parse_label).unwrap();
        assert_eq!(at, Some(lines[..70_000].concat().len() as u64));
        assert!(file.1.get() < 30 * WINDOW, "{}", file.1.get());
    }

    #[test]
    fn a_record_longer_than_a_window_is_not_guessed_about() {
        let text = format!("{} a\n{}{} b\n", stamp(1), "more\n".repeat(WINDOW), stamp(9));
        assert_eq!(found(&text, 5), None);
    }

    #[test]
    fn stamps_that_do_not_rise_are_no_order() {
        let text = |order: &[u64]| -> String {
            order.iter().flat_map(|secs| [stamp(*secs).to_string(), "\n".into()]).collect()
        };
        assert_eq!(found(&text(&[5, 4, 3]), 4), None);
        assert_eq!(found(&text(&[1, 2, 90, 3, 4]), 3), None);
        assert_eq!(found("no\nstamp\n", 3), None);
        assert_eq!(found("", 3), None);
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_reading_all_of_it_finds(
            steps in proptest::collection::vec((0u64..4, 0usize..3, 0usize..40), 1..60),
            wanted in 0u64..100, broken: bool,
        ) {
            let (mut text, mut secs, mut expected) = (String::new(), 0, None);
            for (step, continued, len) in steps {
                secs += step;
                if secs >= wanted && expected.is_none() {
                    expected = Some(text.len() as u64);
                }
                writeln!(text, "{} {}", stamp(secs), "x".repeat(len)).unwrap();
                text.push_str(&"more\n".repeat(continued));
            }
            if broken {
                text.pop();
            }
            prop_assert_eq!(found(&text, wanted), Some(expected.unwrap_or(text.len() as u64)));
        }
    }
}
