//! The files in the repository that `cargo pages` writes, and a test compares.

use std::path::PathBuf;
use std::{env, fs, io};

use keepup::{commands, ntpd};
use pages::{Mistake, Suite, Written};

/// Where all that is written lies, and nothing else.
const DIRECTORIES: [&str; 2] = ["completions", "man"];

/// The repository this was built from.
pub(crate) fn root() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map_or(env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// Every file, as the flag tables and `docs/man` have it.
pub(crate) fn written() -> Result<Vec<Written>, Mistake> {
    let suite = Suite {
        front: &commands::SUITE,
        commands: commands::ALL.iter().map(|entry| entry.command).collect(),
        alone: vec![&ntpd::COMMAND],
        version: env!("CARGO_PKG_VERSION"),
    };
    suite.write(prose)
}

/// The text of a program's page.
fn prose(name: &str) -> Option<String> {
    fs::read_to_string(root().join(format!("docs/man/{name}.md"))).ok()
}

/// The files that are there, from the root of the repository.
pub(crate) fn present() -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    for directory in DIRECTORIES {
        for entry in fs::read_dir(root().join(directory)).into_iter().flatten() {
            paths.push(format!("{directory}/{}", entry?.file_name().display()));
        }
    }
    Ok(paths)
}
