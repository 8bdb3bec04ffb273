//! The sentences an operator reads: what is wrong, with which file, and how to mend it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::Unable;
use contract::layout;
use contract::remarks::Remark;
use service::Pid;
use service::guard::Scarcity;
use service::life::aftermath::FINISHED_FOR_GOOD;
use service::scan::Refusal;
use service::words::{self, DeathLimit, End, Fault, Report, Step};
use sys::proc::Facts;

/// So much of a script is read to find its interpreter: the kernel reads no more
/// (`BINPRM_BUF_SIZE`).
const FIRST_LINE_MAX: u64 = 256;

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
        Report::Background { pid: Pid(pid), ran } => background(name, pid, ran),
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
            "{name}: died {deaths} times within {}, as often as {name}/{} allows: given up; svc -u \
             {name} starts it again",
            humantime::format_duration(within),
            layout::MAX_DEATHS,
        ),
        Report::FinishedForGood => format!(
            "{name}: {name}/{} exited {FINISHED_FOR_GOOD}: given up; svc -u {name} starts it again",
            layout::FINISH
        ),
        Report::CannotFinish(fault) => {
            let reason = self::reason(fault.errno);
            format!("unable to start {name}/{}: {reason}", layout::FINISH)
        }
        Report::FinishKilled(Pid(pid)) => format!(
            "{name}: {name}/{}, process {pid}, has not ended in its time and is killed",
            layout::FINISH
        ),
    }
}

/// The story this program was written for, in one sentence.
fn background(name: &str, pid: u32, ran: Duration) -> String {
    let program = sys::proc::facts(pid)
        .map_or_else(String::new, |it| format!(" ({})", String::from_utf8_lossy(&it.comm)));
    let ran = round_short(ran);
    format!(
        "{name}: ./{} exited 0 after {ran} but left pid {pid}{program} running: it put itself in \
         the background. Supervising {pid} from now on. Have it stay in the foreground (ntpd -n, \
         nginx -g 'daemon off;', sshd -D)",
        layout::RUN
    )
}

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
        words::Remark::None => return None,
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

/// Why a name of the scan directory is not served.
pub(crate) fn refusal(name: &OsStr, refusal: &Refusal) -> String {
    let name = name.display();
    match refusal {
        Refusal::CannotStat(errno) => format!("unable to stat {name}: {}", reason(*errno)),
        Refusal::NotADirectory => {
            format!(
                "{name} is no service: it is not a directory; remove it, or let its name begin \
                 with a dot"
            )
        }
        Refusal::SameAs(other) => {
            format!("{name} is the same directory as {}: it is supervised once", other.display())
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
            let cure = cure(name, &dir.join(layout::RUN), fault.errno);
            format!("unable to start {name}/{}: {reason}{cure}", layout::RUN)
        }
    }
}

/// Why the kernel would not execute `run`, and the cure, as far as a look at the file tells.
fn cure(name: &str, run: &Path, errno: i32) -> String {
    match fs::metadata(run) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => missing(name, run),
        Err(_) => String::new(),
        Ok(meta) if meta.is_dir() => ": it is a directory; it must be a program".into(),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
            format!(": it is not executable; chmod +x {name}/{}", layout::RUN)
        }
        Ok(_) => unfit(run, errno),
    }
}

fn missing(name: &str, run: &Path) -> String {
    match fs::read_link(run) {
        Ok(target) => format!(": it is a link to {}, which is not there", target.display()),
        Err(_) => format!(": write it, or remove the link {name} if it is no service"),
    }
}

/// It is an executable file, and still the kernel would not.
fn unfit(run: &Path, errno: i32) -> String {
    match (interpreter(run), io::Error::from_raw_os_error(errno).kind()) {
        (Some(path), _) if path.as_os_str().as_bytes().ends_with(b"\r") => {
            ": its first line ends in a carriage return; save it with Unix line ends".into()
        }
        (Some(path), io::ErrorKind::NotFound) => {
            format!(": its first line asks for {}, which is not there", path.display())
        }
        (Some(path), io::ErrorKind::PermissionDenied) if !is_executable(&path) => {
            format!(": its first line asks for {}, which is not executable", path.display())
        }
        (_, io::ErrorKind::PermissionDenied) => {
            ": its file system may be mounted noexec, or its owner forbids it".into()
        }
        (None, _) if errno == sys::ENOEXEC => {
            ": it has no first line that names its interpreter, as #!/bin/sh does".into()
        }
        (_, io::ErrorKind::ExecutableFileBusy) => ": somebody is still writing it".into(),
        _ => String::new(),
    }
}

/// The program that the first line of a script asks for; `None` where it asks for none.
fn interpreter(run: &Path) -> Option<PathBuf> {
    let file = sys::fifo::open_whatever(run).ok()?;
    let mut start = Vec::new();
    file.take(FIRST_LINE_MAX).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let path = line.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    (!path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
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
