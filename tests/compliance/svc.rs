//! svc in directories whose control FIFO the test reads itself.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use crate::support::{Fake, Sandbox, code_of, each_suite, is_root, only_ours};

each_suite!(
    letters_are_sent_once_in_the_order_of_first_appearance,
    without_letters_the_control_is_tried_and_nothing_is_sent,
    without_directories_there_is_nothing_to_do,
    options_stop_at_the_first_directory,
    an_unknown_letter_sends_nothing_and_lists_the_known_ones,
    a_directory_that_cannot_be_reached_is_a_warning_and_the_others_are_served,
    an_empty_name_is_not_this_directory,
    names_are_printed_as_the_bytes_they_are,
    a_directory_one_may_not_enter_is_told_from_a_control_one_may_not_write,
    a_closed_standard_error_stops_nothing,
    two_free_descriptors_are_enough,
    a_name_in_any_spelling_leads_to_its_directory,
);

only_ours!(
    a_full_control_is_a_warning_at_once_and_takes_no_part_of_the_letters,
    what_lies_in_the_place_of_the_control_is_not_written_to,
    one_free_descriptor_is_enough,
);

const LISTED: &str = "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, \
    a alarm, i interrupt, t term, k kill\n";

fn letters_are_sent_once_in_the_order_of_first_appearance(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    let table: [(&[&str], &str); 7] = [
        (&["-u"], "u"),
        (&["-du"], "du"),
        (&["-uu"], "u"),
        (&["-d", "-u", "-du"], "du"),
        (&["-udopchaitkx"], "udopchaitkx"),
        (&["-xktiahcpodu"], "xktiahcpodu"),
        (&["-t", "-xt", "--"], "tx"),
    ];
    for (flags, expected) in table {
        let words = [flags, &["s"]].concat();
        sandbox.tool("svc", &words).is(0, "", "");
        assert_eq!(fake.letters(), expected, "{flags:?}");
    }
}

fn without_letters_the_control_is_tried_and_nothing_is_sent(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    Fake::unread(sandbox, "dead");
    let warning = "svc: warning: unable to control dead: supervise not running\n";
    sandbox.tool("svc", &["dead", "s"]).is(0, "", warning);
    assert_eq!(fake.letters(), "");
}

fn without_directories_there_is_nothing_to_do(sandbox: &Sandbox) {
    sandbox.tool::<&str>("svc", &[]).is(0, "", "");
    sandbox.tool("svc", &["-d"]).is(0, "", "");
    sandbox.tool("svc", &["-u", "--"]).is(0, "", "");
}

fn options_stop_at_the_first_directory(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    let warning = "svc: warning: unable to chdir to -d: file does not exist\n";
    sandbox.tool("svc", &["-u", "s", "-d"]).is(0, "", warning);
    assert_eq!(fake.letters(), "u");
    let warning = "svc: warning: unable to chdir to -: file does not exist\n";
    sandbox.tool("svc", &["-u", "-", "s"]).is(0, "", warning);
    assert_eq!(fake.letters(), "u");
}

fn an_unknown_letter_sends_nothing_and_lists_the_known_ones(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    for words in [["-z", "s"].as_slice(), &["-uzd", "s"], &["-u", "-z", "s"]] {
        let expected = format!("svc: illegal option -- z\n{LISTED}");
        sandbox.tool("svc", words).is(100, "", &expected);
    }
    assert_eq!(fake.letters(), "");
}

fn a_directory_that_cannot_be_reached_is_a_warning_and_the_others_are_served(sandbox: &Sandbox) {
    let mut first = Fake::new(sandbox, "first");
    let mut last = Fake::new(sandbox, "last");
    sandbox.resting("plain");
    Fake::unread(sandbox, "dead");
    let dirs = ["first", "nowhere", "plain/run", "plain", "dead", "last"];
    let expected = "\
svc: warning: unable to chdir to nowhere: file does not exist
svc: warning: unable to chdir to plain/run: not a directory
svc: warning: unable to control plain: file does not exist
svc: warning: unable to control dead: supervise not running
";
    sandbox.tool("svc", &[&["-ud"], dirs.as_slice()].concat()).is(0, "", expected);
    assert_eq!((first.letters(), last.letters()), ("ud".into(), "ud".into()));
}

fn an_empty_name_is_not_this_directory(sandbox: &Sandbox) {
    let mut here = Fake::new(sandbox, ".");
    let warning = "svc: warning: unable to chdir to : file does not exist\n";
    sandbox.tool("svc", &["-u", ""]).is(0, "", warning);
    assert_eq!(here.letters(), "");
    sandbox.tool("svc", &["-u", "."]).is(0, "", "");
    assert_eq!(here.letters(), "u");
}

fn names_are_printed_as_the_bytes_they_are(sandbox: &Sandbox) {
    let name = std::ffi::OsStr::from_bytes(b"a\xff\xfe\nb");
    let ran = sandbox.tool("svc", &["-u".as_ref(), name]);
    let expected = b"svc: warning: unable to chdir to a\xff\xfe\nb: file does not exist\n";
    assert_eq!((ran.code, ran.err.as_slice()), (0, expected.as_slice()));
}

fn a_directory_one_may_not_enter_is_told_from_a_control_one_may_not_write(sandbox: &Sandbox) {
    if is_root() {
        return; // who may do all cannot be refused
    }
    let shut = Fake::new(sandbox, "shut");
    let held = Fake::new(sandbox, "held");
    sandbox.shell("chmod 0 shut held/supervise/control").is(0, "", "");
    let expected = "\
svc: warning: unable to chdir to shut: access denied
svc: warning: unable to control held: access denied
";
    sandbox.tool("svc", &["-u", "shut", "held"]).is(0, "", expected);
    sandbox.shell("chmod 700 shut").is(0, "", "");
    drop((shut, held));
}

fn a_closed_standard_error_stops_nothing(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sandbox.tool_command("svc");
    command.args(["-u", "nowhere", "s"]).stdout(Stdio::null()).stderr(writer);
    assert_eq!(code_of(&mut command), 0);
    assert_eq!(fake.letters(), "u");
}

fn two_free_descriptors_are_enough(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    sandbox.shell("ulimit -n 5; exec svc -u s s").is(0, "", "");
    assert_eq!(fake.letters(), "uu");
}

fn a_name_in_any_spelling_leads_to_its_directory(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "dir/s");
    symlink("dir/s", sandbox.path("link")).unwrap();
    let whole = sandbox.path("dir/s").display().to_string();
    let dirs = ["dir/s/", "./dir//s/.", "link", "link/", "dir/../link", &whole];
    sandbox.tool("svc", &[&["-a"], dirs.as_slice()].concat()).is(0, "", "");
    assert_eq!(fake.letters(), "aaaaaa");
}

/// Theirs waits until the letters are taken or the reader leaves, however stuck that one is.
fn a_full_control_is_a_warning_at_once_and_takes_no_part_of_the_letters(sandbox: &Sandbox) {
    const ROOM: usize = 5;
    let mut fake = Fake::new(sandbox, "s");
    let path = fake.path("supervise/control");
    let mut control =
        OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
    while control.write(&[b'x'; 4096]).is_ok() {}
    while control.write(b"x").is_ok() {}
    let filled = fake.letters().len() - ROOM;
    control.write_all(&vec![b'x'; filled]).unwrap();
    let warning = "svc: warning: error writing commands to s: temporary failure\n";
    sandbox.tool("svc", &["-udopchaitkx", "s"]).is(0, "", warning);
    assert_eq!(fake.letters(), "x".repeat(filled));
}

/// Theirs writes its letters over the beginning of whatever the owner of the directory leads to.
fn what_lies_in_the_place_of_the_control_is_not_written_to(sandbox: &Sandbox) {
    let service = sandbox.service("s");
    fs::create_dir(service.path("supervise")).unwrap();
    let precious = sandbox.path("precious");
    fs::write(&precious, "precious").unwrap();
    let control = service.path("supervise/control");
    let warning = "svc: warning: unable to control s: invalid argument\n";
    for target in [&precious, Path::new("/dev/null")] {
        symlink(target, &control).unwrap();
        sandbox.tool("svc", &["-dx", "s"]).is(0, "", warning);
        fs::remove_file(&control).unwrap();
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

/// Theirs needs two: it keeps the directory it came from open.
fn one_free_descriptor_is_enough(sandbox: &Sandbox) {
    let mut fake = Fake::new(sandbox, "s");
    sandbox.shell("ulimit -n 4; exec svc -u s s").is(0, "", "");
    assert_eq!(fake.letters(), "uu");
}
