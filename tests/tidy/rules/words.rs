//! Words that are not said here, and what is said instead.

use crate::repository::{File, Offence};
use crate::rust::{is_word, words};

/// Something the code does not say.
struct Ban {
    word: &'static str,
    /// Beginnings of paths where it is banned; empty: everywhere.
    within: &'static [&'static str],
    /// Beginnings of paths where it is allowed all the same.
    except: &'static [&'static str],
    instead: &'static str,
}

/// What becomes part of svscan, which must never wait for a child or run a handler after a fork.
const ENGINE: &[&str] = &[
    "crates/reactor/",
    "crates/service/",
    "crates/supervisor/",
    "src/commands/supervise",
    "src/commands/svscan",
];

const BANS: &[Ban] = &[
    ban(".unwrap()", "`?`, or a type that cannot be empty"),
    ban(".expect(", "`?`, or a type that cannot be empty"),
    ban("todo!", "nothing: what is not there is not called"),
    ban("unimplemented!", "nothing: what is not there is not called"),
    ban("dbg!", "nothing: it was for you only"),
    ban("process::exit", "an ExitCode that is returned, so that what is open gets closed"),
    ban("thread::sleep", "a deadline that the loop waits for"),
    ban("static mut", "a value that somebody owns"),
    clock("SystemTime::now"),
    clock("Instant::now"),
    inside(&["crates/"], "println!", "a value that the command prints"),
    inside(&["crates/"], "print!", "a value that the command prints"),
    inside(&["crates/"], "anyhow", "an error of its own; anyhow is for the commands"),
    inside(ENGINE, "process::Command", "the start in `sys`, which does not copy descriptors"),
    inside(ENGINE, "signal_hook", "signalfd: a handler would still be there in the child"),
];

const fn ban(word: &'static str, instead: &'static str) -> Ban {
    Ban { word, within: &[], except: &[], instead }
}

const fn clock(word: &'static str) -> Ban {
    Ban { word, within: &[], except: &["crates/sys/", "examples/"], instead: "`sys::clock`" }
}

const fn inside(within: &'static [&'static str], word: &'static str, instead: &'static str) -> Ban {
    Ban { word, within, except: &[], instead }
}

/// Banned words in code that is not a test's.
pub(crate) fn banned(file: &File) -> Vec<Offence> {
    let starts = |paths: &[&str]| paths.iter().any(|start| file.path.starts_with(start));
    let mut offences = Vec::new();
    for ban in BANS {
        if (!ban.within.is_empty() && !starts(ban.within)) || starts(ban.except) {
            continue;
        }
        let lines = file.own_lines().filter(|line| says(&line.code, ban.word));
        offences.extend(lines.map(|line| {
            file.offence(line.number, format!("`{}` is banned; use {}", ban.word, ban.instead))
        }));
    }
    offences
}

/// Whether `text` has `word`, and not only as a part of a longer word.
fn says(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let joins = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(is_word) && outer.is_some_and(is_word)
        };
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !joins(word.chars().next(), before) && !joins(word.chars().next_back(), after)
    })
}

/// Marks of work that was left for later. Open ends are issues.
const LATER: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// Comments, in tests too, that put something off.
pub(crate) fn put_off(file: &File) -> Vec<Offence> {
    if file.has_extension("md") || file.has_extension("lock") {
        return Vec::new();
    }
    let found = file.lines.iter().filter_map(|line| {
        let word = LATER.iter().find(|word| says(&line.comment, word))?;
        Some(file.offence(line.number, format!("{word}: do it, or open an issue")))
    });
    found.collect()
}

/// Words that say nothing of what a thing does.
const HOLLOW: [&str; 6] = ["manager", "manage", "util", "utils", "helper", "helpers"];

/// Items whose names say nothing of what they do.
pub(crate) fn hollow_names(file: &File) -> Vec<Offence> {
    const ITEMS: [&str; 6] = ["fn", "struct", "enum", "trait", "mod", "type"];
    let mut offences = Vec::new();
    for line in file.own_lines() {
        let mut words = words(&line.code);
        while let Some(word) = words.next() {
            let name = if ITEMS.contains(&word) { words.next().unwrap_or_default() } else { "" };
            let parts = parts(name);
            let handles = word == "fn" && parts.len() > 1 && parts[0] == "handle";
            if handles || parts.iter().any(|part| HOLLOW.contains(&part.as_str())) {
                offences.push(file.offence(line.number, format!("{name}: what does it do?")));
            }
        }
    }
    offences
}

/// The words of a name in either case: `FooBar` and `foo_bar` are `foo` and `bar`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            parts.push(String::new());
        }
        if letter != '_' {
            parts.last_mut().expect("there is one").extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Dashes that no keyboard has: a comma, a colon or a full stop says it.
pub(crate) fn dashes(file: &File) -> Vec<Offence> {
    let found = file.lines.iter().filter(|line| line.raw.contains(['\u{2013}', '\u{2014}']));
    found.map(|line| file.offence(line.number, "a long dash; use a comma or a full stop")).collect()
}

/// What concerns the place where this was written and not its reader: paths of one machine, names
/// of tools, registries. Turned by 13 letters, or this list would be its own first offence.
const PRIVATE: [&str; 24] = [
    "/jbex/",
    "/ebbg/.",
    "../funerq",
    "/gzc/onfu",
    "fhontrag",
    "fho-ntrag",
    "urycre ntrag",
    "frffvba jnf",
    "pynhqr",
    "naguebcvp",
    "bcranv",
    "pungtcg",
    "tcg-4",
    "tcg-5",
    "pbcvybg",
    "trzvav",
    "pbqrk",
    "qrrcfrrx",
    "zvfgeny",
    "ynathntr zbqry",
    "nv-trarengrq",
    "trarengrq ol nv",
    "negvsnpgbel",
    "vaqrk.pengrf.vb",
];

/// Words about the place where this was written.
pub(crate) fn private_words(file: &File) -> Vec<Offence> {
    let mut offences = Vec::new();
    for line in &file.lines {
        let text = line.raw.to_lowercase();
        for word in PRIVATE.iter().map(|word| turned(word)) {
            if says(&text, &word) {
                offences.push(file.offence(line.number, format!("`{word}` is nobody's business")));
            }
        }
    }
    offences
}

/// The text with each letter 13 letters further on.
fn turned(text: &str) -> String {
    let turn = |letter: char, first: u8| {
        let place = (u32::from(letter) - u32::from(first) + 13) % 26;
        char::from_u32(u32::from(first) + place).unwrap_or(letter)
    };
    text.chars().map(|c| if c.is_ascii_lowercase() { turn(c, b'a') } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&File) -> Vec<Offence>, path: &str, text: &str) -> usize {
        rule(&File::new(path, text)).len()
    }

    #[test]
    fn each_banned_word_is_seen_where_it_is_banned() {
        for ban in BANS {
            let path = format!("{}x.rs", ban.within.first().unwrap_or(&"src/"));
            let line = format!("    a{}\n", if ban.word.starts_with('.') { "" } else { " " });
            let code = format!("{}{} b\n", line.trim_end_matches('\n'), ban.word);
            assert_eq!(found(banned, &path, &code), 1, "{code}");
            assert_eq!(found(banned, &path, &format!("// {code}")), 0, "{code}");
            assert_eq!(found(banned, "tests/x.rs", &code), 0, "{code}");
            for allowed in ban.except {
                assert_eq!(found(banned, &format!("{allowed}x.rs"), &code), 0, "{code}");
            }
        }
    }

    #[test]
    fn a_word_within_a_longer_word_is_not_seen() {
        assert_eq!(found(banned, "crates/a/src/a.rs", "eprintln!(\"println!\");\n"), 0);
        assert_eq!(
            found(banned, "src/a.rs", "#[expect(a)]\nb.unwrap_or();\nMyInstant::nowhere;\n"),
            0
        );
    }

    #[test]
    fn what_was_put_off_is_seen_in_comments_of_code_scripts_and_tables() {
        for word in LATER {
            for (path, text) in [("tests/a.rs", "a(); // "), ("Makefile", "\n# "), ("a.toml", "# ")]
            {
                assert_eq!(found(put_off, path, &format!("{text}{word}: b\n")), 1, "{path}");
            }
            assert_eq!(found(put_off, "src/a.rs", &format!("a(\"{word}\");\n")), 0);
            assert_eq!(found(put_off, "docs/a.md", word), 0);
        }
    }

    #[test]
    fn hollow_names_are_seen_in_either_case() {
        for code in
            ["struct TaskManager;", "mod util;", "pub fn read_helper() {}", "fn handle_a() {}"]
        {
            assert_eq!(found(hollow_names, "src/a.rs", code), 1, "{code}");
        }
        for code in
            ["struct Handle;", "fn handle() {}", "let util = 1;", "fn utility() {}", "fn f() {}"]
        {
            assert_eq!(found(hollow_names, "src/a.rs", code), 0, "{code}");
        }
    }

    #[test]
    fn long_dashes_are_seen_anywhere() {
        assert_eq!(found(dashes, "docs/a.md", "a \u{2014} b\n"), 1);
        assert_eq!(found(dashes, "tests/a.rs", "// a\u{2013}b\n"), 1);
        assert_eq!(found(dashes, "docs/a.md", "a - b\n"), 0);
    }

    #[test]
    fn letters_turn_by_thirteen_and_nothing_else_turns() {
        assert_eq!(turned("nopq/ mz-7"), "abcd/ zm-7");
    }

    #[test]
    fn each_private_word_is_seen_in_any_file_and_either_case() {
        for word in PRIVATE.iter().map(|word| turned(word)) {
            for path in ["README.md", "tests/a.rs", "Makefile"] {
                assert_eq!(found(private_words, path, &format!("a {word} b\n")), 1, "{word}");
                assert!(found(private_words, path, &word.to_uppercase()) == 1, "{word}");
            }
        }
        assert_eq!(found(private_words, "README.md", "framework/of geminis"), 0);
    }
}
