//! The letters svc writes into `supervise/control`, one byte each (daemontools, `supervise.c`).

/// A letter of `supervise/control`. An unknown byte is no letter and is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Letter {
    /// `u`: keep it up; start it if it is down.
    Up,
    /// `d`: keep it down; TERM, then CONT.
    Down,
    /// `o`: once: start it if it is down, do not restart it.
    Once,
    /// `x`: leave once it is down. It does not stop it.
    Exit,
    /// `p`: STOP.
    Pause,
    /// `c`: CONT.
    Continue,
    /// `h`: HUP.
    Hangup,
    /// `a`: ALRM.
    Alarm,
    /// `i`: INT.
    Interrupt,
    /// `t`: TERM.
    Terminate,
    /// `k`: KILL.
    Kill,
}

impl Letter {
    /// Every letter, in the order of svc's manual.
    pub const ALL: [Self; 11] = [
        Self::Up,
        Self::Down,
        Self::Once,
        Self::Pause,
        Self::Continue,
        Self::Hangup,
        Self::Alarm,
        Self::Interrupt,
        Self::Terminate,
        Self::Kill,
        Self::Exit,
    ];

    /// The byte on the FIFO, which is also svc's flag.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Up => b'u',
            Self::Down => b'd',
            Self::Once => b'o',
            Self::Exit => b'x',
            Self::Pause => b'p',
            Self::Continue => b'c',
            Self::Hangup => b'h',
            Self::Alarm => b'a',
            Self::Interrupt => b'i',
            Self::Terminate => b't',
            Self::Kill => b'k',
        }
    }

    /// The letter of a byte; `None` for a byte that is none.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|letter| letter.byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_listed_once_and_read_back() {
        let bytes: Vec<u8> = Letter::ALL.iter().map(|letter| letter.byte()).collect();
        assert_eq!(bytes, b"udopchaitkx");
        for letter in Letter::ALL {
            assert_eq!(Letter::from_byte(letter.byte()), Some(letter));
        }
    }

    #[test]
    fn every_other_byte_is_no_letter() {
        let known = (0..=u8::MAX).filter(|&byte| Letter::from_byte(byte).is_some()).count();
        assert_eq!(known, Letter::ALL.len());
    }
}
