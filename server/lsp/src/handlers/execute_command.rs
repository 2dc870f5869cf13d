//! `workspace/executeCommand`: the names of the commands. Every name stands in the capabilities,
//! because Neovim runs only those that it finds there.

/// The item's own command: the suggestion with this id was accepted.
pub(crate) const ACCEPTED: &str = "foretoken.accepted";
/// What the server is doing and has done, as JSON.
pub(crate) const STATUS: &str = "foretoken.status";
/// Ends every running attempt.
pub(crate) const CANCEL: &str = "foretoken.cancel";

/// All of them.
pub(crate) const COMMANDS: &[&str] = &[ACCEPTED, STATUS, CANCEL];
