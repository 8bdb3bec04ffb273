//! The flat keyed files of a group: a key, a blank and a number on each line.

/// The number of a key; `None` where the key is not there, or what follows it is no number.
pub(super) fn value(text: &[u8], key: &str) -> Option<u64> {
    let found = text.split(|byte| *byte == b'\n').find_map(|line| {
        let rest = line.strip_prefix(key.as_bytes())?;
        rest.strip_prefix(b" ")
    });
    std::str::from_utf8(found?).ok()?.trim_ascii().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_whole_name() {
        let text = b"low 0\nhigh 0\noom_kill 31\noom 2\noom_group_kill 4\n";
        assert_eq!(value(text, "oom_kill"), Some(31));
        assert_eq!(value(text, "oom"), Some(2));
        assert_eq!(value(text, "oo"), None);
        assert_eq!(value(text, "max"), None);
        assert_eq!(value(b"populated 1", "populated"), Some(1));
        assert_eq!(value(b"populated\npopulated x\n", "populated"), None);
        assert_eq!(value(b"\xff 1\nfrozen \xff\n", "frozen"), None);
    }
}
