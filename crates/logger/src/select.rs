//! Patterns: which lines an action of the script means (daemontools, `match.c`).

use memchr::memchr;

/// Only so much of a line is matched, as of old: it bounds what is held of a line that is not yet
/// complete.
pub const MATCHED_MAX: usize = 1000;

/// A pattern of stars and other bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<u8>);

impl Pattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.to_vec())
    }

    /// Whether the whole of `line` matches. A byte matches itself. A star matches up to the first
    /// occurrence of the byte that follows it in the pattern, and is never tried again with more;
    /// that byte may itself be a star, and is then looked for as a `*` in the line. A star at the
    /// end matches all the rest.
    #[must_use]
    pub fn matches(&self, mut line: &[u8]) -> bool {
        let mut pattern = self.0.as_slice();
        while let Some((&byte, rest)) = pattern.split_first() {
            pattern = rest;
            if byte == b'*' {
                let Some(&next) = rest.first() else { return true };
                let Some(at) = memchr(next, line) else { return false };
                line = line.get(at..).unwrap_or_default();
            } else {
                let Some(rest) = line.strip_prefix(&[byte]) else { return false };
                line = rest;
            }
        }
        line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, line: &str) -> bool {
        Pattern::new(pattern.as_bytes()).matches(line.as_bytes())
    }

    #[test]
    fn a_star_stops_at_the_first_place_and_never_goes_further() {
        assert!(matches("* one", "any one"));
        assert!(!matches("* one", "  one"));
        assert!(!matches("*ab", "aab"));
        assert!(matches("*b*b", "abab"));
    }

    #[test]
    fn the_whole_line_must_match() {
        assert!(matches("hello", "hello"));
        assert!(!matches("hello", "hello world"));
        assert!(!matches("hello", "hell"));
        assert!(matches("hello*", "hello"));
        assert!(matches("", "") && !matches("", "x") && matches("*", ""));
    }

    #[test]
    fn the_example_of_the_manual_matches() {
        assert!(matches("named[*]: Cleaned cache *", "named[135]: Cleaned cache of 3121 RRs"));
        assert!(!matches("named[*]: Cleaned cache *", "named[1]]: Cleaned cache of 3121 RRs"));
    }

    #[test]
    fn a_star_after_a_star_is_looked_for_in_the_line() {
        assert!(!matches("**", "abc"));
        assert!(matches("**", "ab*c"));
        assert!(matches("***x", "a*bcx"));
        assert!(!matches("***x", "abcx"));
    }

    /// The manual's words, tried in full: a star in the middle stands for each beginning of the
    /// line that has not the next byte of the pattern in it and is followed by that byte.
    fn slowly(pattern: &[u8], line: &[u8]) -> bool {
        match pattern {
            [] => line.is_empty(),
            [b'*'] => true,
            [b'*', rest @ ..] => (0..line.len()).any(|taken| {
                let (star, after) = line.split_at(taken);
                !star.contains(&rest[0]) && after[0] == rest[0] && slowly(rest, after)
            }),
            [byte, rest @ ..] => line.first() == Some(byte) && slowly(rest, &line[1..]),
        }
    }

    /// Few letters, so that most pairs come close to matching.
    fn text(max: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'*')], 0..max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn the_matcher_agrees_with_the_slow_one(pattern in text(7), line in text(10)) {
            let fast = Pattern::new(&pattern).matches(&line);
            prop_assert_eq!(fast, slowly(&pattern, &line));
        }

        #[test]
        fn no_pattern_and_no_line_is_too_odd(pattern: Vec<u8>, line: Vec<u8>) {
            let fast = Pattern::new(&pattern).matches(&line);
            prop_assert_eq!(fast, slowly(&pattern, &line));
        }
    }
}
