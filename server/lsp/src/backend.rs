//! The backend: what the framework calls. Every method sends one event and awaits its reply.
//! Nothing computes, logs to the client or asks the client here: all handlers share one task, so
//! a method that works makes the whole server wait.

use tokio::sync::oneshot;
use tower_lsp::gen_lsp_types::{
    CompletionList, InitializeParams, InitializeResult, InlineCompletionList, LspAny,
};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::{ClientSocket, LanguageServer, LspService};

use crate::edge::wire_number;
use crate::main_loop::{Asked, Event, Events, Refusal, Reply, Request};
use crate::outbox::Outbox;
use crate::proto::action::CodeActionAsk;
use crate::proto::facts;
use crate::proto::from::{CommandAsk, CompletionAsk, Lenient, SearchAsk};
use crate::proto::to;

/// The forwarding end of the event channel.
#[derive(Debug)]
pub(crate) struct Backend {
    events: Events,
}

/// The framework's service with exactly the methods that we answer; all others are "method not
/// found" without a word in the log. The outbox starts with the framework's client handle.
pub(crate) fn service(events: Events, outbox: Outbox) -> (LspService<Backend>, ClientSocket) {
    LspService::build_with_lifecycle_methods(|client| {
        outbox.start(client);
        Backend { events }
    })
    .custom_method("textDocument/inlineCompletion", Backend::inline_completion)
    .custom_method("textDocument/completion", Backend::completion)
    .custom_method("foretoken/search", Backend::search)
    .custom_method("textDocument/codeAction", Backend::code_action)
    .custom_method("workspace/executeCommand", Backend::execute_command)
    .finish()
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let params = facts::unwrap_initialize(params);
        self.ask(|reply| Request::Initialize { params, reply })
            .await
            .unwrap_or(Err(Refusal::Internal))
            .map_err(Error::from)
    }

    async fn shutdown(&self) -> Result<()> {
        // Nobody on the other end means that the loop has stopped already.
        let _ = self.ask(|reply| Request::Shutdown { reply }).await;
        Ok(())
    }
}

impl Backend {
    async fn inline_completion(
        &self,
        params: Lenient<CompletionAsk>,
    ) -> Result<InlineCompletionList> {
        self.ask(|reply| Request::Inline {
            ask: params.into_inner(),
            reply,
        })
        .await
        .unwrap_or_else(|| Ok(InlineCompletionList::default()))
        .map_err(Error::from)
    }

    async fn completion(&self, params: Lenient<CompletionAsk>) -> Result<CompletionList> {
        self.ask(|reply| Request::Completion {
            ask: params.into_inner(),
            reply,
        })
        .await
        .unwrap_or_else(|| Ok(to::empty_menu()))
        .map_err(Error::from)
    }

    async fn search(&self, params: Lenient<SearchAsk>) -> Result<LspAny> {
        self.ask(|reply| Request::Search {
            ask: params.into_inner(),
            reply,
        })
        .await
        .unwrap_or(Err(Refusal::Internal))
        .map_err(Error::from)
    }

    async fn code_action(&self, params: Lenient<CodeActionAsk>) -> Result<LspAny> {
        self.ask(|reply| Request::Actions {
            ask: params.into_inner(),
            reply,
        })
        .await
        .unwrap_or_else(|| Ok(LspAny::Array(Vec::new())))
        .map_err(Error::from)
    }

    async fn execute_command(&self, params: Lenient<CommandAsk>) -> Result<LspAny> {
        self.ask(|reply| Request::Command {
            ask: params.into_inner(),
            reply,
        })
        .await
        .unwrap_or(Err(Refusal::Internal))
        .map_err(Error::from)
    }

    /// Sends one request to the loop and waits for its one reply; `None` when the work behind it
    /// died. Dropping this future, which is what a cancel does, closes the reply.
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Option<Asked<T>> {
        let (sender, receiver) = oneshot::channel();
        // `_interest` lives as long as the handler: see `Reply::wanted`.
        let (reply, _interest) = Reply::new(sender);
        self.events.send(Event::Request {
            wire: wire_number(),
            request: request(reply),
        });
        receiver.await.ok()
    }
}
