//! Text to syntax tree.

pub(crate) mod ast;
mod declarations;
mod expressions;
mod hints;
mod interfaces;
pub(crate) mod lexer;
mod parser;
mod targets;

pub(crate) use declarations::parse_file;
pub(crate) use expressions::parse_values;
