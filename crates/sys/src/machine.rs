//! The machine as a whole, as its process 1 sees it.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};

/// The pid namespace that the kernel began with (`PROC_PID_INIT_INO` in `linux/proc_ns.h`).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// How a machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It starts again.
    Reboot,
    /// It is switched off.
    PowerOff,
    /// It stands still, and the power stays on.
    Halt,
}

/// Whether the kernel panics when this process ends: it is process 1, and not a container's. Where
/// there is no /proc to tell the two apart it is taken for a machine's.
#[must_use]
pub fn ends_with_us() -> bool {
    std::process::id() == 1 && is_first(fs::read_link("/proc/self/ns/pid").as_deref())
}

fn is_first(namespace: Result<&Path, &io::Error>) -> bool {
    namespace.map_or(true, |name| name == Path::new(FIRST_NAMESPACE))
}

/// Has the kernel send us INT for Ctrl-Alt-Del, instead of starting the machine again at once.
///
/// # Errors
/// `EPERM`: we are not process 1, or may not.
pub fn hear_ctrl_alt_del() -> io::Result<()> {
    only_process_one()?;
    Ok(set_cad_enabled(false)?)
}

/// Writes out what is on its way to the disks, and ends the machine. In a container the kernel ends
/// the container instead (reboot(2)). Returns only where that failed, or after [`End::Halt`] on a
/// machine that cannot stand still.
#[must_use]
pub fn end(how: End) -> io::Error {
    if let Err(error) = only_process_one() {
        return error;
    }
    nix::unistd::sync();
    // A clean file system needs no check; one that is still written to stays as it is.
    let _ = mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, ROOT);
    let mode = match how {
        End::Reboot => RebootMode::RB_AUTOBOOT,
        End::PowerOff => RebootMode::RB_POWER_OFF,
        End::Halt => RebootMode::RB_HALT_SYSTEM,
    };
    match reboot(mode) {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}

/// What a remount of the root needs beyond its flags.
const ROOT: Option<&str> = None;

/// Nobody else ends a machine by a mistake of his.
fn only_process_one() -> io::Result<()> {
    if std::process::id() == 1 { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_not_process_one_and_ends_no_machine() {
        assert!(!ends_with_us());
        assert_eq!(hear_ctrl_alt_del().unwrap_err().raw_os_error(), Some(libc::EPERM));
        for how in [End::Reboot, End::PowerOff, End::Halt] {
            assert_eq!(end(how).raw_os_error(), Some(libc::EPERM));
        }
    }

    #[test]
    fn a_container_is_told_from_a_machine() {
        assert!(is_first(Ok(Path::new(FIRST_NAMESPACE))));
        assert!(!is_first(Ok(Path::new("pid:[4026532000]"))));
        assert!(is_first(Err(&io::ErrorKind::NotFound.into())));
    }
}
