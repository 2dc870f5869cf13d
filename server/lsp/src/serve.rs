//! Starting and ending: the transport on the caller's runtime, the loop on its own thread.
//! Streams come in as arguments, so that a test or the demo runs the same server as a process.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foretoken_infer::Infer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tower_lsp::Server;

use crate::backend;
use crate::config::Layers;
use crate::edge::Ordered;
use crate::frames::Frames;
use crate::index::Index;
use crate::main_loop::{self, Event, Events};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::paths::Paths;
use crate::session::{Seams, Session};
use crate::state::State;

/// Requests that may wait at once. The loop answers superseded ones at once, so a client would
/// have to leave this many documents waiting before its next message is read late.
const CONCURRENCY: usize = 1024;

/// How long the transport may go on writing after `exit` or the end of the input. The whole end
/// takes less than one second, also when nobody reads our output, unless a model is just being loaded.
const GRACE: Duration = Duration::from_millis(600);

/// Called with the method of each request before it is handled, where a panic costs that request, and
/// with [`TICK`] before each tick of the loop, which it may hold up; a test does both.
pub type Fault = Arc<dyn Fn(&str) + Send + Sync>;

/// What [`Fault`] is called with before a tick; no method has this name.
pub const TICK: &str = "tick";

/// What a server is started with. The default reads no file and no environment and has the embedded
/// model.
#[derive(Default)]
pub struct ServeOptions {
    /// Settings from the user's file and the environment. Those of the editor and of the workspace
    /// come with the session.
    pub layers: Layers,
    /// How to start the model; `None` follows the settings.
    pub infer: Option<foretoken_infer::Options>,
    /// Where the indexes of workspaces lie; without it none is kept.
    pub paths: Option<Paths>,
    /// The folder in which what the session counts is kept, if the settings allow; without it none is.
    pub metrics: Option<PathBuf>,
    /// The books in which is kept what is learned of the user's style, if the settings ask for it; without them none is.
    pub memory: Option<PathBuf>,
    /// A model that runs already, used in place of a new one.
    pub model: Option<Infer>,
    /// For tests.
    pub fault: Option<Fault>,
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("infer", &self.infer)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The client asked to shut down first, as the protocol wants.
    pub clean: bool,
}

impl Exit {
    /// The process's exit code: 0 after `shutdown`, else 1.
    pub fn code(self) -> u8 {
        u8::from(!self.clean)
    }
}

/// Serves one client until it says `exit` or closes `input`. Needs a running tokio runtime with
/// time; work that computes runs on threads of its own.
pub async fn serve<I, O>(input: I, output: O, options: ServeOptions) -> Exit
where
    I: AsyncRead + Unpin,
    O: AsyncWrite,
{
    let (events, receiver) = Events::channel();
    let outbox = Outbox::new(events.clone());
    let (service, socket) = backend::service(events.clone(), outbox.clone());
    let (closing, mut closed) = watch::channel(false);
    let seams = Seams {
        events: events.clone(),
        outbox: outbox.clone(),
        closing,
        runtime: tokio::runtime::Handle::current(),
    };
    let (ended, end) = oneshot::channel();
    let paths = options.paths.clone();
    let session = Session::new(options.layers, options.infer, options.model, paths);
    let mut state = State::new(seams, session, Index::new(options.paths));
    state.metrics = Metrics::new(options.metrics);
    state.memory = Memory::new(options.memory);
    let stall = options.fault.clone();
    let spawned = std::thread::Builder::new()
        .name("foretoken-loop".to_owned())
        .spawn(move || {
            let _ = ended.send(on_own_thread(state, receiver, stall));
        });
    if let Err(error) = spawned {
        tracing::error!(%error, "the loop's thread cannot be started");
        return Exit { clean: false };
    }

    let input = Frames::new(input, events.clone());
    let transport = Server::new(input, output, outbox.loopback(socket))
        .concurrency_level(CONCURRENCY)
        .serve(Ordered::new(service, events.clone(), options.fault));
    let grace = async {
        let _ = closed.wait_for(|closing| *closing).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = transport => {}
        () = grace => tracing::debug!("the client reads no more"),
    }
    events.send(Event::Stop);
    Exit {
        clean: end.await.unwrap_or(false),
    }
}

/// The loop has a runtime and a thread to itself, so that no pool can starve it.
fn on_own_thread(
    state: State,
    receiver: tokio::sync::mpsc::UnboundedReceiver<Event>,
    stall: Option<Fault>,
) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(main_loop::run(state, receiver, stall)),
        Err(error) => {
            tracing::error!(%error, "the loop cannot be started");
            false
        }
    }
}
