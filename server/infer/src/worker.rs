//! The worker: one thread that owns model, cache and slots, and the handle that feeds it. A panic in
//! a job costs that job; the session is then built anew. Nobody who holds the handle ever waits.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::decode::{Advance, Run};
use crate::errand::Errand;
use crate::job::{End, Job, Outcome};
use crate::load::Model;
use crate::queue::Queue;
use crate::session::Running;
use crate::state::{Options, State, Unavailable};
use crate::tokenizer::Tokens;

#[cfg(feature = "scripted-model")]
mod scripted;

/// Told of every change of state, on the worker's thread.
pub type OnState = Box<dyn Fn(State) + Send + Sync>;

/// Bytes of ASCII per token where no tokenizer is loaded yet: measured 3.3 to 3.7 on source code, taken
/// low so that an estimate seldom promises room that is not there. Any other byte may be a token.
const BYTES_PER_TOKEN: usize = 3;

/// The handle of the worker. Clones share it; it ends with the last of them, or with `shutdown`.
#[derive(Clone)]
pub struct Infer {
    handle: Arc<Handle>,
}

/// Ends the worker when the last clone goes.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What handle and thread both see.
struct Shared {
    options: Options,
    queue: Queue,
    state: Mutex<State>,
    on_state: OnState,
    tokens: OnceLock<Arc<Tokens>>,
    running: Running,
}

impl Infer {
    /// Starts the worker and returns at once; loading happens on its thread. `on_state` is called
    /// there with each new state, the first being [`State::Loading`].
    pub fn start(options: Options, on_state: OnState) -> Infer {
        let shared = Arc::new(Shared {
            options,
            queue: Queue::default(),
            state: Mutex::new(State::Loading {
                stage: "starting",
                percent: 0,
            }),
            on_state,
            tokens: OnceLock::new(),
            running: Running::default(),
        });
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("foretoken-infer".into())
            .spawn(move || worker.work());
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                shared.give_up(Unavailable {
                    code: "session-failed",
                    sentence: format!("The system gave no thread for the model ({error})."),
                });
                None
            }
        };
        Infer {
            handle: Arc::new(Handle {
                shared,
                thread: Mutex::new(thread),
            }),
        }
    }

    /// How the worker stands.
    pub fn state(&self) -> State {
        lock(&self.handle.shared.state).clone()
    }

    /// Hands a job in and returns at once. While the model loads the job waits; where there is none
    /// it ends with [`End::NoModel`]. Dropping the receiver ends the job too, unless it is a
    /// `Class::Warm`, whose result is the cache.
    pub fn submit(&self, job: Job) -> oneshot::Receiver<Outcome> {
        self.submit_for(job, Errand::default())
    }

    /// The same, with what goes along with the job.
    pub fn submit_for(&self, job: Job, errand: Errand) -> oneshot::Receiver<Outcome> {
        let (run, outcome) = Run::new(job, errand);
        self.handle.shared.queue.put(run);
        outcome
    }

    /// Tokens of a text as the model counts them; an estimate on the safe side until the tokenizer is
    /// loaded. Lines seen lately are not counted anew.
    pub fn count(&self, text: &str) -> usize {
        match self.handle.shared.tokens.get() {
            Some(tokens) => tokens.count(text),
            None => {
                let ascii = text.bytes().filter(u8::is_ascii).count();
                ascii.div_ceil(BYTES_PER_TOKEN) + text.len() - ascii
            }
        }
    }

    /// Ends what runs, refuses what comes, and waits for the thread: a step of at most some 20 ms.
    /// While the model is still loading the thread is left to end by itself.
    pub fn shutdown(&self) {
        self.handle.end();
        let loading = matches!(self.state(), State::Loading { .. });
        let thread = lock(&self.handle.thread).take();
        if let Some(thread) = thread.filter(|_| !loading) {
            // A panic of the thread was already reported as a state.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Infer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Infer")
            .field("options", &self.handle.shared.options)
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// Closes the queue and ends the run under way between two of its kernels.
    fn end(&self) {
        self.shared.queue.close(End::Stopped);
        self.shared.running.terminate();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// The thread's whole life.
    fn work(&self) {
        let mut model = match self.load() {
            Ok(model) => model,
            Err(unavailable) => return self.give_up(unavailable),
        };
        while let Some(mut run) = self.queue.take() {
            let advanced = catch_unwind(AssertUnwindSafe(|| {
                run.advance(&mut model, &|class| self.queue.verdict(class))
            }));
            match advanced {
                Ok(Advance::Ended(end)) => run.finish(end),
                Ok(Advance::Paused) => self.queue.put_back(run),
                Err(_) => {
                    tracing::error!("a completion job panicked; the session is built anew");
                    run.finish(End::Failed(
                        "The model's worker failed on this text and was started anew.".into(),
                    ));
                    // Whatever the panic left half done goes with the old session.
                    drop(model);
                    model = match self.load() {
                        Ok(model) => model,
                        Err(unavailable) => return self.give_up(unavailable),
                    };
                }
            }
        }
        self.leave();
    }

    fn leave(&self) {
        self.enter(State::Unavailable(Unavailable {
            code: "shut-down",
            sentence: "The model was shut down.".into(),
        }));
    }

    /// Loads the model; a panic on the way is a failure like any other.
    fn load(&self) -> Result<Model, Unavailable> {
        let report = |stage, percent| self.enter(State::Loading { stage, percent });
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            Model::load(&self.options, self.running.clone(), &self.tokens, &report)
        }));
        let model = loaded.unwrap_or_else(|_| {
            Err(Unavailable {
                code: "session-failed",
                sentence: "Loading the model failed inside the program. If it is a model that you \
                           added, use another one."
                    .into(),
            })
        })?;
        self.enter(State::Ready(Arc::clone(&model.info)));
        Ok(model)
    }

    /// Ends everything that waits or comes with "no model". A load that a shutdown cut short is no
    /// failure that anybody should read of.
    fn give_up(&self, unavailable: Unavailable) {
        if self.queue.is_closed() {
            return self.leave();
        }
        tracing::warn!(code = unavailable.code, "{}", unavailable.sentence);
        self.enter(State::Unavailable(unavailable));
        self.queue.close(End::NoModel);
    }

    fn enter(&self, state: State) {
        *lock(&self.state) = state.clone();
        (self.on_state)(state);
    }
}

/// A panic under these locks could only come from exhausted memory; the values stay whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
