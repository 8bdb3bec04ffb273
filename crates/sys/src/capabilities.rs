//! The parts of root's power (capabilities(7)): to keep a few of them, and to see which there are.

use std::io;

/// To set the clock: adjtimex(2).
pub const SYS_TIME: u8 = 25;

/// Version 3 of the call: two words for 64 capabilities.
const VERSION: u32 = 0x2008_0522;

/// The most there may be.
const NUMBERS: u8 = 64;

// The C libraries have both, and the libc crate neither; clknetsim (see `udp`) has no syscall(2).
unsafe extern "C" {
    fn capget(header: *mut Header, words: *mut Words) -> libc::c_int;
    fn capset(header: *const Header, words: *const Words) -> libc::c_int;
}

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Words {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Which of them count now, as a bit each.
///
/// # Errors
/// capget(2).
pub fn effective() -> io::Result<u64> {
    read(|word| word.effective)
}

/// Which of them may be made to count: all that are not given up yet.
///
/// # Errors
/// capget(2).
pub fn permitted() -> io::Result<u64> {
    read(|word| word.permitted)
}

fn read(set: fn(Words) -> u32) -> io::Result<u64> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut words = [Words::default(); 2];
    let (head, data) = (&raw mut header, words.as_mut_ptr());
    // SAFETY: the head is of version 3, for which the kernel fills two words.
    let done = unsafe { capget(head, data) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    let [low, high] = words.map(|word| u64::from(set(word)));
    Ok(low | (high << 32))
}

/// Keeps `kept` and gives up all others, for good.
///
/// # Errors
/// capset(2): `EPERM` where one of them is not ours.
pub fn keep_only(kept: &[u8]) -> io::Result<()> {
    let bits = kept.iter().fold(0_u64, |bits, number| bits | (1 << (number % NUMBERS)));
    let low = u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
    let high = u32::try_from(bits >> 32).unwrap_or(0);
    let header = Header { version: VERSION, pid: 0 };
    let words = [low, high].map(|bits| Words { effective: bits, permitted: bits, inheritable: 0 });
    let (head, data) = (&raw const header, words.as_ptr());
    // SAFETY: the head is of version 3, for which the kernel reads two words.
    let done = unsafe { capset(head, data) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What is permitted stays so when root becomes somebody else (`PR_SET_KEEPCAPS`).
///
/// # Errors
/// prctl(2).
pub fn keep_across_setuid() -> io::Result<()> {
    option(libc::PR_SET_KEEPCAPS, 1)
}

/// No program that is executed from now on gains anything by its file: no set-user-ID.
///
/// # Errors
/// prctl(2).
pub fn gain_nothing() -> io::Result<()> {
    option(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// Takes every capability but `kept` out of the bounding set, so that not even root's programs
/// have them again.
///
/// # Errors
/// prctl(2): `EPERM` without `CAP_SETPCAP`.
pub fn bound_to(kept: &[u8]) -> io::Result<()> {
    for number in (0..NUMBERS).filter(|number| !kept.contains(number)) {
        match option(libc::PR_CAPBSET_DROP, number.into()) {
            // The kernel knows no higher ones.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            done => done?,
        }
    }
    Ok(())
}

fn option(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let none: libc::c_ulong = 0;
    // SAFETY: takes numbers.
    let done = unsafe { libc::prctl(option, value, none, none, none) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a thread of its own: capabilities are a thread's.
    #[test]
    fn what_is_given_up_is_gone() {
        let own = std::thread::spawn(|| {
            let before = effective().unwrap();
            keep_only(&[]).unwrap();
            let back = if before == 0 { Err(io::ErrorKind::Other.into()) } else { keep_only(&[7]) };
            (effective().unwrap(), back.is_err())
        });
        assert_eq!(own.join().unwrap(), (0, true));
    }

    #[test]
    fn one_that_we_have_is_kept_alone() {
        let own = std::thread::spawn(|| {
            let had = effective().unwrap() >> SYS_TIME & 1;
            let kept = keep_only(&[SYS_TIME]);
            (had, kept.is_ok(), effective().unwrap())
        });
        match own.join().unwrap() {
            (1, kept, left) => assert_eq!((kept, left), (true, 1 << SYS_TIME)),
            (_, kept, left) => assert!(!kept || left == 0),
        }
    }
}
