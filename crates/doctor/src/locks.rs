//! `/proc/locks`: who holds a lock, without asking for it. To ask by trying would take it for a
//! moment, and a supervise that starts just then would be told that another one runs.

/// Who holds a lock on the file with this device and inode, of the text of `/proc/locks` (proc(5)).
/// 0 stands for a process of another namespace.
#[must_use]
pub fn holder(locks: &str, dev: (u32, u32), ino: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let kind = words.next().filter(|kind| matches!(*kind, "FLOCK" | "POSIX" | "OFDLCK"))?;
        let mut words = words.skip(1).filter(|_| !kind.is_empty());
        if words.next()? != "WRITE" {
            return None;
        }
        let pid: i64 = words.next()?.parse().ok()?;
        let mut place = words.next()?.split(':');
        let mut number = || u32::from_str_radix(place.next()?, 16).ok();
        let found = (number()?, number()?);
        let same = found == dev && place.next()?.parse() == Ok(ino);
        same.then(|| u32::try_from(pid).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOCKS: &str = "\
1: POSIX  ADVISORY  WRITE 713 00:1a:9 0 EOF
1: -> POSIX  ADVISORY  WRITE 714 00:1a:9 0 EOF
2: FLOCK  ADVISORY  READ 715 fe:00:10 0 EOF
3: FLOCK  ADVISORY  WRITE 716 fe:00:11 0 EOF
4: OFDLCK ADVISORY  WRITE -1 fe:00:12 0 EOF
5: LEASE  ACTIVE    WRITE 717 fe:00:13 0 EOF
";

    #[test]
    fn the_holder_is_found_by_device_and_inode() {
        assert_eq!(holder(LOCKS, (0xfe, 0), 11), Some(716));
        assert_eq!(holder(LOCKS, (0, 0x1a), 9), Some(713));
        assert_eq!(holder(LOCKS, (0xfe, 0), 12), Some(0));
        for (dev, ino) in [((0xfe, 1), 11), ((0xfe, 0), 10), ((0xfe, 0), 13), ((0xfe, 0), 1)] {
            assert_eq!(holder(LOCKS, dev, ino), None, "{ino}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text: String) {
            let _ = holder(&text, (0, 0), 0);
        }
    }
}
