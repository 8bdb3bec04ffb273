//! The sentences an operator reads: what is wrong, with which file, and how to mend it.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use cli::Unable;
use contract::layout;
use contract::remarks::Remark;
use doctor::program::Unfit;
use doctor::scan;
use service::Pid;
use service::guard::Scarcity;
use service::life::aftermath::FINISHED_FOR_GOOD;
use service::scan::Refusal;
use service::words::{self, DeathLimit, End, Fault, Report, Step};
use sys::proc::Facts;

/// What a report says of the service `name` in `dir`.
pub(crate) fn report(name: &str, dir: &Path, report: Report) -> String {
    match report {
        Report::CannotStart(fault) => cannot_start(name, dir, fault),
        Report::StartsAgain => format!("{name}: started; what kept it from starting is gone"),
        Report::Delayed(what) => format!("{name}: its start waits: {}", scarcity(what)),
        Report::BackingOff { deaths, last, pause } => format!(
            "{name}: ended {deaths} times soon after its start, the last time with {}: the next \
             start is in {}, and later each time; {}",
            end(last),
            round(pause),
            advice(name, last),
        ),
        Report::Killed(pid) => {
            format!("{name}: process {} has not ended in its time and is killed", pid.0)
        }
        Report::Background { pid: Pid(pid), ran } => background(name, dir, pid, ran),
        Report::Stragglers { count, last } => format!(
            "{name}: ended with {} and left {}; they are ended before anything else (to leave \
             them: echo leave >{name}/{})",
            end(last),
            processes(count),
            layout::SURVIVORS,
        ),
        Report::Unending(count) => format!(
            "{name}: {} it left did not even end of KILL: they wait for a disk or a network that \
             does not answer; {name} is not started while they are there",
            processes(count)
        ),
        Report::TooManyDeaths(DeathLimit { deaths, within }) => format!(
            "{name}: died {} within {}, as often as {name}/{} allows: given up; svc -u {name} \
             starts it again",
            if deaths == 1 { "once".into() } else { format!("{deaths} times") },
            humantime::format_duration(within),
            layout::MAX_DEATHS,
        ),
        Report::FinishedForGood => format!(
            "{name}: {name}/{} exited {FINISHED_FOR_GOOD}: given up; svc -u {name} starts it again",
            layout::FINISH
        ),
        Report::CannotFinish(fault) => {
            let reason = self::reason(fault.errno);
            let cure = match fault.step {
                Step::Exec => cure(name, dir, layout::FINISH, fault.errno),
                Step::Fork | Step::Directory | Step::LogPipe | Step::Setup => String::new(),
            };
            format!("unable to start {name}/{}: {reason}{cure}", layout::FINISH)
        }
        Report::FinishKilled(Pid(pid)) => format!(
            "{name}: {name}/{}, process {pid}, has not ended in its time and is killed",
            layout::FINISH
        ),
    }
}

/// The story this program was written for, in one sentence.
fn background(name: &str, dir: &Path, pid: u32, ran: Duration) -> String {
    let program = sys::proc::facts(pid)
        .map_or_else(String::new, |it| String::from_utf8_lossy(&it.comm).into_owned());
    let cure = match doctor::cure_for(&program, script(dir).as_deref()) {
        Some(cure) => format!("To run it in the foreground: {cure}"),
        None => format!(
            "Most programs have a flag that keeps them in the foreground; svcheck {name} may say \
             which line of {} does it",
            layout::RUN
        ),
    };
    let (run, ran) = (layout::RUN, round_short(ran));
    let program = if program.is_empty() { program } else { format!(" ({program})") };
    format!(
        "{name}: ./{run} exited 0 after {ran} but left pid {pid}{program} running: it put itself \
         in the background. Supervising {pid} from now on. {cure}"
    )
}

/// `./run`, as far as it is one.
fn script(dir: &Path) -> Option<String> {
    let mut text = Vec::new();
    let file = sys::fifo::open_whatever(&dir.join(layout::RUN)).ok()?;
    file.take(SCRIPT_MAX).read_to_end(&mut text).ok()?;
    String::from_utf8(text).ok()
}

/// So much of a script is read to find out what it starts.
const SCRIPT_MAX: u64 = 64 * 1024;

fn scarcity(what: Scarcity) -> &'static str {
    match what {
        Scarcity::Pids => "almost all processes this machine can have are there (kernel.pid_max)",
        Scarcity::Files => "almost all files this machine can open are open (fs.file-max)",
        Scarcity::Memory => "there is almost no memory left",
        Scarcity::Restarts => "too many services are being restarted",
    }
}

fn processes(count: u32) -> String {
    if count == 1 { "1 process".into() } else { format!("{count} processes") }
}

/// As a person says how long something took.
fn round_short(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs())
    }
}

/// What `supervise/remarks` says of its life; `None` where there is nothing to say.
pub(crate) fn remark(name: &str, dir: &Path, remark: words::Remark) -> Option<Remark> {
    let remark = match remark {
        // Of those who are still counted there is nothing to say yet.
        words::Remark::None | words::Remark::Clearing(0) => return None,
        words::Remark::BackingOff { until, deaths, since, last } => {
            Remark::BackingOff { next: until.0, deaths, since: since.0, last: end(last) }
        }
        words::Remark::Background => Remark::Background,
        words::Remark::Clearing(count) => Remark::Clearing(count),
        words::Remark::Finishing => Remark::Finishing,
        words::Remark::GivenUp => Remark::GivenUp,
        words::Remark::Delayed(what) => Remark::Delayed(scarcity(what).into()),
        words::Remark::CannotStart(fault) => Remark::CannotStart(cannot_start(name, dir, fault)),
    };
    Some(remark)
}

/// Why a name of the scan directory, which is the current one, is not served.
pub(crate) fn refusal(name: &OsStr, refusal: &Refusal) -> String {
    let link = Path::new(name);
    let name = name.display();
    match refusal {
        Refusal::CannotStat(errno) => {
            let is_missing = io::Error::from_raw_os_error(*errno).kind() == io::ErrorKind::NotFound;
            let target = std::fs::read_link(link).ok().filter(|_| is_missing);
            let cure = target.map(|target| {
                let target = target.display();
                format!(": it is a link to {target}, which is not there; mend or remove it")
            });
            format!("unable to stat {name}: {}{}", reason(*errno), cure.unwrap_or_default())
        }
        Refusal::NotADirectory => {
            format!("{name} is no service: {}", scan::NOT_A_DIRECTORY)
        }
        Refusal::SameAs(other) => {
            format!("{name} {}", scan::same_as(&other.to_string_lossy()))
        }
        Refusal::TooMany(limit) => format!(
            "unable to start {name}: running too many services: the limit of open files allows \
             {limit}; raise it (ulimit -n) and start svscan again"
        ),
    }
}

/// Why a service could not be taken under supervision; `lock` is the file of its lock.
pub(crate) fn untaken(error: &Unable, lock: &Path) -> String {
    if error.error().kind() == io::ErrorKind::WouldBlock {
        let who = sys::lock::holder(lock).map(who).unwrap_or_default();
        return format!("{error}: another supervise runs there{who}");
    }
    if error.error().raw_os_error() == Some(sys::EMFILE) {
        return format!("{error}: raise the limit (ulimit -n) and start svscan again");
    }
    error.to_string()
}

/// Who holds a lock: ` (supervise, process 123)`.
pub(crate) fn who(pid: u32) -> String {
    let name = |it: Facts| format!("{}, ", String::from_utf8_lossy(&it.comm));
    let name = sys::proc::facts(pid).map(name).unwrap_or_default();
    format!(" ({name}process {pid})")
}

/// What daemontools says of a failed start, and what can be done about it.
fn cannot_start(name: &str, dir: &Path, fault: Fault) -> String {
    let reason = self::reason(fault.errno);
    match fault.step {
        Step::Fork => format!(
            "unable to fork for {name}: {reason}: the limit of processes or of memory is reached"
        ),
        Step::Directory => {
            format!("unable to chdir to {name}: {reason}: the directory was removed or replaced")
        }
        Step::LogPipe => format!("unable to open the pipe of {name}: {reason}"),
        Step::Setup => format!("unable to prepare the start of {name}: {reason}"),
        Step::Exec => {
            let cure = cure(name, dir, layout::RUN, fault.errno);
            format!("unable to start {name}/{}: {reason}{cure}", layout::RUN)
        }
    }
}

/// What can be done about a program of the service in `dir` that could not be executed, with the
/// colon before it; empty where that is not known.
fn cure(name: &str, dir: &Path, program: &str, errno: i32) -> String {
    match examine::program::refused(&dir.join(program), errno) {
        // Nobody has to write another program than run.
        Some(Unfit::Missing) if program != layout::RUN => String::new(),
        Some(unfit) => format!(": {}", unfit.words(name, program)),
        None => String::new(),
    }
}

/// A success that comes too soon is mostly a daemon that has put itself in the background.
fn advice(name: &str, last: End) -> String {
    match last {
        End::Exited(0) => "if it puts itself in the background, have it stay in the foreground \
                           (ntpd -n, nginx -g 'daemon off;', sshd -D)"
            .into(),
        End::Exited(_) | End::Signalled(_) | End::NotStarted(_) | End::Unknown => {
            format!("svc -u {name} starts it at once")
        }
    }
}

fn end(end: End) -> String {
    match end {
        End::Exited(code) => format!("exit {code}"),
        End::Signalled(number) => format!("signal {number}"),
        End::NotStarted(_) => "a failed start".into(),
        End::Unknown => "an end that nobody saw".into(),
    }
}

/// Seconds, as a person says them.
fn round(pause: Duration) -> String {
    format!("{} s", pause.as_secs_f64().ceil())
}

fn reason(errno: i32) -> String {
    cli::reason(&io::Error::from_raw_os_error(errno)).into_owned()
}

#[cfg(test)]
mod tests;
