//! What is written down so that the next supervisor can carry on where this one is killed: a record
//! per service in one file (`contract::state`), and what an earlier supervisor has left in it.
//!
//! Where the file cannot be had (a read-only scan directory, a full disk) nothing is written down,
//! and nobody is told: adoption then rests on `supervise/status` alone.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use contract::state::{CHILD_AT, LEN, Record, SIDE_LEN, Side, World};
use sys::mapped::{Birth, Mapped};
use sys::proc;
use sys::spawn::Identity;

/// Room for so many records at first: a page with the header, enough for a supervise alone.
const FIRST: usize = 15;
/// The file doubles, up to so many records at a time: 128 KiB.
const STEP: usize = 512;
/// So many services are remembered: more than there can be descriptors for.
const RECORDS_MAX: usize = 65_536;
const FILE_MAX: u64 = ((RECORDS_MAX + 1) * LEN) as u64;

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    file: Option<Mapped>,
    /// Which supervisor we are, as the header of the file says; 0 where it is not to be trusted.
    number: u64,
    /// The records there is room for.
    room: usize,
    /// The records that were ever used.
    used: usize,
    free: Vec<Place>,
    places: HashMap<Identity, Box<Place>>,
    /// What an earlier supervisor left, and nobody has asked for yet.
    left: HashMap<Identity, Left>,
    /// It could not be read: it is no file of ours, or of another version of us.
    pub(crate) damaged: bool,
    /// A write has failed, and the operator was told.
    told: bool,
}

/// Where the record of a service is.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    /// The side in force and its generation.
    side: usize,
    generation: u32,
    /// What it says, if we know that it does.
    record: Option<Record>,
}

/// What an earlier supervisor left of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) record: Record,
    /// The child that was noted while it was being made; 0: none.
    pub(crate) child: u32,
}

impl Ledger {
    /// Takes over the file, or makes it. What is in it counts only if it is of this boot and these
    /// namespaces.
    ///
    /// # Errors
    /// It cannot be made, it is somebody else's, the disk is full.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = Mapped::open(path)?;
        let bytes = file.read(FILE_MAX)?;
        let (world, read) = (world(), World::decode(&bytes));
        let damaged = read.is_none() && !bytes.is_empty();
        let mut ledger = Self { damaged, ..Self::default() };
        if read == Some(world) {
            ledger.take_over(&bytes);
            ledger.room = (bytes.len() / LEN).saturating_sub(1);
        } else {
            file.clear()?;
        }
        let room = ledger.room.max(FIRST);
        file.reserve((room + 1) * LEN)?;
        // There is one keeper at a time, so none has had the instant of another.
        ledger.number = u64::try_from(sys::clock::boottime().as_nanos()).unwrap_or(0);
        file.write(&world.encode(ledger.number), 0)?;
        ledger.room = room;
        ledger.file = Some(file);
        Ok(ledger)
    }

    fn take_over(&mut self, bytes: &[u8]) {
        let (records, _) = bytes.as_chunks::<LEN>();
        for (index, bytes) in records.iter().skip(1).enumerate() {
            let Some((side, found)) = Side::in_force(bytes) else {
                // Never used, or a first write was torn.
                self.free.push(Place::unused(index));
                continue;
            };
            let place = Place { index, side, generation: found.generation, record: None };
            let Some(record) = found.record else {
                self.free.push(place);
                continue;
            };
            let (dev, ino) = record.directory;
            self.places.insert(Identity { dev, ino }, Box::new(place));
            self.left.insert(Identity { dev, ino }, Left { record, child: found.child });
        }
        self.used = records.len().saturating_sub(1);
        // The first ones are taken first.
        self.free.reverse();
    }

    /// Whether these are all written down: what is not would be started again.
    pub(crate) fn has_all(&self, mut directories: impl Iterator<Item = Identity>) -> bool {
        let is_noted =
            |directory| self.places.get(&directory).is_some_and(|it| it.record.is_some());
        self.file.is_some() && directories.all(is_noted)
    }

    /// What a supervise that ran alone has left in its own file.
    pub(crate) fn left_in(path: &Path, directory: Identity) -> Option<Left> {
        let bytes = Mapped::open_there(path).ok()?.read(FILE_MAX).ok()?;
        let mut ledger = Self::default();
        if World::decode(&bytes) == Some(world()) {
            ledger.take_over(&bytes);
        }
        ledger.left(directory)
    }

    /// What was left of the service with this directory, as long as nothing new was noted.
    pub(crate) fn left(&self, directory: Identity) -> Option<Left> {
        self.left.get(&directory).copied()
    }

    /// Writes down what is so, if it was not so before.
    ///
    /// # Errors
    /// The first failure; the operator knows then.
    pub(crate) fn note(&mut self, record: &Record) -> io::Result<()> {
        let (dev, ino) = record.directory;
        let directory = Identity { dev, ino };
        self.left.remove(&directory);
        let known = self.places.get(&directory).map(|place| **place);
        if known.is_some_and(|place| place.record == Some(*record)) {
            return Ok(());
        }
        let Some(place) = known.or_else(|| self.new_place()) else { return Ok(()) };
        self.write(directory, place, Some(*record))
    }

    /// The service is no longer supervised: nothing is to be known of it.
    pub(crate) fn forget(&mut self, directory: Identity) {
        let Some(place) = self.places.get(&directory).map(|place| **place) else { return };
        // What cannot be written now was told when it was to be noted.
        let _ = self.write(directory, place, None);
        self.free.extend(self.places.remove(&directory).map(|place| *place));
    }

    fn write(&mut self, directory: Identity, old: Place, record: Option<Record>) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let (side, generation) = (1 - old.side, old.generation.wrapping_add(1));
        let bytes = Side { generation, record, supervisor: self.number, child: 0 }.encode();
        let written = file.write(&bytes, (offset(old.index) + side * SIDE_LEN) as u64);
        if written.is_err() && self.number != 0 {
            // Nobody is to show what was so before.
            self.number = 0;
            let _ = file.write(&world().encode(0), 0);
        }
        // A side that may be torn is written again, not the one in force.
        let place = match written {
            Ok(()) => Place { side, generation, record, ..old },
            Err(_) => Place { record: None, ..old },
        };
        match self.places.get_mut(&directory) {
            Some(known) => **known = place,
            None => drop(self.places.insert(directory, Box::new(place))),
        }
        match written {
            Err(error) if !std::mem::replace(&mut self.told, true) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Where the kernel notes the child of a service whose record says that it starts.
    pub(crate) fn birth(&self, directory: Identity) -> Option<Birth<'_>> {
        let place = self.places.get(&directory)?;
        place.record?;
        self.file.as_ref()?.birth(offset(place.index) + place.side * SIDE_LEN + CHILD_AT)
    }

    /// A record that nobody uses.
    fn new_place(&mut self) -> Option<Place> {
        let file = self.file.as_mut()?;
        if let Some(place) = self.free.pop() {
            return Some(Place { record: None, ..place });
        }
        if self.used >= self.room {
            let room = (self.room + STEP).min(2 * self.room + 1).min(RECORDS_MAX);
            if room <= self.used || file.reserve((room + 1) * LEN).is_err() {
                return None;
            }
            self.room = room;
        }
        let index = self.used;
        self.used += 1;
        Some(Place::unused(index))
    }
}

impl Place {
    /// Neither of its sides says anything.
    const fn unused(index: usize) -> Self {
        Self { index, side: 1, generation: 0, record: None }
    }
}

/// Where a record begins: after the header.
const fn offset(index: usize) -> usize {
    (index + 1) * LEN
}

fn world() -> World {
    World {
        boot: proc::boot_id().unwrap_or_default().to_be_bytes(),
        pid_namespace: proc::pid_namespace().map_or(0, |it| it.ino),
        time_namespace: proc::time_namespace().map_or(0, |it| it.ino),
    }
}

#[cfg(test)]
mod tests;
