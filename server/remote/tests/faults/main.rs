//! The client against `faultd`: every fault of the catalogue, one test each, named after what happens.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is test code, of which the lints only know the functions marked as tests"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "the end-to-end tests use this file too, and other parts of it"
)]
#[path = "../../../../tests/support/faultd.rs"]
mod faultd;

#[expect(unreachable_pub, reason = "the end-to-end tests use this file too")]
#[path = "../../../../tests/support/files.rs"]
mod files;

#[expect(unreachable_pub, reason = "the end-to-end tests use this file too")]
#[path = "../../../../tests/support/litellm.rs"]
mod litellmd;

mod books;
mod catalogue;
mod clocks;
mod course;
mod downloads;
mod litellm;
mod proxies;
mod refusals;
mod reports;
mod run;
mod streams;
mod tls;
