//! The prose of a page: a little Markdown.
//!
//! ````text
//! # svc                       the title: the program's name
//! ## Detailed operation       one of the headings of a page, in their order
//! A paragraph with `code`.
//! * `TERM`: an item with a name; `* ` alone begins a plain one
//! ```sh                       an example that a test runs; without `sh`, one that none does
//! ````

use std::fmt;

/// What a page may say, in this order, and whether it must.
const HEADINGS: [(&str, bool); 8] = [
    ("Interface", true),
    ("Options", false),
    ("Signals", false),
    ("Files", false),
    ("Detailed operation", true),
    ("Exit codes", true),
    ("Notes", false),
    ("Examples", true),
];

/// The prose of one program.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Its parts, in the order of the headings.
    pub sections: Vec<Section>,
}

/// What stands under one heading.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub heading: &'static str,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    /// Text to be filled.
    Paragraph(String),
    /// An item of a list: its name, where it has one, and its text.
    Item(Option<String>, String),
    /// Lines as they are, and the word after the fence: `sh` can be run.
    Literal(String, String),
}

/// Why a page cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    name: String,
    line: usize,
    what: String,
}

impl Mistake {
    pub(crate) fn missing(name: &str) -> Self {
        Self::at(name, 1, "there is no such file, or it cannot be read")
    }

    fn at(name: &str, line: usize, what: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), line, what: what.to_string() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docs/man/{}.md:{}: {}", self.name, self.line, self.what)
    }
}

impl std::error::Error for Mistake {}

impl Page {
    /// Reads the prose of the program `name`.
    ///
    /// # Errors
    /// [`Mistake`]: a title or heading that is not due, or one that is missing.
    pub fn parse(name: &str, text: &str) -> Result<Self, Mistake> {
        let mut lines = (1..).zip(text.lines());
        if lines.next().is_none_or(|(_, title)| title != format!("# {name}")) {
            return Err(Mistake::at(name, 1, format!("the title is not `# {name}`")));
        }
        let mut reader = Reader { sections: Vec::new(), open: false };
        while let Some((number, line)) = lines.next() {
            if let Some(heading) = line.strip_prefix("## ") {
                reader.heading(heading).map_err(|what| Mistake::at(name, number, what))?;
                continue;
            }
            let Some(section) = reader.sections.last_mut() else {
                if line.is_empty() {
                    continue;
                }
                return Err(Mistake::at(name, number, "no heading stands above this"));
            };
            if let Some(language) = line.strip_prefix("```") {
                let inside = lines.by_ref().map(|(_, line)| line);
                let inside: Vec<&str> = inside.take_while(|line| *line != "```").collect();
                section.blocks.push(Block::Literal(language.to_owned(), inside.join("\n")));
                reader.open = false;
            } else {
                reader.line(line).map_err(|what| Mistake::at(name, number, what))?;
            }
        }
        reader.end(name, text.lines().count())
    }

    /// What stands under a heading; nothing where there is none.
    #[must_use]
    pub fn under(&self, heading: &str) -> &[Block] {
        let section = self.sections.iter().find(|section| section.heading == heading);
        section.map_or(&[], |section| &section.blocks)
    }
}

/// A page as far as it was read.
struct Reader {
    sections: Vec<Section>,
    /// Whether the last block goes on with the next line.
    open: bool,
}

impl Reader {
    /// Begins a section. A heading out of its order is as unknown as any other.
    fn heading(&mut self, text: &str) -> Result<(), String> {
        let place = |heading| HEADINGS.iter().position(|(known, _)| *known == heading);
        let after = self.sections.last().and_then(|last| place(last.heading));
        match place(text).filter(|at| after.is_none_or(|after| after < *at)) {
            Some(at) => {
                let (heading, _) = HEADINGS[at];
                self.sections.push(Section { heading, blocks: Vec::new() });
                self.open = false;
                Ok(())
            }
            None => Err(format!("`{text}` is no heading, or out of its order")),
        }
    }

    /// Begins a block, or goes on with the last. A list whose items have names and one without
    /// would be set as two.
    fn line(&mut self, line: &str) -> Result<(), String> {
        let Some(section) = self.sections.last_mut() else { return Ok(()) };
        let blocks = &mut section.blocks;
        if line.is_empty() {
            self.open = false;
        } else if let Some(item) = line.strip_prefix("* ") {
            let item = item_of(item);
            if let (Some(Block::Item(before, _)), Block::Item(name, _)) = (blocks.last(), &item)
                && before.is_some() != name.is_some()
            {
                let (with, without) = ("this item has a name", "this item has no name");
                let which = if name.is_some() { with } else { without };
                return Err(format!("{which}, unlike the one before: each is `* `NAME`: text`"));
            }
            blocks.push(item);
            self.open = true;
        } else if let Some(Block::Paragraph(text) | Block::Item(_, text)) =
            blocks.last_mut().filter(|_| self.open)
        {
            text.push(' ');
            text.push_str(line.trim_start());
        } else {
            blocks.push(Block::Paragraph(line.to_owned()));
            self.open = true;
        }
        Ok(())
    }

    fn end(self, name: &str, line: usize) -> Result<Page, Mistake> {
        let said = |heading| self.sections.iter().any(|section| section.heading == heading);
        if let Some((heading, _)) = HEADINGS.iter().find(|(it, due)| *due && !said(*it)) {
            return Err(Mistake::at(name, line, format!("`## {heading}` is missing")));
        }
        if let Some(empty) = self.sections.iter().find(|section| section.blocks.is_empty()) {
            let what = format!("nothing stands under `## {}`", empty.heading);
            return Err(Mistake::at(name, line, what));
        }
        Ok(Page { sections: self.sections })
    }
}

/// An item: what stands before the first colon is its name, where that is all code.
fn item_of(text: &str) -> Block {
    match text.split_once("`: ").map(|(name, rest)| (format!("{name}`"), rest)) {
        Some((name, rest)) if text.starts_with('`') && is_code(&name) => {
            Block::Item(Some(name), rest.to_owned())
        }
        Some(_) | None => Block::Item(None, text.to_owned()),
    }
}

/// Whether nothing but commas stands outside the quotes.
fn is_code(text: &str) -> bool {
    text.split('`').step_by(2).all(|outside| outside.chars().all(|c| c == ',' || c == ' '))
}
