//! The processes that carry a marker in their environment: ours, and whatever they started.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

/// The processes whose environment holds `marker`, a `NAME=VALUE`.
pub(crate) fn processes(marker: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may be somebody else's, or gone by now.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|held| held == marker.as_bytes()) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Sends a signal, by its name without SIG. That some are gone by now is no failure.
pub(crate) fn send(signal: &str, pids: &[u32]) -> io::Result<()> {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$0\" \"$@\"", signal]).args(pids.iter().map(u32::to_string));
    kill.stderr(Stdio::null()).status().map(|_| ())
}
