//! The control messages beside a datagram (cmsg(3)), read and written as bytes: a head of length,
//! level and type, and what it is of, each filled up to whole words.

/// A word, to which everything is filled up.
const WORD: usize = size_of::<usize>();

/// Length, level, type.
const HEAD: usize = WORD + 8;

/// A length in the C library's own type: `size_t` in glibc, `socklen_t` in musl. None of ours is
/// too long for either.
pub(super) fn c_length<T: TryFrom<usize> + Default>(length: usize) -> T {
    T::try_from(length).unwrap_or_default()
}

/// As many of the bytes as the kernel says that it has filled, in the C library's own type.
pub(super) fn filled(bytes: &[u8], length: impl TryInto<usize>) -> &[u8] {
    length.try_into().ok().and_then(|length| bytes.get(..length)).unwrap_or_default()
}

/// The messages in what the kernel has filled.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from_ne_bytes(*rest.first_chunk()?);
        let level = i32::from_ne_bytes(*rest.get(WORD..)?.first_chunk()?);
        let kind = i32::from_ne_bytes(*rest.get(WORD + 4..)?.first_chunk()?);
        let data = rest.get(HEAD..length)?;
        rest = rest.get(length.next_multiple_of(WORD)..).unwrap_or_default();
        Some((level, kind, data))
    })
}

/// Adds a message.
pub(super) fn push(bytes: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    bytes.extend((HEAD + data.len()).to_ne_bytes());
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(WORD), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        push(&mut bytes, 1, 37, &[1, 2, 3]);
        push(&mut bytes, 41, 50, &[9; 20]);
        let read: Vec<_> = messages(&bytes).collect();
        assert_eq!(read, [(1, 37, &[1, 2, 3][..]), (41, 50, &[9; 20])]);
    }

    #[test]
    fn they_are_laid_out_as_the_c_library_says() {
        let mut bytes = Vec::new();
        push(&mut bytes, 1, 37, &[1, 2, 3]);
        // SAFETY: it only computes.
        let space = unsafe { libc::CMSG_SPACE(3) };
        assert_eq!(u32::try_from(bytes.len()), Ok(space));
        // SAFETY: it only computes.
        let length = unsafe { libc::CMSG_LEN(3) };
        assert_eq!(bytes[..4], length.to_ne_bytes());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fault(bytes in prop::collection::vec(0..40_u8, 0..200)) {
            prop_assert!(messages(&bytes).count() <= bytes.len());
        }
    }
}
