//! Numbers that nobody can guess: getrandom(2).

use std::io;
use std::num::NonZeroU64;

/// Tries before zero is taken for a broken generator: once in 2^64 it is not.
const TRIES: usize = 3;

/// A random number for one use. Never waits: early at boot the kernel may have none to give.
///
/// # Errors
/// `EAGAIN` as long as the kernel has none to give, and all of getrandom(2).
pub fn nonce() -> io::Result<NonZeroU64> {
    for _ in 0..TRIES {
        let mut bytes = [0_u8; 8];
        let (room, len) = (bytes.as_mut_ptr(), bytes.len());
        // The call itself: std knows the function as a weak symbol, and in a static program a weak
        // symbol is nothing (musl).
        // SAFETY: the pointer and the length are those of an array that is ours alone.
        let filled = unsafe { libc::syscall(libc::SYS_getrandom, room, len, libc::GRND_NONBLOCK) };
        if filled == -1 {
            return Err(io::Error::last_os_error());
        }
        // Eight bytes are never given in part (getrandom(2)).
        if let Some(nonce) = NonZeroU64::new(u64::from_ne_bytes(bytes)) {
            return Ok(nonce);
        }
    }
    Err(io::Error::other("the kernel gives no random numbers"))
}

/// Fills `bytes` with what nobody can guess. Never waits.
///
/// # Errors
/// As of [`nonce`].
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    for eight in bytes.chunks_mut(8) {
        let random = nonce()?.get().to_ne_bytes();
        eight.iter_mut().zip(random).for_each(|(place, byte)| *place = byte);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_filled() {
        let (mut one, mut other) = ([0; 32], [0; 32]);
        fill(&mut one).unwrap();
        fill(&mut other).unwrap();
        assert!(one.chunks(4).zip(other.chunks(4)).all(|(one, other)| one != other));
    }

    #[test]
    fn no_two_are_the_same() {
        let mut nonces: Vec<_> = (0..100).map(|_| nonce().unwrap()).collect();
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 100);
    }
}
