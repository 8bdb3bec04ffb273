//! Who may change what is run: whoever can write a `run` can do all that its supervisor can.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use contract::layout;
use doctor::Finding;

use crate::{Examiner, Report};

impl Examiner {
    /// The user that supervises a service: the owner of `supervise/`, which its supervise has made;
    /// before the first time, whoever asks.
    pub(crate) fn runner(&self, dir: &Path) -> u32 {
        let made = std::fs::metadata(dir.join(layout::SUPERVISE));
        made.map_or(self.uid, |meta| meta.uid())
    }

    /// Whether only `runner` and root may write the file or directory.
    pub(crate) fn trust(&self, place: &str, meta: &Metadata, runner: u32, report: &mut Report) {
        let (owner, runs) = (meta.uid(), self.account_name(runner));
        if meta.mode() & 0o002 != 0 {
            let text =
                format!("anybody may write it, and so run anything as {runs}; chmod o-w {place}");
            report.say(place, Finding::wrong(text));
        }
        if owner != 0 && owner != runner {
            let text = format!(
                "it belongs to {}, who may so run anything as {runs}; chown {runs} {place}",
                self.account_name(owner)
            );
            report.say(place, Finding::wrong(text));
        }
    }
}
