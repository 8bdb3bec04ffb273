//! What of a script does not do what it was written for, for svcheck: multilog leaves out what it
//! does not know, without a word, as daemontools' does.

use crate::script::{KEEP_MIN, SIZE_RANGE};
use crate::{ReadTime, Script};

/// What is to be said of the words of a command line, a sentence each; `None` stands for words that
/// are known only when it runs.
#[must_use]
pub fn doubts(words: &[Option<&str>], time: ReadTime) -> Vec<String> {
    let mut doubts = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let (Some(word), Some((before, after))) = (word, words.split_at_checked(index)) else {
            continue;
        };
        doubts.extend(doubt(before, word, after, time));
    }
    if words.iter().all(|word| word.is_some_and(|word| !is_output(word))) {
        doubts.push("multilog writes nowhere: a log directory begins with a dot or a slash".into());
    }
    doubts
}

/// `after` begins with the word itself.
fn doubt(
    before: &[Option<&str>],
    word: &str,
    after: &[Option<&str>],
    time: ReadTime,
) -> Option<String> {
    match word.bytes().next()? {
        b't' if !before.is_empty() => before.iter().all(Option::is_some).then(|| late_stamp(word)),
        b't' | b'e' => (word.len() > 1).then(|| only_its_letter(word)),
        b'-' | b'+' => pattern(word, before),
        b'.' | b'/' => before.contains(&Some(word)).then(|| twice(word)),
        b'=' => None,
        b's' | b'n' | b'!' | b'%' => {
            let directory = after.iter().any(|word| word.is_none_or(is_directory));
            let wrong = refused(word, before.is_empty(), directory, time);
            let wrong = wrong.or_else(|| number(word));
            wrong.or_else(|| (!directory && !word.starts_with('%')).then(|| too_late(word)))
        }
        _ => Some(format!("multilog knows no {word}, and leaves it out")),
    }
}

fn is_directory(word: &str) -> bool {
    word.starts_with(['.', '/'])
}

fn is_output(word: &str) -> bool {
    word.starts_with(['.', '/', 'e', '='])
}

fn late_stamp(word: &str) -> String {
    format!("multilog leaves {word} out: t counts as its first word only")
}

fn only_its_letter(word: &str) -> String {
    format!("{word} means {}: multilog leaves the rest of the word out", first_letter(word))
}

fn first_letter(word: &str) -> &str {
    word.split_at_checked(1).map_or(word, |(letter, _)| letter)
}

fn twice(word: &str) -> String {
    format!("{word} is named twice: multilog does not begin, for it would wait for its own lock")
}

/// A pattern that is no setting, as it may have been meant, and that lines with labels can match.
fn pattern(word: &str, before: &[Option<&str>]) -> Option<String> {
    let (_, pattern) = word.split_at_checked(1)?;
    let meant = word.strip_prefix('-').filter(|it| matches!(it.as_bytes(), [b't' | b's' | b'n']));
    if let Some(letter) = meant {
        return Some(format!(
            "{word} deselects lines that are {letter} and nothing else: the setting {letter} has \
             no dash"
        ));
    }
    let is_labelled = before.first().is_some_and(|word| word.is_some_and(|it| it.starts_with('t')));
    match pattern.as_bytes() {
        _ if !is_labelled => None,
        [b'*', b'0'..=b'9' | b'a'..=b'f', ..] => Some(format!(
            "{word} misses lines: its star ends at the first {}, and the label may have one; put a \
             space behind the star, which matches the label, and go on from there",
            first_letter(pattern.trim_start_matches('*'))
        )),
        [] | [b'*' | b'@', ..] => None,
        [_, ..] => Some(format!(
            "{word} matches no line: with t each begins with a label; write '{}* {pattern}'",
            first_letter(word)
        )),
    }
}

fn too_late(word: &str) -> String {
    format!("{word} does nothing: it holds for the log directories after it, and there is none")
}

/// What multilog will say, and then end.
fn refused(word: &str, first: bool, directory: bool, time: ReadTime) -> Option<String> {
    let before = (!first).then_some(&b""[..]);
    let after = directory.then_some(&b"."[..]);
    let words = before.into_iter().chain([word.as_bytes()]).chain(after);
    let why = Script::parse(words, time).err()?;
    Some(format!("multilog does not begin: {why}"))
}

/// `s10m`, `s10`, `n1`: only the digits are read, and what they say has bounds.
fn number(word: &str) -> Option<String> {
    let rest = word.strip_prefix(['s', 'n'])?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, unit) = rest.split_at_checked(end)?;
    if digits.is_empty() {
        return Some(format!("{word} has no number"));
    }
    let value = digits.parse().unwrap_or(u64::MAX);
    let (least, most) =
        if word.starts_with('s') { SIZE_RANGE.into_inner() } else { (KEEP_MIN, u64::MAX) };
    match value.clamp(least, most) {
        held if held < value => Some(format!("{word} means {held}, the most there is")),
        held if held > value => Some(format!("{word} means {held}, the least there is")),
        held if !unit.is_empty() => Some(format!("{word} means {held}: it is a plain number")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Vec<String> {
        let words: Vec<Option<&str>> =
            line.split(' ').map(|word| (!word.starts_with('$')).then_some(word)).collect();
        doubts(&words, |text| text.ends_with('s').then_some(std::time::Duration::from_secs(1)))
    }

    #[test]
    fn nothing_is_said_of_a_script_that_does_what_it_says() {
        for line in [
            "t ./main",
            "t s99999 n10 !gzip %full=drop ./main",
            "%stamp=utc %rate=5/1s /var/log/a s5000 ./b",
            "t -* +@4*fatal* +*;fatal +* ./main =status e",
            "-fatal +*error* ./a",
            "$T -fatal ./a",
            "-* =./status",
            "e",
            "s4096 n2 ./a s16777215 ./b",
            "$ARGS",
            "t s5000 $DIR",
            "$T t ./main",
            "./main s5000 $DIR",
        ] {
            assert_eq!(said(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn what_is_left_out_is_named() {
        let late = "does nothing: it holds for the log directories after it, and there is none";
        let nowhere = "multilog writes nowhere: a log directory begins with a dot or a slash";
        for (line, doubt) in [
            ("./main t", "multilog leaves t out: t counts as its first word only"),
            ("T ./main", "multilog knows no T, and leaves it out"),
            (
                "t ./a %full=drop",
                "multilog does not begin: %full=drop must stand before the log directory that it \
                 is for",
            ),
            ("t ./a s5000 +@x", &*format!("s5000 {late}")),
            ("t $DIR n5", &*format!("n5 {late}")),
            ("t ./a !gzip", &*format!("!gzip {late}")),
            (
                "t %fulll=drop ./a",
                "multilog does not begin: %fulll=drop is no setting; there are %full, %age, \
                 %total, %sync, %rate and %visible, and %stamp as the first word",
            ),
            (
                "%age=soon ./a",
                "multilog does not begin: %age=soon is not understood: %age= takes a time of 10ms \
                 or more, such as 12h, or off",
            ),
            (
                "./a %stamp=utc ./b",
                "multilog does not begin: %stamp= must be the first word of the script",
            ),
            ("s10m ./a", "s10m means 4096, the least there is"),
            ("s5000k ./a", "s5000k means 5000: it is a plain number"),
            ("s4095 ./a", "s4095 means 4096, the least there is"),
            ("s16777216 ./a", "s16777216 means 16777215, the most there is"),
            ("n1 ./a", "n1 means 2, the least there is"),
            ("t./a ./a", "t./a means t: multilog leaves the rest of the word out"),
            ("t errors ./a", "errors means e: multilog leaves the rest of the word out"),
            (
                "./a s5000 ./a",
                "./a is named twice: multilog does not begin, for it would wait for its own lock",
            ),
            ("-t ./a", "-t deselects lines that are t and nothing else: the setting t has no dash"),
            (
                "t +fatal ./a",
                "+fatal matches no line: with t each begins with a label; write '+* fatal'",
            ),
            (
                "t -*debug ./a",
                "-*debug misses lines: its star ends at the first d, and the label may have one; \
                 put a space behind the star, which matches the label, and go on from there",
            ),
            ("n ./a", "n has no number"),
            ("sx ./a", "sx has no number"),
            ("t main", nowhere),
            ("t -*", nowhere),
        ] {
            let found = said(line);
            let unknown = (line == "t main").then_some("multilog knows no main, and leaves it out");
            let expected: Vec<&str> = unknown.into_iter().chain([doubt]).collect();
            assert_eq!(found, expected, "{line}");
        }
    }
}
