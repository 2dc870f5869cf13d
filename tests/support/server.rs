//! The server in this process, over an in-memory pipe: the same code as in the program, without its
//! start-up.

use std::path::PathBuf;

use foretoken::{ServeOptions, serve};
use foretoken_infer::{Options, Source};
use sha2::{Digest, Sha256};

use crate::persona::Persona;
use crate::session::Session;

/// Bytes that the pipe holds before its writer waits; what a Linux pipe holds.
pub const PIPE: usize = 64 * 1024;

/// A server that listens to this editor, not yet initialized.
#[must_use]
pub fn start(persona: Persona, options: ServeOptions) -> Session {
    start_with_pipe(persona, options, PIPE)
}

/// The same with a pipe of another size.
#[must_use]
pub fn start_with_pipe(persona: Persona, options: ServeOptions, pipe: usize) -> Session {
    let (client, server) = tokio::io::duplex(pipe);
    let (server_input, server_output) = tokio::io::split(server);
    let (client_input, client_output) = tokio::io::split(client);
    let task = tokio::spawn(serve(server_input, server_output, options));
    let ending = Box::pin(async move { i32::from(task.await.expect("serve never panics").code()) });
    Session::over(client_input, client_output, persona, ending)
}

/// A folder in place of the model, in which there is none: such a server starts at once and answers by
/// the look-up model.
#[must_use]
pub fn without_model() -> ServeOptions {
    let package = Source::Folder(PathBuf::from("/nonexistent/model"));
    let infer = Options {
        package,
        ..Options::default()
    };
    ServeOptions {
        infer: Some(infer),
        ..ServeOptions::default()
    }
}

/// Lower-case hexadecimal digits of the SHA-256 of a text.
#[must_use]
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
