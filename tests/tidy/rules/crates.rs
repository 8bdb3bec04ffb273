//! The walls between the crates: what touches nothing, and what is unsafe.

use crate::repository::{File, Offence};
use crate::rust::{Line, is_word, words};

/// Crates that touch nothing: what happens to them is an argument, what they want is a value.
pub(crate) const PURE: [&str; 7] =
    ["contract", "doctor", "logbook", "logger", "ntp", "service", "tai"];

/// Paths that lead out of a pure crate. Addresses without sockets are in `core::net`.
const IMPURE: [&str; 21] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "stdin",
    "stdout",
    "stderr",
    "print",
    "println",
    "eprint",
    "eprintln",
    "Instant",
    "SystemTime",
    "nix",
    "libc",
    "sys",
    "canonicalize",
    "read_dir",
    "metadata",
];

/// Code of a pure crate that names a clock, a file, a socket, a thread, a process or the
/// environment.
pub(crate) fn impure(file: &File) -> Vec<Offence> {
    let in_pure = PURE.iter().any(|name| file.path.starts_with(&format!("crates/{name}/")));
    if !file.is_rust() || !in_pure {
        return Vec::new();
    }
    let lines: Vec<&Line> = file.own_lines().collect();
    let mut offences = Vec::new();
    for (number, path) in paths(&lines) {
        if let Some(way) = IMPURE.iter().find(|way| leads(&path, way)) {
            offences.push(file.offence(number, format!("`{way}` in a pure crate")));
        }
    }
    offences
}

/// Whether `way` is a part of `path`, segment by segment.
fn leads(path: &str, way: &str) -> bool {
    let path: Vec<&str> = path.split("::").collect();
    let way: Vec<&str> = way.split("::").collect();
    path.windows(way.len()).any(|part| part == way)
}

/// Every path the lines name, those in the braces of a `use` written out.
fn paths(lines: &[&Line]) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut rest = lines.iter();
    while let Some(line) = rest.next() {
        let code = line.code.trim();
        let is_use = words(code).take_while(|word| *word != "crate").any(|word| word == "use");
        if !is_use {
            let named = code.split(|c: char| !is_word(c) && c != ':').filter(|path| path.len() > 1);
            paths.extend(named.map(|path| (line.number, path.to_owned())));
            continue;
        }
        let mut tree = code.to_owned();
        while !tree.contains(';') {
            let Some(line) = rest.next() else { break };
            tree.push_str(line.code.trim());
        }
        let tree = tree.split_once("use ").map_or("", |(_, tree)| tree).trim_end_matches(';');
        paths.extend(written_out(tree).into_iter().map(|path| (line.number, path)));
    }
    paths
}

/// The paths of a use tree: `a::{b, c::{d, e}}` is `a::b`, `a::c::d`, `a::c::e`.
fn written_out(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, inside)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or(tree).to_owned()];
    };
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let branches = branches(inside).into_iter().flat_map(written_out);
    branches.map(|branch| format!("{before}{branch}")).collect()
}

/// The parts between the commas that are in no further braces.
fn branches(inside: &str) -> Vec<&str> {
    let mut depth = 0;
    let at_top = |letter: char| {
        depth += match letter {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        letter == ',' && depth == 0
    };
    inside.split(at_top).filter(|branch| !branch.trim().is_empty()).collect()
}

/// Unsafe code outside `sys`, and in `sys` without a reason.
pub(crate) fn unsafe_code(file: &File) -> Vec<Offence> {
    let is_unsafe = |line: &&Line| words(&line.code).any(|word| word == "unsafe");
    let found = file.lines.iter().filter(is_unsafe);
    if !file.path.starts_with("crates/sys/") {
        return found.map(|line| file.offence(line.number, "unsafe code is `sys`'s")).collect();
    }
    let opens = |line: &&Line| ["unsafe {", "unsafe impl"].iter().any(|it| line.code.contains(it));
    found
        .filter(opens)
        .filter(|line| !has_reason(&file.lines[..line.number]))
        .map(|line| file.offence(line.number, "unsafe without `// SAFETY:` and the reason"))
        .collect()
}

/// Whether the statement that the last of `lines` belongs to has a SAFETY comment before it.
fn has_reason(lines: &[Line]) -> bool {
    let mut in_statement = true;
    for line in lines.iter().rev() {
        if line.comment.contains("SAFETY: ") {
            return true;
        }
        let last = std::ptr::eq(line, &raw const lines[lines.len() - 1]);
        in_statement &= last || !line.code.ends_with([';', '{', '}']);
        if line.comment.is_empty() && !in_statement {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impurities(code: &str) -> usize {
        impure(&File::new("crates/tai/src/a.rs", &format!("{code}\n"))).len()
    }

    #[test]
    fn each_way_out_of_a_pure_crate_is_seen() {
        for way in IMPURE {
            for code in
                [format!("a({way}::b);"), format!("use {way}::b as c;"), format!("{way}!();")]
            {
                assert_eq!(impurities(&code), 1, "{code}");
            }
            let file = File::new("crates/sys/src/a.rs", &format!("use {way};"));
            assert!(impure(&file).is_empty(), "{way}");
        }
    }

    #[test]
    fn a_way_out_in_the_braces_of_a_use_is_seen() {
        assert_eq!(impurities("use std::{fmt, fs, time::{Duration, Instant}};"), 2);
        assert_eq!(
            impurities("pub(crate) use std::{\n    io::{\n        Stdin, stdin,\n    },\n};"),
            1
        );
        assert_eq!(impurities("use crate::{fs, net::{self, process}};\nuse core::net::IpAddr;"), 0);
    }

    #[test]
    fn what_only_looks_like_a_way_out_is_not_seen() {
        for code in
            ["// std::fs", "a(\"std::fs\");", "InstantNoodles::libcurl();", "std::format!();"]
        {
            assert_eq!(impurities(code), 0, "{code}");
        }
        assert_eq!(impurities("#[cfg(test)]\nmod tests {\n    use std::fs;\n}"), 0);
    }

    fn unreasoned(path: &str, code: &str) -> usize {
        unsafe_code(&File::new(path, code)).len()
    }

    #[test]
    fn unsafe_code_outside_sys_is_seen_in_tests_too() {
        assert_eq!(unreasoned("src/a.rs", "// SAFETY: none\nunsafe { a() }\n"), 1);
        assert_eq!(unreasoned("tests/a.rs", "unsafe fn a() {}\n"), 1);
        assert_eq!(unreasoned("src/a.rs", "a(unsafe_code); // unsafe\n"), 0);
    }

    #[test]
    fn unsafe_code_without_a_reason_is_seen() {
        let reasoned = [
            "// SAFETY: a\n// b\nunsafe { c() };\n",
            "// SAFETY: a\n#[expect(b)]\nunsafe impl C for D {}\n",
            "// SAFETY: a\nlet b =\n    c(unsafe { d() });\n",
            "let a = b(\n    // SAFETY: c\n    unsafe { d() },\n);\n",
            "/// # Safety\n/// a\nunsafe fn b() {\n    c();\n}\n",
        ];
        for code in reasoned {
            assert_eq!(unreasoned("crates/sys/src/a.rs", code), 0, "{code}");
        }
        let bare = [
            "unsafe { a() };\n",
            "// Safe.\nunsafe { a() };\n",
            "// SAFETY: a\nb();\nunsafe { c() };\n",
            "// SAFETY: a\nunsafe { b() };\nunsafe { c() };\n",
            "// SAFETY: a\n\nunsafe impl B for C {}\nunsafe impl D for E {}\n",
        ];
        for code in bare {
            assert_eq!(unreasoned("crates/sys/src/a.rs", code), 1, "{code}");
        }
    }
}
