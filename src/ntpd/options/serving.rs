//! What the command line and ntp.conf say of answering others.

use std::net::SocketAddr;
use std::path::Path;

use cli::{Args, Usage};
use ntp::access::Access;
use ntp::config::{Config, Granting, Serving};
use ntp::limiter::Limits;
use ntp::time::Span;

use super::signed_time;

/// NTP's port, where `interface listen` names an address.
const PORT: u16 = 123;

/// The stratum of a local reference: far from the top, so that any real server is preferred.
const LOCAL_STRATUM: u8 = 10;

/// The highest stratum that clients believe.
const STRATUM_MAX: u8 = 15;

/// Answering others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Serve {
    /// Where.
    pub(crate) at: Vec<SocketAddr>,
    /// At which stratum the local clock is served, where it is: instead of servers, or where none
    /// of them is of use.
    pub(crate) stratum: Option<u8>,
    /// After how long without servers.
    pub(crate) orphan_wait: Span,
    /// As a test instrument, how far off from the system clock at the start.
    pub(crate) off: Option<Span>,
    /// Who may ask, and how often.
    pub(crate) access: Access,
    pub(crate) limits: Limits,
    /// A leap second is told bit by bit, over so long.
    pub(crate) smear: Option<Span>,
    /// NTS is served as well.
    pub(crate) granting: Option<Granting>,
}

impl Serve {
    /// The stratum of a clock that is served without asking anybody.
    pub(crate) fn local_stratum(&self) -> u8 {
        self.stratum.unwrap_or(LOCAL_STRATUM)
    }
}

/// What the command line alone says: where, which stratum, how far off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    at: SocketAddr,
    stratum: Option<u8>,
    pub(super) off: Option<Span>,
}

/// Reads `--serve`, `--stratum` and `--serve-offset`.
pub(super) fn asked(args: &Args) -> Result<Option<Asked>, Usage> {
    let text = |key: &str| args.value(key).map(|value| value.to_string_lossy().into_owned());
    let wrong = |key: &str, value: &str| Usage::because(format!("--{key} cannot be {value}"));
    let Some(at) = text("serve") else {
        let needless = ["stratum", "serve-offset"].into_iter().find(|key| args.has(key));
        return needless.map_or(Ok(None), |key| {
            Err(Usage::because(format!("--{key} is of no use without --serve")))
        });
    };
    let stratum = match text("stratum") {
        None => None,
        Some(text) => {
            let stratum = text.parse().ok().filter(|stratum| (1..=STRATUM_MAX).contains(stratum));
            Some(stratum.ok_or_else(|| wrong("stratum", &text))?)
        }
    };
    let off = match text("serve-offset") {
        None => None,
        Some(text) => Some(signed_time(&text).ok_or_else(|| wrong("serve-offset", &text))?),
    };
    let at = at.parse().map_err(|_| wrong("serve", &at))?;
    Ok(Some(Asked { at, stratum, off }))
}

/// With what ntp.conf says.
pub(super) fn complete(asked: Option<Asked>, config: Serving) -> Option<Serve> {
    let listen = config.listen.iter().map(|&address| SocketAddr::new(address, PORT));
    let mut at: Vec<SocketAddr> = asked.iter().map(|asked| asked.at).chain(listen).collect();
    at.dedup();
    (!at.is_empty()).then(|| Serve {
        at,
        stratum: asked.and_then(|asked| asked.stratum).or_else(|| config.own_stratum()),
        orphan_wait: Span::from_secs(config.orphan_wait.into()),
        off: asked.and_then(|asked| asked.off),
        smear: config.smear.map(|seconds| Span::from_secs(seconds.into())),
        limits: config.limits,
        access: config.access,
        granting: None,
    })
}

/// That the configuration in `path` leaves nothing to do, and what to write there.
pub(super) fn nobody(config: &Config, path: Option<&Path>) -> String {
    let path = path.unwrap_or(Path::new("the command line")).display();
    let ignored = config.not_obeyed_list();
    let ignored = ignored.map_or_else(String::new, |list| format!("; ignored: {list}"));
    if config.serving.own_stratum().is_some() {
        let cure = "`interface listen all` would serve it";
        return format!("{path} names no server but our own clock: {cure}{ignored}");
    }
    format!("{path} names no server: write `server NAME` there, or give -p NAME{ignored}")
}

/// Has NTS served, where that is asked for; its keys are kept beside the drift file, unless it was
/// said where. What there is to warn of.
pub(super) fn grant(
    serve: Option<&mut Serve>,
    config: &Config,
    drift: Option<&Path>,
) -> Option<String> {
    let mut granting = Some(&config.granting).filter(|granting| granting.is_on)?.clone();
    let Some(serve) = serve else {
        return Some(
            "nts enable is of no use: no time is served (--serve, interface listen)".to_owned(),
        );
    };
    let beside = drift.map(|drift| format!("{}.cookies", drift.display()));
    granting.cookies = granting.cookies.or(beside);
    serve.granting = Some(granting);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Serving {
        ntp::config::parse(text).unwrap().serving
    }

    #[test]
    fn nothing_is_served_where_nobody_says_so() {
        assert_eq!(complete(None, config("restrict default kod limited\ntos orphan 5")), None);
    }

    #[test]
    fn both_say_where_and_the_command_line_says_which_stratum() {
        let asked = Asked { at: "127.0.0.1:1123".parse().unwrap(), stratum: Some(3), off: None };
        let text = "interface listen 192.0.2.1\ntos orphan 5 orphanwait 7\nleapsmearinterval 3600";
        let serve = complete(Some(asked), config(text)).unwrap();
        let at: Vec<String> = serve.at.iter().map(SocketAddr::to_string).collect();
        assert_eq!(at, ["127.0.0.1:1123", "192.0.2.1:123"]);
        assert_eq!((serve.stratum, serve.orphan_wait), (Some(3), Span::from_secs(7)));
        assert_eq!(serve.smear, Some(Span::from_secs(3600)));
        let serve = complete(None, config(text)).unwrap();
        assert_eq!(serve.stratum, Some(5));
        assert_eq!(complete(None, config("interface listen all")).unwrap().local_stratum(), 10);
    }

    #[test]
    fn who_has_nothing_to_do_is_told_what_to_write() {
        let said = |text: &str| {
            nobody(&ntp::config::parse(text).unwrap(), Some(Path::new("/etc/ntp.conf")))
        };
        assert_eq!(
            said("peer 192.0.2.1"),
            "/etc/ntp.conf names no server: write `server NAME` there, or give -p NAME; \
             ignored: peer (line 1)"
        );
        assert_eq!(
            said("server 127.127.1.0\nfudge 127.127.1.0 stratum 10"),
            "/etc/ntp.conf names no server but our own clock: `interface listen all` would serve it"
        );
    }

    fn granted(text: &str, drift: Option<&str>) -> (Option<Granting>, Option<String>) {
        let config = ntp::config::parse(text).unwrap();
        let mut serve = complete(None, config.serving.clone());
        let warning = grant(serve.as_mut(), &config, drift.map(Path::new));
        (serve.and_then(|serve| serve.granting), warning)
    }

    #[test]
    fn nts_is_served_where_the_time_is_and_its_keys_lie_beside_the_drift_file() {
        let served = "interface listen 192.0.2.1\n";
        assert_eq!(granted(served, None), (None, None));
        let (warned, sentence) = granted("nts enable", None);
        assert!(warned.is_none() && sentence.unwrap().starts_with("nts enable is of no use: "));
        let cookies = |text: &str, drift| {
            let (granting, warning) = granted(&format!("{served}{text}"), drift);
            assert_eq!(warning, None);
            granting.unwrap().cookies
        };
        assert_eq!(cookies("nts enable", None), None);
        let beside = cookies("nts enable", Some("/d/drift"));
        assert_eq!(beside.as_deref(), Some("/d/drift.cookies"));
        let said = cookies("nts enable cookie /k", Some("/d/drift"));
        assert_eq!(said.as_deref(), Some("/k"));
    }
}
