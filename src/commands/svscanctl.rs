//! svscanctl: write letters into the control FIFO of svscan.

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, Flag, UnableExt as _, Usage};
use contract::layout;

pub(crate) static COMMAND: Command = Command {
    name: "svscanctl",
    summary: "control svscan",
    usage: "[-uhtq670] [dir]",
    flags: &[
        Flag { names: &["u", "upgrade"], value: None, help: "execute the program anew, in place" },
        Flag { names: &["h", "hup"], value: None, help: "look at the scan directory again" },
        Flag { names: &["t", "term"], value: None, help: "stop all services and leave" },
        Flag { names: &["q", "quit"], value: None, help: "leave, and leave all services running" },
        Flag { names: &["6", "reboot"], value: None, help: "as process 1: reboot the machine" },
        Flag { names: &["7", "poweroff"], value: None, help: "as process 1: switch it off" },
        Flag { names: &["0", "halt"], value: None, help: "as process 1: halt it" },
    ],
    about: "
Tells the svscan that runs in dir, or in the current directory. After -u it is
the same process with the same children, and no service notices. Whether the
new program runs is tried first; what comes of it svscan says where it speaks.

Exit codes: 0 svscan was told, 100 wrong usage, 111 no svscan could be told.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    sys::entry::ignore_sigpipe();
    let dir = match args.operands.as_slice() {
        [] => Path::new("."),
        [dir] => Path::new(dir),
        [..] => return Err(Usage::default().into()),
    };
    let letters: Vec<u8> =
        args.flags.iter().flat_map(|given| given.flag.key().as_bytes()).copied().collect();
    tell(dir, &letters).unable(format_args!("control {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(dir: &Path, letters: &[u8]) -> io::Result<()> {
    match sys::fifo::open_writer(&dir.join(layout::SVSCAN_CONTROL)) {
        Ok(mut control) => control.write_all(letters),
        Err(error) if sys::fifo::has_no_reader(&error) => {
            Err(io::Error::other("svscan not running"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && dir.is_dir() => {
            let why = "no svscan has run there; name its scan directory";
            Err(io::Error::other(format!("{}: {why}", cli::reason(&error))))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::svscan::Letter;

    #[test]
    fn every_letter_of_the_contract_is_a_flag_and_no_other() {
        let flags: Vec<_> = COMMAND.flags.iter().map(Flag::key).collect();
        let letters = Letter::ALL.map(|letter| char::from(letter.byte()).to_string());
        assert_eq!(flags, letters);
    }
}
