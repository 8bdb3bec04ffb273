//! The servers that the command line names.

use cli::{Args, Usage};
use ntp::config::{Config, Host, Proof, Server, What};
use ntp::source::Polling;

/// The servers of `-p`, and what there is to say of what is ignored.
///
/// # Errors
/// One is neither a name nor an address.
pub(super) fn servers(args: &Args) -> Result<(Vec<Server>, Vec<String>), Usage> {
    let names = args.values("p").into_iter().map(|name| name.to_string_lossy());
    let (files, names): (Vec<_>, Vec<_>) = names.partition(|name| name.contains('/'));
    let note = "is ignored: there is no pid file, supervise knows the pid";
    for name in &names {
        let wrong = |wrong| What::NoHost(name.to_string(), wrong);
        Host::of(name).map_err(|why| Usage::because(format!("-p: {}", wrong(why))))?;
    }
    let server = |name: &str| Server {
        name: name.to_owned(),
        pool: false,
        polling: quick(),
        proof: Proof::None,
    };
    let servers = names.iter().map(|name| server(name)).collect();
    let files = files.iter().map(|file| format!("-p {file} {note}"));
    let nice = "-N is ignored: priority changes nothing, the kernel stamps packets";
    let notes = files.chain(args.has("N").then(|| nice.to_owned()));
    Ok((servers, notes.collect()))
}

/// A server of the command line is asked quickly at first.
fn quick() -> Polling {
    Polling { iburst: true, ..Polling::default() }
}

/// These and the servers of the configuration.
///
/// # Errors
/// What to do where that has one of them prove itself.
pub(super) fn with(named: Vec<Server>, config: &Config) -> Result<Vec<Server>, Usage> {
    let stronger = |server: &Server| config.servers.iter().find(|it| it.contradicts(server));
    if let Some((server, stronger)) = named.iter().find_map(|it| Some((it, stronger(it)?))) {
        let (name, proof) = (&server.name, &stronger.proof);
        let what = format!("-p {name} is in the configuration {proof}; leave -p {name} out");
        return Err(Usage::because(what));
    }
    Ok(named.into_iter().chain(config.servers.iter().cloned()).collect())
}
