//! The states that svstat may show by one look at the file of svscan, instead of one at each
//! directory. It must know besides that svscan runs.

use super::{LEN, Phase, Reader, SUPERVISOR_AT, Side};
use crate::Status;

/// The services that run and of which nothing else is to be said, by device and inode of their
/// directories: those that the supervisor whose file it is has noted himself.
pub fn shown(file: &[u8]) -> impl Iterator<Item = ((u64, u64), Status)> {
    let (records, _) = file.as_chunks::<LEN>();
    let header = records.first().and_then(|bytes| Reader { bytes, at: SUPERVISOR_AT }.u64());
    let keeper = header.filter(|keeper| *keeper != 0);
    records.iter().skip(1).filter_map(move |record| {
        let (_, side) = Side::in_force(record)?;
        let record = side.record.filter(|_| Some(side.supervisor) == keeper)?;
        let Phase::Up(pid) = record.phase else { return None };
        let (paused, want) = (record.paused, record.want);
        Some((record.directory, Status { since: record.shown?, pid, paused, want }))
    })
}
