//! setuidgid: run a program as somebody else (daemontools, `setuidgid.c`).

use std::process::ExitCode;

use cli::{Args, Command, Flag, UnableExt as _, Usage};

use crate::accounts::Account;
use crate::chain::{Environment, Next};

pub(crate) static COMMAND: Command = Command {
    name: "setuidgid",
    summary: "run a program under an account's uid and gid",
    usage: "account child",
    flags: &[Flag {
        names: &["s", "groups"],
        value: None,
        help: "give it all groups of the account, not only the first",
    }],
    about: "\
The account is a name; or name:group, or name:group:group..., for other groups
than the account's own; or uid:gid, also :uid:gid, for numbers that need no name.
Names are looked up in /etc/passwd and /etc/group, then by getent(1). All other
supplementary groups are dropped. Only root may do this.

Exit codes: that of the program; 100 wrong usage, 111 no such account, not allowed,
or the program cannot be run.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (text, rest) = args.operands.split_first().ok_or_else(Usage::default)?;
    let next = Next::new(rest)?;
    let account = Account::find(text)?;
    let groups = if args.has("s") { account.all_groups()? } else { account.groups.clone() };
    sys::ids::set_groups(&groups).unable("setgid")?;
    sys::ids::set_gid(account.gid).unable("setgid")?;
    sys::ids::set_uid(account.uid).unable("setuid")?;
    match next.run(Environment::inherited())? {}
}
