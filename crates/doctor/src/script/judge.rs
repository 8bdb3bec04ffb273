//! What is wrong with the way a script starts its program.

use crate::finding::{Finding, Weight};
use crate::foreground::{self, Daemon, Judgement};
use crate::script::chain::{self, Chain, Loader};
use crate::script::{Place, is_executed, main_chains, words};
use crate::shell::{Command, Ends, Redirect, Script, Step, Within, Word};

/// So many seconds of sleep at the end of a script are more than a pause between two starts.
const REST_MIN: f64 = 60.0;

/// All that is wrong, in the order of the lines.
pub(super) fn findings(script: &Script, place: Place) -> Vec<Finding> {
    let mut findings: Vec<Finding> = backgrounds(script).into_iter().collect();
    for (command, chain) in main_chains(script) {
        if command.ends == Ends::Background {
            continue;
        }
        let of_start = start(&chain).or_else(|| launcher(&chain)).or_else(|| apart(&chain));
        let of_start = of_start.or_else(|| without_exec(script, command, &chain));
        findings.extend(of_start.map(|finding| finding.at(command.line)));
    }
    findings.sort_by_key(|finding| finding.line);
    if place.logged && !place.is_logger && !redirects_stderr(script) {
        findings.push(Finding::note(
            "its standard error is not logged; write: exec 2>&1 before what it starts",
        ));
    }
    findings
}

/// Whether the script means to stay a shell with something below it.
pub(super) fn stays_a_shell(script: &Script) -> bool {
    script.commands().any(|command| {
        matches!(command.name(), Some("trap" | "wait" | "eval"))
            || command.within.contains(&Within::Loop)
    }) || main_chains(script).is_empty()
}

/// A daemon of the table that will not stay.
fn start(chain: &Chain<'_>) -> Option<Finding> {
    if chain.has("fghack") {
        return None;
    }
    let daemon = foreground::look_up(chain.program?)?;
    let name = chain.name()?;
    match daemon.judge(chain.args) {
        Judgement::Fine => None,
        Judgement::With(sign) => Some(Finding::wrong(format!(
            "starts {name} with {sign}: it will put itself in the background; write: exec {}",
            daemon.cure_of(name)
        ))),
        Judgement::Without(sign) => Some(without(daemon, name, sign)),
    }
}

fn without(daemon: &Daemon, name: &str, sign: Option<&str>) -> Finding {
    let cure = daemon.cure_of(name);
    let starts = match sign {
        Some(sign) => format!("starts {name} without {sign}"),
        None => format!("starts {name}"),
    };
    match (daemon.config, sign) {
        (None, _) => Finding::wrong(format!(
            "{starts}: it will put itself in the background; write: exec {cure}"
        )),
        (Some(word), Some(_)) => Finding::note(format!(
            "{starts}: it will put itself in the background, unless its configuration says \
             \"{word}\"; write: exec {cure}"
        )),
        (Some(word), None) => Finding::note(format!(
            "{starts}: it will put itself in the background, unless its configuration says \
             \"{word}\""
        )),
    }
}

/// Something that has another start the service, and ends.
fn launcher(chain: &Chain<'_>) -> Option<Finding> {
    let (program, name) = (chain.program?, chain.name()?);
    let args: Vec<&str> = chain.args.iter().map(|word| word.text.as_str()).collect();
    let starts = |word: &&str| matches!(*word, "start" | "restart" | "onestart");
    let of_init = ["/etc/init.d/", "/etc/rc.d/", "/etc/rc.d/init.d/", "/usr/local/etc/rc.d/"];
    if of_init.iter().any(|dir| program.starts_with(dir)) && args.iter().any(starts) {
        return Some(Finding::wrong(format!(
            "{program} puts what it starts in the background and ends; start the program itself, \
             in the foreground, with exec"
        )));
    }
    let asks = matches!(name, "service" | "systemctl" | "rc-service" | "invoke-rc.d" | "initctl");
    if asks && args.iter().any(starts) {
        return Some(Finding::wrong(format!(
            "{name} has it started elsewhere and ends; start the program itself, in the \
             foreground, with exec"
        )));
    }
    let background = match name {
        "start-stop-daemon" => has_flag(&args, 'b', "--background"),
        "daemon" => !has_flag(&args, 'f', "--foreground"),
        "daemonize" => true,
        _ => false,
    };
    background.then(|| {
        Finding::wrong(format!(
            "{name} puts what it starts in the background; start the program itself, with exec"
        ))
    })
}

/// Whether a short flag is there, alone or among others, or its long form.
fn has_flag(args: &[&str], short: char, long: &str) -> bool {
    args.iter().any(|arg| {
        let letters = arg.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        *arg == long || letters.is_some_and(|letters| letters.contains(short))
    })
}

/// Something between the supervisor and the program that does not belong there.
fn apart(chain: &Chain<'_>) -> Option<Finding> {
    if let Some(setsid) = chain.loaders.iter().find(|loader| loader.name == "setsid") {
        return of_setsid(chain, setsid);
    }
    let name = chain.name()?;
    let user =
        |word: Option<&Word>| word.map_or_else(|| "USER".to_owned(), |word| word.text.clone());
    if name == "su" {
        let by_command = chain.args.iter().any(|word| word.text.starts_with("-c"));
        let account = account_of_su(chain.args);
        return by_command.then(|| {
            Finding::wrong(format!(
                "su stays between supervise and the program, and svc signals su only; write: exec \
                 setuidgid {} PROGRAM",
                user(account)
            ))
        });
    }
    if chain.is_exec() && chain.has("nohup") {
        return Some(Finding::note(
            "nohup keeps svc -h from reaching the program; take it away: a service has no terminal",
        ));
    }
    (name == "sudo").then(|| {
        Finding::note(
            "sudo stays between supervise and the program; write: exec setuidgid USER ...",
        )
    })
}

/// The first word that is neither a flag of su(1) nor the value of one.
fn account_of_su(args: &[Word]) -> Option<&Word> {
    let mut args = args.iter();
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "-c" | "-s" | "-g" | "-G" | "-w" => {
                args.next();
            }
            flag if flag.starts_with('-') => {}
            _ => return Some(word),
        }
    }
    None
}

/// setsid(1) forks where it is the leader of a process group, as `run` is.
fn of_setsid(chain: &Chain<'_>, setsid: &Loader<'_>) -> Option<Finding> {
    let name = chain.name().unwrap_or("it");
    let says = |flags: &[&str]| setsid.has(flags);
    if says(&["-w", "--wait", "-cw", "-wc", "-fw", "-wf"]) {
        return None;
    }
    let does = if chain.is_exec() || says(&["-f", "--fork", "-cf", "-fc"]) {
        format!("starts {name} as a process of its own and ends")
    } else {
        format!("takes {name} out of the session of its service")
    };
    Some(Finding::wrong(format!(
        "setsid {does}; take setsid away: each service has a session of its own"
    )))
}

/// The last command is a program that stays, and the shell stays above it.
fn without_exec(script: &Script, command: &Command, chain: &Chain<'_>) -> Option<Finding> {
    let plain = command.ends == Ends::Here && !command.piped && !chain.is_exec();
    let waits = |it: &Command| matches!(it.name(), Some("trap" | "wait" | "eval"));
    if !plain || script.commands().any(waits) || is_of(script, command) {
        return None;
    }
    let name = chain.name()?;
    let is_over = words::is_soon_over(name) && !rests(name, chain.args);
    if words::is_of_shell(name) || is_over {
        return None;
    }
    let loads =
        chain.loaders.iter().any(|loader| loader.changes_user() || loader.name == "softlimit");
    let text = format!(
        "starts {name} without exec: svc would signal the shell and not {name}; write: exec {}",
        command.words.first().map_or(name, |word| &word.text)
    );
    let sure = loads || words::surely_stays(name);
    Some(Finding { line: None, weight: if sure { Weight::Wrong } else { Weight::Note }, text })
}

/// Whether it is a sleep that svc would have to wait for.
fn rests(name: &str, args: &[Word]) -> bool {
    let seconds = |word: &Word| {
        let text = word.known()?;
        let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
        let unit = match text.strip_prefix(number)? {
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => 1.0,
        };
        Some(number.parse::<f64>().ok()? * unit)
    };
    let total: f64 = args.iter().filter_map(seconds).sum();
    name == "sleep" && total >= REST_MIN
}

/// Whether it calls a function of the script.
fn is_of(script: &Script, command: &Command) -> bool {
    let name = command.name().unwrap_or_default();
    script.functions.iter().any(|function| function == name)
}

/// What is put in the background with `&`, where nothing comes after that would stay.
fn backgrounds(script: &Script) -> Option<Finding> {
    let background = in_background(script);
    let stays = |step: &Step| match step {
        Step::Command(command) => may_stay(script, command),
        Step::Close { .. } => false,
    };
    let steps = || script.steps.iter().zip(&background);
    let last = steps().rposition(|(step, background)| !background && stays(step));
    let after = steps().skip(last.map_or(0, |last| last + 1));
    let (step, _) = after.into_iter().find(|(step, _)| ends(step) == Ends::Background)?;
    let (line, what) = match step {
        Step::Command(command) if command.within.contains(&Within::Function) => return None,
        Step::Command(command) => {
            (command.line, chain::unwrap(&command.words).name().map(str::to_owned))
        }
        Step::Close { line, .. } => (*line, None),
    };
    let (what, cure) = match what {
        Some(name) => (name.clone(), format!("exec {name}")),
        None => ("it".into(), "exec PROGRAM".into()),
    };
    let text = format!(
        "the & puts {what} in the background and the script ends; take the & away and write: {cure}"
    );
    Some(Finding::wrong(text).at(line))
}

/// For each step, whether it or a group around it ends in `&`.
fn in_background(script: &Script) -> Vec<bool> {
    let mut around: Option<usize> = None;
    let mut found = Vec::with_capacity(script.steps.len());
    for step in script.steps.iter().rev() {
        let depth = within(step).len();
        if around.is_some_and(|group| depth <= group) {
            around = None;
        }
        if around.is_none() && ends(step) == Ends::Background {
            if let Step::Close { .. } = step {
                around = Some(depth);
            }
            found.push(true);
        } else {
            found.push(around.is_some());
        }
    }
    found.reverse();
    found
}

fn within(step: &Step) -> &[Within] {
    match step {
        Step::Command(command) => &command.within,
        Step::Close { within, .. } => within,
    }
}

fn ends(step: &Step) -> Ends {
    match step {
        Step::Command(command) => command.ends,
        Step::Close { ends, .. } => *ends,
    }
}

/// Whether the script may stay at this command, or become it.
fn may_stay(script: &Script, command: &Command) -> bool {
    if is_executed(command) || is_of(script, command) || command.within.contains(&Within::Loop) {
        return true;
    }
    match command.name() {
        None => !command.words.is_empty(),
        Some("wait" | "eval" | "." | "source" | "read" | "trap" | "sleep" | "xargs" | "cat") => {
            true
        }
        Some(name) => !words::is_of_shell(name) && !words::is_soon_over(name),
    }
}

/// Whether standard error goes somewhere in the script, or its last command's; where we cannot
/// tell, it does.
fn redirects_stderr(script: &Script) -> bool {
    let is_of_stderr = |redirect: &Redirect| {
        redirect.fd == Some(2) || redirect.operator == "&>" || redirect.operator == ">&"
    };
    let mains = main_chains(script);
    let moves = |(command, chain): &(&Command, Chain<'_>)| {
        chain.name().is_none_or(|name| name == "fdmove")
            || command.redirects.iter().any(is_of_stderr)
    };
    mains.is_empty()
        || mains.iter().any(moves)
        || script.commands().any(|command| {
            matches!(command.name(), Some("." | "source" | "eval"))
                || (command.name() == Some("exec") && command.redirects.iter().any(is_of_stderr))
        })
}
