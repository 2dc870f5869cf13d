//! `fetch-bugsink`: installs Bugsink, a server of error reports, into `target/bugsink`.

use std::process::ExitCode;

fn main() -> ExitCode {
    foretoken_tests::python::fetch("bugsink")
}
