//! Source code from compiled Cap'n Proto schemas. No I/O: text comes out, the caller puts it where
//! it belongs.
#![forbid(unsafe_code)]

pub mod names;
pub mod rust;
pub mod typescript;
