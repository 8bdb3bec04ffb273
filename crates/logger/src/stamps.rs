//! What is put before each line.

use tai::Stamp;

use crate::iso::Iso;
use crate::{KeptZone, PREFIX_LEN, Prefix, Stamping};

/// Makes the prefixes of lines.
#[derive(Debug)]
pub struct Stamps(Kind);

#[derive(Debug)]
enum Kind {
    None,
    Tai(Prefix),
    Iso(Iso),
}

impl Stamps {
    /// `zone` is asked for local time, where that is wanted.
    #[must_use]
    pub fn new(stamping: Stamping, zone: KeptZone) -> Self {
        Self(match stamping {
            Stamping::None => Kind::None,
            Stamping::Tai => Kind::Tai(Prefix::default()),
            Stamping::Utc => Kind::Iso(Iso::new(None)),
            Stamping::Local => Kind::Iso(Iso::new(Some(zone))),
        })
    }

    /// The prefix of a line that begins now; `now` is only asked where there is one.
    pub fn at(&mut self, now: impl FnOnce() -> Stamp) -> &[u8] {
        match &mut self.0 {
            Kind::None => &[],
            Kind::Tai(prefix) => prefix.at(now()),
            Kind::Iso(iso) => iso.at(now()),
        }
    }

    /// How long each prefix is.
    pub(crate) const fn len(&self) -> usize {
        match &self.0 {
            Kind::None => 0,
            Kind::Tai(_) => PREFIX_LEN,
            Kind::Iso(iso) => iso.len(),
        }
    }
}
