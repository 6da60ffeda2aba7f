//! Text to syntax tree.

pub(crate) mod ast;
mod declarations;
mod expressions;
mod lexer;
mod parser;

pub(crate) use declarations::parse_file;
pub(crate) use expressions::parse_values;
