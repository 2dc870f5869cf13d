//! What the server says that it can do, in the one reply to `initialize`. Nothing is registered
//! later that a client needs: some cannot register, and some do not say that they could.

use foretoken_engine::position::Encoding;
use tower_lsp::gen_lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProvider, CompletionOptions,
    ExecuteCommandOptions, InitializeResult, InlineCompletionProvider, PositionEncodingKind, Save,
    ServerCapabilities, ServerInfo, TextDocumentSync, TextDocumentSyncKind,
    TextDocumentSyncOptions, WorkDoneProgressOptions,
};

use crate::client::Facts;
use crate::config::Menu;
use crate::handlers::execute_command::COMMANDS;

/// The reply to `initialize` for this client.
pub(crate) fn initialize_result(facts: &Facts, menu: Menu) -> InitializeResult {
    InitializeResult {
        capabilities: ServerCapabilities {
            position_encoding: Some(match facts.encoding {
                Encoding::Utf8 => PositionEncodingKind::UTF8,
                Encoding::Utf16 => PositionEncodingKind::UTF16,
                Encoding::Utf32 => PositionEncodingKind::UTF32,
            }),
            text_document_sync: Some(TextDocumentSync::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::Incremental),
                will_save: None,
                will_save_wait_until: None,
                // Whoever is not asked for it does not tell of it.
                save: Some(Save::Bool(true)),
            })),
            // Always present: Neovim cannot register later and lsp-mode does not advertise.
            inline_completion_provider: Some(InlineCompletionProvider::Bool(true)),
            // No trigger characters: Helix waits only 5 ms on them and cannot cancel.
            completion_provider: facts.wants_menu(menu).then(|| CompletionOptions {
                resolve_provider: Some(false),
                ..CompletionOptions::default()
            }),
            code_action_provider: Some(CodeActionProvider::CodeActionOptions(CodeActionOptions {
                code_action_kinds: Some(vec![
                    CodeActionKind::QuickFix,
                    CodeActionKind::Refactor,
                    CodeActionKind::Source,
                ]),
                // The command is in the action: see `handlers/code_action.rs`.
                resolve_provider: Some(false),
                ..CodeActionOptions::default()
            })),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: COMMANDS.iter().map(|&name| name.to_owned()).collect(),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            }),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "foretoken".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}
