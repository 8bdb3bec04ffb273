//! The letters svscanctl writes into `.svscan/control`, one byte each. Ours.

/// A letter of `.svscan/control`. An unknown byte is no letter and is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Letter {
    /// `u`: execute the program anew, in place.
    Upgrade,
    /// `h`: look at the scan directory again.
    Hangup,
    /// `t`: stop everything and leave.
    Terminate,
    /// `q`: leave, and leave everything running.
    Quit,
}

impl Letter {
    /// Every letter, in the order of svscanctl's manual.
    pub const ALL: [Self; 4] = [Self::Upgrade, Self::Hangup, Self::Terminate, Self::Quit];

    /// The byte on the FIFO, which is also svscanctl's flag.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Upgrade => b'u',
            Self::Hangup => b'h',
            Self::Terminate => b't',
            Self::Quit => b'q',
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
    fn every_letter_is_listed_once_and_read_back_and_no_other_byte_is_one() {
        for letter in Letter::ALL {
            assert_eq!(Letter::from_byte(letter.byte()), Some(letter));
        }
        let known = (0..=u8::MAX).filter(|&byte| Letter::from_byte(byte).is_some()).count();
        assert_eq!(known, Letter::ALL.len());
    }
}
