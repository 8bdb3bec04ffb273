//! Without the feature `nts` no server can prove who it is; `options` has refused whoever was to.

use std::io;

use ntp::answer::Refused;
use ntp::client::{Event, Level, ServerId, SourceId};
use ntp::config::Proof;
use ntp::keys::Key;
use ntp::packet;
use ntp::time::{Raw, Stamp};

use super::resolver::Resolver;

/// What the time is, in seconds since 1970, and whether that is certain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub(crate) now: u64,
    pub(crate) is_known: bool,
}

/// No proofs.
#[derive(Debug)]
pub(crate) struct Proofs;

#[expect(clippy::unused_self, reason = "the same methods as with the feature")]
impl Proofs {
    pub(crate) fn new(_: Vec<Key>, _: Option<String>, _: Option<u64>) -> Self {
        Self
    }

    pub(crate) fn request(
        &mut self,
        _: SourceId,
        _: Option<(ServerId, &Proof)>,
        stamp: Stamp,
    ) -> io::Result<Vec<u8>> {
        Ok(packet::request(stamp).to_vec())
    }

    pub(crate) fn open<'a>(
        &mut self,
        _: SourceId,
        _: Option<(ServerId, &Proof)>,
        bytes: &'a [u8],
    ) -> Result<&'a [u8], Refused> {
        Ok(bytes)
    }
}
