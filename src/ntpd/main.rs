//! ntpd: the time service, in the foreground.

fn main() {}
