//! Without the feature `nts` nobody is served NTS; `options` has refused who was to be.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use ntp::access::Access;
use ntp::client::Level;
use ntp::config;
use ntp::packet::Header;
use ntp::time::{Now, Raw, Span};

use super::check::Finding;
use super::clock::When;
use super::machine::Machine;

/// There is none.
#[derive(Debug)]
pub(crate) struct Granting(Infallible);

/// What a question is, as far as NTS goes.
#[derive(Debug)]
#[expect(dead_code, reason = "the same as with the feature")]
pub(crate) enum Claim<'a> {
    None,
    Broken,
    Disowned(Vec<u8>),
    True(Seal<'a>),
}

/// There is none.
#[derive(Debug)]
pub(crate) struct Seal<'a>(Infallible, PhantomData<&'a ()>);

impl Seal<'_> {
    pub(crate) fn answer(&self, _: &Header) -> Vec<u8> {
        match self.0 {}
    }
}

impl Granting {
    pub(crate) fn open(
        _: config::Granting,
        _: &[SocketAddr],
        _: Option<u32>,
        _: Now,
    ) -> Result<(Self, Option<String>), String> {
        Err("this ntpd was built without NTS".to_owned())
    }

    pub(crate) fn sentence(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn hold(&mut self, _: u32, _: &[u32]) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn descriptors(&self, _: Raw) -> Vec<BorrowedFd<'_>> {
        match self.0 {}
    }

    pub(crate) fn wait(&self, _: Raw) -> Span {
        match self.0 {}
    }

    pub(crate) fn turn(&mut self, _: &impl Machine, _: &Access, _: When) -> Vec<(Level, String)> {
        match self.0 {}
    }

    pub(crate) fn reload(&mut self) -> (Level, String) {
        match self.0 {}
    }

    pub(crate) fn read<'a>(&self, _: &'a [u8], _: &Header) -> Claim<'a> {
        match self.0 {}
    }
}

/// Nothing is checked where nothing is served.
pub(crate) fn check(_: &config::Granting, _: Option<u32>, _: When) -> Vec<(String, Finding)> {
    Vec::new()
}
