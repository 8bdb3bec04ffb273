//! A control group for each service, where the kernel and whoever runs us allow it: then a service
//! is exactly the processes in its group, whatever they do to hide.

use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use contract::layout;
use sys::cgroup::{Controller, Group, Tree, V1Group, V1Pids};
use sys::spawn::Identity;

use crate::limits::{Limits, UNLIMITED, cpu_words, group_word};
use crate::supervise_dir::SuperviseDir;
use crate::task::Task;

/// Names of groups begin with it, so that it is seen who made them.
const PREFIX: &str = "keepup";
/// So much of a service's name is in the name of its group: the kernel allows 255 in all.
const NAME_MAX: usize = 100;

/// All services together have this part of the processes that there can be, in percent: what is
/// left is for us, for a login, and for who comes to mend it.
const BUDGET_PERCENT: u64 = 80;
/// The group that has the budget, and those of the services in it.
const SERVICES: &str = "keepup.services";

/// Where services have their control groups.
#[derive(Debug)]
pub(crate) struct Groups {
    tree: Tree,
    /// What is above it, where it has a budget.
    above: Option<Tree>,
    /// What can be limited by them.
    controllers: Vec<Controller>,
    /// On a host where version 1 has the pids controller, the limit of processes is set there.
    pids: Option<V1Pids>,
}

/// The control groups of a service.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) group: Group,
    pids: Option<V1Group>,
    /// The files by which a child enters them.
    pub(crate) entrances: Vec<CString>,
    /// What was last written: processes, memory, cpu.
    limited: [u64; 3],
    /// How often the first two of them were hit, as was last seen.
    hits_seen: [u64; 2],
    /// Whether all in it were killed at once: then nobody can be born in it any more.
    killed: bool,
}

/// A limit that was hit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Of what.
    pub(crate) what: &'static str,
    /// The limit.
    pub(crate) limit: u64,
    /// How often in all.
    pub(crate) times: u64,
    /// Whether the kernel kills for that.
    pub(crate) kills: bool,
}

impl Groups {
    /// Finds out whether groups may be made. To limit processes is always tried, to limit the rest
    /// only where somebody asks for it: it costs each start and each page.
    pub(crate) fn find() -> Option<Self> {
        let tree = Tree::find().ok()?;
        let controllers = tree.enable_all(&[Controller::Pids]);
        let pids = if controllers.is_empty() { V1Pids::find().ok() } else { None };
        match with_budget(&tree).filter(|_| !controllers.is_empty()) {
            Some(within) => Some(Self { tree: within, above: Some(tree), controllers, pids }),
            None => Some(Self { tree, above: None, controllers, pids }),
        }
    }

    /// Removes what was made for all services, once there is none.
    pub(crate) fn leave(&self) {
        if self.above.is_some() {
            // Services go on that were left running.
            let _ = self.tree.remove();
        }
    }

    /// Finds or makes the groups of a service, and says where the first is in `supervise/cgroup`.
    ///
    /// # Errors
    /// The limit of groups is reached, or somebody has taken the right to make them.
    pub(crate) fn join(&self, task: &Task) -> io::Result<Membership> {
        let name = name(&task.name, task.identity);
        let group = self.tree.group(&name)?;
        link(&task.dir, group.path())?;
        // A group of version 1 is one more to make, to enter and to keep: only for who asks for it.
        let pids = self.pids.as_ref().filter(|_| task.settings.limits.asks_for_processes);
        let pids = pids.and_then(|pids| pids.group(&name).ok());
        let mut entrances = vec![group.entrance()?];
        entrances.extend(pids.as_ref().and_then(|pids| pids.entrance().ok()));
        Ok(Membership {
            group,
            pids,
            entrances,
            limited: [UNLIMITED; 3],
            hits_seen: [0; 2],
            killed: false,
        })
    }

    /// Whether nobody has removed the groups, and they can limit what is asked for.
    pub(crate) fn serves(&self, it: &Membership, limits: &Limits) -> bool {
        let lacks_pids = limits.asks_for_processes && self.pids.is_some() && it.pids.is_none();
        it.group.path().exists() && !lacks_pids && !it.killed
    }

    /// Sets what has changed of the limits.
    ///
    /// # Errors
    /// What could not be limited, in words: there is no controller for it.
    pub(crate) fn limit(&mut self, it: &mut Membership, limits: &Limits) -> Result<(), String> {
        let wanted = [limits.processes, limits.memory, limits.cpu];
        if wanted == it.limited {
            return Ok(());
        }
        let mut refused = Vec::new();
        for (index, (what, controller, file)) in LIMITED.into_iter().enumerate() {
            let (Some(want), Some(had)) = (wanted.get(index), it.limited.get_mut(index)) else {
                continue;
            };
            if want == had {
                continue;
            }
            let value = if file == "cpu.max" { cpu_words(*want) } else { group_word(*want) };
            let by_v1 = it.pids.as_ref().filter(|_| controller == Controller::Pids);
            let set = match by_v1 {
                Some(pids) => pids.limit(&value).is_ok(),
                None => self.enable(controller) && it.group.limit(file, &value).is_ok(),
            };
            if set {
                *had = *want;
            } else if controller != Controller::Pids {
                // Processes can be counted.
                refused.push(what);
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(refused.join(" and ")) }
    }

    fn enable(&mut self, controller: Controller) -> bool {
        if !self.controllers.contains(&controller) {
            if let Some(above) = &self.above {
                let _ = above.enable_all(&[controller]);
            }
            self.controllers.extend(self.tree.enable_all(&[controller]));
        }
        self.controllers.contains(&controller)
    }
}

/// A group for all services that keeps them within their budget of processes.
fn with_budget(tree: &Tree) -> Option<Tree> {
    let there_are = sys::scarcity::pids().map(|(_, total)| total);
    let most = there_are.into_iter().chain(tree.pids_max()).min()?;
    let within = tree.below(OsStr::new(SERVICES)).ok()?;
    let budget = most.saturating_mul(BUDGET_PERCENT) / 100;
    let limited = within.limit("pids.max", &group_word(budget)).is_ok();
    if limited && !within.enable_all(&[Controller::Pids]).is_empty() {
        return Some(within);
    }
    let _ = within.remove();
    None
}

/// What is limited, by which controller, in which file.
const LIMITED: [(&str, Controller, &str); 3] = [
    ("processes", Controller::Pids, "pids.max"),
    ("memory", Controller::Memory, "memory.max"),
    ("processors", Controller::Cpu, "cpu.max"),
];

impl Membership {
    /// Whether it keeps a limit of processes.
    pub(crate) fn limits_processes(&self) -> bool {
        let [processes, _, _] = self.limited;
        processes != UNLIMITED
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed
    }

    /// Kills all in it at once, whatever they fork meanwhile.
    pub(crate) fn kill(&mut self) {
        // Who cannot be killed is counted again, and told of in the end.
        let _ = self.group.kill();
        self.killed = true;
    }

    /// The limits that were hit since this was last asked.
    pub(crate) fn hits(&mut self) -> Vec<Hit> {
        let forks = match &self.pids {
            Some(pids) => pids.refused(),
            None => self.group.event_count("pids.events", "max"),
        };
        let kills = self.group.event_count("memory.events", "oom_kill");
        let counts = [("processes", forks, false), ("bytes of memory", kills, true)];
        let mut hits = Vec::new();
        for ((what, count, kills), (limit, seen)) in
            counts.into_iter().zip(self.limited.iter().zip(&mut self.hits_seen))
        {
            let times = count.unwrap_or(*seen);
            if times > std::mem::replace(seen, times) {
                hits.push(Hit { what, limit: *limit, times, kills });
            }
        }
        hits
    }

    /// The files that say so when a limit is hit.
    pub(crate) fn events(&self) -> [PathBuf; 2] {
        let pids = self.pids.as_ref().map_or(self.group.path(), V1Group::path);
        [pids.join("pids.events"), self.group.path().join("memory.events")]
    }

    /// Removes the groups, if nobody is in them, and says whether they are gone. One that has ended
    /// and was not reaped is still in them.
    pub(crate) fn leave(&self, dir: &Path) -> bool {
        let pids_gone = self.pids.as_ref().is_none_or(|pids| pids.remove().is_ok());
        let gone = self.group.remove().is_ok();
        if gone {
            let _ =
                SuperviseDir::of(dir).and_then(|held| fs::remove_file(held.path(layout::CGROUP)));
        }
        gone && pids_gone
    }
}

fn link(dir: &Path, group: &Path) -> io::Result<()> {
    let held = SuperviseDir::of(dir)?;
    let link = held.path(layout::CGROUP);
    if fs::read_link(&link).is_ok_and(|old| old == group) {
        return Ok(());
    }
    match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::os::unix::fs::symlink(group, &link)
}

/// `keepup.NAME.DEV-INO`: the same for a directory whatever link leads to it, and readable.
fn name(service: &str, identity: Identity) -> OsString {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_@+".contains(c) { c } else { '_' };
    let name: String = service.chars().map(plain).take(NAME_MAX).collect();
    format!("{PREFIX}.{name}.{:x}-{:x}", identity.dev, identity.ino).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_called_by_its_service_and_its_directory() {
        let identity = Identity { dev: 0xfe01, ino: 42 };
        assert_eq!(name("ntpd/log", identity), "keepup.ntpd_log.fe01-2a");
        assert_eq!(name("../\n\u{fc}", identity), "keepup._____.fe01-2a");
        assert!(name(&"x".repeat(1000), identity).len() < 255);
    }

    #[test]
    fn the_link_says_where_the_group_is_and_takes_the_place_of_an_old_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(layout::SUPERVISE)).unwrap();
        for group in ["/a/b", "/a/b", "/c"] {
            link(dir.path(), Path::new(group)).unwrap();
            let seen = fs::read_link(dir.path().join(layout::CGROUP)).unwrap();
            assert_eq!(seen, Path::new(group));
        }
    }
}
