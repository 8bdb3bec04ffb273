//! The directory that is thrown away, and svscan in it.
//!
//! ```text
//! bin/          a link for each command
//! store/        service directories, copied from service-examples/
//! service/      the scan directory: links into store/
//! svscan.log    what svscan itself says
//! ```

use std::fs::{self, File, Permissions};
use std::io;
use std::net::UdpSocket;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::build;

/// The services that are linked from the start: a server of time, and what follows it.
const SERVICES: [&str; 2] = ["ntp-local-reference", "ntp"];
/// Carried by svscan and all that it starts.
const MARKER: &str = "KEEPUP_DEMO";

/// The directory that is thrown away.
#[derive(Debug)]
pub(crate) struct Place {
    root: TempDir,
    marker: String,
}

impl Place {
    /// Makes it, with links to the programs in `binaries`.
    pub(crate) fn make(binaries: &Path) -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("keepup-demo.").tempdir();
        let root = root.context("unable to make a directory to be thrown away")?;
        let marker = format!("{MARKER}={}", root.path().display());
        let place = Self { root, marker };
        for directory in ["bin", "store", "service"] {
            let path = place.path(directory);
            fs::create_dir(&path).context(format!("unable to create {}", path.display()))?;
        }
        place.link_commands(binaries).context("unable to link the commands")?;
        let examples = build::sources().join("service-examples");
        copy(&examples, &place.path("store")).context("unable to copy service-examples")?;
        place.adapt_services()?;
        Ok(place)
    }

    /// The path of something in it.
    pub(crate) fn path(&self, inner: &str) -> PathBuf {
        self.root.path().join(inner)
    }

    /// What marks its processes in their environments.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// A command of the suite, to be run in it.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.path("bin").join(name));
        command.current_dir(self.root.path());
        command
    }

    /// Starts svscan. It gets a process group of its own, so that Ctrl-C reaches only the demo,
    /// which then ends it in order.
    pub(crate) fn start_svscan(&self) -> anyhow::Result<Child> {
        let log = File::create(self.path("svscan.log")).context("unable to create svscan.log")?;
        let mut path = self.path("bin").into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        let mut svscan = self.command("svscan");
        svscan.arg("service").env("PATH", path).env(MARKER, self.root.path());
        svscan.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        svscan.spawn().context("unable to start svscan")
    }

    /// What svscan has said, line by line.
    pub(crate) fn said_by_svscan(&self) -> Vec<String> {
        let text = fs::read(self.path("svscan.log")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    pub(crate) fn last_words(&self) -> String {
        self.said_by_svscan().pop().unwrap_or_else(|| "none".into())
    }

    /// Removes it.
    pub(crate) fn remove(self) -> anyhow::Result<()> {
        let name = self.root.path().display().to_string();
        self.root.close().context(format!("unable to remove {name}"))
    }

    fn link_commands(&self, binaries: &Path) -> anyhow::Result<()> {
        let list = Command::new(binaries.join("keepup")).arg("--list").output()?;
        if !list.status.success() {
            bail!("keepup --list: {}", list.status);
        }
        let bin = self.path("bin");
        for name in String::from_utf8(list.stdout)?.lines() {
            symlink(binaries.join("keepup"), bin.join(name))?;
        }
        symlink(binaries.join("ntpd"), bin.join("ntpd")).map_err(Into::into)
    }

    /// Gives the time services a port of this machine, makes them observers, and links them.
    fn adapt_services(&self) -> anyhow::Result<()> {
        let port = free_port().context("unable to find a free port")?;
        for name in SERVICES {
            let run = self.path("store").join(name).join("run");
            write_run(&run, name, port).context(format!("unable to write {}", run.display()))?;
            symlink(Path::new("../store").join(name), self.path("service").join(name))
                .context(format!("unable to link {name}"))?;
        }
        Ok(())
    }
}

/// The `run` of a time service for the demo.
fn write_run(run: &Path, name: &str, port: u16) -> io::Result<()> {
    let arguments = match name {
        "ntp-local-reference" => format!("-n --observe --serve 127.0.0.1:{port}"),
        _ => format!("-n --observe -p 127.0.0.1:{port}"),
    };
    fs::write(run, format!("#!/bin/sh\nexec 2>&1\nexec ntpd {arguments}\n"))?;
    fs::set_permissions(run, Permissions::from_mode(0o755))
}

/// A port of the loopback interface that nobody has.
fn free_port() -> io::Result<u16> {
    Ok(UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Copies what is in a directory: files with their modes, and directories. Pipes and links, which
/// supervise may have left in an example that was run, stay behind.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() && entry.file_name() != "supervise" {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
