//! The `foretoken` program: arguments in, exit code out. All of it is in the library.

use std::io::Write;

/// Hands over to the library and ends the process with its code. Returning from `main` would wait for
/// tokio's reader of stdin, which sits in a system call that cannot be stopped.
fn main() {
    let code = foretoken::cli::main(std::env::args_os());
    // What a command printed. After serving nothing is left to flush: every message was flushed as it
    // went out, and where a thread still waits for a client that reads no more, so would we.
    if foretoken::cli::is_command(std::env::args_os()) {
        let _ = std::io::stdout().flush();
    }
    foretoken_infer::library::leave(code);
}
