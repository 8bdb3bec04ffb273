//! Many services of one scan directory at a glance: svscan has written down the state of each in
//! one file, so the files of a directory need not be opened for it. What is not noted there, or of
//! which more is to be said, is asked in its directory.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use contract::{Status, layout, state};
use sys::mapped::Mapped;

use crate::service_dir::ServiceDir;

/// No svscan writes more: 65536 records and a header.
const STATE_MAX: u64 = 65_537 * state::LEN as u64;

/// What svscan says of the services of the scan directory that was looked at last.
#[derive(Debug, Default)]
pub(super) struct Glance {
    scan: Option<PathBuf>,
    /// Read when a second service of it is asked for; by device and inode of the directories.
    shown: Option<HashMap<(u64, u64), Status>>,
}

impl Glance {
    /// The status of a service and whether it is normally down, if that is known and all there is
    /// to be said.
    pub(super) fn status(&mut self, dir: ServiceDir<'_>) -> Option<(Status, bool)> {
        let scan = dir.path().parent()?;
        if self.scan.as_deref() != Some(scan) {
            *self = Self { scan: Some(scan.to_owned()), shown: None };
            return None;
        }
        let shown = self.shown.get_or_insert_with(|| read(scan).unwrap_or_default());
        if shown.is_empty() {
            return None;
        }
        let meta = dir.path().metadata().ok()?;
        let status = shown.get(&(meta.dev(), meta.ino()))?;
        let normally_down = match dir.file(layout::DOWN).metadata() {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(_) => return None,
        };
        Some((*status, normally_down))
    }
}

/// What an svscan that runs has written down. It takes the number by which its records are known
/// before it opens the FIFO, and never has that open while the file is somebody else's.
fn read(scan: &Path) -> Option<HashMap<(u64, u64), Status>> {
    sys::fifo::open_writer(&scan.join(layout::SVSCAN_CONTROL)).ok()?;
    let file = Mapped::open_there(&scan.join(layout::SVSCAN_STATE)).ok()?.read(STATE_MAX).ok()?;
    Some(state::shown(&file).collect())
}
