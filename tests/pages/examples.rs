//! The examples of the man pages, as a reader would try them.
//!
//! A block that begins with "```sh" is run, in a directory of its own; a block "```text" after it
//! is what it prints, but for numbers and labels. Where the script names `/service`, that is a scan
//! directory with a service `web`, which is up and has a logger.

use std::os::unix::fs::symlink;
use std::process::Command;

use pages::{Block, Page};

use crate::support::{DEADLINE, Pair, Sandbox, Suite, comes_true};

const OURS: Pair = Pair { tools: Suite::Ours, daemon: Suite::Ours };

/// A script, and what it prints where the page says so.
struct Example {
    page: String,
    script: String,
    printed: Option<String>,
}

/// The names of all commands of the suite.
fn commands() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_keepup")).arg("--list").output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The examples of every page whose command is there.
fn examples() -> Vec<Example> {
    let known = commands();
    let mut examples = Vec::new();
    for (page, text) in crate::prose() {
        let read = Page::parse(&page, &text).unwrap();
        let blocks: Vec<&Block> = read.sections.iter().flat_map(|it| &it.blocks).collect();
        let texts = blocks.iter().skip(1).map(Some).chain([None]);
        for (block, next) in blocks.iter().zip(texts) {
            let Block::Literal(language, script) = block else { continue };
            if language != "sh" || !(known.contains(&page) || page == "keepup") {
                continue;
            }
            let printed = match next {
                Some(Block::Literal(language, text)) if language == "text" => Some(text.clone()),
                _ => None,
            };
            examples.push(Example { page: page.clone(), script: script.clone(), printed });
        }
    }
    examples
}

fn run(example: &Example) {
    let sandbox = Sandbox::new(OURS);
    for name in commands().iter().map(String::as_str).chain(["keepup"]) {
        // The sandbox has some of them already.
        let _ = symlink(env!("CARGO_BIN_EXE_keepup"), sandbox.path(".bin").join(name));
    }
    if example.script.contains("/service") {
        web(&sandbox);
    }
    let scan = sandbox.path("service").display().to_string();
    let script = format!("exec 2>&1\nset -eu\n{}", example.script.replace("/service", &scan));
    let ran = sandbox.shell(&script);
    let text = ran.text();
    assert_eq!(ran.code, 0, "{}: {script}\n{text}", example.page);
    if let Some(printed) = &example.printed {
        let text = printed_by_tools(&text.replace(&scan, "/service"));
        assert_eq!(blurred(text.trim_end()), blurred(printed), "{}: {script}", example.page);
    }
}

/// Without what a supervisor in the background has to say about the machine it runs on.
fn printed_by_tools(text: &str) -> String {
    let of_daemon = |line: &&str| line.starts_with("svscan: ") || line.starts_with("supervise: ");
    text.lines().filter(|line| !of_daemon(line)).collect::<Vec<_>>().join("\n")
}

/// `/service`, with a service `web` and its logger.
fn web(sandbox: &Sandbox) {
    let service = sandbox.resting("web");
    service.log().script("exec multilog t ./main");
    std::fs::create_dir(sandbox.path("service")).unwrap();
    symlink(service.path(""), sandbox.path("service/web")).unwrap();
    sandbox.daemon("svscan", &["service"]);
    let up = || service.pid() != 0 && service.log().pid() != 0;
    assert!(comes_true(DEADLINE, up), "the service comes up");
}

/// Labels and numbers are others each time.
fn blurred(text: &str) -> String {
    let mut blurred = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let hex = rest.chars().skip(1).take_while(char::is_ascii_hexdigit).count();
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let (word, len) = match (letter, hex, digits) {
            ('@', 24, _) => ("LABEL", 25),
            (_, _, 0) => (&rest[..letter.len_utf8()], letter.len_utf8()),
            (_, _, digits) => ("N", digits),
        };
        blurred.push_str(word);
        rest = &rest[len..];
    }
    blurred
}

#[test]
fn every_example_that_can_be_run_does_what_its_page_says() {
    let examples = examples();
    assert!(examples.len() > 9, "they are found");
    examples.iter().for_each(run);
}

#[test]
fn an_example_that_fails_or_prints_something_else_is_seen() {
    let fails = |script: &str, printed: Option<&str>| {
        let (script, printed) = (script.to_owned(), printed.map(str::to_owned));
        let example = Example { page: "svc".into(), script, printed };
        std::panic::catch_unwind(|| run(&example)).is_err()
    };
    assert!(!fails("echo 17 up", Some("4 up")));
    assert!(fails("echo 17 up", Some("4 down")));
    assert!(fails("false", None));
}

#[test]
fn numbers_and_labels_are_blurred_and_nothing_else() {
    assert_eq!(blurred("a (pid 47) 0 s"), "a (pid N) N s");
    assert_eq!(blurred("@400000006b0346ad024eef4c x"), "LABEL x");
    assert_eq!(blurred("@4000 é"), "@N é");
}
