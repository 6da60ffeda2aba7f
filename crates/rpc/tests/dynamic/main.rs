//! Calls and servers by schemas that arrive at run time, each against generated code on the other
//! side of a connection.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub
)]

mod clients;
mod generics;
mod servers;

#[rustfmt::skip]
#[path = "../generated/interfaces_capnp.rs"]
mod interfaces_capnp;
#[path = "../api/link.rs"]
mod link;
#[path = "../api/server.rs"]
mod server;
#[rustfmt::skip]
#[path = "../generated/trial_capnp.rs"]
mod trial_capnp;

use std::sync::Arc;
use std::time::Duration;

use capstan_rpc::dynamic::Interface;
use capstan_rpc::dynamic::schema::dynamic::Schema;
use capstan_rpc::dynamic::schema::{NoFiles, SourceFile, compile, read_request, write_request};

const ONE_WAY: Duration = Duration::from_millis(50);

/// The interface of this name in the schema of `trial_capnp`, compiled here and now.
fn trial(name: &str) -> Interface {
    let text = include_str!("../schemas/trial.capnp");
    let compiled = compile(&NoFiles, &[SourceFile::new("trial.capnp", text)]).unwrap();
    Interface::new(&Arc::new(Schema::new(compiled)), name).unwrap()
}

/// The same for `interfaces_capnp`, as a code generator gets it.
fn interfaces(name: &str) -> Interface {
    let text = include_str!("../../../codegen/tests/schemas/interfaces.capnp");
    let compiled = compile(&NoFiles, &[SourceFile::new("interfaces.capnp", text)]).unwrap();
    let request = write_request(&compiled).unwrap();
    let schema = Schema::new(read_request(&request).unwrap());
    Interface::new(&Arc::new(schema), name).unwrap()
}
