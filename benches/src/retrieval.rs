//! How well the workspace index finds what a question is about: the files that a commit is going to change
//! by its subject, a definition by its documentation. Questions, the trees that they are asked of, the systems
//! that answer, and figures.

pub mod documented;
pub mod figures;
pub mod fit;
pub mod git;
pub mod ladder;
pub mod mining;
pub mod questions;
pub mod ranked;
pub mod report;
pub mod tree;
pub mod truth;
