//! The time service as a program of its own: svscan may be process 1 and links none of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    keepup::ntpd::main()
}
