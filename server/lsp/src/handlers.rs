//! What the server answers, one file for each request: read the parameters, ask one function,
//! convert the result. A handler changes nothing by itself; it gets what it needs and gives a value.

pub(crate) mod code_action;
pub(crate) mod completion;
pub(crate) mod execute_command;
pub(crate) mod inline_completion;
