//! `fetch-litellm`: installs the LiteLLM proxy into `target/litellm`.

use std::process::ExitCode;

fn main() -> ExitCode {
    foretoken_tests::python::fetch("litellm")
}
