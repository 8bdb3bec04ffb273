//! What the machine was seen to do: whether the stories reach far enough.

/// One thing to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    CannotStart,
    Delayed,
    /// What was to run once has to wait.
    DelayedOnce,
    RemarkedDelayed,
    StartsAgain,
    BackingOff,
    LongestPause,
    Killed,
    AskedDrained,
    Left,
    Adopted,
    /// The first survivor left another.
    AdoptedAgain,
    ToldBackground,
    Stragglers,
    SweptTerm,
    SweptKill,
    /// An operator's k did not wait for the grace.
    KilledAtOnce,
    Uncounted,
    /// Who a buried life had left was ended.
    SweptLater,
    /// A buried life had left nobody.
    FoundNobody,
    Unending,
    LeftUnending,
    /// Who a life that ran once had left was kept.
    Kept,
    /// A service was started beside who its last life had left, by its policy.
    TwoLives,
    FinishRan,
    FinishKilled,
    CannotFinish,
    FinishedForGood,
    TooManyDeaths,
    StoppedWhileClearing,
    StoppedWhileFinishing,
    /// A start that waited for the end of the last life, but for no pause.
    Hurried,
    RemarkedBackingOff,
    RemarkedBackground,
    RemarkedClearing,
    RemarkedFinishing,
    RemarkedGivenUp,
    RemarkedFault,
}

/// All there is to be seen.
const ALL: [Sight; 38] = [
    Sight::CannotStart,
    Sight::Delayed,
    Sight::DelayedOnce,
    Sight::RemarkedDelayed,
    Sight::StartsAgain,
    Sight::BackingOff,
    Sight::LongestPause,
    Sight::Killed,
    Sight::AskedDrained,
    Sight::Left,
    Sight::Adopted,
    Sight::AdoptedAgain,
    Sight::ToldBackground,
    Sight::Stragglers,
    Sight::SweptTerm,
    Sight::SweptKill,
    Sight::KilledAtOnce,
    Sight::Uncounted,
    Sight::SweptLater,
    Sight::FoundNobody,
    Sight::Unending,
    Sight::LeftUnending,
    Sight::Kept,
    Sight::TwoLives,
    Sight::FinishRan,
    Sight::FinishKilled,
    Sight::CannotFinish,
    Sight::FinishedForGood,
    Sight::TooManyDeaths,
    Sight::StoppedWhileClearing,
    Sight::StoppedWhileFinishing,
    Sight::Hurried,
    Sight::RemarkedBackingOff,
    Sight::RemarkedBackground,
    Sight::RemarkedClearing,
    Sight::RemarkedFinishing,
    Sight::RemarkedGivenUp,
    Sight::RemarkedFault,
];

/// A set of sights.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen(u64);

impl std::ops::BitOr for Seen {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Seen {
    pub(crate) fn note(&mut self, sight: Sight) {
        self.0 |= 1 << sight as u64;
    }

    pub(crate) fn note_if(&mut self, seen: bool, sight: Sight) {
        if seen {
            self.note(sight);
        }
    }

    /// What was never seen.
    pub(crate) fn missing(self) -> Vec<Sight> {
        ALL.into_iter().filter(|sight| self.0 & (1 << *sight as u64) == 0).collect()
    }
}
