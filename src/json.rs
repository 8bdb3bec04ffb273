//! JSON's strings. Objects are written by those who know what is in them.

use std::fmt::Write as _;

/// A string as RFC 8259 has it.
pub(crate) fn write_string(object: &mut String, text: &str) {
    object.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => object.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(object, "\\u{:04x}", u32::from(c));
            }
            c => object.push(c),
        }
    }
    object.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_holds_anything() {
        let mut object = String::new();
        write_string(&mut object, "a\"b\\c\nd\u{7f}\u{fc}");
        assert_eq!(object, "\"a\\\"b\\\\c\\u000ad\\u007f\u{fc}\"");
    }
}
