//! What the server answers, one file for each request: read the parameters, ask one function,
//! convert the result. A handler changes nothing by itself.

pub(crate) mod execute_command;
