//! The files of the repository, and what a rule has to say against them.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::rust::{self, Line};

/// What is not ours: history, builds; and what supervise and multilog write where an example runs.
const FOREIGN: [&str; 2] = [".git", "target"];
const WRITTEN: [&str; 2] = ["supervise", "main"];

/// One file of text.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    /// Whether its owner may run it.
    pub(crate) executable: bool,
    pub(crate) lines: Vec<Line>,
}

/// What a rule found, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The repository, sorted by path.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) files: Vec<File>,
}

impl File {
    /// A file of that path and text; by its name it is Rust or not.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut file = Self { path: path.into(), executable: false, lines: Vec::new() };
        file.lines = if file.is_rust() { rust::lines(text) } else { rust::plain_lines(text) };
        if file.is_rust() && is_test(path) {
            file.mark_as_test();
        }
        file
    }

    fn mark_as_test(&mut self) {
        self.lines.iter_mut().for_each(|line| line.test = true);
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it == extension)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    /// Whether a shell runs it.
    pub(crate) fn is_script(&self) -> bool {
        let first = self.lines.first().map_or("", |line| &line.raw);
        self.has_extension("sh") || (first.starts_with("#!") && first.ends_with("sh"))
    }

    /// The lines that belong to no test.
    pub(crate) fn own_lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.test)
    }

    /// Something to say against line `line` of this file.
    pub(crate) fn offence(&self, line: usize, what: impl fmt::Display) -> Offence {
        Offence { path: self.path.clone(), line, what: what.to_string() }
    }
}

impl Repository {
    /// Reads the repository this test was built from.
    pub(crate) fn read() -> Self {
        let root = std::env::var_os("CARGO_MANIFEST_DIR");
        let root = root.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        assert!(files.len() > 10, "{} is no repository", root.display());
        Self::new(files)
    }

    pub(crate) fn new(mut files: Vec<File>) -> Self {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let tests: Vec<String> = files.iter().flat_map(test_modules).collect();
        for file in files.iter_mut().filter(|file| file.is_rust()) {
            if tests.iter().any(|module| in_module(&file.path, module)) {
                file.mark_as_test();
            }
        }
        Self { files }
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files below `directory`, which ends in a slash.
    pub(crate) fn below(&self, directory: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.starts_with(directory))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

/// Whether a Rust file of that path holds nothing but tests.
fn is_test(path: &str) -> bool {
    let starts = ["tests/", "benches/"].iter().any(|dir| path.starts_with(dir));
    starts || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(directory).expect("a directory of the repository can be read") {
        let entry = entry.expect("a directory of the repository can be read");
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a file has a type");
        if is_foreign(&path, &name) {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files);
        } else if kind.is_file() {
            files.extend(read(root, &path));
        }
    }
}

fn is_foreign(path: &Path, name: &OsStr) -> bool {
    let of_example = path.components().any(|part| part.as_os_str() == "service-examples");
    FOREIGN.iter().any(|it| name == *it) || (of_example && WRITTEN.iter().any(|it| name == *it))
}

/// The file at `path`; `None` where it is no text.
fn read(root: &Path, path: &Path) -> Option<File> {
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    let mut file = File::new(path.strip_prefix(root).ok()?.to_str()?, &text);
    file.executable = fs::metadata(path).ok()?.permissions().mode() & 0o100 != 0;
    Some(file)
}

/// The paths, without `.rs`, of the modules that `file` declares for tests only.
fn test_modules(file: &File) -> Vec<String> {
    let path = Path::new(&file.path);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let parent = path.parent().and_then(Path::to_str).unwrap_or_default();
    let directory = match stem {
        "lib" | "main" | "mod" => parent.to_owned(),
        _ => format!("{parent}/{stem}"),
    };
    let declared = file.lines.iter().filter(|line| line.test && file.is_rust());
    declared
        .filter_map(|line| line.code.trim().strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| format!("{directory}/{name}"))
        .collect()
}

fn in_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[test]
fn a_module_declared_for_tests_only_is_a_test() {
    let repository = Repository::new(vec![
        File::new("crates/a/src/lib.rs", "mod open;\n#[cfg(test)]\nmod world;\n"),
        File::new("crates/a/src/world.rs", "fn a() {}\n"),
        File::new("crates/a/src/world/b.rs", "fn a() {}\n"),
        File::new("crates/a/src/open.rs", "#[cfg(test)]\nmod inner;\n\nfn a() {}\n"),
        File::new("crates/a/src/open/inner.rs", "fn a() {}\n"),
        File::new("crates/a/src/worldly.rs", "fn a() {}\n"),
    ]);
    let open = |file: &&File| file.own_lines().any(|line| line.code == "fn a() {}");
    let open: Vec<_> = repository.rust().filter(open).map(|file| file.path.as_str()).collect();
    assert_eq!(open, ["crates/a/src/open.rs", "crates/a/src/worldly.rs"]);
}

#[test]
fn tests_directories_and_files_called_tests_are_tests() {
    for path in ["tests/a.rs", "crates/a/tests/b.rs", "crates/a/src/tests.rs", "src/tests/a.rs"] {
        assert_eq!(File::new(path, "fn a() {}\n").own_lines().count(), 0, "{path}");
    }
    assert_eq!(File::new("src/contests.rs", "fn a() {}\n").own_lines().count(), 1);
}
