//! The edge: `Ordered`, the one tower service between the wire and everything else.
//! It gives every message its *wire number*, hands notifications to the loop in the order in which
//! they were read, runs cancels on the spot and turns a panic into an answer. It keeps no document.
//! Do not await anything in `call`: the order of the wire lives in its synchronous part.

use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use tower_lsp::ExitedError;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_service::Service;

use crate::frames::UNREADABLE;
use crate::main_loop::{Event, Events};
use crate::proto::{facts, from, to};
use crate::serve::Fault;

tokio::task_local! {
    /// The wire number of the request whose handler runs. A handler runs after later messages were
    /// sent to the loop (measured: 2,992 of 3,000 pairs), so its own number must travel with it.
    static WIRE: u64;
}

/// Number of the message whose handler is running, counted from 1 in the order of the wire; 0
/// outside a handler.
pub(crate) fn wire_number() -> u64 {
    WIRE.try_with(|wire| *wire).unwrap_or(0)
}

/// What has been said so far; the framework keeps the same to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Up to the request `initialize`.
    Silent,
    /// Up to the notification `initialized`.
    Greeting,
    Open,
    /// From the request `shutdown` on.
    Closing,
}

/// The service in wire order. `S` is the framework's service around `Backend`.
pub(crate) struct Ordered<S> {
    inner: S,
    events: Events,
    fault: Option<Fault>,
    wire: u64,
    phase: Phase,
}

impl<S> Ordered<S> {
    pub(crate) fn new(inner: S, events: Events, fault: Option<Fault>) -> Ordered<S> {
        Ordered {
            inner,
            events,
            fault,
            wire: 0,
            phase: Phase::Silent,
        }
    }
}

/// What the framework's services answer: nothing for a notification.
type Answer = Result<Option<Response>, ExitedError>;

impl<S> Service<Request> for Ordered<S>
where
    S: Service<Request, Response = Option<Response>, Error = ExitedError>,
    S::Future: Send + 'static,
{
    type Response = Option<Response>;
    type Error = ExitedError;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ExitedError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.wire += 1;
        match request.id().cloned() {
            None => self.notification(request),
            Some(id) => self.request(request, id),
        }
    }
}

impl<S> Ordered<S>
where
    S: Service<Request, Response = Option<Response>, Error = ExitedError>,
    S::Future: Send + 'static,
{
    fn notification(&mut self, request: Request) -> BoxFuture<'static, Answer> {
        match request.method() {
            "$/cancelRequest" => {
                // Registering a cancel is synchronous once polled; in the queue it would wait
                // behind the very handlers that it is meant to end.
                let _ = self.inner.call(request).now_or_never();
            }
            "initialized" if self.phase == Phase::Greeting => {
                self.phase = Phase::Open;
                self.events.send(Event::Initialized);
            }
            "exit" => {
                self.events.send(Event::Exit);
                return self.inner.call(request).boxed();
            }
            _ if self.phase != Phase::Open => {
                tracing::debug!(method = request.method(), "dropped outside the session");
                self.events.send(Event::Dropped);
            }
            _ => {
                let wire = self.wire;
                let (method, _, params) = request.into_parts();
                if let Some(notification) = from::notification(&method, params) {
                    self.events.send(Event::Notification { wire, notification });
                }
            }
        }
        future::ready(Ok(None)).boxed()
    }

    fn request(&mut self, request: Request, id: Id) -> BoxFuture<'static, Answer> {
        match (request.method(), self.phase) {
            ("initialize", Phase::Silent) => self.phase = Phase::Greeting,
            ("shutdown", Phase::Greeting | Phase::Open) => self.phase = Phase::Closing,
            _ => {}
        }
        // A client that uses the name itself sends an id of its own.
        if request.method() == UNREADABLE && id == Id::Null {
            let error = Response::from_error(Id::Null, Error::parse_error());
            return future::ready(Ok(Some(error))).boxed();
        }
        if request.method().is_empty() {
            // A reply to a request of ours that is misshapen; answering it would make no sense.
            return future::ready(Ok(None)).boxed();
        }
        // The framework drops these without a reply; the protocol wants an error.
        if request.method().starts_with("$/") {
            let refused = Response::from_error(id, Error::method_not_found());
            return future::ready(Ok(Some(refused))).boxed();
        }
        let request = lenient(request, &id);
        let method = request.method().to_owned();
        let events = self.events.clone();
        let inner = self.inner.call(request);
        let fault = self.fault.clone().map(|fault| (fault, method.clone()));
        let handler = async move {
            if let Some((fault, method)) = fault {
                fault(&method);
            }
            inner.await
        };
        AssertUnwindSafe(WIRE.scope(self.wire, handler))
            .catch_unwind()
            .map(move |outcome| {
                outcome.unwrap_or_else(|_| {
                    // The panic hook has written where; the user is told once by the loop.
                    events.send(Event::Panicked {
                        place: format!("the answer to {method}"),
                    });
                    Ok(Some(after_panic(&method, id)))
                })
            })
            .boxed()
    }
}

/// The same request in a form that the framework's strict types accept: absent parameters are null
/// parameters, and those of `initialize` travel whole inside `initializationOptions`, because one
/// foreign key or enum value among a client's capabilities must not end the session before it began.
fn lenient(request: Request, id: &Id) -> Request {
    let (method, _, params) = request.into_parts();
    let params = match (method.as_ref(), params) {
        ("initialize", params) => facts::wrap_initialize(params),
        ("shutdown", _) => return Request::build(method).id(id.clone()).finish(),
        (_, params) => params.unwrap_or_default(),
    };
    Request::build(method)
        .params(params)
        .id(id.clone())
        .finish()
}

/// The reply to a request whose handler panicked: nothing to offer where an error would put a
/// message on the screen at every key, else an internal error.
fn after_panic(method: &str, id: Id) -> Response {
    match to::empty_list(method) {
        Some(list) => Response::from_ok(id, list),
        None => Response::from_error(id, Error::internal_error()),
    }
}
