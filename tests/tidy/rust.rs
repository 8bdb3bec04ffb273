//! A Rust source as the rules read it: its lines, its items, its tests marked.
//!
//! A scanner of lines, not a parser: rustfmt has put every item's closing brace under its first
//! letter, and what is not so is not accepted by `cargo fmt --check` either.

use std::ops::Range;

use crate::lexer::separate;

/// One line of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    /// As it stands in the file.
    pub(crate) raw: String,
    /// Its code: comments are gone, literals are blank inside. Empty in a file that is not Rust.
    pub(crate) code: String,
    /// Its comments. All of the line in a file that is not Rust.
    pub(crate) comment: String,
    /// Whether it belongs to a test.
    pub(crate) test: bool,
}

/// The lines of a Rust source; those of items under `#[cfg(test)]` are marked.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let (code, comments) = separate(text);
    let parts = text.lines().zip(code.lines()).zip(comments.lines()).zip(1..);
    let line = |(((raw, code), comment), number): (((&str, &str), &str), usize)| Line {
        number,
        raw: raw.into(),
        code: code.trim_end().into(),
        comment: comment.trim().into(),
        test: false,
    };
    let mut lines: Vec<Line> = parts.map(line).collect();
    for range in test_items(&lines) {
        lines[range].iter_mut().for_each(|line| line.test = true);
    }
    lines
}

/// The lines of any other file.
pub(crate) fn plain_lines(text: &str) -> Vec<Line> {
    let line = |(raw, number): (&str, usize)| Line {
        number,
        raw: raw.into(),
        comment: raw.into(),
        ..Line::default()
    };
    text.lines().zip(1..).map(line).collect()
}

/// The ranges of the items under `#[cfg(test)]`.
fn test_items(lines: &[Line]) -> Vec<Range<usize>> {
    let marked = lines.iter().enumerate().filter(|(_, line)| line.code.contains("#[cfg(test)]"));
    marked.map(|(start, _)| start..end_of_item(lines, item_after(lines, start)) + 1).collect()
}

/// The first line at or after `start` that is neither blank nor an attribute.
pub(crate) fn item_after(lines: &[Line], start: usize) -> usize {
    let blank = |line: &Line| line.code.is_empty() || line.code.trim_start().starts_with("#[");
    lines[start..].iter().position(|line| !blank(line)).map_or(start, |after| start + after)
}

/// The last line of the item that begins at `start`: the one that closes it at its indentation.
pub(crate) fn end_of_item(lines: &[Line], start: usize) -> usize {
    let indent = indentation(&lines[start].code);
    if lines[start].code.ends_with(['}', ';']) {
        return start;
    }
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        let code = line.code.trim_start();
        if code.is_empty() || indentation(&line.code) > indent {
            continue;
        }
        if indentation(&line.code) < indent {
            return at - 1;
        }
        if code.starts_with('}') || (code.starts_with(')') && code.ends_with(';')) {
            return at;
        }
    }
    lines.len() - 1
}

fn indentation(code: &str) -> usize {
    code.len() - code.trim_start().len()
}

/// The functions of a source: the name and the lines of each.
pub(crate) fn functions(lines: &[Line]) -> Vec<(&str, &[Line])> {
    let begin = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function(&line.code)?)));
    begin.map(|(at, name)| (name, &lines[at..=end_of_item(lines, at)])).collect()
}

/// The name of the function that begins in this line of code.
fn function(code: &str) -> Option<&str> {
    const BEFORE: [&str; 4] = ["const", "async", "unsafe", "extern"];
    let mut words = code.split_whitespace();
    let mut word = words.next()?;
    while BEFORE.contains(&word) || word.starts_with("pub") || word.starts_with('"') {
        word = words.next()?;
    }
    let name = words.next().filter(|_| word == "fn")?;
    name.split(['(', '<']).next()
}

/// The words of a line of code: identifiers and keywords.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !is_word(letter)).filter(|word| !word.is_empty())
}

/// Whether `letter` is one of an identifier's.
pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[test]
fn a_function_reaches_to_the_brace_under_its_first_letter() {
    let source = "\
impl A {
    /// Words.
    pub(crate) const unsafe extern \"C\" fn one<T>(
        a: T,
    ) -> B
    where
        T: C,
    {
        if a {
        }
    }
    fn two() {}
    fn three(&self);
    fn four(
        a: A,
    ) -> B;
    fn five() -> B {
        \"}\"
    }
}
";
    let lines = lines(source);
    let found: Vec<_> =
        functions(&lines).iter().map(|(name, lines)| (*name, lines.len())).collect();
    assert_eq!(found, [("one", 9), ("two", 1), ("three", 1), ("four", 3), ("five", 3)]);
}

#[test]
fn a_call_or_a_type_is_no_function() {
    for code in ["let f: fn(A) -> B = g;", "run: fn(&Args) -> C,", "fnord();", "}", ""] {
        assert_eq!(function(code), None, "{code}");
    }
}

#[test]
fn the_items_under_cfg_test_are_marked_and_no_others() {
    let source = "\
#[cfg(test)]
use a::B;
fn c() {}
#[cfg(test)]
#[path = \"x\"]
/// Words.
mod tests {
    fn d() {
    }
}
#[cfg(test)]
impl E {
    fn f() {}
}
fn g() {}
";
    let open: Vec<_> = lines(source).into_iter().filter(|line| !line.test).map(|l| l.raw).collect();
    assert_eq!(open, ["fn c() {}", "fn g() {}"]);
}
