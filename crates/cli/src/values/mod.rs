//! The commands that deal in values rather than schemas: `convert`, `encode`, `decode` and `eval`.

pub(crate) mod convert;
pub(crate) mod eval;
mod formats;
mod incoming;
mod outgoing;
mod pieces;
mod suspicion;
