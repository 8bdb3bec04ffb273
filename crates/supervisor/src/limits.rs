//! What a service may use: the small files of its directory `limits`.
//!
//! | file | counts | by |
//! |---|---|---|
//! | `processes` | processes and threads of the service | pids controller, else counting |
//! | `memory` | bytes, of all its processes together | memory controller |
//! | `cpu` | processors: `1.5`, or `50%` of one | cpu controller |
//! | `open-files` | open files, of each process | `RLIMIT_NOFILE` |
//! | `core`, `data`, `stack`, `file-size`, `locked-memory` | bytes, of each process | its rlimit |
//! | `cpu-time` | seconds, of each process | `RLIMIT_CPU` |
//! | `user-processes` | processes and threads of its user, whoever's they are | `RLIMIT_NPROC` |
//!
//! A number may end in k, M or G (1024 each); `unlimited` is none.

use std::fs;
use std::path::Path;

use contract::layout;
use sys::limits::Limit;

use crate::settings::{read_small, refused};

/// Without a file a service may have this part of all processes, and each of them this part of all
/// open files, in percent (systemd's `DefaultTasksMax`).
const SHARE_PERCENT: u64 = 15;
/// The period over which the time on the processors is counted, in microseconds (the kernel's own
/// default, `cpu.max`).
const CPU_PERIOD: u64 = 100_000;

/// So many names of a directory `limits` are looked at: some more than there are limits, for a
/// directory of a stranger may have any number.
const NAMES_MAX: usize = 64;

/// The files that are limits of the service as a whole.
const OF_ALL: [&str; 3] = ["processes", "memory", "cpu"];

/// The files that are limits of each process.
const OF_EACH: [(&str, Limit); 8] = [
    ("open-files", Limit::OpenFiles),
    ("core", Limit::Core),
    ("data", Limit::Data),
    ("stack", Limit::Stack),
    ("file-size", Limit::FileSize),
    ("locked-memory", Limit::LockedMemory),
    ("cpu-time", Limit::Cpu),
    ("user-processes", Limit::Processes),
];

/// What a service may use; [`UNLIMITED`] is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Processes and threads.
    pub(crate) processes: u64,
    /// Whether a file says so.
    pub(crate) asks_for_processes: bool,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Microseconds on the processors in each [`CPU_PERIOD`].
    pub(crate) cpu: u64,
    /// What each process may use.
    pub(crate) of_each: Vec<(Limit, u64)>,
}

/// What there is to share; `None` where nobody knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Machine {
    /// Processes that the machine can have.
    pub(crate) pids: Option<u64>,
    /// Files that all processes together can open.
    pub(crate) files: Option<u64>,
    /// Files that each of our own can open: a larger share is none.
    pub(crate) own_files: u64,
}

impl Machine {
    pub(crate) fn look(own_files: u64) -> Self {
        let total = |(_, total)| total;
        let (pids, files) = (sys::scarcity::pids(), sys::scarcity::files());
        Self { pids: pids.map(total), files: files.map(total), own_files }
    }
}

/// No limit.
pub(crate) const UNLIMITED: u64 = u64::MAX;

impl Default for Limits {
    fn default() -> Self {
        let (processes, asks_for_processes) = (UNLIMITED, false);
        Self {
            processes,
            asks_for_processes,
            memory: UNLIMITED,
            cpu: UNLIMITED,
            of_each: Vec::new(),
        }
    }
}

impl Limits {
    /// What holds where there is no file: nothing but a share of the processes and of the open
    /// files that the machine can have.
    pub(crate) fn built_in(machine: Machine) -> Self {
        let share = |all: u64| (all.saturating_mul(SHARE_PERCENT) / 100).max(1);
        let processes = machine.pids.map_or(UNLIMITED, share);
        let open_files = machine.files.map(|all| (Limit::OpenFiles, share(all)));
        let of_each = open_files.filter(|(_, share)| *share < machine.own_files);
        Self { processes, of_each: of_each.into_iter().collect(), ..Self::default() }
    }

    /// Reads `limits/` in `dir`. What is wrong with a file is given to `complain`.
    pub(crate) fn read(dir: &Path, defaults: &Self, complain: &mut dyn FnMut(String)) -> Self {
        let mut limits = defaults.clone();
        let dir = dir.join(layout::LIMITS);
        if !dir.is_dir() {
            return limits;
        }
        strangers(&dir, complain);
        let mut take = |file: &str, parse: fn(&str) -> Option<u64>| {
            let text = read_small(&dir.join(file))?;
            let why = text.as_ref().err().and_then(refused);
            let limit = text.ok().and_then(|text| limit(text.trim(), parse));
            if limit.is_none() {
                let dir = layout::LIMITS;
                let why = why.unwrap_or_else(|| NO_LIMIT.into());
                complain(format!("{dir}/{file}: {why}"));
            }
            limit
        };
        if let Some(processes) = take("processes", number) {
            (limits.processes, limits.asks_for_processes) = (processes, true);
        }
        limits.memory = take("memory", number).unwrap_or(limits.memory);
        limits.cpu = take("cpu", cpu).unwrap_or(limits.cpu);
        for (file, which) in OF_EACH {
            if let Some(limit) = take(file, number) {
                limits.of_each.retain(|(other, _)| *other != which);
                limits.of_each.push((which, limit));
            }
        }
        limits
    }

    /// Whether files ask for what needs control groups.
    pub(crate) fn ask_for_groups(&self) -> bool {
        self.memory != UNLIMITED || self.cpu != UNLIMITED
    }
}

/// Complains of each file in the directory `limits` whose name is none of ours: a misspelt limit
/// does not hold. What an editor or git hides behind a dot is nobody's mistake.
fn strangers(limits: &Path, complain: &mut dyn FnMut(String)) {
    let Ok(entries) = fs::read_dir(limits) else { return };
    let names = entries.take(NAMES_MAX).flatten().map(|entry| entry.file_name());
    let is_ours = |name: &str| {
        name.starts_with('.')
            || OF_ALL.contains(&name)
            || OF_EACH.iter().any(|(file, _)| *file == name)
    };
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| !is_ours(name));
    names.sort();
    for name in names {
        let (dir, all) = (layout::LIMITS, OF_ALL.join(", "));
        let each = OF_EACH.map(|(file, _)| file).join(", ");
        complain(format!("{dir}/{name}: not one of {all}, {each}: ignored"));
    }
}

/// What is said of a file that is none.
const NO_LIMIT: &str = "neither a number, such as 64M, nor unlimited: ignored";

/// A value of `pids.max`, `memory.max`, or the first of `cpu.max`.
pub(crate) fn group_word(limit: u64) -> String {
    if limit == UNLIMITED { "max".into() } else { limit.to_string() }
}

/// The value of `cpu.max`.
pub(crate) fn cpu_words(limit: u64) -> String {
    format!("{} {CPU_PERIOD}", group_word(limit))
}

fn limit(text: &str, parse: fn(&str) -> Option<u64>) -> Option<u64> {
    if text == "unlimited" { Some(UNLIMITED) } else { parse(text) }
}

/// A number with or without a unit.
fn number(text: &str) -> Option<u64> {
    let (digits, unit) = match text.chars().last()? {
        'k' | 'K' => (text.get(..text.len() - 1)?, 1 << 10),
        'M' => (text.get(..text.len() - 1)?, 1 << 20),
        'G' => (text.get(..text.len() - 1)?, 1 << 30),
        _ => (text, 1),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(unit)
}

/// `1.5` processors, or `150%` of one.
fn cpu(text: &str) -> Option<u64> {
    let (digits, parts) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100),
        None => (text, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let fraction = fraction.get(..fraction.len().min(FRACTION_DIGITS))?;
    let (whole, below) = (number(whole)?, number(fraction)?);
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let whole = whole.checked_mul(CPU_PERIOD)?;
    let time = whole.checked_add(below.checked_mul(CPU_PERIOD)? / scale)? / parts;
    (time > 0).then_some(time)
}

/// More digits of a fraction than the kernel could tell apart are not looked at.
const FRACTION_DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    const MACHINE: Machine = Machine { pids: Some(1000), files: None, own_files: 1024 };

    fn read(files: &[(&str, &str)]) -> (Limits, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(layout::LIMITS)).unwrap();
        for (file, text) in files {
            fs::write(dir.path().join(layout::LIMITS).join(file), text).unwrap();
        }
        let mut complaints = Vec::new();
        let limits = Limits::read(dir.path(), &Limits::built_in(MACHINE), &mut |complaint| {
            complaints.push(complaint);
        });
        (limits, complaints)
    }

    #[test]
    fn without_files_a_service_has_its_share_of_the_processes() {
        let (limits, complaints) = read(&[]);
        assert_eq!((limits.processes, limits.memory, limits.cpu), (150, UNLIMITED, UNLIMITED));
        assert!(limits.of_each.is_empty() && complaints.is_empty());
        let nowhere = Limits::read(Path::new("/nowhere"), &limits, &mut |_| {});
        assert_eq!(nowhere, limits);
        assert_eq!(Limits::built_in(Machine::default()), Limits::default());
    }

    #[test]
    fn where_files_are_few_no_process_opens_more_than_its_share() {
        let few = Machine { files: Some(2000), ..MACHINE };
        assert_eq!(Limits::built_in(few).of_each, [(Limit::OpenFiles, 300)]);
        let many = Machine { files: Some(u64::MAX), ..MACHINE };
        assert!(Limits::built_in(many).of_each.is_empty());
    }

    #[test]
    fn each_file_is_a_limit() {
        let files = [("processes", "512\n"), ("memory", "64M"), ("cpu", "50%"), ("core", "0")];
        let (limits, complaints) = read(&files);
        assert_eq!((limits.processes, limits.memory, limits.cpu), (512, 64 << 20, 50_000));
        assert_eq!((limits.of_each, complaints), (vec![(Limit::Core, 0)], vec![]));
        assert_eq!(read(&[("processes", "unlimited")]).0.processes, UNLIMITED);
    }

    #[test]
    fn what_is_no_limit_is_told_and_ignored() {
        let wrong =
            ["", "many", "-1", "+1", "1.5", "99999999999999999999", "20000000000G", "M", "1é"];
        for text in wrong {
            let (limits, complaints) = read(&[("memory", text)]);
            assert_eq!(limits.memory, UNLIMITED, "{text:?}");
            assert_eq!(complaints.len(), 1, "{text:?}");
        }
        for text in ["0", "0%", "-50%", ".", "%", "1e3", "1.5.5"] {
            assert_eq!(cpu(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_limit_of_ours_is_told() {
        let (limits, complaints) =
            read(&[("nosuch", "1"), ("memory", "1M"), (".keep", ""), ("a-typo", "")]);
        assert_eq!(limits.memory, 1 << 20);
        let told = "not one of processes, memory, cpu, open-files, core, data, stack, file-size, \
                    locked-memory, cpu-time, user-processes: ignored";
        let told = ["a-typo", "nosuch"].map(|name| format!("limits/{name}: {told}"));
        assert_eq!(complaints, told);
        let ours: Vec<(&str, &str)> =
            OF_EACH.iter().map(|(file, _)| *file).chain(OF_ALL).map(|file| (file, "1")).collect();
        assert_eq!(read(&ours).1, Vec::<String>::new());
    }

    #[test]
    fn a_directory_full_of_names_is_not_told_of_to_its_end() {
        let names: Vec<String> = (0..2 * NAMES_MAX).map(|number| format!("x{number}")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(read(&files).1.len(), NAMES_MAX);
    }

    #[test]
    fn processors_are_counted_in_time() {
        let times =
            [("1", 100_000), ("1.5", 150_000), ("150%", 150_000), ("0.001", 100), ("2.", 0)];
        for (text, time) in times {
            assert_eq!(cpu(text), Some(time).filter(|time| *time > 0), "{text}");
        }
        assert_eq!(cpu("1.99999999999999999999"), Some(199_999));
        assert_eq!(
            (cpu_words(150_000), cpu_words(UNLIMITED)),
            ("150000 100000".to_owned(), "max 100000".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text: String) {
            let _ = (number(&text), cpu(&text));
        }
    }
}
