//! Text to syntax tree.

pub(crate) mod ast;
mod declarations;
mod expressions;
pub(crate) mod lexer;
mod parser;
mod targets;

pub(crate) use declarations::parse_file;
pub(crate) use expressions::parse_values;
