//! How well the workspace index finds the files that a commit is going to change, asked with the commit's
//! subject: mined queries, the trees that they are asked of, the systems that answer, and figures.

pub mod documented;
pub mod figures;
pub mod git;
pub mod ladder;
pub mod mining;
pub mod ranked;
pub mod report;
pub mod tree;
pub mod truth;
