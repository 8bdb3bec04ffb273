//! keepup in a machine of its own: a Debian kernel under qemu's software emulation, which takes a
//! few seconds and no privileges. What no test may do to the machine it runs on is done here: the
//! clock is set, pids, files, memory and disks run out, process 1 is stopped.
//!
//! The machine is made of what `tests/vm/fetch.sh` fetches into `target/vm` (or into `KEEPUP_VM`).
//! Where that is not there, or the machine is no `x86_64`, the tests say `SKIPPED: ...`; with
//! `KEEPUP_REQUIRE_VM=1` they fail.
//!
//! A story is a script in `stories/`, run by the machine's busybox ash with `guest/lib.sh` before
//! it. What it says on the console is the verdict: no line `FAIL: ...`, and `VERDICT ok` at last.
//! All state is the machine's memory, and gone with it. Time is virtual (`-icount`): it follows the
//! instructions, and idle seconds are skipped. So a minute costs a second or two, and a busy host
//! changes nothing but how long the test takes; only what goes over the network runs by the host's
//! time.
//!
//! One story by hand, with its console:
//! ```text
//! cargo test --test vm clock_is_set -- --nocapture
//! ```
//! A shell in the machine, as root, with keepup in `/ours` and daemontools in `/theirs` (Ctrl-A X
//! or `poweroff -f` ends it; what the story needs can be typed: `. /guest/lib.sh`):
//! ```text
//! cargo test --test vm a_shell_for_a_person -- --ignored --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod archive;
mod console;
mod machine;
mod parts;
mod reference;

use machine::Story;
use reference::Reference;

/// The daemon of the stories, which ends up in the background: with its environment it could still
/// be recognised, without it only a cgroup or who its parent was tells whose it is.
const KEEPS_ENVIRONMENT: (&str, &str) = ("ENVIRONMENT", "kept");
const CLEARS_ENVIRONMENT: (&str, &str) = ("ENVIRONMENT", "cleared");

/// Memory in MiB that is soon eaten: half of it is left when the story begins.
const SMALL_MEMORY: u32 = 112;

const AS_PROCESS_ONE: (&str, &str) = ("PROCESS_ONE", "ours");
const WITH_CGROUPS: (&str, &str) = ("CGROUPS", "yes");

#[test]
#[ignore = "for a person who wants to look around"]
fn a_shell_for_a_person() {
    Story::of("shell").with(&[WITH_CGROUPS]).tell_by_hand();
}

#[test]
fn daemontools_drowns_in_a_daemon_that_backgrounds_itself() {
    Story::of("drowning").with(&[CLEARS_ENVIRONMENT]).tell();
}

#[test]
fn a_daemon_in_the_background_is_kept_once_by_cgroups() {
    Story::of("background").with(&[CLEARS_ENVIRONMENT, WITH_CGROUPS]).tell();
}

#[test]
fn a_daemon_in_the_background_is_kept_once_by_cgroups_and_process_one() {
    Story::of("background").with(&[CLEARS_ENVIRONMENT, WITH_CGROUPS, AS_PROCESS_ONE]).tell();
}

#[test]
fn a_daemon_in_the_background_is_kept_once_without_cgroups() {
    Story::of("background").with(&[KEEPS_ENVIRONMENT]).tell();
}

#[test]
fn a_daemon_in_the_background_is_kept_once_without_cgroups_by_process_one() {
    Story::of("background").with(&[KEEPS_ENVIRONMENT, AS_PROCESS_ONE]).tell();
}

#[test]
fn a_daemon_that_hides_is_kept_once_without_cgroups() {
    Story::of("background").with(&[CLEARS_ENVIRONMENT]).tell();
}

#[test]
fn a_daemon_that_hides_is_kept_once_without_cgroups_by_process_one() {
    Story::of("background").with(&[CLEARS_ENVIRONMENT, AS_PROCESS_ONE]).tell();
}

/// What is said at the end of process 1, whoever told it to end.
macro_rules! ends_in_order {
    ($last:literal) => {
        &[
            "ok: none of them is left unreaped",
            "ok: process 1 is the same after a crash",
            "ok: process 1 does not leave",
            "told to end",
            "told to end",
            "logger: ends after: last words",
            "orphan: told to end",
            "svscan: info: everything has ended: the machine is ",
            $last,
        ]
    };
}

fn tell_of_the_end_of_process_one(how: &str, in_order: &'static [&'static str]) {
    Story::of("process_one")
        .with(&[AS_PROCESS_ONE, ("SAID", "/dev/console"), ("END", how)])
        .ends(in_order)
        .tell();
}

#[test]
fn process_one_stops_services_then_loggers_then_orphans_and_reboots() {
    tell_of_the_end_of_process_one("TERM", ends_in_order!("reboot: Restarting system"));
}

#[test]
fn process_one_does_so_for_ctrl_alt_del_as_well() {
    tell_of_the_end_of_process_one("INT", ends_in_order!("reboot: Restarting system"));
}

#[test]
fn process_one_switches_the_machine_off() {
    tell_of_the_end_of_process_one("USR2", ends_in_order!("reboot: Power down"));
}

#[test]
fn process_one_does_what_svscanctl_says() {
    tell_of_the_end_of_process_one("letter", ends_in_order!("reboot: Power down"));
}

#[test]
fn process_one_without_a_scan_directory_waits_for_one() {
    let in_order = &[
        "svscan: warning: unable to chdir to /later: file does not exist",
        "ok: a service runs once there is one",
        "svscan: info: everything has ended: the machine is ",
        "reboot: Restarting system",
    ];
    Story::of("process_one_waits")
        .with(&[AS_PROCESS_ONE, ("SAID", "/dev/console"), ("SCAN", "/later")])
        .ends(in_order)
        .tell();
}

#[test]
fn fork_bombs_in_many_services_leave_room_for_control() {
    Story::of("bombs").with(&[WITH_CGROUPS]).tell();
}

#[test]
fn nothing_happens_to_services_when_the_clock_is_set_by_years() {
    Story::of("clock").tell();
}

#[test]
fn nothing_is_lost_on_a_full_or_failing_disk() {
    Story::of("disk").tell();
}

fn tell_scarce(resource: &str, eater: &str, who: &str) -> Story {
    Story::of("scarce").with(&[("RESOURCE", resource), ("EATER", eater), ("WHO", who)])
}

#[test]
fn services_outlive_a_lack_of_pids() {
    tell_scarce("pids", "user", "root").tell();
}

#[test]
fn services_of_process_one_outlive_a_lack_of_pids() {
    tell_scarce("pids", "root", "root").with(&[AS_PROCESS_ONE, WITH_CGROUPS]).tell();
}

#[test]
fn services_of_an_ordinary_user_outlive_a_lack_of_files() {
    tell_scarce("files", "root", "user").tell();
}

#[test]
fn services_of_root_outlive_a_lack_of_files() {
    tell_scarce("files", "user", "root").tell();
}

#[test]
fn services_outlive_a_lack_of_memory() {
    tell_scarce("memory", "user", "root").memory(SMALL_MEMORY).tell();
}

#[test]
fn svscan_is_not_killed_for_want_of_memory_and_services_are_as_it_was() {
    Story::of("spared").tell();
}

#[test]
fn the_same_holds_where_each_service_has_a_group() {
    Story::of("spared").with(&[WITH_CGROUPS]).tell();
}

/// How far a clock is off, in seconds; the years have 365 days.
const YEARS: &str = "946080000";
const FOUR_HOURS: &str = "14400";

fn ntpd(wrong: &str, flag: &str) -> Story {
    Story::of("ntpd").with(&[("WRONG", wrong), ("FLAG", flag)])
}

fn tell_over_the_network(story: Story) {
    let reference = Reference::start();
    story.with(&[("PORT", &reference.port)]).networked().tell();
}

#[test]
fn ntpd_with_g_sets_a_clock_that_is_hours_ahead() {
    ntpd(FOUR_HOURS, "-g").tell();
}

#[test]
fn ntpd_with_g_sets_a_clock_that_is_decades_behind() {
    tell_over_the_network(ntpd(&format!("-{YEARS}"), "-g"));
}

#[test]
fn ntpd_without_g_names_the_cure_for_a_clock_that_is_hours_behind() {
    tell_over_the_network(ntpd(&format!("-{FOUR_HOURS}"), ""));
}

#[test]
fn ntpd_without_g_is_healed_by_asking_it() {
    ntpd(FOUR_HOURS, "").with(&[("ASK", "yes")]).tell();
}

#[test]
fn ntpd_sets_a_clock_of_1970_forward_to_what_it_remembers_and_names_its_rival() {
    Story::of("ntpd_alone").tell();
}

#[test]
fn ntpd_without_g_names_the_cure_for_a_clock_that_is_decades_ahead() {
    ntpd(YEARS, "").tell();
}

#[test]
fn ntpd_brings_back_a_clock_that_somebody_else_sets_and_an_observer_calls_it_wrong() {
    Story::of("ntpd_moved").tell();
}

#[test]
fn ntpd_and_the_kernel_make_a_leap_second() {
    Story::of("leap").tell();
}
