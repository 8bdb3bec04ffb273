//! The sentences an operator reads: what is wrong, with which file, and how to mend it.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

use cli::Unable;
use contract::layout;
use doctor::scan;
use service::scan::Refusal;
use service::words::{End, Fault, Report, Step};

/// What a report says of the service `name` in `dir`.
pub(crate) fn report(name: &str, dir: &Path, report: Report) -> String {
    match report {
        Report::CannotStart(fault) => cannot_start(name, dir, fault),
        Report::StartsAgain => format!("{name}: started; what kept it from starting is gone"),
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
    }
}

/// Why a name of the scan directory is not served.
pub(crate) fn refusal(name: &OsStr, refusal: &Refusal) -> String {
    let name = name.display();
    match refusal {
        Refusal::CannotStat(errno) => format!("unable to stat {name}: {}", words(*errno)),
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

/// Why a service could not be taken under supervision.
pub(crate) fn untaken(error: &Unable) -> String {
    if error.error().kind() == io::ErrorKind::WouldBlock {
        return format!("{error}: another supervise runs there");
    }
    if error.error().raw_os_error() == Some(sys::EMFILE) {
        return format!("{error}: raise the limit (ulimit -n) and start svscan again");
    }
    error.to_string()
}

/// What daemontools says of a failed start, and what can be done about it.
fn cannot_start(name: &str, dir: &Path, fault: Fault) -> String {
    let reason = words(fault.errno);
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
            let unfit = examine::program::refused(&dir.join(layout::RUN), fault.errno);
            let cure = unfit.map(|unfit| format!(": {}", unfit.words(name, layout::RUN)));
            format!("unable to start {name}/{}: {reason}{}", layout::RUN, cure.unwrap_or_default())
        }
    }
}

/// A success that comes too soon is mostly a daemon that has put itself in the background.
fn advice(name: &str, last: End) -> String {
    match last {
        End::Exited(0) => "if it puts itself in the background, have it stay in the foreground \
                           (ntpd -n, nginx -g 'daemon off;', sshd -D)"
            .into(),
        End::Exited(_) | End::Signalled(_) | End::NotStarted(_) => {
            format!("svc -u {name} starts it at once")
        }
    }
}

fn end(end: End) -> String {
    match end {
        End::Exited(code) => format!("exit {code}"),
        End::Signalled(number) => format!("signal {number}"),
        End::NotStarted(_) => "a failed start".into(),
    }
}

/// Seconds, as a person says them.
fn round(pause: Duration) -> String {
    format!("{} s", pause.as_secs_f64().ceil())
}

fn words(errno: i32) -> String {
    cli::reason(&io::Error::from_raw_os_error(errno)).into_owned()
}

#[cfg(test)]
mod tests;
