//! Man pages and completions: they are what the tables say, programs that read them find nothing
//! wrong, and what they show can be done.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/pages/tree.rs"]
mod tree;

mod completions;
mod examples;

use std::fs;
use std::process::{Command, Output};

use pages::Page;

/// Runs a program that may be missing here.
fn output(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: {command:?}: {error}");
            None
        }
    }
}

/// The name and the prose of each page in `docs/man`, also of a command that is not there yet.
fn prose() -> Vec<(String, String)> {
    let entries = fs::read_dir(tree::root().join("docs/man")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let pages = names.map(|name| {
        let text = fs::read_to_string(tree::root().join("docs/man").join(&name)).unwrap();
        (name.strip_suffix(".md").expect("it is a page").to_owned(), text)
    });
    pages.collect()
}

#[test]
fn what_is_committed_is_what_the_tables_say() {
    let written = tree::written().unwrap_or_else(|mistake| panic!("{mistake}"));
    for file in &written {
        let there = fs::read_to_string(tree::root().join(&file.path)).unwrap_or_default();
        assert!(there == file.text, "{} is not of this day: run `cargo pages`", file.path);
    }
    let mut present = tree::present().unwrap();
    present.sort();
    let mut paths: Vec<String> = written.into_iter().map(|file| file.path).collect();
    paths.sort();
    assert_eq!(present, paths, "run `cargo pages`");
}

#[test]
fn every_page_has_its_headings_in_their_order() {
    let prose = prose();
    assert!(prose.len() > 9, "{prose:?}");
    for (name, text) in prose {
        Page::parse(&name, &text).unwrap_or_else(|mistake| panic!("{mistake}"));
    }
}

#[test]
fn nobody_who_formats_the_pages_finds_anything_wrong() {
    for path in tree::present().unwrap().iter().filter(|path| path.starts_with("man/")) {
        let path = tree::root().join(path);
        for checker in [["mandoc", "-Tlint"].as_slice(), &["groff", "-man", "-ww", "-z"]] {
            let mut command = Command::new(checker[0]);
            let Some(output) = output(command.args(&checker[1..]).arg(&path)) else { continue };
            assert!(output.status.success(), "{output:?}");
            assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        }
    }
}
