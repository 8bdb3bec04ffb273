//! `.svscan/state` and `supervise/state`: what a supervisor leaves to the next one, should it be
//! killed. Ours, and of our own version only; what cannot be read is as good as not there.
//!
//! ```text
//!      0  header: magic, version, length of a record, boot id, pid and time namespace, checksum;
//!         which supervisor keeps the file
//!    256  record: side 0 (128 bytes), side 1 (128 bytes)
//!    512  record ...
//! ```
//!
//! A record is two sides. The older one is written, never the one in force, so whoever is killed in
//! the middle of it leaves the one before. The side in force is the whole one (checksum) of the
//! later generation. The last four bytes of a side are outside the checksum: there the kernel
//! writes the pid of a child that is being started, before the child runs.
//!
//! All numbers are little-endian; times are nanoseconds of the clock that is named.

use std::time::Duration;

use tai::Stamp;

use crate::Wish;

mod shown;
pub use shown::shown;

/// Length of the header, and of a record.
pub const LEN: usize = 256;
/// Length of a side of a record.
pub const SIDE_LEN: usize = 128;
/// Where in a side the kernel writes the pid of a child.
pub const CHILD_AT: usize = 124;
/// Where its checksum is: it covers what stands before.
const SUM_AT: usize = 120;
/// Where the header says which supervisor keeps the file: after the checksum.
const SUPERVISOR_AT: usize = 52;
const MAGIC: [u8; 8] = *b"keepup\x00\n";
/// Raised whenever a byte changes its meaning.
const VERSION: u32 = 1;
const RECORD_LEN: u32 = 256;

/// What pids and times mean something in: one boot, one namespace of pids, one of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// `/proc/sys/kernel/random/boot_id`
    pub boot: [u8; 16],
    /// The inode of `/proc/self/ns/pid`; 0 where there is none.
    pub pid_namespace: u64,
    /// The inode of `/proc/self/ns/time`; 0 where there is none.
    pub time_namespace: u64,
}

impl World {
    /// The header of a file of this world, kept by this supervisor: a number that no other has had;
    /// 0: what it says may be out of date.
    #[must_use]
    pub fn encode(&self, supervisor: u64) -> [u8; LEN] {
        let mut writer = Writer { bytes: [0; LEN], at: 0 };
        writer.put(&MAGIC).put(&VERSION.to_le_bytes()).put(&RECORD_LEN.to_le_bytes());
        writer.put(&self.boot).put(&self.pid_namespace.to_le_bytes());
        writer.put(&self.time_namespace.to_le_bytes());
        writer.sum().put(&supervisor.to_le_bytes());
        writer.bytes
    }

    /// Reads the header at the beginning of a file; `None` where it is no state file, damaged, or
    /// of another version.
    #[must_use]
    pub fn decode(file: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = file.first_chunk()?;
        let mut reader = Reader { bytes, at: 0 };
        if reader.array() != Some(MAGIC) || reader.u32() != Some(VERSION) {
            return None;
        }
        let record_len = reader.u32()?;
        let world = Self {
            boot: reader.array()?,
            pid_namespace: reader.u64()?,
            time_namespace: reader.u64()?,
        };
        (record_len == RECORD_LEN && reader.is_whole()?).then_some(world)
    }
}

/// How the last life of a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastEnd {
    /// There was none.
    None,
    /// Nobody saw how.
    Unknown,
    /// It exited with this code.
    Exited(u8),
    /// The signal of this number ended it.
    Signalled(u8),
}

/// What is so of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No process.
    Down,
    /// A process was asked for; [`Side::child`] says whether there is one.
    Starting,
    /// It has this process.
    Up(u32),
}

/// What is remembered of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Device and inode of its directory: who it is. Not both are 0.
    pub directory: (u64, u64),
    /// What is so.
    pub phase: Phase,
    /// When the pid last changed (`CLOCK_BOOTTIME`).
    pub changed: Duration,
    /// When its process was asked for (`CLOCK_BOOTTIME`): it was born between then and `changed`.
    pub asked_for: Duration,
    /// While down: when it may start again; while up: when it was started (`CLOCK_MONOTONIC`).
    pub paced: Duration,
    /// When the first of the quick deaths in a row was (`CLOCK_MONOTONIC`); zero: never.
    pub first_quick: Duration,
    /// When this life said that it was ready (`CLOCK_MONOTONIC`); zero: it did not.
    pub ready: Duration,
    /// What the environment of its processes says whose they are.
    pub marker: u64,
    /// The session that its last life led; 0: none.
    pub session: u32,
    /// How many quick deaths came one after another.
    pub quick_deaths: u16,
    /// What the operator wants.
    pub want: Wish,
    /// Whether it was stopped by `svc -p`.
    pub paused: bool,
    /// Whether the operator has signalled this life.
    pub asked: bool,
    /// Whether the operator knows that the pauses have grown.
    pub told: bool,
    /// Whether its supervision is to end once it is down.
    pub leaving: bool,
    /// Whether its process is one that `./run` left in the background.
    pub background: bool,
    /// Whether its last life may have left processes that are to be ended.
    pub left_behind: bool,
    /// Whether it was given up.
    pub given_up: bool,
    /// How its last life ended.
    pub end: LastEnd,
    /// The stamp of `supervise/status`, where pid, wish and `paused` are what stands there as well
    /// and nothing is to be said beyond it: svstat need not look there.
    pub shown: Option<Stamp>,
}

const PAUSED: u8 = 1;
const ASKED: u8 = 2;
const TOLD: u8 = 4;
const LEAVING: u8 = 8;
const BACKGROUND: u8 = 16;
const LEFT_BEHIND: u8 = 32;
const GIVEN_UP: u8 = 64;

/// A side of a record: what was written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Which of two sides is later.
    pub generation: u32,
    /// What it says; `None`: the record is free.
    pub record: Option<Record>,
    /// Who has written it: the number in his header.
    pub supervisor: u64,
    /// The child that was made since, while the record says [`Phase::Starting`]; 0: none.
    pub child: u32,
}

impl Side {
    /// The bytes of a side.
    #[must_use]
    pub fn encode(&self) -> [u8; SIDE_LEN] {
        let mut writer = Writer { bytes: [0; SIDE_LEN], at: 0 };
        self.record.as_ref().unwrap_or(&Record::FREE).write(self.generation, &mut writer);
        writer.put(&self.supervisor.to_le_bytes());
        writer.at = SUM_AT;
        writer.sum().put(&self.child.to_le_bytes());
        writer.bytes
    }

    /// Reads a side; `None` where it was never written, or not to its end.
    #[must_use]
    pub fn decode(bytes: &[u8; SIDE_LEN]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0 };
        let (generation, record) = Record::read(&mut reader)?;
        let supervisor = reader.u64()?;
        reader.at = SUM_AT;
        let child = reader.is_whole()?.then(|| reader.u32())??;
        let record = (record.directory != Record::FREE.directory).then_some(record);
        Some(Self { generation, record, supervisor, child })
    }

    /// The side in force of a record, and which it is (0, 1); `None` where neither can be read.
    #[must_use]
    pub fn in_force(record: &[u8; LEN]) -> Option<(usize, Self)> {
        let (sides, _) = record.as_chunks::<SIDE_LEN>();
        let read = sides.iter().map(Self::decode).enumerate();
        let whole = read.filter_map(|(place, side)| side.map(|side| (place, side)));
        whole.reduce(|a, b| if a.1.is_later_than(&b.1) { a } else { b })
    }

    /// Generations wrap round; two sides are never more than one apart.
    fn is_later_than(&self, other: &Self) -> bool {
        self.generation.wrapping_sub(other.generation).cast_signed() > 0
    }
}

impl Record {
    /// What stands in a record that nobody uses.
    const FREE: Self = Self {
        directory: (0, 0),
        phase: Phase::Down,
        changed: Duration::ZERO,
        asked_for: Duration::ZERO,
        paced: Duration::ZERO,
        first_quick: Duration::ZERO,
        ready: Duration::ZERO,
        marker: 0,
        session: 0,
        quick_deaths: 0,
        want: Wish::Up,
        paused: false,
        asked: false,
        told: false,
        leaving: false,
        background: false,
        left_behind: false,
        given_up: false,
        end: LastEnd::None,
        shown: None,
    };

    fn write(&self, generation: u32, writer: &mut Writer<SIDE_LEN>) {
        let (dev, ino) = self.directory;
        let (phase, pid) = match self.phase {
            Phase::Down => (b'd', 0),
            Phase::Starting => (b's', 0),
            Phase::Up(pid) => (b'u', pid),
        };
        let want = match self.want {
            Wish::Up => b'u',
            Wish::Down => b'd',
            Wish::Once => b'o',
        };
        let (end, code) = match self.end {
            LastEnd::None => (0, 0),
            LastEnd::Unknown => (b'u', 0),
            LastEnd::Exited(code) => (b'e', code),
            LastEnd::Signalled(number) => (b's', number),
        };
        writer.put(&dev.to_le_bytes()).put(&ino.to_le_bytes());
        for time in [self.changed, self.asked_for, self.paced, self.first_quick, self.ready] {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            writer.put(&nanos.to_le_bytes());
        }
        writer.put(&self.marker.to_le_bytes());
        writer.put(&pid.to_le_bytes()).put(&generation.to_le_bytes());
        writer.put(&self.session.to_le_bytes()).put(&self.quick_deaths.to_le_bytes());
        writer.put(&[phase, want, self.flags(), end, code]);
        writer.put(&self.shown.map_or([0; tai::PACKED_LEN], Stamp::pack));
    }

    fn read(reader: &mut Reader<'_>) -> Option<(u32, Self)> {
        let directory = (reader.u64()?, reader.u64()?);
        let [changed, asked_for, paced] = [reader.time()?, reader.time()?, reader.time()?];
        let (first_quick, ready, marker) = (reader.time()?, reader.time()?, reader.u64()?);
        let (pid, generation, session) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let quick_deaths = u16::from_le_bytes(reader.array()?);
        let [phase, want, flags, end, code] = reader.array()?;
        let shown = reader.array().filter(|packed| *packed != [0; tai::PACKED_LEN]);
        let is_set = |bit| flags & bit != 0;
        let record = Self {
            directory,
            phase: phase_of(phase, pid)?,
            changed,
            asked_for,
            paced,
            first_quick,
            ready,
            marker,
            session,
            quick_deaths,
            want: wish_of(want)?,
            paused: is_set(PAUSED),
            asked: is_set(ASKED),
            told: is_set(TOLD),
            leaving: is_set(LEAVING),
            background: is_set(BACKGROUND),
            left_behind: is_set(LEFT_BEHIND),
            given_up: is_set(GIVEN_UP),
            end: end_of(end, code)?,
            shown: shown.map(Stamp::unpack),
        };
        Some((generation, record))
    }

    fn flags(&self) -> u8 {
        let flags = [
            (self.paused, PAUSED),
            (self.asked, ASKED),
            (self.told, TOLD),
            (self.leaving, LEAVING),
            (self.background, BACKGROUND),
            (self.left_behind, LEFT_BEHIND),
            (self.given_up, GIVEN_UP),
        ];
        flags.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum()
    }
}

fn phase_of(byte: u8, pid: u32) -> Option<Phase> {
    match byte {
        b'd' => Some(Phase::Down),
        b's' => Some(Phase::Starting),
        b'u' => Some(Phase::Up(pid)),
        _ => None,
    }
}

fn wish_of(byte: u8) -> Option<Wish> {
    match byte {
        b'u' => Some(Wish::Up),
        b'd' => Some(Wish::Down),
        b'o' => Some(Wish::Once),
        _ => None,
    }
}

fn end_of(byte: u8, code: u8) -> Option<LastEnd> {
    match byte {
        0 => Some(LastEnd::None),
        b'u' => Some(LastEnd::Unknown),
        b'e' => Some(LastEnd::Exited(code)),
        b's' => Some(LastEnd::Signalled(code)),
        _ => None,
    }
}

/// FNV-1a: it must tell a torn side from a whole one, nobody tries to deceive it. That of no bytes
/// but zeros is not zero, so what was never written is not whole.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

struct Writer<const LEN: usize> {
    bytes: [u8; LEN],
    at: usize,
}

impl<const LEN: usize> Writer<LEN> {
    fn put(&mut self, part: &[u8]) -> &mut Self {
        for (place, byte) in self.bytes.iter_mut().skip(self.at).zip(part) {
            *place = *byte;
        }
        self.at += part.len();
        self
    }

    fn sum(&mut self) -> &mut Self {
        let sum = checksum(&self.bytes[..self.at.min(LEN)]);
        self.put(&sum.to_le_bytes())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let part = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(part)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Option<Duration> {
        self.u64().map(Duration::from_nanos)
    }

    /// Whether the checksum that comes next is that of all that was read.
    fn is_whole(&mut self) -> Option<bool> {
        let sum = checksum(self.bytes.get(..self.at)?);
        self.u32().map(|read| read == sum)
    }
}

#[cfg(test)]
mod tests;
