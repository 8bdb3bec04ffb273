//! The rules, by what they look at.

pub(crate) mod crates;
pub(crate) mod manifests;
pub(crate) mod measures;
pub(crate) mod papers;
pub(crate) mod words;
