//! How wide, how long: what fits on a screen can be read.

use crate::repository::{File, Offence};
use crate::rust::functions;

/// Two files fit side by side on a screen.
const COLUMNS_MAX: usize = 100;
/// A function is read in one look.
const FUNCTION_LINES_MAX: usize = 60;
/// A file is read in one sitting.
const FILE_LINES_MAX: usize = 500;

/// Lines of Rust, scripts and prose that are too wide. Tables and links cannot be folded.
pub(crate) fn wide_lines(file: &File) -> Vec<Offence> {
    let is_prose = file.has_extension("md");
    if !(is_prose || file.is_rust() || file.is_script()) {
        return Vec::new();
    }
    let columns = |raw: &str| raw.chars().count();
    let wide = file.lines.iter().filter(|line| columns(&line.raw) > COLUMNS_MAX);
    wide.filter(|line| !(is_prose && cannot_be_folded(&line.raw)))
        .map(|line| {
            let columns = columns(&line.raw);
            file.offence(line.number, format!("{columns} columns; {COLUMNS_MAX} are enough"))
        })
        .collect()
}

fn cannot_be_folded(line: &str) -> bool {
    line.starts_with('|') || line.contains("](") || line.contains("://")
}

/// Functions that are too long, tests not counted.
pub(crate) fn long_functions(file: &File) -> Vec<Offence> {
    let open = functions(&file.lines).into_iter().filter(|(_, lines)| !lines[0].test);
    open.filter(|(_, lines)| lines.len() > FUNCTION_LINES_MAX)
        .map(|(name, lines)| {
            let what = format!("{name} has {} lines of {FUNCTION_LINES_MAX}", lines.len());
            file.offence(lines[0].number, what)
        })
        .collect()
}

/// A file that is too long, tests not counted.
pub(crate) fn long_file(file: &File) -> Vec<Offence> {
    let length = file.own_lines().count();
    if !file.is_rust() || length <= FILE_LINES_MAX {
        return Vec::new();
    }
    vec![file.offence(1, format!("{length} lines without tests; {FILE_LINES_MAX} are enough"))]
}

#[test]
fn a_line_of_101_columns_is_too_wide_unless_it_is_a_table_or_a_link() {
    let wide = |path, start: &str| {
        let line = start.to_owned() + &"ü".repeat(101 - start.chars().count());
        wide_lines(&File::new(path, &format!("\n{line}\n"))).len()
    };
    for (path, start) in [("a.rs", "//"), ("a.sh", ""), ("a.md", ""), ("a.rs", "| ")] {
        assert_eq!(wide(path, start), 1, "{path} {start}");
    }
    for (path, start) in [("a.md", "| "), ("a.md", "[a](b)"), ("a.md", "<http://"), ("a.toml", "")]
    {
        assert_eq!(wide(path, start), 0, "{path} {start}");
    }
    assert!(wide_lines(&File::new("a.md", &"ü".repeat(100))).is_empty());
}

#[test]
fn a_function_of_61_lines_is_too_long_unless_it_is_a_test() {
    let of = |lines: usize| format!("fn a() {{\n{}}}\n", "    b();\n".repeat(lines - 2));
    assert_eq!(long_functions(&File::new("src/a.rs", &of(60))), []);
    let said = long_functions(&File::new("src/a.rs", &format!("\n{}", of(61))));
    assert_eq!(said[0].to_string(), "src/a.rs:2: a has 61 lines of 60");
    let marked = format!("#[cfg(test)]\nmod b {{\n{}}}\n", of(61));
    assert_eq!(long_functions(&File::new("src/a.rs", &marked)), []);
}

#[test]
fn a_file_of_501_lines_is_too_long_but_its_tests_do_not_count() {
    let of = |lines: usize| "a();\n".repeat(lines);
    assert_eq!(long_file(&File::new("src/a.rs", &of(501))).len(), 1);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n    a();\n}}\n", of(500));
    assert_eq!(long_file(&File::new("src/a.rs", &tested)), []);
    assert_eq!(long_file(&File::new("tests/a.rs", &of(501))), []);
}
