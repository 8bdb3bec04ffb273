//! Boots a machine, tells it a story, and judges what it said.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::{Console, End};
use crate::parts::Parts;

/// How long a machine may take by the host's clock. It needs 5 to 15 seconds of a processor, which
/// it may have to share with many.
const LIMIT: Duration = Duration::from_mins(10);

/// Memory of a machine in MiB: kernel and image leave two thirds of it.
const MEMORY: u32 = 256;

/// What each kernel is told: a console that says only what is grave, an end when it panics, and
/// nothing that is calibrated or tested at the start.
const KERNEL: &str = "console=ttyS0 panic=-1 quiet loglevel=1 \
     no_timer_check tsc=reliable lpj=4000000 cryptomgr.notests nokaslr";

/// A story to be told to a machine.
#[derive(Debug)]
pub(crate) struct Story {
    script: &'static str,
    settings: Vec<(&'static str, String)>,
    memory: u32,
    networked: bool,
    end: End,
    in_order: &'static [&'static str],
}

impl Story {
    /// The story of `stories/SCRIPT.sh`.
    pub(crate) fn of(script: &'static str) -> Self {
        Self {
            script,
            settings: Vec::new(),
            memory: MEMORY,
            networked: false,
            end: End::Verdict,
            in_order: &[],
        }
    }

    /// With these in the environment of the script.
    pub(crate) fn with(mut self, settings: &[(&'static str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        self.settings.extend(settings);
        self
    }

    /// In so many MiB.
    pub(crate) fn memory(mut self, memory: u32) -> Self {
        self.memory = memory;
        self
    }

    /// By the host's time, and with its loopback interface: to the machine the host is 10.0.2.2.
    pub(crate) fn networked(mut self) -> Self {
        self.networked = true;
        self
    }

    /// To the machine's own end, saying these lines in this order.
    pub(crate) fn ends(mut self, in_order: &'static [&'static str]) -> Self {
        (self.end, self.in_order) = (End::Machine, in_order);
        self
    }

    /// Tells it, unless there is no machine to be had here.
    #[track_caller]
    pub(crate) fn tell(&self) {
        let Some(parts) = Parts::find() else { return };
        let _turn = Turn::take();
        let console = self.boot(&parts);
        println!("{console}");
        if let Some(complaint) = console.complaint(self.end, self.in_order) {
            panic!("{}: {complaint}", self.script);
        }
    }

    /// With the terminal for its console.
    pub(crate) fn tell_by_hand(&self) {
        let Some(parts) = Parts::find() else { return };
        let image = image_file(&parts);
        let mut qemu = self.qemu(&parts, image.path());
        qemu.args(["-serial", "mon:stdio"]);
        qemu.status().unwrap();
    }

    fn boot(&self, parts: &Parts) -> Console {
        let image = image_file(parts);
        let mut qemu = self.qemu(parts, image.path());
        if !self.networked {
            qemu.args(["-icount", "shift=1,sleep=off"]);
        }
        qemu.args(["-serial", "stdio"]).stdin(Stdio::null());
        let mut child = Running(qemu.stdout(Stdio::piped()).spawn().unwrap());
        let lines = child.lines();
        let end = Instant::now() + LIMIT;
        let mut console = Console { lines: Vec::new(), given_up: None };
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => console.lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return console,
                Err(RecvTimeoutError::Timeout) => {
                    console.given_up = Some(LIMIT);
                    return console;
                }
            }
        }
    }

    fn qemu(&self, parts: &Parts, image: &Path) -> Command {
        let rtc = if self.networked { "base=utc" } else { "base=utc,clock=vm" };
        let network = if self.networked { "user,model=virtio-net-pci" } else { "none" };
        let mut words = format!("{KERNEL} STORY={}", self.script);
        for (name, value) in &self.settings {
            words.push(' ');
            words.push_str(name);
            words.push('=');
            words.push_str(value);
        }
        let mut qemu = parts.qemu();
        qemu.args("-accel tcg -cpu max -smp 1 -nodefaults -display none -no-reboot".split(' '));
        qemu.args(["-m", &self.memory.to_string(), "-rtc", rtc, "-nic", network]);
        qemu.arg("-kernel").arg(&parts.kernel).arg("-initrd").arg(image).args(["-append", &words]);
        qemu
    }
}

fn image_file(parts: &Parts) -> tempfile::NamedTempFile {
    let mut image = tempfile::NamedTempFile::new().unwrap();
    image.write_all(parts.image()).unwrap();
    image
}

/// A machine that does not outlive its test.
struct Running(Child);

impl Running {
    fn lines(&mut self) -> Receiver<String> {
        let stdout = BufReader::new(self.0.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As many machines at a time as there are processors: each keeps one busy.
struct Turn;

static BUSY: Mutex<usize> = Mutex::new(0);
static ONE_LESS: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let most = thread::available_parallelism().map_or(1, usize::from);
        let mut busy = ONE_LESS.wait_while(BUSY.lock().unwrap(), |busy| *busy >= most).unwrap();
        *busy += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Ok(mut busy) = BUSY.lock() {
            *busy -= 1;
        }
        ONE_LESS.notify_one();
    }
}
