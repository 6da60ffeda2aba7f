//! Values as text: the literals of the schema language.

mod parse;
mod print;

pub use parse::{Texts, parse};
pub use print::print;
