//! Error reports of this process: noted where something fails, kept as small files in the state folder, sent by a
//! thread of its own. Without a DSN in the user's file nothing here does anything.
//!
//! Noting is called by the panic hook, so nothing on its way may panic, wait for a lock that is held for long, or
//! know the network. What a report may hold is decided in `foretoken_remote::reports`; give it no text of a user.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::{Duration, SystemTime};

use foretoken_infer::ModelInfo;
use foretoken_remote::egress::Route;
use foretoken_remote::reports::{About, Event, Occurrence, Place, What};

use crate::config::reports::Reports;
use crate::metrics::file::seconds;
use crate::paths::Paths;

pub(crate) mod folder;
pub(crate) mod send;

use folder::Folder;
use send::Sender;

/// Different reports of one process; a program that fails in more ways than these tells nothing new.
const KINDS: usize = 20;

/// From the first occurrence until it is sent, so that repetitions are counted in it; and from the start of a
/// server until what an earlier process left is sent.
const SETTLE: Duration = Duration::from_secs(3);

/// How often a lock that is held for microseconds is tried before an occurrence is let go.
const TRIES: usize = 1000;

/// What this process noted. Set once, by the binary, where the user has a DSN.
static RECORDER: OnceLock<Recorder> = OnceLock::new();

struct Recorder {
    folder: Folder,
    about: Mutex<About>,
    seen: Mutex<Vec<Seen>>,
    /// Wakes the thread that sends, where there is one.
    wake: OnceLock<SyncSender<()>>,
}

/// One report of this process.
struct Seen {
    event: Event,
    count: u64,
}

/// Begins to note what fails, if the user's settings say where to. To be called once in a process.
pub fn start(settings: &Reports, paths: Option<&Paths>) {
    let Some(paths) = paths.filter(|_| settings.dsn.is_some()) else {
        return;
    };
    // A second start, as in a test, keeps the first.
    let _ = RECORDER.set(Recorder {
        folder: Folder::of(paths),
        about: Mutex::default(),
        seen: Mutex::default(),
        wake: OnceLock::new(),
    });
}

/// How the settings' server is reached.
pub(crate) fn route(settings: &Reports) -> Route {
    Route {
        proxy: settings.proxy.clone(),
        authorities: settings.ca_file.clone(),
        connect: Duration::from_secs(10),
        silence: Duration::from_secs(10),
    }
}

/// Notes a panic, from its hook: place and, if it is a literal, message.
pub(crate) fn note_panic(info: &std::panic::PanicHookInfo<'_>) {
    if RECORDER.get().is_none() {
        return;
    }
    let literal = info.payload().downcast_ref::<&'static str>().copied();
    let thread = std::thread::current();
    note_occurrence(&Occurrence {
        what: What::Panic(literal),
        place: info
            .location()
            .map(|place| Place::of(place.file(), place.line())),
        thread: thread.name().map(str::to_owned),
        stage: None,
    });
}

/// Notes a failure at the caller's place. `stage` is the task in which it happened.
#[track_caller]
pub(crate) fn note(what: What, stage: Option<&'static str>) {
    if RECORDER.get().is_none() {
        return;
    }
    let place = std::panic::Location::caller();
    let thread = std::thread::current();
    note_occurrence(&Occurrence {
        what,
        place: Some(Place::of(place.file(), place.line())),
        thread: thread.name().map(str::to_owned),
        stage,
    });
}

/// Keeps the versions of what runs, for later reports. The name of a package that is not ours stays here.
pub(crate) fn know(info: &ModelInfo) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    let ours = info.name.starts_with("foretoken-embedded");
    let model = match ours {
        true => format!("{} {}", info.name, info.version),
        false => "other".to_owned(),
    };
    if let Some(mut about) = soon(&recorder.about) {
        *about = About {
            model: Some(model),
            runtime: Some(info.library_version.clone()),
        };
    }
}

/// The lock, unless somebody keeps it.
fn soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..TRIES {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

fn note_occurrence(occurrence: &Occurrence) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    let about = soon(&recorder.about).map(|about| about.clone());
    let Some(event) = event(occurrence, &about.unwrap_or_default()) else {
        return;
    };
    let Some(mut seen) = soon(&recorder.seen) else {
        return;
    };
    let same = seen
        .iter()
        .position(|seen| seen.event.same() == event.same());
    let (event, first) = if let Some(known) = same.and_then(|at| seen.get_mut(at)) {
        known.count = known.count.saturating_add(1);
        // So that a failure at every key does not write at every key.
        if !known.count.is_power_of_two() {
            return;
        }
        (known.event.clone().counted(known.count), false)
    } else {
        if seen.len() >= KINDS {
            return;
        }
        let copy = event.clone();
        seen.push(Seen { event, count: 1 });
        (copy, true)
    };
    drop(seen);
    let written = match first {
        true => recorder.folder.keep(&event),
        false => recorder.folder.renew(&event),
    };
    if let Err(error) = written {
        tracing::debug!(%error, "a report cannot be kept");
    }
    if let Some(wake) = recorder.wake.get().filter(|_| first) {
        // A thread that was woken already needs no second call.
        let _ = wake.try_send(());
    }
}

/// A report with a number of its own; `None` where the system has no random bits.
pub(crate) fn event(occurrence: &Occurrence, about: &About) -> Option<Event> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).ok()?;
    Some(Event::new(
        occurrence,
        about,
        id,
        seconds(SystemTime::now()),
    ))
}

/// Sends what lies there and what comes, on a thread of its own, for as long as the process lasts.
pub(crate) fn send_behind(settings: &Reports, paths: Option<&Paths>) {
    let (Some(recorder), Some(sender)) = (RECORDER.get(), Sender::new(settings, paths)) else {
        return;
    };
    let (wake, woken) = sync_channel(1);
    if recorder.wake.set(wake).is_err() {
        return;
    }
    let spawned = std::thread::Builder::new()
        .name("foretoken-reports".to_owned())
        .spawn(move || send_always(&sender, &woken));
    if let Err(error) = spawned {
        tracing::warn!(%error, "no report is sent: its thread cannot be started");
    }
}

fn send_always(sender: &Sender, woken: &Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return;
    };
    // With nothing to send it sleeps until it is woken.
    let mut wait = Some(SETTLE);
    loop {
        let came = match wait {
            Some(wait) => woken.recv_timeout(wait),
            None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        wait = match came {
            Ok(()) => Some(SETTLE),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let round = runtime.block_on(sender.round(SystemTime::now()));
                if let Some(failure) = &round.failure {
                    tracing::info!(
                        kind = failure.kind.code(),
                        status = failure.status,
                        "a report was not taken"
                    );
                }
                round.again
            }
        };
    }
}
