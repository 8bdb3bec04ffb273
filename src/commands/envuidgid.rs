//! envuidgid: run a program with $UID and $GID of an account (daemontools, `envuidgid.c`).

use std::process::ExitCode;

use cli::{Args, Command, Usage};

use crate::accounts::Account;
use crate::chain::{Environment, Next};

pub(crate) static COMMAND: Command = Command {
    name: "envuidgid",
    summary: "run a program with an account's uid and gid in $UID and $GID",
    usage: "account child",
    flags: &[],
    about: "\
The account is a name; or name:group for another group than the account's own; or
uid:gid, also :uid:gid, for numbers that need no name. Names are looked up in
/etc/passwd and /etc/group, then by getent(1).

Exit codes: that of the program; 100 wrong usage, 111 no such account, or the
program cannot be run.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (text, rest) = args.operands.split_first().ok_or_else(Usage::default)?;
    let next = Next::new(rest)?;
    let account = Account::find(text)?;
    let mut environment = Environment::inherited();
    environment.set(b"GID", Some(account.gid.to_string().as_bytes()));
    environment.set(b"UID", Some(account.uid.to_string().as_bytes()));
    match next.run(environment)? {}
}
