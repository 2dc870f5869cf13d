//! The `foretoken` program: arguments in, exit code out. All of it is in the library.

/// Hands over to the library and ends the process with its code.
#[expect(
    clippy::disallowed_methods,
    reason = "tokio's reader of stdin sits in a system call that cannot be stopped; returning from \
              main would wait for it"
)]
fn main() {
    let code = foretoken::cli::main(std::env::args_os());
    // It flushes stdout, unless another thread still waits there for a client that reads no more: a
    // flush of our own would wait with it.
    std::process::exit(i32::from(code));
}
