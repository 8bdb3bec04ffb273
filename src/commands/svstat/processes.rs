//! The processes of a service, as far as whoever asks may see them.

use std::io::Read as _;

use contract::layout;
use sys::proc;

use crate::service_dir::ServiceDir;

/// So many are listed: more tell nobody more.
const PROCESSES_MAX: usize = 1024;
/// As many digits and line ends as those take, and some.
const LIST_MAX: u64 = 64 * 1024;

/// A process of a service.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// What the kernel calls it: 15 bytes of its program's name.
    pub(super) name: String,
    pub(super) parent: u32,
}

impl Process {
    /// A line below that of the service.
    pub(super) fn line(&self) -> String {
        format!("  {} {}\n", self.pid, self.name.replace(char::is_control, "?"))
    }
}

/// All that are in its control group; where it has none, its main process and what descends from
/// it.
pub(super) fn of(dir: ServiceDir<'_>) -> Vec<Process> {
    let pids = in_group(dir).unwrap_or_else(|| below_main(dir));
    pids.into_iter().filter_map(process).collect()
}

fn in_group(dir: ServiceDir<'_>) -> Option<Vec<u32>> {
    let mut text = String::new();
    let file = sys::fifo::open_whatever(&dir.file(layout::CGROUP).join("cgroup.procs")).ok()?;
    file.take(LIST_MAX).read_to_string(&mut text).ok()?;
    let pids = text.split_ascii_whitespace().filter_map(|word| word.parse().ok());
    Some(pids.take(PROCESSES_MAX).collect())
}

fn below_main(dir: ServiceDir<'_>) -> Vec<u32> {
    match dir.status() {
        Ok(status) if status.pid != 0 => {
            let mut pids = vec![status.pid];
            pids.extend(proc::descendants(status.pid, PROCESSES_MAX));
            pids
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}

fn process(pid: u32) -> Option<Process> {
    let facts = proc::facts(pid)?;
    let name = String::from_utf8_lossy(&facts.comm).into_owned();
    Some(Process { pid, name, parent: facts.parent })
}
