use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use cli::UnableExt as _;
use service::Pid;
use tempfile::TempDir;

use super::*;

const ENOENT: i32 = 2;
const EAGAIN: i32 = 11;
const EACCES: i32 = 13;
const ETXTBSY: i32 = 26;
const ESTALE: i32 = 116;

fn service() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(dir: &TempDir, text: &str, mode: u32) {
    let run = dir.path().join("run");
    fs::write(&run, text).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(mode)).unwrap();
}

/// What is said of service `a` when its ./run could not be executed.
fn said(dir: &TempDir, errno: i32) -> String {
    let fault = Fault { step: Step::Exec, errno };
    let said = report("a", dir.path(), Report::CannotStart(fault));
    said.strip_prefix("unable to start a/run: ").unwrap_or(&said).to_owned()
}

#[test]
fn a_missing_run_is_to_be_written() {
    let cure = "file does not exist: write it, or remove the link a if it is no service";
    assert_eq!(said(&service(), ENOENT), cure);
}

#[test]
fn a_dangling_run_says_where_it_leads() {
    let dir = service();
    symlink("/nowhere/run", dir.path().join("run")).unwrap();
    let cure = "file does not exist: it is a link to /nowhere/run, which is not there";
    assert_eq!(said(&dir, ENOENT), cure);
}

#[test]
fn a_run_that_is_not_executable_wants_chmod() {
    let dir = service();
    write(&dir, "#!/bin/sh\n", 0o644);
    assert_eq!(said(&dir, EACCES), "access denied: it is not executable; chmod +x a/run");
}

#[test]
fn a_run_that_is_a_directory_is_called_one() {
    let dir = service();
    fs::create_dir(dir.path().join("run")).unwrap();
    assert_eq!(said(&dir, EACCES), "access denied: it is a directory; it must be a program");
}

#[test]
fn a_carriage_return_is_seen() {
    let dir = service();
    write(&dir, "#!/bin/sh\r\nexec true\r\n", 0o755);
    let cure = "file does not exist: its first line ends in a carriage return; save it with Unix \
                line ends";
    assert_eq!(said(&dir, ENOENT), cure);
}

#[test]
fn an_interpreter_that_is_not_there_or_not_executable_is_named() {
    let dir = service();
    write(&dir, "#! \t/nowhere/sh -e\n", 0o755);
    let cure = "file does not exist: its first line asks for /nowhere/sh, which is not there";
    assert_eq!(said(&dir, ENOENT), cure);
    write(&dir, "#!/etc/passwd\n", 0o755);
    let cure = "access denied: its first line asks for /etc/passwd, which is not executable";
    assert_eq!(said(&dir, EACCES), cure);
}

#[test]
fn a_script_without_an_interpreter_is_shown_one() {
    let dir = service();
    for text in ["exec true\n", "#!\n", "#! \n"] {
        write(&dir, text, 0o755);
        let cure =
            "exec format error: it has no first line that names its interpreter, as #!/bin/sh does";
        assert_eq!(said(&dir, sys::ENOEXEC), cure, "{text:?}");
    }
}

#[test]
fn an_empty_script_and_one_behind_a_byte_order_mark_are_called_so() {
    let dir = service();
    write(&dir, "", 0o755);
    assert_eq!(said(&dir, sys::ENOEXEC), "exec format error: it is empty; write it");
    write(&dir, "\u{feff}#!/bin/sh\n", 0o755);
    let cure = "exec format error: it begins with a byte order mark, so that the kernel does not \
                see its #!; save it as UTF-8 without one";
    assert_eq!(said(&dir, sys::ENOEXEC), cure);
}

#[test]
fn what_the_file_does_not_tell_is_guessed_by_the_errno() {
    let dir = service();
    write(&dir, "#!/bin/sh\n", 0o755);
    let noexec = "access denied: its file system may be mounted noexec, or its owner forbids it";
    assert_eq!(said(&dir, EACCES), noexec);
    assert_eq!(said(&dir, ETXTBSY), "text busy: somebody is still writing it");
    assert_eq!(said(&dir, EAGAIN), "temporary failure");
}

#[test]
fn a_run_that_would_keep_a_reader_waiting_does_not() {
    let dir = service();
    sys::fifo::make(&dir.path().join("run")).unwrap();
    let run = dir.path().join("run");
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
    let cure = "access denied: it is a FIFO or a device; it must be a program";
    assert_eq!(said(&dir, EACCES), cure);
}

#[test]
fn a_first_line_longer_than_the_kernel_reads_is_cut() {
    let dir = service();
    write(&dir, &format!("#!/{}\n", "x".repeat(10_000)), 0o755);
    let cut = "file does not exist: its first line asks for /";
    let said = said(&dir, ENOENT);
    assert!(said.starts_with(cut) && said.len() < 500, "{said}");
}

#[test]
fn every_step_has_its_words() {
    let dir = service();
    let steps = [
        (Step::Fork, EAGAIN, "unable to fork for a: temporary failure: the limit of"),
        (Step::Directory, ESTALE, "unable to chdir to a: stale NFS file handle: the directory was"),
        (Step::LogPipe, ENOENT, "unable to open the pipe of a: file does not exist"),
        (Step::Setup, EACCES, "unable to prepare the start of a: access denied"),
    ];
    for (step, errno, words) in steps {
        let fault = Fault { step, errno };
        let said = report("a", dir.path(), Report::CannotStart(fault));
        assert!(said.starts_with(words), "{said}");
    }
}

#[test]
fn a_service_that_keeps_ending_is_told_how_to_go_on() {
    let (deaths, pause) = (6, Duration::from_millis(1_200));
    let ends = [(End::Exited(7), "exit 7"), (End::Signalled(9), "signal 9")];
    for (last, words) in ends {
        let said = report("a", Path::new("."), Report::BackingOff { deaths, last, pause });
        let expected = format!(
            "a: ended 6 times soon after its start, the last time with {words}: the next start is \
             in 2 s, and later each time; svc -u a starts it at once"
        );
        assert_eq!(said, expected);
    }
    let killed = report("a", Path::new("."), Report::Killed(Pid(7)));
    assert_eq!(killed, "a: process 7 has not ended in its time and is killed");
}

#[test]
fn a_service_that_cannot_be_taken_says_who_has_it_or_what_to_raise() {
    let unable = |errno| Err::<(), _>(io::Error::from_raw_os_error(errno)).unable("do it");
    let said = |errno| untaken(&unable(errno).unwrap_err(), Path::new("/nowhere"));
    assert_eq!(said(EAGAIN), "unable to do it: temporary failure: another supervise runs there");
    let cure = "process cannot open more files: raise the limit (ulimit -n) and start svscan again";
    assert_eq!(said(sys::EMFILE), format!("unable to do it: {cure}"));
    assert_eq!(said(ENOENT), "unable to do it: file does not exist");
}

#[test]
fn a_name_that_is_refused_is_told_why() {
    let said = |why| refusal(OsStr::new("a"), &why);
    assert_eq!(said(Refusal::CannotStat(ENOENT)), "unable to stat a: file does not exist");
    let dir = service();
    let link = dir.path().join("mistyped");
    symlink("/nowhere/a", &link).unwrap();
    let said_of_link = |errno| refusal(link.as_os_str(), &Refusal::CannotStat(errno));
    let (shown, cure) = (link.display(), "it is a link to /nowhere/a, which is not there");
    let told = format!("unable to stat {shown}: file does not exist: {cure}; mend or remove it");
    assert_eq!(said_of_link(ENOENT), told);
    assert_eq!(said_of_link(EACCES), format!("unable to stat {shown}: access denied"));
    assert!(said(Refusal::NotADirectory).starts_with("a is no service: it is not a directory"));
    let same = said(Refusal::SameAs("b".into()));
    assert_eq!(same, "a is the same directory as b: it is supervised once");
    // daemontools' words, up to the colon.
    let many = said(Refusal::TooMany(3));
    assert!(many.starts_with("unable to start a: running too many services: "), "{many}");
}

#[test]
fn a_finish_that_cannot_be_started_is_told_its_cure() {
    let dir = service();
    let said = |step, errno| {
        let fault = Fault { step, errno };
        let said = report("a", dir.path(), Report::CannotFinish(fault));
        said.strip_prefix("unable to start a/finish: ").unwrap_or(&said).to_owned()
    };
    assert_eq!(said(Step::Exec, ENOENT), "file does not exist");
    fs::write(dir.path().join("finish"), "#!/bin/sh\n").unwrap();
    let cure = "access denied: it is not executable; chmod +x a/finish";
    assert_eq!(said(Step::Exec, EACCES), cure);
    assert_eq!(said(Step::Setup, EACCES), "access denied");
}

#[test]
fn a_service_that_is_given_up_is_told_its_number_of_deaths() {
    let said = |deaths| {
        let limit = DeathLimit { deaths, within: Duration::from_mins(1) };
        report("a", Path::new("."), Report::TooManyDeaths(limit))
    };
    assert!(said(1).starts_with("a: died once within 1m, as often as a/max-deaths allows: "));
    assert!(said(2).starts_with("a: died 2 times within 1m, "));
}

#[test]
fn a_daemon_that_nobody_knows_is_looked_for_by_svcheck() {
    let dir = service();
    write(&dir, "#!/bin/sh\n./daemon\n", 0o755);
    // No process has this number.
    let pid = Pid(u32::MAX);
    let ran = Duration::from_millis(20);
    let said = report("a", dir.path(), Report::Background { pid, ran });
    assert!(said.ends_with("; svcheck a may say which line of run does it"), "{said}");
}
