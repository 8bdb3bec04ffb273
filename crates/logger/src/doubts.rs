//! What of a script does not do what it was written for, for svcheck: multilog leaves out what it
//! does not know, without a word, as daemontools' does.

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
        b't' | b'-' | b'+' | b'e' | b'=' | b'.' | b'/' => None,
        b's' | b'n' | b'!' | b'%' => {
            let directory = after.iter().any(|word| word.is_none_or(is_directory));
            let wrong = refused(word, before.is_empty(), directory, time);
            let wrong = wrong.or_else(|| digits(word));
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

/// `s10m`: only the digits are read.
fn digits(word: &str) -> Option<String> {
    let rest = word.strip_prefix(['s', 'n'])?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    match rest.split_at_checked(end)? {
        ("", _) => Some(format!("{word} has no number")),
        (_, "") => None,
        (number, _) => Some(format!("{word} means {number}: it is a plain number")),
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
            "t -* +fatal ./main =status e",
            "-* =./status",
            "e",
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
            ("t ./a s5000 +x", &*format!("s5000 {late}")),
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
            ("s10m ./a", "s10m means 10: it is a plain number"),
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
