//! The `foretoken` program: arguments in, exit code out. All of it is in the library.

/// Hands over to the library and ends the process with its code. Returning from `main` would wait for
/// tokio's reader of stdin, which sits in a system call that cannot be stopped.
fn main() {
    let code = foretoken::cli::main(std::env::args_os());
    foretoken_infer::library::leave(code);
}
