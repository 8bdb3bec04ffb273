//! The names of the files in a service directory and in a scan directory.

/// What supervise executes.
pub const RUN: &str = "run";
/// Where it exists, the service is not started by itself.
pub const DOWN: &str = "down";
/// Where it exists, the service stays in the supervisor's session (daemontools-encore).
pub const NO_SETSID: &str = "no-setsid";
/// How long after `svc -d` the service is killed; without the file never (s6: milliseconds; a
/// duration with a unit is understood too).
pub const TIMEOUT_KILL: &str = "timeout-kill";
/// Executed when the service has ended, with how it ended as its arguments (s6).
pub const FINISH: &str = "finish";
/// How long `finish` may run; 5 s without the file (s6: milliseconds, 0 for ever).
pub const TIMEOUT_FINISH: &str = "timeout-finish";
/// What becomes of the processes that outlive `run`: `adopt`, `end` or `leave`.
pub const SURVIVORS: &str = "survivors";
/// After how many deaths in how long it is not started again: `5 in 1m`.
pub const MAX_DEATHS: &str = "max-deaths";
/// The longest pause between two starts of a service that keeps dying.
pub const BACKOFF_MAX: &str = "backoff-max";
/// A run of this length was a good one, and the next start is not delayed.
pub const STABLE_AFTER: &str = "stable-after";
/// The number of a descriptor on which the service writes a newline when it is ready (s6).
pub const NOTIFICATION_FD: &str = "notification-fd";
/// A directory of small files, each a limit of what the service may use.
pub const LIMITS: &str = "limits";
/// In a scan directory: svscan's own. Settings and limits in it hold for every service that has
/// none of its own.
pub const SVSCAN: &str = ".svscan";
/// The directory of the logger of a service, inside its service directory.
pub const LOG: &str = "log";
/// The directory of all that supervise writes, inside a service directory.
pub const SUPERVISE: &str = "supervise";

/// Held exclusively (flock) by the supervise of this directory.
pub const LOCK: &str = "supervise/lock";
/// The FIFO that takes control letters.
pub const CONTROL: &str = "supervise/control";
/// A FIFO with a reader exactly while a supervise runs and `control` and `status` are ready.
pub const OK: &str = "supervise/ok";
/// Where a new `ok` is made before it takes its name.
pub const OK_NEW: &str = "supervise/ok.new";
/// The 18 bytes of [`crate::Status`].
pub const STATUS: &str = "supervise/status";
/// Where a status is written before it takes its name, so that a reader never sees half of one.
pub const STATUS_NEW: &str = "supervise/status.new";
/// What svstat says beyond the status; not there where there is nothing to say.
pub const REMARKS: &str = "supervise/remarks";
/// Where remarks are written before they take their name.
pub const REMARKS_NEW: &str = "supervise/remarks.new";
/// The FIFO on which the service says that it is ready.
pub const READY: &str = "supervise/ready";
/// A link to the control group of the service, where it has one.
pub const CGROUP: &str = "supervise/cgroup";
/// The FIFO between a service and its logger, in the logger's directory: it outlives both ends.
pub const LOG_PIPE: &str = "supervise/pipe";

/// Held exclusively (fcntl, `F_SETLK`) by the svscan of this scan directory.
pub const SVSCAN_LOCK: &str = ".svscan/lock";
/// The FIFO that takes svscan's letters.
pub const SVSCAN_CONTROL: &str = ".svscan/control";
/// What svscan remembers of its services ([`crate::state`]).
pub const SVSCAN_STATE: &str = ".svscan/state";
/// What a supervise remembers of its service ([`crate::state`]).
pub const STATE: &str = "supervise/state";
