//! Extension fields: two bytes of type, two of length, the value (RFC 7822).

/// The shortest field in a packet (RFC 7822, section 7.5).
pub const FIELD_MIN: usize = 16;

/// Type and length.
pub const FIELD_HEAD: usize = 4;

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its type.
    pub kind: u16,
    /// Its value, with its padding.
    pub value: &'a [u8],
    /// Where it begins, counted from the first field's beginning.
    pub at: usize,
}

/// A field is too short, its length odd, or it reaches beyond the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// The fields of a packet's tail, one after the other; at most one error, and that is the last.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
    at: usize,
    least: usize,
}

impl<'a> Fields<'a> {
    /// The fields of what follows a header.
    #[must_use]
    pub fn of_tail(tail: &'a [u8]) -> Self {
        Self { rest: tail, at: 0, least: FIELD_MIN }
    }

    /// Fields that were encrypted: these may be as short as a head (RFC 8915, section 5.6).
    #[must_use]
    pub fn of_plaintext(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0, least: FIELD_HEAD }
    }

    fn cut(&mut self) -> Option<Field<'a>> {
        let &[a, b, high, low] = self.rest.first_chunk::<FIELD_HEAD>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < self.least || !length.is_multiple_of(4) {
            return None;
        }
        let (field, rest) = self.rest.split_at_checked(length)?;
        let value = field.get(FIELD_HEAD..)?;
        let at = self.at;
        self.rest = rest;
        self.at += length;
        Some(Field { kind: u16::from_be_bytes([a, b]), value, at })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let cut = self.cut().ok_or(Broken);
        if cut.is_err() {
            self.rest = &[];
        }
        Some(cut)
    }
}

/// Appends a field: its value filled up with zeros to a multiple of four, and to the shortest that
/// there may be. What is too long for a field is cut; callers have their own limits below that.
pub fn append(packet: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = (FIELD_HEAD + value.len()).next_multiple_of(4).max(FIELD_MIN);
    let length = u16::try_from(length).unwrap_or(!3);
    let end = packet.len() + usize::from(length);
    packet.extend_from_slice(&kind.to_be_bytes());
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(value);
    packet.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(tail: &[u8]) -> Vec<Result<(u16, usize, usize), Broken>> {
        Fields::of_tail(tail).map(|f| f.map(|f| (f.kind, f.value.len(), f.at))).collect()
    }

    #[test]
    fn fields_are_found_one_after_the_other() {
        let mut tail = Vec::new();
        append(&mut tail, 0x0104, &[1; 32]);
        append(&mut tail, 0x0204, &[2; 3]);
        assert_eq!(tail.len(), 36 + 16);
        assert_eq!(read(&tail), [Ok((0x0104, 32, 0)), Ok((0x0204, 12, 36))]);
    }

    #[test]
    fn a_broken_field_is_the_last() {
        for length in [0_u16, 3, 4, 12, 18, 64, 0xfffc] {
            let [high, low] = length.to_be_bytes();
            let mut tail = vec![0; 32];
            tail[..4].copy_from_slice(&[1, 4, high, low]);
            assert_eq!(read(&tail), [Err(Broken)], "{length}");
        }
        assert_eq!(read(&[1, 4, 0]), [Err(Broken)]);
    }

    proptest! {
        #[test]
        fn any_bytes_end_and_lie_within(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for fields in [Fields::of_tail(&bytes), Fields::of_plaintext(&bytes)] {
                let mut end = 0;
                for field in fields.flatten() {
                    prop_assert_eq!(field.at, end);
                    end = field.at + FIELD_HEAD + field.value.len();
                    prop_assert!(end <= bytes.len());
                }
            }
        }
    }
}
