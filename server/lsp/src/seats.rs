//! The models that run in a session: a *seat* is one of them with those who wait for it, a *role* is what it
//! answers for: everything, or one language. A role gets another model without a gap: the new one is loaded
//! beside the old one, and the next request after that is its own. What still runs on the old one ends there,
//! because it holds the old worker; the last of these lets it go. Nothing here waits.

use std::collections::BTreeMap;

use foretoken_grammars::Language;
use foretoken_infer as infer;
use foretoken_infer::{Infer, Source};
use tokio::sync::watch;

use crate::model::Awaited;

/// All models and roles of a session.
#[derive(Debug)]
pub(crate) struct Seats {
    all: Vec<Seat>,
    /// Answers wherever no language has its own.
    default: Role,
    languages: BTreeMap<Language, Role>,
    next: u64,
    /// Workers that were let go while they were loading: the process must not end beside them.
    pub(crate) ending: Vec<Infer>,
    /// For those who ask before there is any.
    none: watch::Sender<infer::State>,
}

#[derive(Debug)]
struct Seat {
    id: u64,
    source: Source,
    /// It was handed in and goes on without us.
    given: bool,
    infer: Infer,
    state: watch::Sender<infer::State>,
}

/// Who answers, and who will.
#[derive(Debug, Default)]
struct Role {
    serves: Option<u64>,
    comes: Option<u64>,
    /// What was to come and cannot, with the reason.
    refused: Option<(Source, String)>,
}

/// Starts a worker for a seat of this number.
pub(crate) type Start<'a> = &'a mut dyn FnMut(u64, &Source) -> Infer;

/// What a new state of a model means for the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nobody asks this one any more.
    Nothing,
    /// The one that answers everywhere stands otherwise.
    Default,
    /// From now on another one answers, in these languages or everywhere (`None`).
    Exchanged(Vec<Option<Language>>),
    /// What was to come cannot be used; a sentence why. Who answered before goes on.
    Refused(String),
}

impl Default for Seats {
    fn default() -> Seats {
        let (none, _) = watch::channel(loading());
        Seats {
            all: Vec::new(),
            default: Role::default(),
            languages: BTreeMap::new(),
            next: 0,
            ending: Vec::new(),
            none,
        }
    }
}

fn loading() -> infer::State {
    infer::State::Loading {
        stage: "starting",
        percent: 0,
    }
}

impl Seats {
    /// A worker that runs already, for everything.
    pub(crate) fn give(&mut self, infer: Infer) -> u64 {
        let id = self.sit(Source::Embedded, true, |_| infer);
        self.default.serves = Some(id);
        id
    }

    /// Takes another model for everything, or the first one, which answers as soon as it can.
    pub(crate) fn aim_default(&mut self, source: &Source, start: Start<'_>) {
        let comes = self.aim(None, source, start);
        if let Some(id) = comes
            && self.default.serves.is_none()
        {
            self.default.serves = Some(id);
            self.default.comes = None;
        }
    }

    /// The same for one language; until the first one is there, the default answers.
    pub(crate) fn aim_language(&mut self, language: Language, source: &Source, start: Start<'_>) {
        self.languages.entry(language).or_default();
        self.aim(Some(language), source, start);
    }

    /// Languages that are not among these get the default again.
    pub(crate) fn keep_languages(&mut self, chosen: impl Fn(Language) -> bool) {
        self.languages.retain(|language, _| chosen(*language));
        self.clear();
    }

    /// The seat that has to load first, if any.
    fn aim(&mut self, of: Option<Language>, source: &Source, start: Start<'_>) -> Option<u64> {
        let known = |seat: &&Seat| seat.source == *source && !seat.given;
        let known = self.all.iter().find(known);
        let known = known.map(|seat| (seat.id, seat.is_ready()));
        let role = self.role(of)?;
        if role
            .refused
            .as_ref()
            .is_some_and(|(what, _)| what == source)
        {
            return None;
        }
        role.refused = None;
        let coming = match known {
            Some((id, _)) if role.serves == Some(id) => {
                role.comes = None;
                None
            }
            Some((id, true)) => {
                (role.serves, role.comes) = (Some(id), None);
                None
            }
            Some((id, false)) => Some(id),
            None => Some(self.sit(source.clone(), false, |id| start(id, source))),
        };
        if coming.is_some() {
            self.role(of)?.comes = coming;
        }
        self.clear();
        coming
    }

    fn sit(&mut self, source: Source, given: bool, start: impl FnOnce(u64) -> Infer) -> u64 {
        self.next += 1;
        let id = self.next;
        self.all.push(Seat {
            id,
            source,
            given,
            infer: start(id),
            state: watch::channel(loading()).0,
        });
        id
    }

    fn role(&mut self, of: Option<Language>) -> Option<&mut Role> {
        match of {
            None => Some(&mut self.default),
            Some(language) => self.languages.get_mut(&language),
        }
    }

    /// A worker stands otherwise than before.
    pub(crate) fn changed(&mut self, id: u64, state: infer::State) -> News {
        if !matches!(state, infer::State::Loading { .. }) {
            self.ending.retain(is_loading);
        }
        let Some(seat) = self.all.iter().find(|seat| seat.id == id) else {
            return News::Nothing;
        };
        let source = seat.source.clone();
        seat.state.send_replace(state.clone());
        let mut exchanged = Vec::new();
        let mut refused = None;
        let languages = self.languages.iter_mut();
        let roles = std::iter::once((None, &mut self.default))
            .chain(languages.map(|(language, role)| (Some(*language), role)));
        for (language, role) in roles.filter(|(_, role)| role.comes == Some(id)) {
            match &state {
                infer::State::Loading { .. } => {}
                infer::State::Ready(_) => {
                    (role.serves, role.comes) = (Some(id), None);
                    exchanged.push(language);
                }
                infer::State::Unavailable(why) => {
                    role.comes = None;
                    role.refused = Some((source.clone(), why.sentence.clone()));
                    refused = Some(why.sentence.clone());
                }
            }
        }
        let serves = self.default.serves == Some(id);
        self.clear();
        match refused {
            Some(sentence) => News::Refused(sentence),
            None if !exchanged.is_empty() => News::Exchanged(exchanged),
            None if serves => News::Default,
            None => News::Nothing,
        }
    }

    /// Lets go whom no role needs.
    fn clear(&mut self) {
        let roles = || std::iter::once(&self.default).chain(self.languages.values());
        let needed = |id| roles().any(|role| [role.serves, role.comes].contains(&Some(id)));
        let (kept, gone) = std::mem::take(&mut self.all)
            .into_iter()
            .partition(|seat: &Seat| needed(seat.id));
        self.all = kept;
        for Seat { infer, given, .. } in gone {
            if is_loading(&infer) && !given {
                // It has nobody to answer, so nothing is lost; the thread ends when it has loaded.
                infer.shutdown();
                self.ending.push(infer);
            }
        }
    }

    fn serving(&self, language: Option<Language>) -> Option<&Seat> {
        let own = language.and_then(|language| self.languages.get(&language)?.serves);
        let id = own.or(self.default.serves)?;
        self.all.iter().find(|seat| seat.id == id)
    }

    /// What a task needs to ask who answers in this language.
    pub(crate) fn model(&self, language: Language) -> Awaited {
        let seat = self.serving(Some(language));
        Awaited {
            infer: seat.map(|seat| seat.infer.clone()),
            state: seat.map_or(&self.none, |seat| &seat.state).subscribe(),
        }
    }

    /// How the one stands that answers in this language; `None` is everywhere else.
    pub(crate) fn state(&self, language: Option<Language>) -> infer::State {
        let seat = self.serving(language);
        seat.map_or(&self.none, |seat| &seat.state).borrow().clone()
    }

    /// The languages with a model of their own, be it that it is still to come or cannot.
    pub(crate) fn languages(&self) -> impl Iterator<Item = Language> {
        self.languages.keys().copied()
    }

    /// Why what was chosen last does not answer, everywhere or in a language.
    pub(crate) fn refused(&self, language: Option<Language>) -> Option<&str> {
        let role = match language {
            None => Some(&self.default),
            Some(language) => self.languages.get(&language),
        };
        role?.refused.as_ref().map(|(_, why)| why.as_str())
    }

    /// All workers that are ours to end.
    pub(crate) fn take_own(&mut self) -> Vec<Infer> {
        let own = std::mem::take(&mut self.all).into_iter();
        let own = own.filter(|seat| !seat.given).map(|seat| seat.infer);
        own.chain(std::mem::take(&mut self.ending)).collect()
    }
}

impl Seat {
    fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), infer::State::Ready(_))
    }
}

/// Whether a worker is not yet able to end.
pub(crate) fn is_loading(infer: &Infer) -> bool {
    matches!(infer.state(), infer::State::Loading { .. })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use foretoken_infer::{Options, Unavailable};

    use super::*;

    /// A worker that finds no package; what it tells is not listened to, the test says how it stands.
    fn worker(started: &mut Vec<(u64, Source)>, id: u64, source: &Source) -> Infer {
        started.push((id, source.clone()));
        let options = Options {
            package: Source::Folder(PathBuf::from("/nonexistent/model")),
            ..Options::default()
        };
        Infer::start(options, Box::new(|_| {}))
    }

    fn folder(name: &str) -> Source {
        Source::Folder(PathBuf::from(name))
    }

    fn unavailable(sentence: &str) -> infer::State {
        infer::State::Unavailable(Unavailable {
            code: "bad-package",
            sentence: sentence.to_owned(),
        })
    }

    #[test]
    fn the_first_one_answers_even_while_it_loads_or_fails() {
        let (mut seats, mut started) = (Seats::default(), Vec::new());
        seats.aim_default(&folder("a"), &mut |id, source| {
            worker(&mut started, id, source)
        });
        assert!(seats.model(Language::Rust).infer.is_some());
        assert_eq!(
            seats.changed(1, unavailable("It is broken.")),
            News::Default
        );
        assert_eq!(seats.refused(None), None);
    }

    #[test]
    fn one_that_cannot_be_used_leaves_the_old_one_in_its_place_and_is_not_tried_again() {
        let (mut seats, mut started) = (Seats::default(), Vec::new());
        let mut start = |id, source: &Source| worker(&mut started, id, source);
        seats.aim_default(&folder("a"), &mut start);
        seats.aim_default(&folder("b"), &mut start);
        let refused = News::Refused("It is broken.".to_owned());
        assert_eq!(seats.changed(2, unavailable("It is broken.")), refused);
        assert_eq!(seats.refused(None), Some("It is broken."));
        seats.aim_default(&folder("b"), &mut start);
        assert_eq!(seats.changed(1, loading()), News::Default, "the old one");
        // Going back to the old one needs no second worker, and forgets the refusal.
        seats.aim_default(&folder("a"), &mut start);
        assert_eq!(seats.refused(None), None);
        let sources: Vec<_> = started.into_iter().map(|(_, source)| source).collect();
        assert_eq!(sources, [folder("a"), folder("b")]);
    }

    #[test]
    fn what_nobody_needs_any_more_is_not_listened_to() {
        let (mut seats, mut started) = (Seats::default(), Vec::new());
        let mut start = |id, source: &Source| worker(&mut started, id, source);
        seats.aim_default(&folder("a"), &mut start);
        seats.aim_language(Language::Rust, &folder("b"), &mut start);
        seats.aim_language(Language::Go, &folder("b"), &mut start);
        seats.keep_languages(|language| language == Language::Go);
        assert_eq!(seats.changed(2, loading()), News::Nothing);
        seats.keep_languages(|_| false);
        assert_eq!(seats.changed(2, unavailable("It is late.")), News::Nothing);
        assert_eq!(started.len(), 2, "one worker for both languages");
    }
}
