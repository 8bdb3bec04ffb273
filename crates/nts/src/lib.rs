//! What authenticated time needs of ciphers and TLS, which are taken from others and not written
//! here. `ntpd` alone links it; what is done with all this is decided in the crate `ntp`.
//!
//! [`cipher`] has NTS's cipher, [`code`] the codes of symmetric keys, [`certificate`] judges a
//! server's certificate by a time that is given, and [`handshake`] is TLS over any stream;
//! [`granting`] is its other side, a server's, and [`flaws`] what is wrong with our certificate.

pub mod certificate;
pub mod cipher;
pub mod code;
pub mod flaws;
pub mod granting;
pub mod handshake;
