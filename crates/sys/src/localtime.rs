//! Local time, as the C library knows it.
