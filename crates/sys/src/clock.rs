//! The clocks, each as the time since its own beginning.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time since boot without suspends (`CLOCK_MONOTONIC`): for pacing and grace times.
#[must_use]
pub fn monotonic() -> Duration {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Time since boot with suspends (`CLOCK_BOOTTIME`): for uptime and for who is who.
#[must_use]
pub fn boottime() -> Duration {
    read(ClockId::CLOCK_BOOTTIME)
}

/// Whether the kernel is asked, rather than a simulator that stands in for the C library: the one
/// that time services are compared in has no `CLOCK_BOOTTIME`. There a timer of the kernel's would
/// follow another clock than the one that is read.
#[must_use]
pub fn is_the_kernels() -> bool {
    clock_gettime(ClockId::CLOCK_BOOTTIME).is_ok()
}

/// Time since boot at the oscillator's own speed (`CLOCK_MONOTONIC_RAW`): nobody steers it.
#[must_use]
pub fn monotonic_raw() -> Duration {
    read(ClockId::CLOCK_MONOTONIC_RAW)
}

/// Wall-clock time since the Unix epoch (`CLOCK_REALTIME`); zero while the clock stands before it.
#[must_use]
pub fn realtime() -> Duration {
    read(ClockId::CLOCK_REALTIME)
}

/// These clocks exist on every kernel we run on; where a sandbox denies one (BOOTTIME in some
/// simulators), the plain monotonic clock is the nearest there is.
fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock)
        .or_else(|_| clock_gettime(ClockId::CLOCK_MONOTONIC))
        .map(Duration::try_from);
    match time {
        Ok(Ok(time)) => time,
        Ok(Err(_)) | Err(_) => Duration::ZERO,
    }
}
