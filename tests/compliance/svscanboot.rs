//! svscanboot: svscan in a clean environment, and its messages in the title of readproctitle.
//!
//! The original knows one scan directory, `/etc/service` as Debian has it. Its script is run here
//! with another in its place.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::symlink;
use std::path::Path;

use sys::process::Process;

use crate::support::{
    Daemon, REST, Sandbox, Service, Suite, comes_true, each_suite, is_alive, only_ours, skipped,
};

each_suite!(
    services_find_nothing_but_path_in_their_environment,
    messages_are_shown_by_readproctitle,
    it_reads_from_nowhere_and_writes_to_readproctitle,
    a_supervise_of_before_stops_its_service_and_leaves,
    readproctitle_goes_when_all_have_gone,
    closed_descriptors_are_no_trouble,
    a_scan_directory_that_is_not_there_is_said_in_the_title_at_most,
);

only_ours!(
    it_is_svscan_and_term_stops_everything,
    as_process_one_it_stops_everything_too,
    quit_leaves_everything_running,
    more_than_a_directory_is_wrong_usage,
);

const PATH: &str =
    "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin";

/// Where the original looks before it comes to `/usr/bin`.
const SOONER: [&str; 3] = ["/command", "/usr/local/bin", "/usr/local/sbin"];

/// A svscanboot that was started. Its environment is its own, so the mark of the sandbox is not in
/// it: it has to be ended by hand.
struct Boot<'a> {
    sandbox: &'a Sandbox,
    daemon: Daemon,
}

impl Deref for Boot<'_> {
    type Target = Daemon;

    fn deref(&self) -> &Daemon {
        &self.daemon
    }
}

impl<'a> Boot<'a> {
    /// Starts it on the directory `scan`; `None` where the original would start somebody else.
    fn new(sandbox: &'a Sandbox, redirections: &str) -> Option<Self> {
        let scan = sandbox.path("scan");
        let script = match sandbox.pair().daemon {
            Suite::Ours => format!("exec svscanboot {} {redirections}", scan.display()),
            Suite::Theirs => {
                if SOONER.iter().any(|dir| Path::new(dir).join("svscan").exists()) {
                    skipped("another svscan would be found before that of /usr/bin");
                    return None;
                }
                let scan = scan.to_str().unwrap();
                let text = fs::read_to_string("/usr/bin/svscanboot").unwrap();
                let text = text.replace("/etc/service", scan);
                assert!(text.contains(&format!("svscan {scan} 2>&1")), "{text}");
                fs::write(sandbox.path("boot.sh"), text).unwrap();
                format!("exec sh ./boot.sh {redirections}")
            }
        };
        Some(Self { sandbox, daemon: sandbox.daemon_by_shell(&script) })
    }

    /// The pid of a process that runs as `name`, be it what was started or a child of it.
    fn find(&self, name: &str) -> Option<u32> {
        let pid = self.daemon.pid;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|word| word.parse().ok());
        children.chain([pid]).find(|&pid| command_line(pid).split('\0').next() == Some(name))
    }

    fn wait_for(&self, name: &str) -> u32 {
        self.sandbox.wait_until(&format!("{name} runs"), || self.find(name).is_some());
        self.find(name).unwrap()
    }

    fn title(&self) -> String {
        self.find("readproctitle").map(command_line).unwrap_or_default()
    }

    fn end_svscan(&self) {
        let svscan = self.find("svscan").and_then(|pid| Process::open(pid).ok());
        if let Some(svscan) = svscan {
            let _ = svscan.signal(libc::SIGTERM);
        }
    }
}

impl Drop for Boot<'_> {
    fn drop(&mut self) {
        self.end_svscan();
        // What theirs leaves behind the sandbox ends, with svc.
        comes_true(crate::support::WATCH, || self.find("svscan").is_none());
        if std::thread::panicking() {
            kill_those_in(&self.sandbox.path(""));
        }
    }
}

/// Kills the processes whose working directory is in `root`: a failing test leaves them there.
fn kill_those_in(root: &Path) {
    let is_in =
        |pid: u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(root));
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // Opened before it is looked at: the number cannot become somebody else's between.
        if let Some((pid, process)) = pid.and_then(|pid| Some((pid, Process::open(pid).ok()?)))
            && is_in(pid)
        {
            let _ = process.signal(libc::SIGKILL);
        }
    }
}

/// The words of a process with NULs between them.
fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn target(pid: u32, fd: u32) -> String {
    let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
    target.to_string_lossy().into_owned()
}

/// A service in the scan directory.
fn linked(sandbox: &Sandbox, script: &str) -> Service {
    let service = sandbox.running("s", script);
    sandbox.link(&service, "s");
    service
}

fn services_find_nothing_but_path_in_their_environment(sandbox: &Sandbox) {
    let script = format!("cat /proc/$$/environ >environ.new; mv environ.new environ\n{REST}");
    let service = linked(sandbox, &script);
    let Some(boot) = Boot::new(sandbox, "") else { return };
    sandbox.wait_until("it has looked", || service.has("environ"));
    let environ = service.read("environ");
    // What ours adds says whose the process is.
    let found = environ.split_terminator('\0').filter(|it| !it.starts_with("KEEPUP_SERVICE="));
    assert_eq!(found.collect::<Vec<_>>(), [format!("PATH={PATH}")]);
    for name in ["svscan", "readproctitle"] {
        let environ = fs::read_to_string(format!("/proc/{}/environ", boot.wait_for(name)));
        assert_eq!(environ.unwrap(), format!("PATH={PATH}\0"), "{name}");
    }
}

fn messages_are_shown_by_readproctitle(sandbox: &Sandbox) {
    let service = linked(sandbox, &format!("echo out; echo err >&2\n{REST}"));
    symlink("nowhere", sandbox.path("scan/dangling")).unwrap();
    let Some(boot) = Boot::new(sandbox, "") else { return };
    sandbox.wait_until("the messages are shown", || {
        let title = boot.title();
        let warning = "svscan: warning: unable to stat dangling: file does not exist";
        title.contains(warning) && title.contains("out\n") && title.contains("err\n")
    });
    sandbox.wait_until("it is up", || service.pid() != 0);
    let title = boot.title();
    let dots = title.strip_prefix("readproctitle\0service\0errors:\0").unwrap();
    assert_eq!(dots.trim_end_matches('\0').len(), 400);
    assert!(dots.starts_with("..."), "{dots}");
    assert_eq!((sandbox.said(*boot), sandbox.printed(*boot)), (String::new(), String::new()));
}

fn it_reads_from_nowhere_and_writes_to_readproctitle(sandbox: &Sandbox) {
    let service = linked(sandbox, REST);
    let Some(boot) = Boot::new(sandbox, "") else { return };
    sandbox.wait_until("it is up", || service.pid() != 0);
    let (svscan, title) = (boot.wait_for("svscan"), boot.wait_for("readproctitle"));
    let pipe = target(title, 0);
    assert!(pipe.starts_with("pipe:"), "{pipe}");
    sandbox.wait_until("the service is itself", || command_line(service.pid()).contains("sleep"));
    for pid in [svscan, service.pid()] {
        assert_eq!([0, 1, 2].map(|fd| target(pid, fd)), ["/dev/null", &pipe, &pipe]);
    }
    assert_eq!([1, 2].map(|fd| target(title, fd)), ["/dev/null", "/dev/null"]);
    let scan = fs::canonicalize(sandbox.path("scan")).unwrap();
    assert_eq!(fs::read_link(format!("/proc/{svscan}/cwd")).unwrap(), scan);
}

fn a_supervise_of_before_stops_its_service_and_leaves(sandbox: &Sandbox) {
    let (service, hidden) = (linked(sandbox, REST), sandbox.resting("hidden"));
    let log = service.log();
    log.script(REST);
    sandbox.link(&hidden, ".hidden");
    let daemons = [&service, &log].map(|service| sandbox.supervise_up(service));
    let spared = sandbox.supervise_up(&hidden);
    let pids = [service.pid(), log.pid()];
    let Some(_boot) = Boot::new(sandbox, "") else { return };
    for (daemon, pid) in daemons.into_iter().zip(pids) {
        assert_eq!(sandbox.end_of(daemon), 0);
        assert!(!is_alive(pid));
    }
    sandbox.wait_until("it is up again", || {
        ![0, pids[0]].contains(&service.pid()) && ![0, pids[1]].contains(&log.pid())
    });
    assert_eq!(sandbox.ended(spared), None);
    assert!(is_alive(hidden.pid()) && hidden.want() == Some(b'u'));
}

fn readproctitle_goes_when_all_have_gone(sandbox: &Sandbox) {
    let service = linked(sandbox, REST);
    let Some(boot) = Boot::new(sandbox, "") else { return };
    sandbox.wait_until("it is up", || service.pid() != 0);
    let title = boot.wait_for("readproctitle");
    boot.end_svscan();
    if sandbox.pair().daemon == Suite::Theirs {
        sandbox.stays("it reads what services say", || is_alive(title));
        sandbox.svc("-dx", &service);
    }
    assert_eq!(sandbox.end_of(*boot), 0);
    sandbox.wait_until("it has ended as well", || !is_alive(title));
}

fn closed_descriptors_are_no_trouble(sandbox: &Sandbox) {
    let service = linked(sandbox, &format!("echo heard\n{REST}"));
    let Some(boot) = Boot::new(sandbox, "<&- >&- 2>&-") else { return };
    sandbox.wait_until("the service is heard", || boot.title().contains("heard\n"));
    let svscan = boot.wait_for("svscan");
    assert_eq!(target(svscan, 0), "/dev/null");
    sandbox.wait_until("it is up", || service.pid() != 0);
}

fn a_scan_directory_that_is_not_there_is_said_in_the_title_at_most(sandbox: &Sandbox) {
    let Some(boot) = Boot::new(sandbox, "") else { return };
    let code = sandbox.end_of(*boot);
    assert_eq!((sandbox.said(*boot), sandbox.printed(*boot)), (String::new(), String::new()));
    sandbox.expect_failure_on_ours("it exits as svscan does: 111");
    assert_eq!(code, 0);
}

fn it_is_svscan_and_term_stops_everything(sandbox: &Sandbox) {
    let service = linked(sandbox, REST);
    let boot = Boot::new(sandbox, "").unwrap();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let (pid, title) = (service.pid(), boot.wait_for("readproctitle"));
    assert_eq!(boot.wait_for("svscan"), boot.pid);
    boot.end_svscan();
    assert_eq!(sandbox.end_of(*boot), 0);
    assert!(!is_alive(pid));
    sandbox.wait_until("readproctitle has ended", || !is_alive(title));
}

/// In a pid namespace of its own: the kernel keeps signals from it that it does not ask for.
fn as_process_one_it_stops_everything_too(sandbox: &Sandbox) {
    let namespace = "unshare --user --map-root-user --pid --fork --mount-proc --kill-child";
    if sandbox.shell(&format!("{namespace} true")).code != 0 {
        return skipped("no pid namespace can be made here");
    }
    let service = linked(sandbox, REST);
    let scan = sandbox.path("scan");
    let script = format!("exec {namespace} svscanboot {}", scan.display());
    let daemon = sandbox.daemon_by_shell(&script);
    sandbox.wait_until("it is up", || service.pid() != 0);
    let children = format!("/proc/{0}/task/{0}/children", daemon.pid);
    let svscan: u32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
    assert!(command_line(svscan).starts_with("svscan\0"), "{}", command_line(svscan));
    sys::child::signal(svscan, libc::SIGTERM).unwrap();
    assert_eq!(sandbox.end_of(daemon), 0);
    assert_eq!(service.pid(), 0);
}

fn quit_leaves_everything_running(sandbox: &Sandbox) {
    let service = linked(sandbox, "while :; do echo heard >&2; sleep 0.05; done");
    let boot = Boot::new(sandbox, "").unwrap();
    sandbox.wait_until("it is heard", || boot.title().contains("heard\n"));
    sandbox.wait_until("it is up", || service.pid() != 0);
    let (pid, title) = (service.pid(), boot.wait_for("readproctitle"));
    sys::child::signal(boot.pid, libc::SIGQUIT).unwrap();
    assert_eq!(sandbox.end_of(*boot), 0);
    sandbox.stays("both go on", || is_alive(pid) && is_alive(title));
    Process::open(pid).unwrap().signal(libc::SIGKILL).unwrap();
    sandbox.wait_until("readproctitle sees the end", || !is_alive(title));
}

fn more_than_a_directory_is_wrong_usage(sandbox: &Sandbox) {
    let usage = "svscanboot: usage: svscanboot [dir]\n";
    sandbox.tool("svscanboot", &["a", "b"]).is(100, "", usage);
    let illegal = format!("svscanboot: illegal option -x\n{usage}");
    sandbox.tool("svscanboot", &["-x"]).is(100, "", &illegal);
}
