//! Where the programs of others are that `fetch.sh` has unpacked.

use std::path::{Path, PathBuf};

/// Where a program of theirs is, of those that `fetch.sh` has unpacked; else it is said, and that
/// is a failure where they are required.
pub(crate) fn theirs(name: &str) -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ntp-peers");
    let root = std::env::var_os("KEEPUP_NTP_PEERS").map_or(unpacked, PathBuf::from);
    let program = root.join("usr/sbin").join(name);
    if program.exists() {
        return Some(program);
    }
    let required = std::env::var_os("KEEPUP_REQUIRE_THEIRS").is_some_and(|value| value == "1");
    assert!(!required, "{} is missing: tests/ntp_peers/fetch.sh", program.display());
    eprintln!("SKIPPED: {} is missing: tests/ntp_peers/fetch.sh", program.display());
    None
}
