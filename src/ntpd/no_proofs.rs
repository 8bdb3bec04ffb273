//! Without the feature `nts` no server can prove who it is; `options` has refused whoever was to.

use std::io;

use ntp::answer::Refused;
use ntp::client::{Event, Level, ServerId, SourceId};
use ntp::config::Proof;
use ntp::keys::Key;
use ntp::mac::Claim;
use ntp::packet::Request;
use ntp::time::Raw;

use super::clock::When;

/// No proofs.
#[derive(Debug)]
pub(crate) struct Proofs;

#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the same methods as with the feature"
)]
impl Proofs {
    pub(crate) fn new(_: Vec<Key>, _: Option<String>) -> Self {
        Self
    }

    pub(crate) fn request(
        &mut self,
        _: SourceId,
        _: Option<(ServerId, &Proof)>,
        request: Request,
    ) -> io::Result<Vec<u8>> {
        Ok(request.encode().to_vec())
    }

    pub(crate) fn open<'a>(
        &mut self,
        _: SourceId,
        _: Option<(ServerId, &Proof)>,
        bytes: &'a [u8],
    ) -> Result<&'a [u8], Refused> {
        Ok(bytes)
    }

    pub(crate) fn is_true(&self, _: Claim, _: &[u8]) -> bool {
        false
    }

    pub(crate) fn sign(&self, _: Option<Claim>, answer: Vec<u8>) -> Vec<u8> {
        answer
    }

    pub(crate) fn forget(&mut self, _: SourceId) {}

    pub(crate) fn shake(
        &mut self,
        id: ServerId,
        _: &str,
        _: Option<&str>,
        _: Raw,
        _: When,
    ) -> Option<Event<'static>> {
        Some(Event::Unresolved(id, "this ntpd was built without NTS".to_owned()))
    }

    pub(crate) fn turn(&mut self, _: Raw, _: When) {}

    pub(crate) fn lines(&mut self) -> Vec<(Level, String)> {
        Vec::new()
    }

    pub(crate) fn is_busy(&self) -> bool {
        false
    }

    pub(crate) fn harvest(&mut self, _: Raw) -> Vec<Event<'static>> {
        Vec::new()
    }
}
