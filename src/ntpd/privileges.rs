//! Root's power, given up: another user, one capability, few system calls.
//!
//! What needs root is done before: sockets are bound, the log and the files of [`super::held`] are
//! open. What is kept is `CAP_SYS_TIME`, and that only by one who sets the clock. Then a filter
//! lets nothing through but everyday calls; what it refuses fails with ENOSYS, as on an older
//! kernel, and the program goes on: a C library that begins to use a new call must not end the
//! service that keeps the clock, and programs have learned to live without new calls.
//!
//! A part of this that the system refuses is left out, with a line for those who look closely.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};

use cli::UnableExt as _;
use ntp::client::Level;
use sys::{capabilities, ids, seccomp};

use crate::accounts::Account;

use super::control::Control;
use super::log::Log;
use super::service::Service;
use super::state::State;

/// Who ntpd becomes where nobody says it: the first of these that there is.
const USUAL: [&str; 3] = ["_ntp", "ntp", "ntpsec"];

/// No `/etc/passwd` that we look for them in is longer.
const PASSWD_MAX: u64 = 1024 * 1024;

/// Somebody to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    name: String,
    pub(crate) uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// What another user must still be able to use.
#[derive(Debug)]
pub(crate) struct Belongings<'a> {
    pub(crate) state: Option<&'a mut State>,
    pub(crate) control: Option<&'a Control>,
    pub(crate) service: Option<&'a mut Service>,
}

/// Whom to become: the one who was named (`-u`), or a usual one; nobody where we are not root.
///
/// # Errors
/// The user who was named is not there.
pub(crate) fn whom(named: Option<&OsStr>) -> anyhow::Result<Option<User>> {
    if ids::effective_uid() != 0 {
        return Ok(None);
    }
    let user = named.map_or_else(|| Ok(usual()), |name| find(name).map(Some))?;
    Ok(user.filter(|user| user.uid != 0))
}

/// Gives up what is not needed any more, and becomes `user`. `named`: who was to be that (`-u`);
/// `steers`: the clock is to be set.
///
/// # Errors
/// We may not become the user who was named.
pub(crate) fn give_up(
    named: Option<&OsStr>,
    user: Option<&User>,
    steers: bool,
    belongings: Belongings<'_>,
    log: &mut Log,
) -> anyhow::Result<()> {
    let kept: &[u8] = if steers { &[capabilities::SYS_TIME] } else { &[] };
    let is_root = ids::effective_uid() == 0;
    if let Some(name) = named.filter(|_| !is_root) {
        let name = name.display();
        log.warning(&format!("-u {name} is ignored: only root can become somebody else"));
    }
    if is_root {
        let all_but_few = capabilities::bound_to(kept);
        note(log, "give up capabilities for good", &all_but_few);
    }
    match user {
        Some(user) => {
            belongings.hand_over(user, steers, log);
            become_user(user, named.is_some(), log)?;
        }
        None if is_root && named.is_none() => {
            let users = USUAL.join(", ");
            log.say(Level::Debug, &format!("staying root: there is no user {users}; -u names one"));
        }
        None => {}
    }
    let had = capabilities::permitted().unwrap_or(0);
    let kept: Vec<u8> = kept.iter().copied().filter(|number| had >> number & 1 == 1).collect();
    note(log, "give up capabilities", &capabilities::keep_only(&kept));
    note(log, "forbid itself to gain privileges", &capabilities::gain_nothing());
    Ok(())
}

/// Lets nothing through but everyday calls, from now on. To be called last.
pub(crate) fn confine(log: &mut Log) {
    let filter = seccomp::Filter::allowing(seccomp::EVERYDAY, sys::ENOSYS);
    note(log, "forbid itself unusual system calls", &filter.and_then(|filter| filter.put_on()));
}

impl Belongings<'_> {
    /// Sees to it that `user` can use them, while we are root.
    fn hand_over(self, user: &User, steers: bool, log: &mut Log) {
        if let Some(control) = self.control {
            note(log, "give the private socket away", &control.give_to(user.uid));
        }
        if let Some(service) = self.service {
            service.hold(user.uid, &user.groups);
        }
        match self.state.map(|state| state.hold(user.uid, &user.groups, steers)) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => {
                let name = &user.name;
                let text = format!("{name} may not replace the drift file: it is kept open");
                log.say(Level::Debug, &text);
            }
            Some(Err(error)) => log.warning(&error.to_string()),
        }
    }
}

fn become_user(user: &User, is_named: bool, log: &mut Log) -> anyhow::Result<()> {
    let become_it = || -> io::Result<()> {
        capabilities::keep_across_setuid()?;
        ids::set_groups(&user.groups)?;
        ids::set_gid(user.gid)?;
        ids::set_uid(user.uid)
    };
    match become_it() {
        Ok(()) => log.say(Level::Debug, &format!("running as {}", user.name)),
        Err(error) if is_named => Err(error).unable(format_args!("become {}", user.name))?,
        // A root who may not become anybody is one of a container.
        Err(error) => note(log, &format!("become {}", user.name), &Err(error)),
    }
    Ok(())
}

fn find(name: &OsStr) -> anyhow::Result<User> {
    let account = Account::find(name)?;
    let groups = account.groups.clone();
    let name = name.to_string_lossy().into_owned();
    Ok(User { name, uid: account.uid, gid: account.gid, groups })
}

fn usual() -> Option<User> {
    let mut passwd = String::new();
    File::open("/etc/passwd").ok()?.take(PASSWD_MAX).read_to_string(&mut passwd).ok()?;
    usual_in(&passwd)
}

fn usual_in(passwd: &str) -> Option<User> {
    USUAL.iter().find_map(|name| {
        let account = doctor::people::account(passwd, name)?;
        let (uid, gid) = (account.uid, account.gid);
        Some(User { name: (*name).to_owned(), uid, gid, groups: vec![gid] })
    })
}

/// A part that is left out where it cannot be had.
fn note(log: &mut Log, what: &str, done: &io::Result<()>) {
    if let Err(error) = done {
        log.say(Level::Debug, &format!("unable to {what}: {}", cli::reason(error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_usual_user_that_there_is_is_taken() {
        let passwd = "root:x:0:0::/root:/bin/sh\nntpsec:x:102:103::/:/bin/false\n\
            ntp:x:87:88::/var/empty:/bin/false\n";
        let user = usual_in(passwd).unwrap();
        assert_eq!((user.name.as_str(), user.uid, user.gid), ("ntp", 87, 88));
        assert_eq!(usual_in("root:x:0:0::/root:/bin/sh\n"), None);
    }
}
