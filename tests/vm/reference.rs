//! The right time, for machines whose clock is wrong: our ntpd on this host, which serves its clock
//! and, told `--observe` as well, could not touch it if it wanted to.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// An ntpd that serves until it is dropped.
pub(crate) struct Reference {
    child: Child,
    /// The UDP port on the loopback interface.
    pub(crate) port: String,
}

impl Reference {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ntpd"));
        command.args(["--observe", "--serve", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving the local clock on ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it serves nothing");
        }
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(',').next());
        Self { child, port: port.unwrap().to_owned() }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
