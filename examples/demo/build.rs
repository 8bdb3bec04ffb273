//! Builds the programs that the demo shows.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Names a directory with `keepup` and `ntpd` to be used as they are; for the demo's own test.
const BINARIES: &str = "DEMO_BIN";

/// The root of the sources.
pub(crate) fn sources() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The directory of the programs, which are built where need be. Cargo shows how far it is.
pub(crate) fn binaries() -> anyhow::Result<PathBuf> {
    if let Some(given) = env::var_os(BINARIES) {
        return Path::new(&given).canonicalize().context(format!("unable to find {BINARIES}"));
    }
    let own = env::current_exe().context("unable to find the demo's own program")?;
    let directory = directory_of(&own).context("this is to be run by `cargo demo`")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // With the demo named too, what was compiled for it serves the programs as well.
    build.args(["build", "--bins", "--example", "demo", "--profile", profile(&directory)]);
    build.current_dir(sources());
    crate::say("building the programs it shows, keepup and ntpd; the first time takes minutes");
    if !build.status().context("unable to run cargo")?.success() {
        bail!("cargo could not build the programs");
    }
    Ok(directory)
}

/// Where the programs lie beside `target/PROFILE/examples/demo`.
fn directory_of(own: &Path) -> Option<PathBuf> {
    let examples = own.parent().filter(|parent| parent.ends_with("examples"))?;
    examples.parent().map(Path::to_path_buf)
}

/// The profile whose programs lie in `directory`.
fn profile(directory: &Path) -> &str {
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    }
}
