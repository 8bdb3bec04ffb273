//! Tells the code of a Rust source from its comments and from what its literals hold.

/// What a piece of the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The text twice, line by line as it was: with only its code left, and with only its comments.
/// A literal is two quotes with blanks between.
pub(crate) fn separate(text: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    let mut before = ' ';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token(before, rest);
        let (taken, after) = rest.split_at(length);
        for (at, letter) in taken.char_indices() {
            let edge = at == 0 || at + letter.len_utf8() == length;
            code.push(match kind {
                Kind::Code => letter,
                Kind::Literal if edge => '"',
                Kind::Comment | Kind::Literal => blank(letter),
            });
            comments.push(if kind == Kind::Comment { letter } else { blank(letter) });
        }
        (before, rest) = (first, after);
    }
    (code, comments)
}

fn blank(letter: char) -> char {
    if letter == '\n' { '\n' } else { ' ' }
}

/// What `rest` begins with, and its length in bytes; code comes one letter at a time.
fn token(before: char, rest: &str) -> (Kind, usize) {
    let letter = rest.chars().next().map_or(0, char::len_utf8);
    let in_word = before.is_alphanumeric() || before == '_';
    if rest.starts_with("//") {
        (Kind::Comment, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (Kind::Comment, block_comment(rest))
    } else if let Some(length) = raw_text(rest).filter(|_| !in_word || "bc".contains(before)) {
        (Kind::Literal, length)
    } else if let Some(length) = text(rest).or_else(|| character(rest)) {
        (Kind::Literal, length)
    } else {
        (Kind::Code, letter)
    }
}

/// The length of a block comment, which may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of `r"..."` or `r#"..."#`.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opened = 1 + hashes + 1;
    Some(inside.find(&end).map_or(rest.len(), |at| opened + at + end.len()))
}

/// The length of `"..."`.
fn text(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, letter) in inside.char_indices() {
        match letter {
            '"' if !escaped => return Some(at + 2),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(rest.len())
}

/// The length of `'x'` or `'\n'`; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let least = if first == '\\' { 2 } else { first.len_utf8() };
    if first != '\\' && !inside[least..].starts_with('\'') {
        return None;
    }
    Some(1 + least + inside.get(least..)?.find('\'')? + 1)
}

#[test]
fn code_keeps_its_place() {
    let source = "let a = 1; // one\nlet b = 2;\n";
    assert_eq!(separate(source).0, "let a = 1;       \nlet b = 2;\n");
}

#[test]
fn a_comment_may_hold_comments_and_span_lines() {
    let (code, comments) = separate("a /* b /* \" */\n c */ d // e /*\nf");
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "d", "f"]);
    assert_eq!(
        comments.lines().map(str::trim).collect::<Vec<_>>(),
        ["/* b /* \" */", "c */   // e /*", ""]
    );
}

#[test]
fn a_literal_hides_what_it_holds() {
    for literal in [
        r#""b // c""#,
        r#""b \" c \\""#,
        "\"b\n c\"",
        r#"r"b \""#,
        r##"r#"b " c"#"##,
        r##"br#"b " c"#"##,
        "'b'",
        r"'\''",
        r"'\u{62}'",
        r"b'\\'",
    ] {
        let (code, comments) = separate(&format!("a({literal}, d) // e"));
        let words: Vec<_> =
            code.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() == 1).collect();
        assert!(!words.contains(&"c") && words.contains(&"d"), "{literal}: {code}");
        assert_eq!(code.matches('"').count(), 2, "{literal}: {code}");
        assert_eq!(comments.trim(), "// e", "{literal}");
    }
}

#[test]
fn a_lifetime_is_no_literal() {
    let source = "fn a<'b>(c: &'b str, d: char = 'e') -> &'static str";
    assert_eq!(separate(source).0, source.replace("'e'", "\" \""));
}
