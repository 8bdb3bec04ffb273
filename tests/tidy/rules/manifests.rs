//! What the manifests say: who depends on whom, on what else, and under which lints.

use crate::repository::{File, Offence, Repository};
use crate::rules::crates::PURE;
use crate::rust::Line;

/// What a pure crate may depend on besides pure crates; the last two in its tests.
const PURE_DEPENDENCIES: [&str; 3] = ["memchr", "proptest", "tempfile"];

/// The crates from the ground up: each depends only on those of lower rows.
const ROWS: [&[&str]; 4] = [
    &["cli", "doctor", "sys", "tai"],
    &["contract", "logger", "ntp", "pages", "reactor"],
    &["examine", "logbook", "nts", "service"],
    &["supervisor"],
];

/// A crate whose lints are not those of the workspace, which forbid unsafe code; `sys` has its own.
pub(crate) fn lints(repository: &Repository) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in manifests(repository) {
        let wanted: &[(&str, &str)] = match file.path.as_str() {
            "Cargo.toml" => &[
                ("lints", "workspace = true"),
                ("workspace.lints.rust", "unsafe_code = \"forbid\""),
                ("workspace.lints.rust", "missing_docs = \"warn\""),
            ],
            "crates/sys/Cargo.toml" => &[
                ("lints.rust", "unsafe_op_in_unsafe_fn = \"deny\""),
                ("lints.clippy", "multiple_unsafe_ops_per_block = \"deny\""),
                ("lints.clippy", "undocumented_unsafe_blocks = \"deny\""),
            ],
            _ => &[("lints", "workspace = true")],
        };
        let entries = entries(file);
        let has = |(section, text): &(&str, &str)| {
            entries.iter().any(|entry| entry.section == *section && entry.text == *text)
        };
        offences.extend(
            wanted.iter().filter(|pair| !has(pair)).map(|(section, text)| {
                file.offence(1, format!("[{section}] does not say `{text}`"))
            }),
        );
    }
    offences
}

/// A crate that depends on one that does not lie below it, or a pure crate on more than it may.
pub(crate) fn upward_dependencies(repository: &Repository) -> Vec<Offence> {
    let row = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    let mut offences = Vec::new();
    for file in manifests(repository) {
        let Some(name) = crate_name(file) else { continue };
        let Some(own) = row(name) else {
            offences.push(file.offence(1, format!("`{name}` has no row in ROWS of this test")));
            continue;
        };
        for entry in entries(file).iter().filter(|entry| entry.is_dependency()) {
            let on = entry.key;
            let pure = PURE.contains(&on) || PURE_DEPENDENCIES.contains(&on);
            if row(on).is_some_and(|row| row >= own) {
                offences.push(file.offence(entry.line, format!("`{on}` does not lie below")));
            } else if PURE.contains(&name) && !pure {
                offences.push(file.offence(entry.line, format!("`{on}` under a pure crate")));
            }
        }
    }
    offences
}

/// Where the reasons for each dependency stand.
const REASONS: &str = "docs/ARCHITECTURE.md";

/// Dependencies without a reason in the table under "Dependencies", and reasons without one.
pub(crate) fn unexplained_dependencies(repository: &Repository) -> Vec<Offence> {
    let reasons = repository.file(REASONS).map(reasons).unwrap_or_default();
    let mut used = Vec::new();
    let mut offences = Vec::new();
    for file in manifests(repository) {
        for entry in entries(file).iter().filter(|entry| entry.is_dependency()) {
            let name = entry.key;
            let in_workspace = entry.section == "workspace.dependencies";
            if repository.file(&format!("crates/{name}/Cargo.toml")).is_some() {
                continue;
            }
            used.push(name);
            if !reasons.iter().any(|(_, known)| *known == name) {
                let what = format!("`{name}` has no reason under Dependencies in {REASONS}");
                offences.push(file.offence(entry.line, what));
            }
            if !in_workspace && !entry.text.contains("workspace = true") {
                offences.push(file.offence(entry.line, format!("`{name}` is not the workspace's")));
            }
        }
    }
    let document = File::new(REASONS, "");
    let idle = reasons.iter().filter(|(_, name)| !used.contains(name));
    offences.extend(idle.map(|(line, name)| document.offence(*line, format!("`{name}` is gone"))));
    offences
}

/// The names in the table under the heading "Dependencies": the first cell of each row whose last
/// cell gives a reason.
fn reasons(document: &File) -> Vec<(usize, &str)> {
    let is_heading = |line: &&Line| line.raw.starts_with('#');
    let title = |line: &Line| line.raw.trim_start_matches('#').trim() == "Dependencies";
    let mut below = document.lines.iter().skip_while(|line| !(is_heading(line) && title(line)));
    below.next();
    let table = below.take_while(|line| !is_heading(line)).filter(|line| line.raw.starts_with('|'));
    let rows = table.skip_while(|line| !line.raw.starts_with("|--")).skip(1);
    rows.filter_map(|line| {
        let cells = line.raw.trim_matches('|').split('|').map(str::trim);
        let reason = cells.clone().next_back().filter(|reason| !reason.is_empty());
        reason.and(cells.clone().next()).map(|name| (line.number, name.trim_matches('`')))
    })
    .collect()
}

/// Crates in the lock file that do not come from the public registry.
pub(crate) fn foreign_sources(repository: &Repository) -> Vec<Offence> {
    const PUBLIC: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let Some(file) = repository.file("Cargo.lock") else { return Vec::new() };
    let sources = file.lines.iter().filter(|line| line.raw.starts_with("source"));
    sources
        .filter(|line| line.raw != PUBLIC)
        .map(|line| file.offence(line.number, "not from the public registry"))
        .collect()
}

fn manifests(repository: &Repository) -> impl Iterator<Item = &File> {
    let is_manifest = |path: &str| path == "Cargo.toml" || path.ends_with("/Cargo.toml");
    repository.files.iter().filter(move |file| is_manifest(&file.path))
}

fn crate_name(manifest: &File) -> Option<&str> {
    manifest.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")
}

/// One line of a manifest that says something.
struct Entry<'a> {
    line: usize,
    section: &'a str,
    key: &'a str,
    text: &'a str,
}

impl Entry<'_> {
    fn is_dependency(&self) -> bool {
        self.section.ends_with("dependencies")
    }
}

/// The entries of a manifest. `[dependencies.a]` counts as an entry `a` of `[dependencies]`.
fn entries(manifest: &File) -> Vec<Entry<'_>> {
    let mut section = "";
    let mut entries = Vec::new();
    for Line { number, raw, .. } in &manifest.lines {
        let text = raw.split(" #").next().unwrap_or(raw).trim();
        if let Some(name) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            section = name;
            if let Some((section, key)) = name.rsplit_once("dependencies.") {
                let section = &name[..section.len() + "dependencies".len()];
                entries.push(Entry { line: *number, section, key, text });
            }
        } else if let Some((key, _)) =
            text.split_once(['.', '=', ' ']).filter(|_| !text.starts_with('#'))
        {
            entries.push(Entry { line: *number, section, key, text });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(files: &[(&str, &str)]) -> Repository {
        Repository::new(files.iter().map(|(path, text)| File::new(path, text)).collect())
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_seen() {
        let silent = repository(&[("crates/tai/Cargo.toml", "[lints]\n# workspace = true\n")]);
        assert_eq!(lints(&silent).len(), 1);
        let loud =
            repository(&[("crates/tai/Cargo.toml", "[a]\nb = 1\n[lints]\nworkspace = true\n")]);
        assert_eq!(lints(&loud), []);
        let lax = "[lints.rust]\nunsafe_op_in_unsafe_fn = \"warn\"\n";
        assert_eq!(lints(&repository(&[("crates/sys/Cargo.toml", lax)])).len(), 3);
        assert_eq!(lints(&repository(&[("Cargo.toml", "")])).len(), 3);
    }

    #[test]
    fn a_dependency_that_does_not_lie_below_is_seen() {
        let found = |name: &str, manifest: &str| {
            let path = format!("crates/{name}/Cargo.toml");
            upward_dependencies(&repository(&[(&path, manifest)])).len()
        };
        assert_eq!(found("sys", "[dependencies]\nreactor.workspace = true\n"), 1);
        assert_eq!(found("logger", "[dev-dependencies.ntp]\npath = \"x\"\n"), 1);
        assert_eq!(found("logger", "[dependencies]\nlibc = \"1\"\n"), 1);
        assert_eq!(found("nobody-knows", ""), 1);
        assert_eq!(found("reactor", "[dependencies]\nsys.workspace = true\nlibc = \"1\"\n"), 0);
        assert_eq!(found("service", "[dependencies]\ncontract = { path = \"x\" }\n"), 0);
    }

    #[test]
    fn the_table_may_have_more_columns_and_plain_names() {
        let table =
            "# A\n## Dependencies\n| a | b |\n|---|---|---|\n| c | d | e |\n| `f` | g | |\n";
        assert_eq!(reasons(&File::new(REASONS, table)), [(5, "c")]);
    }

    const TABLE: &str = "# A\n## Dependencies\n| name | why |\n|---|---|\n| `a` | reason |\n";

    fn unexplained(table: &str, manifest: &str) -> Vec<String> {
        let files = [("docs/ARCHITECTURE.md", table), ("Cargo.toml", manifest)];
        let offences = unexplained_dependencies(&repository(&files));
        offences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_dependency_without_a_reason_is_seen() {
        assert!(unexplained(TABLE, "[workspace.dependencies]\na = \"1\"\n").is_empty());
        assert!(unexplained(TABLE, "[dependencies]\na.workspace = true # b\n").is_empty());
        for empty in ["", "# A\n| `a` | reason |\n", &TABLE.replace("reason", "")] {
            assert_eq!(unexplained(empty, "[dependencies]\na.workspace = true\n").len(), 1);
        }
        let elsewhere = TABLE.replace("| `a`", "## More\n| `a`");
        assert_eq!(unexplained(&elsewhere, "[dependencies]\na.workspace = true\n").len(), 1);
    }

    #[test]
    fn a_dependency_with_a_version_of_its_own_is_seen() {
        let said = unexplained(TABLE, "[dev-dependencies]\na = \"1\"\n");
        assert_eq!(said, ["Cargo.toml:2: `a` is not the workspace's"]);
    }

    #[test]
    fn a_reason_without_a_dependency_is_seen() {
        assert_eq!(unexplained(TABLE, "[package]\n"), ["docs/ARCHITECTURE.md:5: `a` is gone"]);
    }

    #[test]
    fn a_crate_from_elsewhere_is_seen() {
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert_eq!(foreign_sources(&repository(&[("Cargo.lock", public)])), []);
        let foreign = "source = \"git+https://example.org/a\"\n";
        assert_eq!(foreign_sources(&repository(&[("Cargo.lock", foreign)])).len(), 1);
    }
}
