//! What questions of a session share: the settings, the connection to the providers, the detector of
//! secrets, and the conversations' placeholders.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foretoken_engine::assist::prompt::Wording;
use foretoken_engine::redact::Redactor;
use foretoken_engine::route::{
    Features, Health, NanoUsd, Offer, OfferHealth, Pause, Policy, Totals,
};
use foretoken_remote::audit::{Audit, Modes};
use foretoken_remote::cache::Cache;
use foretoken_remote::client::Remote;
use foretoken_remote::endpoint::Endpoint;
use foretoken_remote::failure::Kind;
use foretoken_remote::feedback::Feedback;
use foretoken_remote::health::Standing;
use foretoken_remote::keys::Keys;
use foretoken_remote::ledger::{Ledger, Limits};
use foretoken_remote::memory::Memory;
use foretoken_remote::store::Store;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::config::experiments::Vary;
use crate::config::trust::Trust;
use crate::paths::Paths;

/// See the module's header. Cheap to share, made once for a set of settings.
pub struct Tools {
    settings: Arc<Settings>,
    paths: Option<Paths>,
    /// Why nobody may be asked in this workspace, whatever the settings say.
    shut: Option<&'static str>,
    opened: OnceLock<Opened>,
    cache: Cache,
    redactor: Detector,
    /// Rows of questions that were given up, under way to the disk.
    late: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools")
            .field("shut", &self.shut)
            .finish_non_exhaustive()
    }
}

/// The detector of secrets, which keeps what it has compiled.
#[derive(Clone)]
pub(super) struct Detector(Arc<Mutex<Option<Redactor>>>);

impl Detector {
    fn with<T>(&self, work: impl FnOnce(&mut Redactor) -> T) -> Option<T> {
        let mut redactor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        redactor.as_mut().map(work)
    }

    /// The kind of a secret in a body that is about to leave. A detector that does not work finds one in
    /// everything.
    pub(super) fn first_secret(&self, body: &str, fence: &str) -> Option<String> {
        match self.with(|redactor| redactor.scan_body(body, fence)) {
            Some(Ok(leaks)) => leaks.first().map(|leak| leak.secret.code().to_owned()),
            Some(Err(_)) | None => Some("UNKNOWN".to_owned()),
        }
    }
}

/// An endpoint that the user has not allowed for the project yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// The user's name for it.
    pub name: String,
    /// Scheme, host and port.
    pub origin: String,
}

/// The editor says that the user does not trust the workspace.
pub const UNTRUSTED: &str =
    "The editor does not trust this workspace, so no remote model is asked.";

/// The workspace's own file may forbid what cannot be read.
pub const UNREADABLE: &str = "The workspace's .foretoken.toml cannot be read and may forbid it, so no remote \
                              model is asked; correct the file.";

/// What share of a limit is soft: from there on small models are preferred.
const SOFT: (u64, u64) = (4, 5);

impl Tools {
    /// For these settings. `paths` is where consents, keys and the ledger lie; without it nobody is asked.
    /// `shut` says why nobody may be asked at all, as [`UNTRUSTED`] or [`UNREADABLE`]. No file is opened yet.
    pub fn new(settings: Arc<Settings>, paths: Option<Paths>, shut: Option<&'static str>) -> Tools {
        Tools {
            settings,
            shut,
            opened: OnceLock::new(),
            late: Mutex::default(),
            cache: Cache::default(),
            redactor: Detector(Arc::new(Mutex::new(Redactor::new().ok()))),
            paths,
        }
    }

    /// Waits until the row of every question that was given up is in the books. Whoever ends the runtime waits for this first,
    /// since a runtime that ends drops what has not begun.
    pub async fn settled(&self) {
        let late = std::mem::take(&mut *self.late());
        for row in late {
            let _ = row.await;
        }
    }

    /// A row is under way.
    pub(super) fn follow(&self, row: JoinHandle<()>) {
        let mut late = self.late();
        late.retain(|row| !row.is_finished());
        late.push(row);
    }

    fn late(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the books at the first question, where waiting for the disk holds nobody up.
    fn opened(&self) -> &Opened {
        self.opened.get_or_init(|| self.open())
    }

    fn open(&self) -> Opened {
        let (settings, paths) = (&self.settings, &self.paths);
        let keys = paths.as_ref().map(Paths::keys_file);
        // Nothing is written where nobody could be asked.
        let wanted = paths
            .as_ref()
            .filter(|_| !settings.remote.endpoints.is_empty());
        let books = wanted.and_then(|paths| books(settings, paths));
        let keys = Keys::new(keys.unwrap_or_default());
        Opened {
            remote: Remote::new(keys, books.as_ref().map(|books| books.ledger.clone())),
            books,
        }
    }

    /// Whether they were made for what is in force now.
    pub fn fits(&self, settings: &Settings, shut: Option<&'static str>) -> bool {
        let ours = &*self.settings;
        (&ours.remote, ours.audit, &ours.metrics)
            == (&settings.remote, settings.audit, &settings.metrics)
            && (ours.memory, self.shut) == (settings.memory, shut)
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the user's files lie.
    pub fn paths(&self) -> Option<&Paths> {
        self.paths.as_ref()
    }

    /// What was spent and is set aside. Without books it is nothing, and then a budget refuses everything
    /// that costs, since `closed` says so.
    pub(super) fn totals(&self) -> Totals {
        let books = self.opened().books.as_ref();
        let totals = books.and_then(|books| books.ledger.totals(now()).ok());
        let totals = totals.unwrap_or_default();
        Totals {
            day: NanoUsd(totals.day),
            month: NanoUsd(totals.month),
        }
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.opened().remote
    }

    /// How the endpoints that were asked so far have been doing. Opens nothing.
    pub fn standings(&self) -> Vec<Standing> {
        let opened = self.opened.get();
        opened.map_or_else(Vec::new, |opened| opened.remote.standings())
    }

    /// The user wants an endpoint to be asked again, whatever it said before. Opens nothing.
    pub fn resume(&self, endpoint: &str) {
        if let Some(opened) = self.opened.get() {
            opened.remote.resume(endpoint);
        }
    }

    pub(super) fn audit(&self) -> Option<&Audit> {
        self.opened().books.as_ref()?.audit.as_ref()
    }

    /// Where ratings and examples go. Opens the books.
    pub fn feedback(&self) -> Option<&Feedback> {
        Some(&self.opened().books.as_ref()?.feedback)
    }

    /// What is known of the user's style; `None` where that is not wanted, or no books are kept. Opens the books.
    pub(super) fn memory(&self) -> Option<&Memory> {
        let wanted = self.settings.memory.style;
        let books = wanted.then(|| self.opened().books.as_ref())?;
        Some(&books?.memory)
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Uses the detector. `None` where it does not work, and then nothing may be sent.
    pub(super) fn with_redactor<T>(&self, work: impl FnOnce(&mut Redactor) -> T) -> Option<T> {
        self.redactor.with(work)
    }

    pub(super) fn redactor(&self) -> Detector {
        self.redactor.clone()
    }

    /// Why nobody may be asked at all, as a sentence.
    pub(super) fn closed(&self) -> Option<&'static str> {
        let remote = &self.settings.remote;
        if remote.endpoints.is_empty() {
            Some(
                "No remote model is named in config.toml; add one under [[remote.endpoints]] to have \
                 answers.",
            )
        } else if !remote.enabled {
            Some("Remote models are switched off by a setting (`remote.enabled`).")
        } else if self.shut.is_some() {
            self.shut
        } else if self.has_budget() && self.opened().books.is_none() {
            Some(
                "What was spent cannot be kept, so no remote model is asked while a budget is set.",
            )
        } else if self.paths.is_none() {
            Some("There is no home directory, so no consent can be on record and nobody is asked.")
        } else {
            None
        }
    }

    fn has_budget(&self) -> bool {
        self.settings.remote.daily_budget.is_some() || self.settings.remote.monthly_budget.is_some()
    }

    /// The consents on record; a file that cannot be used allows nothing.
    pub(super) fn trust(&self) -> Result<Trust, String> {
        match &self.paths {
            Some(paths) => Trust::load(paths),
            None => Ok(Trust::default()),
        }
    }

    /// The user's policy for the router. `allowed` says which endpoints have consent.
    pub(super) fn policy(&self, allowed: &dyn Fn(&Endpoint) -> bool) -> Policy {
        let remote = &self.settings.remote;
        let mut offers = Vec::new();
        for endpoint in remote.endpoints.iter() {
            let consent = allowed(endpoint);
            offers.extend(endpoint.models.iter().map(|model| Offer {
                endpoint: endpoint.name.clone(),
                model: model.name.clone(),
                reach: endpoint.class,
                consent,
                region: endpoint.region.clone(),
                tasks: Vec::new(),
                window: usize::try_from(model.window).unwrap_or(usize::MAX),
                features: Features::default(),
                tier: model.tier,
                price: model.price,
                first_byte: endpoint.first_text(),
            }));
        }
        Policy {
            offers,
            local: None,
            ceiling: remote.request_budget,
            soft_day: soft(remote.daily_budget),
            soft_month: soft(remote.monthly_budget),
            hard_day: remote.daily_budget,
            hard_month: remote.monthly_budget,
            variants: self.orders(),
            ..Policy::default()
        }
    }

    /// How the fixed text of prompts is worded in this installation's arm.
    pub(super) fn wording(&self) -> Wording {
        let experiments = &self.settings.metrics.experiments;
        match experiments.word(Vary::Wording) {
            Some("brief") => Wording::Brief,
            _ => Wording::Standard,
        }
    }

    /// The order of models that this installation's arm tries, under the name that its questions carry.
    fn orders(&self) -> BTreeMap<String, Vec<String>> {
        let experiments = &self.settings.metrics.experiments;
        let order = experiments.words(Vary::Order);
        experiments.variant().into_iter().zip(order).collect()
    }

    /// How the endpoints have been doing, for each of their models.
    pub(super) fn health(&self) -> Health {
        let mut health = Health::default();
        for standing in self.remote().standings() {
            let endpoints = self.settings.remote.endpoints.iter();
            let endpoint = endpoints
                .into_iter()
                .find(|known| known.name == standing.endpoint);
            for model in endpoint.into_iter().flat_map(|endpoint| &endpoint.models) {
                let name = format!("{}/{}", standing.endpoint, model.name);
                health.set(name, offer_health(&standing));
            }
        }
        health
    }
}

/// What the first question opens.
#[derive(Debug)]
struct Opened {
    remote: Remote,
    /// `None` where there is nowhere to keep them.
    books: Option<Books>,
}

/// What is kept of remote answers in the user's state directory.
#[derive(Debug)]
struct Books {
    ledger: Ledger,
    /// `None` where the user wants no rows.
    audit: Option<Audit>,
    feedback: Feedback,
    memory: Memory,
}

/// The books; `None` where they cannot be kept, which the log says.
fn books(settings: &Settings, paths: &Paths) -> Option<Books> {
    let remote = &settings.remote;
    let amount = |limit: Option<NanoUsd>| limit.map(|NanoUsd(amount)| amount);
    let limits = Limits {
        soft_day: amount(soft(remote.daily_budget)),
        hard_day: amount(remote.daily_budget),
        soft_month: amount(soft(remote.monthly_budget)),
        hard_month: amount(remote.monthly_budget),
    };
    let open = || {
        let store = Store::open(&paths.books())?;
        let kept = &settings.audit;
        let modes = Modes {
            prompt: kept.prompt,
            answer: kept.answer,
        };
        let audit = Audit::new(store.clone(), modes)?;
        let oldest = now().saturating_sub(kept.retention_days * 86_400);
        audit.forget_before(oldest, now())?;
        let feedback = Feedback::new(store.clone());
        feedback.forget_before(oldest)?;
        let memory = Memory::new(store.clone());
        Ok::<_, foretoken_remote::store::Error>(Books {
            ledger: Ledger::new(store, limits, now())?,
            audit: kept.enabled.then_some(audit),
            feedback,
            memory,
        })
    };
    match open() {
        Ok(books) => Some(books),
        Err(error) => {
            tracing::warn!(
                error = error.said,
                "the books of remote answers cannot be kept"
            );
            None
        }
    }
}

fn soft(limit: Option<NanoUsd>) -> Option<NanoUsd> {
    limit.map(|NanoUsd(amount)| NanoUsd(amount / SOFT.1 * SOFT.0))
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn offer_health(standing: &Standing) -> OfferHealth {
    let paused = standing.paused.as_ref().map(|failure| match failure.kind {
        Kind::Budget => Pause::Budget,
        Kind::NotAModel => Pause::NotAModel,
        _ => Pause::Auth,
    });
    OfferHealth {
        // While a probe runs it is open for zero, and one request may try.
        breaker_open: standing.open_for.is_some_and(|time| !time.is_zero()),
        parked: standing.parked_for.unwrap_or_default(),
        paused,
        first_byte_p95: standing.first_text_p95,
        tokens_per_second: standing.tokens_per_second.map(|rate| rate as u32),
    }
}
