//! Chain loaders: `exec setuidgid log softlimit -m 9999999 multilog t ./main` runs multilog. Each
//! sets something up and becomes the next.

use crate::foreground::base;
use crate::shell::Word;

/// How a chain loader's own words end.
struct Spec {
    names: &'static [&'static str],
    /// Its flags that take a value.
    valued: &'static str,
    /// How many words follow the flags before the next program.
    operands: usize,
}

const fn spec(names: &'static [&'static str], valued: &'static str, operands: usize) -> Spec {
    Spec { names, valued, operands }
}

/// From the manuals of daemontools, runit, s6, ucspi-tcp, coreutils and util-linux.
const LOADERS: &[Spec] = &[
    spec(&["exec"], "a", 0),
    spec(&["command"], "", 0),
    spec(&["setuidgid", "envuidgid", "s6-setuidgid", "gosu", "su-exec"], "", 1),
    spec(&["s6-envuidgid"], "", 1),
    spec(&["envdir"], "p", 1),
    spec(&["s6-envdir"], "c", 1),
    spec(&["softlimit", "s6-softlimit"], "acdfhlmoprst", 0),
    spec(&["pgrphack", "fghack", "nohup", "s6-setsid"], "", 0),
    spec(&["setsid"], "", 0),
    spec(&["setlock"], "t", 1),
    spec(&["s6-setlock"], "tT", 1),
    spec(&["chpst"], "uUebCnlLmdopfcrt/", 0),
    spec(&["nice"], "n", 0),
    spec(&["ionice"], "cn", 0),
    spec(&["env"], "uC", 0),
    spec(&["stdbuf"], "ioe", 0),
    spec(&["authbind"], "", 0),
    spec(&["choom"], "n", 0),
    spec(&["busybox"], "", 0),
];

/// Long flags of theirs that take no value; what another takes is not known.
const LONG: &[&str] = &[
    "--clear",
    "--ctty",
    "--deep",
    "--fork",
    "--groups",
    "--ignore-environment",
    "--ignore-missing",
    "--loud",
    "--no-wait",
    "--silent",
    "--wait",
];

/// One chain loader and what it was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loader<'a> {
    pub(crate) name: &'a str,
    /// Its flags, each with its value where it takes one.
    pub(crate) flags: Vec<(&'a Word, Option<&'a Word>)>,
    pub(crate) operands: Vec<&'a Word>,
}

impl<'a> Loader<'a> {
    /// The value of a flag, where that is known before it runs.
    fn value(&self, letter: char) -> Option<&'a str> {
        self.flags.iter().rev().find_map(|(flag, value)| match value {
            Some(value) if flag.text.ends_with(letter) => value.known(),
            Some(_) => None,
            None => flag.known()?.strip_prefix('-')?.strip_prefix(letter),
        })
    }

    pub(crate) fn has(&self, flags: &[&str]) -> bool {
        self.flags.iter().any(|(name, _)| flags.contains(&name.text.as_str()))
    }

    /// The account it becomes, where that is a name.
    pub(crate) fn user(&self) -> Option<&'a str> {
        let account = match self.name {
            "setuidgid" | "envuidgid" | "s6-setuidgid" | "s6-envuidgid" | "gosu" | "su-exec" => {
                self.operands.first()?.known()
            }
            "chpst" => self.value('u').or_else(|| self.value('U')),
            _ => None,
        };
        let name = account?.split(':').next()?;
        let is_number = name.chars().all(|c| c.is_ascii_digit());
        (!is_number).then_some(name)
    }

    /// Whether what follows runs as that account.
    pub(crate) fn changes_user(&self) -> bool {
        let by_name = matches!(self.name, "setuidgid" | "s6-setuidgid" | "gosu" | "su-exec");
        by_name || (self.name == "chpst" && self.value('u').is_some())
    }

    /// The directory it takes the environment from.
    pub(crate) fn envdir(&self) -> Option<&'a str> {
        match self.name {
            "envdir" | "s6-envdir" => self.operands.first()?.known(),
            "chpst" => self.value('e'),
            _ => None,
        }
    }
}

/// A command with its chain loaders taken off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chain<'a> {
    pub(crate) loaders: Vec<Loader<'a>>,
    /// What is run in the end; `None` where that is not known before it runs.
    pub(crate) program: Option<&'a str>,
    pub(crate) args: &'a [Word],
}

impl Chain<'_> {
    /// Whether the shell becomes the first of them.
    pub(crate) fn is_exec(&self) -> bool {
        self.loaders.first().is_some_and(|loader| loader.name == "exec")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.loaders.iter().any(|loader| loader.name == name)
    }

    /// The name of the program, without its directories.
    pub(crate) fn name(&self) -> Option<&str> {
        self.program.map(base)
    }
}

/// Takes the chain loaders off a command.
pub(crate) fn unwrap(words: &[Word]) -> Chain<'_> {
    let mut chain = Chain { loaders: Vec::new(), program: None, args: &[] };
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        let Some(path) = first.known() else { return chain };
        let name = base(path);
        let Some(spec) = LOADERS.iter().find(|spec| spec.names.contains(&name)) else {
            chain.program = Some(path);
            chain.args = after;
            return chain;
        };
        let mut loader = Loader { name, flags: Vec::new(), operands: Vec::new() };
        let Some(next) = take_own(spec, &mut loader, after) else { return chain };
        if next.is_empty() && !chain.loaders.is_empty() && name != "exec" {
            // `exec nice` alone: the loader is all there is.
            chain.program = Some(path);
        }
        rest = next;
        chain.loaders.push(loader);
    }
    chain
}

/// Takes the loader's own words; gives the rest, or `None` where it is not known where they end.
fn take_own<'a>(spec: &Spec, loader: &mut Loader<'a>, words: &'a [Word]) -> Option<&'a [Word]> {
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        let assigns = loader.name == "env" && word.text.contains('=');
        if word.text == "--" {
            rest = after;
            break;
        }
        if word.text == "-" && loader.name == "env" || assigns && !word.text.starts_with('-') {
            rest = after;
            continue;
        }
        if !word.text.starts_with('-') || word.text == "-" {
            break;
        }
        if word.text.starts_with("--") && !word.text.contains('=') && !LONG.contains(&&*word.text) {
            return None;
        }
        rest = after;
        let value = if takes_value(spec, &word.text) { take_value(&mut rest) } else { None };
        loader.flags.push((word, value));
    }
    for _ in 0..spec.operands {
        loader.operands.push(take_value(&mut rest)?);
    }
    // Without quotes it may become a flag, several words, or none.
    let open = rest.first().is_some_and(|next| next.expands && next.text.starts_with('$'));
    if open { None } else { Some(rest) }
}

fn take_value<'a>(rest: &mut &'a [Word]) -> Option<&'a Word> {
    let (word, after) = rest.split_first()?;
    *rest = after;
    Some(word)
}

/// Whether the value of a flag is the next word.
fn takes_value(spec: &Spec, text: &str) -> bool {
    let letters = text.strip_prefix('-').unwrap_or(text);
    let valued = letters.find(|letter| spec.valued.contains(letter));
    !letters.starts_with('-') && valued.is_some_and(|at| at + 1 == letters.len())
}
