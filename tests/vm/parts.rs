//! What a machine is made of: found on this one, or fetched by `fetch.sh`.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Once, OnceLock};

use crate::archive::Archive;

/// Where the libraries of Debian's packages lie.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// The modules of the kernel that stories load: the network of ntpd's, the disk that fails.
const MODULES: [&str; 9] = [
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "net/core/failover.ko",
    "drivers/net/net_failover.ko",
    "drivers/net/virtio_net.ko",
    "drivers/block/loop.ko",
];

const DAEMONTOOLS: [&str; 8] =
    ["svscan", "supervise", "svc", "svstat", "svok", "multilog", "setuidgid", "softlimit"];

const PASSWD: &str =
    "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n_ntp:x:87:87::/var:/bin/false\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\n_ntp:x:87:\n";

/// A machine's parts, in the directory where they were unpacked.
#[derive(Debug)]
pub(crate) struct Parts {
    root: PathBuf,
    pub(crate) kernel: PathBuf,
    modules: PathBuf,
}

impl Parts {
    /// The parts; without them the tests are skipped, or fail where they must not be.
    pub(crate) fn find() -> Option<Self> {
        let found = Self::look();
        let required = std::env::var_os("KEEPUP_REQUIRE_VM").is_some_and(|value| value == "1");
        if let Err(why) = &found {
            assert!(!required, "a virtual machine must be had and is not: {why}");
            skipped(why);
        }
        found.ok()
    }

    fn look() -> Result<Self, String> {
        if !cfg!(target_arch = "x86_64") {
            return Err("the virtual machine is an x86_64, and this is none".into());
        }
        let dir = directory();
        if !dir.join("complete").exists() {
            let dir = dir.display();
            return Err(format!("no virtual machine in {dir}: tests/vm/fetch.sh fetches it"));
        }
        let root = dir.join("root");
        let kernel = only(&root.join("boot"), "vmlinuz-")?;
        let modules = only(&root.join("lib/modules"), "")?;
        Ok(Self { root, kernel, modules })
    }

    /// qemu, which brings its libraries and its firmware along.
    pub(crate) fn qemu(&self) -> Command {
        let libraries = LIBRARIES.map(|path| self.root.join(path).into_os_string());
        let mut command = Command::new(self.root.join("usr/bin/qemu-system-x86_64"));
        command.env("LD_LIBRARY_PATH", libraries.join(&OsString::from(":")));
        command.arg("-L").arg(self.root.join("usr/share/qemu"));
        command.arg("-L").arg(self.root.join("usr/share/seabios"));
        command
    }

    /// The initramfs: all programs and all stories. Made once.
    pub(crate) fn image(&self) -> &'static [u8] {
        static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
        IMAGE.get_or_init(|| self.make_image())
    }

    fn make_image(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        for empty in ["proc", "sys", "dev", "tmp", "run", "root", "service", "var"] {
            archive.directory(empty);
        }
        archive.program("etc/passwd", PASSWD.as_bytes());
        archive.program("etc/group", GROUP.as_bytes());
        archive.link("var/run", "../run");
        self.put_busybox(&mut archive);
        put(&mut archive, "bin/sh", &self.root.join("bin/dash"));
        put(&mut archive, "bin/daemon-sleep", &sleep());
        for name in DAEMONTOOLS {
            put(&mut archive, &format!("theirs/{name}"), &self.root.join("usr/bin").join(name));
        }
        put(&mut archive, "ours/keepup", Path::new(env!("CARGO_BIN_EXE_keepup")));
        put(&mut archive, "ours/ntpd", Path::new(env!("CARGO_BIN_EXE_ntpd")));
        for name in lines(Command::new(env!("CARGO_BIN_EXE_keepup")).arg("--list")) {
            archive.link(&format!("ours/{name}"), "keepup");
        }
        for path in MODULES {
            let name = path.rsplit('/').next().unwrap_or(path);
            let module = read(&self.modules.join("kernel").join(path));
            archive.program(&format!("modules/{name}"), &module);
        }
        put_scripts(&mut archive, "guest");
        put_scripts(&mut archive, "stories");
        archive.link("init", "guest/init");
        archive.finish()
    }

    /// busybox and its names. Not its shell: that one prefers what is built into it to files, and
    /// svc is.
    fn put_busybox(&self, archive: &mut Archive) {
        let busybox = self.root.join("bin/busybox");
        put(archive, "bin/busybox", &busybox);
        for name in lines(Command::new(busybox).arg("--list")) {
            if !["busybox", "sh", "svc", "svok"].contains(&name.as_str()) {
                archive.link(&format!("bin/{name}"), "busybox");
            }
        }
    }
}

/// Says so once, past the harness, which keeps what passing tests print.
fn skipped(why: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| drop(writeln!(std::io::stderr(), "SKIPPED: {why}")));
}

fn directory() -> PathBuf {
    if let Some(dir) = std::env::var_os("KEEPUP_VM") {
        return dir.into();
    }
    sources().join("target/vm")
}

/// The repository: where cargo says it is, or where this was built.
fn sources() -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    root.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The only entry of `dir` that begins so.
fn only(dir: &Path, beginning: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut found = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(beginning));
    let first = found.next().ok_or_else(|| format!("nothing is in {}", dir.display()))?;
    Ok(first.path())
}

/// A program that does nothing but wait: what stands for a daemon in the end.
fn sleep() -> PathBuf {
    let paths = ["/bin/sleep", "/usr/bin/sleep"].map(PathBuf::from);
    paths.into_iter().find(|path| path.exists()).expect("there is a sleep")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program and the libraries it is linked to.
fn put(archive: &mut Archive, at: &str, program: &Path) {
    archive.program(at, &stripped(program).unwrap_or_else(|| read(program)));
    // Of a static program ldd says that it is none of its business.
    for line in lines(Command::new("ldd").arg(program)) {
        let library = line.split_whitespace().find(|word| word.starts_with('/'));
        if let Some(library) = library.filter(|library| !archive.has(&library[1..])) {
            archive.program(&library[1..], &read(Path::new(library)));
        }
    }
}

/// A debug build is ten times as large as it need be, and an emulated machine copies slowly.
fn stripped(program: &Path) -> Option<Vec<u8>> {
    let into = tempfile::NamedTempFile::new().ok()?;
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(into.path()).arg(program);
    let done = strip.output().is_ok_and(|output| output.status.success());
    done.then(|| read(into.path()))
}

fn lines(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn put_scripts(archive: &mut Archive, dir: &str) {
    for entry in fs::read_dir(sources().join("tests/vm").join(dir)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        archive.program(&format!("{dir}/{name}"), &read(&path));
    }
}
