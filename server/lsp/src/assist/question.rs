//! What is asked, out of a command and the state at that moment: the question, the text that it is about,
//! and the project around it as a snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretoken_engine::assist::Task;
use foretoken_engine::position::to_byte;
use foretoken_engine::target::{Target, target};

use super::{Asked, Consent, file, short};
use crate::pipeline::assist::{
    self, Diagnostic, EXCLUDED, Found, LevelOf, Question, Related, Said, Search, Snapshot, Sought,
};
use crate::proto::action::{self, About};
use crate::proto::uri;
use crate::state::{Open, State, shown_path};

impl State {
    pub(super) fn question_about(
        &self,
        open: &Open,
        task: Task,
        about: About,
    ) -> Result<Asked, String> {
        let document = &open.document;
        if open.out_of_step
            || about
                .version
                .is_some_and(|version| version != document.version())
        {
            return Err(
                "The text has changed since the action was offered; choose it again.".into(),
            );
        }
        if self.settings.completion.exclude.matches(&open.path) {
            return Err(EXCLUDED.to_owned());
        }
        let rope = document.rope();
        let byte = |position| {
            to_byte(rope, position, self.facts.encoding)
                .ok_or_else(|| "The selection lies outside of the text.".to_owned())
        };
        let range = match about.range {
            Some(range) => Some(byte(range.start)?..byte(range.end)?),
            None => open.cursor.map(|cursor| cursor..cursor),
        };
        let selection = match task {
            // Words alone are a question about nothing in particular.
            Task::Ask => range.filter(|range| !range.is_empty() || about.range.is_some()),
            _ => Some(range.unwrap_or(0..0)),
        };
        if task == Task::Ask && about.question.is_none() {
            return Err("There is no question. Write one, and ask again.".into());
        }
        let snapshot = self.assist_snapshot(open);
        let place = selection
            .clone()
            .and_then(|selection| target(document, selection));
        if place.is_none() && task != Task::Ask && task != Task::Summarise {
            return Err("There is no code at this place to ask about.".into());
        }
        let title = title(
            task,
            document.path(),
            place.as_ref(),
            about.question.as_deref(),
        );
        let question = Question {
            task,
            selection,
            diagnostics: self.diagnostics(about.diagnostics, &snapshot.project),
            words: about.question,
            history: Vec::new(),
            deeper: false,
            rejected: false,
        };
        Ok(Asked {
            uri: about.uri,
            question,
            snapshot,
            title,
            consent: Consent::OnRecord,
            conversation: None,
            before: String::new(),
        })
    }

    /// The question that stands below an answer, about what the answer was about.
    pub(super) fn follow_up(&self, open: &Open) -> Result<Asked, String> {
        let text = open.document.rope().to_string();
        let nothing = || format!("Write your question below {:?} first.", file::ASK);
        let words = file::question(&text).ok_or_else(nothing)?;
        let answered = self.answered_at(&open.path).ok_or_else(nothing)?;
        let mut asked = answered.asked.clone();
        let before = match &asked.question.words {
            Some(words) => words.clone(),
            None => asked.title.clone(),
        };
        asked.question.history.push(Said {
            asked: before,
            answered: answered.text.clone(),
            files: answered.files.clone(),
        });
        asked.title = title(Task::Ask, "", None, Some(&words));
        asked.question.task = Task::Ask;
        asked.question.words = Some(words);
        asked.question.deeper = false;
        asked.question.rejected = false;
        asked.consent = Consent::OnRecord;
        asked.before = String::new();
        // What is asked about may have changed since; the question is about it as it is now.
        if let Some(now) = self.documents.get(&asked.uri) {
            let fresh = now.document.version() == asked.snapshot.document.version();
            asked.snapshot = self.assist_snapshot(now);
            if !fresh {
                asked.question.selection = None;
            }
        }
        Ok(asked)
    }

    /// The project as it is now, for the document that is asked about.
    fn assist_snapshot(&self, open: &Open) -> Snapshot {
        let project = self.project_of(&open.path);
        let mut documents = Vec::new();
        let mut openings = Vec::new();
        for other in self.documents.values().filter(|other| !other.out_of_step) {
            documents.push((other.path.clone(), other.document.clone()));
            openings.push(other.opening);
        }
        let at = |opening| openings.iter().position(|known| *known == opening);
        let edited = self.recent.places();
        let edited = edited.filter_map(|place| Some((at(place.document)?, place.byte)));
        Snapshot {
            document: open.document.clone(),
            path: open.path.clone(),
            edited: edited.collect(),
            open: documents,
            search: self.search_in(&project, &open.path),
            level: self.level_of(&open.path, &project),
            rules: self.session.rules(),
            project,
        }
    }

    /// The question under the rules that are in force now, which may be stricter than those when it was asked;
    /// a sentence where they forbid it.
    pub(super) fn under_rules(&self, asked: &mut Asked) -> Result<(), String> {
        let (path, project) = (&asked.snapshot.path, &asked.snapshot.project);
        if self.settings.completion.exclude.matches(path) {
            return Err(EXCLUDED.to_owned());
        }
        let (level, search) = (self.level_of(path, project), self.search_in(project, path));
        asked.snapshot.level = level;
        asked.snapshot.search = search;
        asked.snapshot.rules = self.session.rules();
        Ok(())
    }

    /// The index of a project, which finds nothing of another, for questions about a file.
    fn search_in(&self, project: &Path, file: &Path) -> Option<Search> {
        let running = self.index.handle()?;
        let (project, file) = (project.to_owned(), file.to_owned());
        Some(Arc::new(move |sought: &Sought, most: usize| {
            // Here, since it asks the disk.
            let Ok(project) = std::fs::canonicalize(&project) else {
                return Vec::new();
            };
            let workspaces = running.workspaces();
            let ours = workspaces.iter().find(|index| index.root() == project);
            ours.map_or(Vec::new(), |index| Found::all(index, &file, sought, most))
        }))
    }

    /// The workspace folder that holds a file, else the file's own folder.
    pub(crate) fn project_of(&self, path: &Path) -> PathBuf {
        let folders = self.facts.folders.iter();
        let holds = folders.filter(|folder| path.starts_with(folder));
        let innermost = holds.max_by_key(|folder| folder.as_os_str().len());
        match innermost {
            Some(folder) => folder.clone(),
            None => path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }

    /// How far text may go. What lies outside of the project goes nowhere, but for the file that the user
    /// asks about.
    pub(crate) fn level_of(&self, asked: &Path, project: &Path) -> LevelOf {
        let settings = Arc::clone(&self.settings);
        let (asked, project) = (asked.to_owned(), project.to_owned());
        Arc::new(move |path| assist::level(&settings, path, (&asked, &project)))
    }

    fn diagnostics(&self, read: Vec<action::Diagnostic>, project: &Path) -> Vec<Diagnostic> {
        let folders = [project.to_owned()];
        let related = |related: action::Related| {
            let file = PathBuf::from(uri::path_of(&related.uri));
            Related {
                shown: shown_path(&file, &folders),
                file,
                line: related.line,
                message: related.message,
            }
        };
        read.into_iter()
            .map(|read| Diagnostic {
                line: read.range.start.line,
                message: read.message,
                source: read.source,
                code: read.code,
                related: read.related.into_iter().map(related).collect(),
            })
            .collect()
    }
}

/// What an answer is called.
fn title(task: Task, path: &str, target: Option<&Target>, words: Option<&str>) -> String {
    let what = match target {
        Some(target) => match &target.name {
            Some(name) => name.clone(),
            None => format!("{path}:{}", target.lines.start + 1),
        },
        None => path.to_owned(),
    };
    let verb = match task {
        Task::Explain => "explain",
        Task::Debug => "debug",
        Task::Fix => "fix",
        Task::Document => "document",
        Task::Test => "tests for",
        Task::Summarise => "summary of",
        Task::Ask => return short(words.unwrap_or("question")),
    };
    let what = if task == Task::Summarise { path } else { &what };
    short(&format!("{verb} {what}"))
}
