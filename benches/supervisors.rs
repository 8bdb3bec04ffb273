//! Supervisors side by side, as whole processes: ours and whichever of daemontools, runit and s6 is
//! installed. `docs/performance.md` says how to read the table.
//!
//! ```text
//! cargo bench --bench supervisors [-- NUMBER_OF_SERVICES...]
//! ```
//!
//! The services are this program itself, called `run`: it says on a FIFO that it runs, and waits.

#![allow(clippy::unwrap_used, reason = "what fails here fails the measurement")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sys::{child, fifo, proc, signals};

/// Where a service finds the FIFO on which it says that it runs.
const FIFO: &str = "KEEPUP_BENCH_FIFO";
/// Without numbers on the command line.
const NUMBERS: [usize; 2] = [10, 500];
/// Every supervisor is measured so often in turn with the others: what disturbs hits all.
const ROUNDS: usize = 3;
/// A service that has run for so long is started again at once by all of them.
const SETTLED: Duration = Duration::from_millis(1200);
/// No measurement takes longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A supervisor of a scan directory.
struct Contender {
    name: &'static str,
    /// The program and what stands before the directory.
    scanner: Vec<String>,
    /// What tells the state of the service directories that follow.
    status: Option<Vec<String>>,
    /// What ends everything: the signal for the scanner.
    stop: i32,
    /// What it needs before: a command for all service directories.
    stop_services: Option<Vec<String>>,
}

/// What was measured.
struct Figures {
    boot: Duration,
    restart: Duration,
    status: Option<Duration>,
    stop: Duration,
    pss_kb: u64,
    processes: usize,
    descriptors: usize,
}

fn main() {
    let mut words = std::env::args_os();
    let called = words.next().unwrap();
    if Path::new(&called).file_name() == Some(OsStr::new("run")) {
        return serve();
    }
    let numbers: Vec<usize> = words.filter_map(|word| word.to_str()?.parse().ok()).collect();
    let numbers = if numbers.is_empty() { NUMBERS.to_vec() } else { numbers };
    let contenders = contenders();
    println!(
        "services  supervisor      boot ms  restart ms  status ms  stop ms  PSS kB  procs  fds"
    );
    for number in numbers {
        for _ in 0..ROUNDS {
            floor(number);
            for contender in &contenders {
                show(number, contender.name, &measure(contender, number));
            }
        }
    }
}

/// The life of a service.
fn serve() {
    let path = std::env::var_os(FIFO).unwrap();
    let mut fifo = File::options().write(true).open(path).unwrap();
    let _ = fifo.write_all(format!("{}\n", std::process::id()).as_bytes());
    drop(fifo);
    loop {
        std::thread::park();
    }
}

fn contenders() -> Vec<Contender> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let ours = env!("CARGO_BIN_EXE_keepup");
    let found = |name: &str| {
        let places = ["/usr/local/bin", "/usr/bin", "/command", "/bin", "/usr/sbin"];
        let real = places.iter().find_map(|dir| fs::canonicalize(Path::new(dir).join(name)).ok());
        // A link to ours is not theirs.
        real.is_some_and(|real| real.file_name() != Some(OsStr::new("keepup")))
    };
    let all = [
        ("keepup", format!("{ours} svscan"), format!("{ours} svstat"), signals::TERM, ""),
        ("  no cgroups", format!("{ours} svscan --no-cgroups"), String::new(), signals::TERM, ""),
        ("daemontools", "svscan".into(), "svstat".into(), signals::TERM, "svc -dx"),
        ("runit", "runsvdir".into(), "sv status".into(), signals::HUP, ""),
        ("s6", "s6-svscan -c 10000".into(), String::new(), signals::TERM, ""),
    ];
    let there = |command: &str| {
        let program = command.split(' ').next().unwrap_or_default();
        program.starts_with('/') || found(program)
    };
    all.into_iter()
        .filter(|(_, scanner, ..)| there(scanner))
        .map(|(name, scanner, status, stop, services)| Contender {
            name,
            scanner: words(&scanner),
            status: (!status.is_empty()).then(|| words(&status)),
            stop,
            stop_services: (!services.is_empty()).then(|| words(services)),
        })
        .collect()
}

/// A scan directory in memory, where there is such a place, with a FIFO beside it.
struct Field {
    dir: tempfile::TempDir,
    /// Open for both, so that it never ends.
    said: BufReader<File>,
}

impl Field {
    fn new(number: usize) -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let dir = dir.unwrap();
        fs::create_dir(dir.path().join("scan")).unwrap();
        for number in 0..number {
            let service = dir.path().join(format!("sv/{number}"));
            fs::create_dir_all(&service).unwrap();
            symlink(std::env::current_exe().unwrap(), service.join("run")).unwrap();
            symlink(&service, dir.path().join(format!("scan/{number}"))).unwrap();
        }
        let path = dir.path().join("fifo");
        fifo::make(&path).unwrap();
        let said = File::options().read(true).write(true).open(path).unwrap();
        Self { dir, said: BufReader::new(said) }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// The pid of the next service that says that it runs.
    fn next(&mut self) -> u32 {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    fn command(&self, words: &[String]) -> Command {
        let (program, args) = words.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env(FIFO, self.path("fifo")).current_dir(self.path("scan")).process_group(0);
        command
    }

    fn services(&self) -> Vec<std::path::PathBuf> {
        fs::read_dir(self.path("scan")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn measure(contender: &Contender, number: usize) -> Figures {
    let mut field = Field::new(number);
    // runsvdir waits a second where the directory has changed in the current one.
    std::thread::sleep(Duration::from_millis(1100));
    let begin = Instant::now();
    let mut scanner = field.command(&contender.scanner).arg(".").spawn().unwrap();
    let pids: Vec<u32> = (0..number).map(|_| field.next()).collect();
    let boot = begin.elapsed();
    std::thread::sleep(SETTLED);
    let begin = Instant::now();
    child::signal(pids[number / 2], signals::KILL).unwrap();
    let mut living = pids.clone();
    living.push(field.next());
    let restart = begin.elapsed();
    let (pss_kb, processes, descriptors) = weigh(scanner.id(), &living);
    let status = contender.status.as_ref().map(|words| {
        let begin = Instant::now();
        let _ = field.command(words).args(field.services()).status();
        begin.elapsed()
    });
    std::thread::sleep(SETTLED);
    let begin = Instant::now();
    stop(contender, &field, &mut scanner, &living);
    let stop = begin.elapsed();
    Figures { boot, restart, status, stop, pss_kb, processes, descriptors }
}

fn stop(contender: &Contender, field: &Field, scanner: &mut Child, living: &[u32]) {
    let supervisors = family(scanner.id(), living);
    let _ = child::signal(scanner.id(), contender.stop);
    if let Some(words) = &contender.stop_services {
        let _ = field.command(words).args(field.services()).status();
    }
    let _ = scanner.wait();
    let begin = Instant::now();
    let lives = |pid: &u32| proc::facts(*pid).is_some_and(|it| !it.has_ended());
    while living.iter().chain(&supervisors).any(lives) && begin.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Starts the services one after the other, and supervises nothing.
fn floor(number: usize) {
    let mut field = Field::new(number);
    let begin = Instant::now();
    let start = |number| field.command(&[format!("../sv/{number}/run")]).spawn().unwrap();
    let mut children: Vec<Child> = (0..number).map(start).collect();
    for _ in 0..number {
        field.next();
    }
    let boot = begin.elapsed();
    let begin = Instant::now();
    for child in &mut children {
        child.kill().unwrap();
    }
    for child in &mut children {
        child.wait().unwrap();
    }
    let (boot, stop) = (millis(boot), millis(begin.elapsed()));
    println!("{number:8}  {:14}{boot:9.1}{:>12}{:>11}{stop:9.1}", "(nobody)", "-", "-");
}

/// The scanner and all below it that are no services.
fn family(scanner: u32, services: &[u32]) -> Vec<u32> {
    let below = proc::descendants(scanner, usize::MAX);
    let mut all: Vec<u32> = below.into_iter().filter(|pid| !services.contains(pid)).collect();
    all.push(scanner);
    all
}

/// Memory, processes and descriptors of all supervisors.
fn weigh(scanner: u32, services: &[u32]) -> (u64, usize, usize) {
    let all = family(scanner, services);
    let pss = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    let open = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    (all.iter().filter_map(pss).sum(), all.len(), all.iter().map(open).sum())
}

fn show(number: usize, name: &str, it: &Figures) {
    let status = it.status.map_or("-".to_owned(), |status| format!("{:.1}", millis(status)));
    let (boot, restart, stop) = (millis(it.boot), millis(it.restart), millis(it.stop));
    println!(
        "{number:8}  {name:14}{boot:9.1}{restart:12.2}{status:>11}{stop:9.1}{:8}{:7}{:5}",
        it.pss_kb, it.processes, it.descriptors
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
