//! `cargo pages` writes the man pages and the completions: see the crate `pages`.
//!
//! `tests/pages.rs` fails where somebody has forgotten it.

mod tree;

use std::fs;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let written = tree::written()?;
    for path in tree::present()? {
        if !written.iter().any(|file| file.path == path) {
            fs::remove_file(tree::root().join(&path)).context(path)?;
        }
    }
    for file in &written {
        let path = tree::root().join(&file.path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).context(file.path.clone())?;
        }
        fs::write(path, &file.text).context(file.path.clone())?;
    }
    println!("{} files are written", written.len());
    Ok(())
}
