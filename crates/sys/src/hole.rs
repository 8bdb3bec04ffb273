//! Holes in files: what was never written, and takes no room.

use std::fs::File;
use std::io;

use nix::unistd::{Whence, lseek};

/// Where the hole ends that is at `at`: `at` itself where there is none, the end of the file where
/// nothing follows. The place at which the file is read is another one afterwards.
///
/// # Errors
/// lseek(2); `EINVAL` where the file system knows no holes.
pub fn end(file: &File, at: u64) -> io::Result<u64> {
    let from = i64::try_from(at).map_err(io::Error::other)?;
    match lseek(file, from, Whence::SeekData) {
        // At the end or beyond, or nothing but a hole up to there.
        Err(nix::Error::ENXIO) => Ok(file.metadata()?.len().max(at)),
        found => u64::try_from(found?).map_err(io::Error::other),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn a_hole_ends_where_something_was_written_or_the_file_ends() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"x", 0).unwrap();
        file.write_all_at(b"x", 10 << 20).unwrap();
        file.set_len(20 << 20).unwrap();
        assert_eq!(end(&file, 0).unwrap(), 0);
        let data = end(&file, 2 << 20).unwrap();
        // A file system without holes has data everywhere.
        assert!((2 << 20..=10 << 20).contains(&data), "{data}");
        assert!(end(&file, 11 << 20).unwrap() <= 20 << 20);
        assert_eq!(end(&file, 30 << 20).unwrap(), 30 << 20);
    }
}
