//! Look-ups that a model may ask for while it answers: a symbol, the index, the checkers' words. They read and
//! nothing else, stay inside the project, and what they find is cleaned, levelled and fenced like any section.
//! A call that cannot be answered gets a sentence, so that the model can go on without.

use std::path::Path;

use foretoken_engine::assist::prompt::{self, Placed, clean, further};
use foretoken_engine::assist::{Kind, Section, SectionId, Source};
use foretoken_engine::chunk::{Chunk, chunks};
use foretoken_engine::privacy::{Level, Reach};
use foretoken_engine::redact::Vault;
use foretoken_grammars::Language;
use foretoken_remote::wire::tools::Field;
use foretoken_remote::wire::{Tool, ToolCall, ToolResult};

use super::found::{Found, Sought};
use super::prepare::Prepared;
use super::tools::Tools;

/// Most rounds of look-ups for one answer.
pub(super) const ROUNDS: usize = 4;
/// Most look-ups that are done in one round; further ones of it are refused.
const MOST: usize = 8;
/// Longest text of one result, bytes.
const OF_RESULT: usize = 6_000;
/// And of all results of an answer.
const OF_ALL: usize = 24_000;
/// Most hits of one search.
const HITS: usize = 5;
/// Longest name, path or question in a call, bytes.
const OF_FIELD: usize = 1_000;

const PATH: Field = Field {
    name: "path",
    about: "A file, from the project's folder, with slashes.",
    required: false,
};

/// What is offered to a model.
pub(super) const LOOKUPS: [Tool; 3] = [
    Tool {
        name: "read_symbol",
        about: "The text of a definition in this project, by its name.",
        fields: &[
            Field {
                name: "name",
                about: "The name of a function, method, type or constant.",
                required: true,
            },
            PATH,
        ],
    },
    Tool {
        name: "search_index",
        about: "The pieces of this project that fit some words best.",
        fields: &[Field {
            name: "query",
            about: "Names and words that the pieces hold.",
            required: true,
        }],
    },
    Tool {
        name: "read_diagnostics",
        about: "What the checkers say of the file that is asked about.",
        fields: &[],
    },
];

/// The look-ups of one answer.
pub(super) struct Lookups<'a> {
    prepared: &'a Prepared,
    tools: &'a Tools,
    /// Whom the results go to.
    reach: Reach,
    vault: Vault,
    /// Everything that was sent so far, what the prompt held first.
    pub(super) sections: Vec<Placed>,
    /// The strictest of it.
    pub(super) level: Level,
    /// Bytes of results so far.
    spent: usize,
}

impl<'a> Lookups<'a> {
    pub(super) fn new(prepared: &'a Prepared, tools: &'a Tools, reach: Reach) -> Lookups<'a> {
        Lookups {
            prepared,
            tools,
            reach,
            vault: prepared.vault.clone(),
            sections: prepared.prompt.sections.clone(),
            level: prepared.prompt.level,
            spent: 0,
        }
    }

    /// A result for each call of a round. It may read files and ask the index.
    pub(super) fn answer(&mut self, calls: &[ToolCall]) -> Vec<ToolResult> {
        let mut results = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            let found = match number < MOST {
                true => self.look_up(call).and_then(|found| self.sendable(found)),
                false => Err(format!("only {MOST} calls are answered in one round")),
            };
            results.push(ToolResult {
                id: call.id.clone(),
                failed: found.is_err(),
                text: found.unwrap_or_else(|why| format!("Nothing: {why}.")),
            });
        }
        results
    }

    fn look_up(&self, call: &ToolCall) -> Result<Vec<Section>, String> {
        let fields = call.fields()?;
        let field = |name: &str| match fields.get(name) {
            Some(text) if text.len() > OF_FIELD => Err(format!("`{name}` is too long")),
            found => Ok(found
                .map(|text| text.trim())
                .filter(|text| !text.is_empty())),
        };
        let required = |name: &str| field(name)?.ok_or_else(|| format!("`{name}` is missing"));
        match call.name.as_str() {
            "read_symbol" => self.symbol(required("name")?, field("path")?),
            "search_index" => self.search(required("query")?),
            "read_diagnostics" => self.diagnostics(),
            _ => Err("there is no such tool".to_owned()),
        }
    }

    fn symbol(&self, name: &str, path: Option<&str>) -> Result<Vec<Section>, String> {
        if let Some(path) = path {
            return self.in_file(name, path);
        }
        let search = self.prepared.snapshot.search.as_ref();
        let search = search.ok_or("this project has no index; name the file")?;
        let found = search(&Sought::Hits(name.to_owned()), 32)
            .into_iter()
            .filter(|found| defines(found, name));
        let sections: Vec<Section> = found
            .take(HITS)
            .filter_map(|found| self.hit(found))
            .collect();
        match sections.is_empty() {
            true => Err("no definition of that name is in the index".to_owned()),
            false => Ok(sections),
        }
    }

    /// A definition in a file. The path is a model's: it goes down from the project's folder, through no link.
    fn in_file(&self, name: &str, path: &str) -> Result<Vec<Section>, String> {
        let snapshot = &self.prepared.snapshot;
        let plain = Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain || path.contains(['\\', ':', '\0']) {
            return Err("`path` is no path from the project's folder".to_owned());
        }
        let file = snapshot.project.join(path);
        // Not told apart, so that nobody learns what there is.
        let nothing = || "there is no such file that may be read".to_owned();
        let level = (snapshot.level)(&file);
        if level == Level::Never {
            return Err(nothing());
        }
        let open = snapshot.open.iter().find(|(known, _)| *known == file);
        let text = match open {
            Some((_, document)) => document.rope().to_string(),
            None => {
                foretoken_index::read(&snapshot.project, Path::new(path)).map_err(|_| nothing())?
            }
        };
        let mut steps = 0;
        let mut stop = || {
            steps += 1;
            steps > MOST_STEPS
        };
        let found = chunks(path, &text, &mut stop)
            .into_iter()
            .filter(|chunk| is_called(chunk, name));
        let language = Language::from_path(path).map_or("", |language| language.id());
        let sections: Vec<Section> = found
            .take(HITS)
            .map(|chunk| {
                let lines = chunk.lines.start + 1..=chunk.lines.end.max(chunk.lines.start + 1);
                Section::new(Kind::Definition, &text[chunk.bytes])
                    .from_file(Source::new(path, lines), language)
                    .at(level)
            })
            .collect();
        match sections.is_empty() {
            true => Err("no definition of that name is in the file".to_owned()),
            false => Ok(sections),
        }
    }

    fn search(&self, query: &str) -> Result<Vec<Section>, String> {
        let search = self.prepared.snapshot.search.as_ref();
        let search = search.ok_or("this project has no index")?;
        let found = search(&Sought::Hits(query.to_owned()), HITS).into_iter();
        let sections: Vec<Section> = found.filter_map(|found| self.hit(found)).collect();
        match sections.is_empty() {
            true => Err("no piece of the project fits these words".to_owned()),
            false => Ok(sections),
        }
    }

    fn hit(&self, found: Found) -> Option<Section> {
        let snapshot = &self.prepared.snapshot;
        let path = found.path?;
        let level = (snapshot.level)(&snapshot.project.join(&path));
        let lines = found.lines.start + 1..=found.lines.end.max(found.lines.start + 1);
        let language = Language::from_path(&path).map_or("", |language| language.id());
        let section = Section::new(Kind::Hit, found.text)
            .from_file(Source::new(path, lines), language)
            .at(level);
        (level != Level::Never).then_some(section)
    }

    /// Those that came with the question: a server sees no other server's.
    fn diagnostics(&self) -> Result<Vec<Section>, String> {
        let sections = self.prepared.prompt.sections.iter();
        let said = sections.filter(|placed| placed.section.kind == Kind::Diagnostic);
        let sections: Vec<Section> = said.map(|placed| placed.section.clone()).collect();
        match sections.is_empty() {
            true => Err("the checkers say nothing here".to_owned()),
            false => Ok(sections),
        }
    }

    /// What may go out of what was found, as it stands in the message. Nothing of it is kept where not.
    fn sendable(&mut self, found: Vec<Section>) -> Result<String, String> {
        let broken = || "the detector of secrets does not work".to_owned();
        let mut left = OF_RESULT.min(OF_ALL.saturating_sub(self.spent));
        let mut sections = Vec::new();
        for mut section in found {
            section.text = section.text.replace("\r\n", "\n");
            let end = section.text.floor_char_boundary(left);
            section.text.truncate(end);
            left -= end;
            if end > 0 {
                sections.push(section);
            }
        }
        if sections.is_empty() {
            return Err("enough was looked up; answer with what there is".to_owned());
        }
        let vault = &mut self.vault;
        let cleaned = self
            .tools
            .with_redactor(|redactor| clean(sections, redactor, vault));
        let cleaned = cleaned.ok_or_else(broken)?.map_err(|_| broken())?;
        let level = Level::strictest(cleaned.sections.iter().map(|section| section.level));
        if !level.may_reach(self.reach) {
            return Err("what was found may not be sent to this model".to_owned());
        }
        let next = self.sections.iter().map(|placed| placed.id.0).max();
        let next = SectionId(next.unwrap_or(0) + 1);
        let further = further(cleaned.sections, next, self.prepared.prompt.fence);
        let (text, placed) = further.map_err(|refusal: prompt::Refusal| {
            refusal.sentence().trim_end_matches('.').to_owned()
        })?;
        self.spent += text.len();
        self.level = self.level.tightened(level);
        self.sections.extend(placed);
        Ok(text)
    }
}

/// Whether this piece of a file defines something of this name.
fn defines(found: &Found, name: &str) -> bool {
    let Some(path) = &found.path else {
        return false;
    };
    let mut steps = 0;
    let mut stop = || {
        steps += 1;
        steps > MOST_STEPS
    };
    chunks(path, &found.text, &mut stop)
        .iter()
        .any(|chunk| is_called(chunk, name))
}

fn is_called(chunk: &Chunk, name: &str) -> bool {
    chunk.name == name || chunk.qualified == name || chunk.names.iter().any(|n| n == name)
}

/// How often the parser may ask before a file is cut into windows instead.
const MOST_STEPS: u32 = 4_000;
