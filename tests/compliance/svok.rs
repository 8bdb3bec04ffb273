//! svok: 0, 100 or 111, and which of them when.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Fake, Sandbox, each_suite, is_root};

each_suite!(
    a_reader_of_ok_is_a_supervise,
    no_reader_and_no_fifo_is_100_in_silence,
    a_directory_that_is_none_is_111,
    what_cannot_be_known_is_111,
    no_directory_is_wrong_usage_and_only_the_first_is_looked_at,
    one_free_descriptor_is_enough,
);

fn a_reader_of_ok_is_a_supervise(sandbox: &Sandbox) {
    let fake = Fake::new(sandbox, "s");
    sandbox.tool("svok", &["s"]).is(0, "", "");
    sandbox.tool("svok", &["s/"]).is(0, "", "");
    drop(fake);
    sandbox.tool("svok", &["s"]).is(100, "", "");
}

fn no_reader_and_no_fifo_is_100_in_silence(sandbox: &Sandbox) {
    Fake::unread(sandbox, "dead");
    sandbox.tool("svok", &["dead"]).is(100, "", "");
    sandbox.service("plain");
    sandbox.tool("svok", &["plain"]).is(100, "", "");
}

fn a_directory_that_is_none_is_111(sandbox: &Sandbox) {
    let fatal = "svok: fatal: unable to chdir to nowhere: file does not exist\n";
    sandbox.tool("svok", &["nowhere"]).is(111, "", fatal);
    sandbox.resting("plain");
    let fatal = "svok: fatal: unable to chdir to plain/run: not a directory\n";
    sandbox.tool("svok", &["plain/run"]).is(111, "", fatal);
    let _here = Fake::new(sandbox, ".");
    let fatal = "svok: fatal: unable to chdir to : file does not exist\n";
    sandbox.tool("svok", &[""]).is(111, "", fatal);
}

fn what_cannot_be_known_is_111(sandbox: &Sandbox) {
    let service = sandbox.service("s");
    fs::create_dir(service.path("supervise")).unwrap();
    symlink("ok", service.path("supervise/ok")).unwrap();
    let fatal = "svok: fatal: unable to open s/supervise/ok: symbolic link loop\n";
    sandbox.tool("svok", &["s"]).is(111, "", fatal);
    if !is_root() {
        let _held = Fake::new(sandbox, "held");
        sandbox.shell("chmod 0 held/supervise").is(0, "", "");
        let fatal = "svok: fatal: unable to open held/supervise/ok: access denied\n";
        sandbox.tool("svok", &["held"]).is(111, "", fatal);
        sandbox.shell("chmod 700 held/supervise").is(0, "", "");
    }
}

fn no_directory_is_wrong_usage_and_only_the_first_is_looked_at(sandbox: &Sandbox) {
    let _fake = Fake::new(sandbox, "s");
    sandbox.tool::<&str>("svok", &[]).is(100, "", "svok: usage: svok dir\n");
    sandbox.tool("svok", &["s", "nowhere"]).is(0, "", "");
    sandbox.service("plain");
    sandbox.tool("svok", &["plain", "s"]).is(100, "", "");
}

fn one_free_descriptor_is_enough(sandbox: &Sandbox) {
    let _fake = Fake::new(sandbox, "s");
    sandbox.shell("ulimit -n 4; exec svok s").is(0, "", "");
}
