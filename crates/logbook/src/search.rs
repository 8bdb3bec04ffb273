//! Patterns for people: a text to be found anywhere in a line.
//!
//! multilog's patterns mean whole lines with their labels, which suits a script and not a person
//! who looks for a word. A regular expression would need a crate larger than all of svlog; who
//! wants one has grep behind a pipe.

use memchr::memmem;

/// Texts that follow one another in a line: `disk*full` is `disk`, and somewhere behind it `full`.
#[derive(Debug, Clone)]
pub struct Search {
    texts: Vec<Vec<u8>>,
    ignores_case: bool,
}

impl Search {
    /// Every text is a pattern. Where case is ignored, that is the case of ASCII letters.
    #[must_use]
    pub fn new(pattern: &[u8], ignores_case: bool) -> Self {
        let texts = pattern.split(|&byte| byte == b'*').filter(|text| !text.is_empty());
        let cased = |text: &[u8]| {
            if ignores_case { text.to_ascii_lowercase() } else { text.to_vec() }
        };
        Self { texts: texts.map(cased).collect(), ignores_case }
    }

    /// Whether it is found in the text of a line.
    #[must_use]
    pub fn finds(&self, line: &[u8]) -> bool {
        if self.ignores_case {
            return self.finds_cased(&line.to_ascii_lowercase());
        }
        self.finds_cased(line)
    }

    fn finds_cased(&self, mut line: &[u8]) -> bool {
        for text in &self.texts {
            let Some(at) = memmem::find(line, text) else { return false };
            line = line.get(at + text.len()..).unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(pattern: &str, line: &str) -> bool {
        Search::new(pattern.as_bytes(), false).finds(line.as_bytes())
    }

    #[test]
    fn a_text_is_found_anywhere_and_texts_in_their_order() {
        assert!(finds("disk", "no disk here") && finds("", "") && finds("*", "x"));
        assert!(finds("no*here", "no disk here") && !finds("here*no", "no disk here"));
        assert!(!finds("Disk", "no disk here") && !finds("aa*aa", "aaa") && finds("a*aa", "aaa"));
    }

    #[test]
    fn case_is_ignored_where_that_is_asked_for() {
        assert!(Search::new(b"Disk*FULL", true).finds(b"the disk is Full"));
        assert!(!Search::new(b"Disk", true).finds(b"the disc"));
    }
}
