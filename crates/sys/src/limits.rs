//! What we may use: descriptors, memory, time (getrlimit(2)).

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The soft and the hard limit of open files (`RLIMIT_NOFILE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// What counts.
    pub soft: u64,
    /// What an unprivileged process may raise it to.
    pub hard: u64,
}

/// The limits as they are.
///
/// # Errors
/// getrlimit(2).
pub fn open_files() -> io::Result<OpenFiles> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(OpenFiles { soft, hard })
}

/// Sets the limits.
///
/// # Errors
/// setrlimit(2).
pub fn set_open_files(limits: OpenFiles) -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_NOFILE, limits.soft, limits.hard)?)
}

/// Raises the soft limit to the hard one; gives the limits as they were.
///
/// # Errors
/// getrlimit(2), setrlimit(2).
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let original = open_files()?;
    setrlimit(Resource::RLIMIT_NOFILE, original.hard, original.hard)?;
    Ok(original)
}

/// What a process may use so much of, with the letter of softlimit or the name in prlimit(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All of its address space, in bytes: `a`.
    AddressSpace,
    /// A core file, in bytes: `c`.
    Core,
    /// Processor time, in seconds: `t`.
    Cpu,
    /// Its data segment, in bytes: `d`.
    Data,
    /// A file that it writes, in bytes: `f`.
    FileSize,
    /// File locks, which no kernel of today counts: `locks`.
    Locks,
    /// Locked memory, in bytes: `l`.
    LockedMemory,
    /// Message queues of its user, in bytes: `msgqueue`.
    MessageQueues,
    /// 20 minus the nice value it may take: `nice`.
    Nice,
    /// Open files: `o`.
    OpenFiles,
    /// Processes of its user: `p`.
    Processes,
    /// Resident memory, in bytes, which no kernel of today enforces: `r`.
    Resident,
    /// The real-time priority it may take: `rtprio`.
    RealTimePriority,
    /// Real-time processor time without a wait, in microseconds: `rttime`.
    RealTime,
    /// Signals queued for its user: `sigpending`.
    PendingSignals,
    /// Its stack, in bytes: `s`.
    Stack,
}

impl Limit {
    const fn resource(self) -> Resource {
        match self {
            Self::AddressSpace => Resource::RLIMIT_AS,
            Self::Core => Resource::RLIMIT_CORE,
            Self::Cpu => Resource::RLIMIT_CPU,
            Self::Data => Resource::RLIMIT_DATA,
            Self::FileSize => Resource::RLIMIT_FSIZE,
            Self::Locks => Resource::RLIMIT_LOCKS,
            Self::LockedMemory => Resource::RLIMIT_MEMLOCK,
            Self::MessageQueues => Resource::RLIMIT_MSGQUEUE,
            Self::Nice => Resource::RLIMIT_NICE,
            Self::OpenFiles => Resource::RLIMIT_NOFILE,
            Self::Processes => Resource::RLIMIT_NPROC,
            Self::Resident => Resource::RLIMIT_RSS,
            Self::RealTimePriority => Resource::RLIMIT_RTPRIO,
            Self::RealTime => Resource::RLIMIT_RTTIME,
            Self::PendingSignals => Resource::RLIMIT_SIGPENDING,
            Self::Stack => Resource::RLIMIT_STACK,
        }
    }

    /// Its number, as prlimit(2) takes it.
    pub(crate) const fn number(self) -> i32 {
        self.resource() as i32
    }

    /// The soft limit, which counts, and the hard one, which it may not exceed; `u64::MAX` is none.
    ///
    /// # Errors
    /// getrlimit(2): a kernel that does not know it.
    pub fn get(self) -> io::Result<(u64, u64)> {
        Ok(getrlimit(self.resource())?)
    }

    /// Sets both.
    ///
    /// # Errors
    /// setrlimit(2).
    pub fn set(self, soft: u64, hard: u64) -> io::Result<()> {
        Ok(setrlimit(self.resource(), soft, hard)?)
    }
}
