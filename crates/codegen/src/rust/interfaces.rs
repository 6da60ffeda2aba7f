//! A module for each interface: the client, the server trait, and the dispatch between them.

use capstan_schema::node::{Method, Node, NodeKind, Superclass};

use super::structs::write_struct;
use super::types::Context;
use super::writer::{Writer, line, open};
use super::{Error, escape_keyword, write_nested};
use crate::names::{pascal_case, snake_case};

pub(super) fn write_interface(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
) -> Result<(), Error> {
    if methods
        .iter()
        .any(|method| !method.implicit_parameters.is_empty())
    {
        return Err(Error::new(format!(
            "{} has methods with type parameters, which the Rust generator does not support yet",
            node.display_name
        )));
    }
    w.doc(node.doc_comment.as_deref());
    open!(w, "pub mod {} {{", cx.scopes.name(node.id)?);
    let cx = cx.inside();
    let mut ancestors = Vec::new();
    collect_ancestors(cx, node, &mut ancestors)?;
    let methods: Vec<MethodNames<'_>> = methods
        .iter()
        .enumerate()
        .map(|(ordinal, method)| MethodNames::new(cx, ordinal, method))
        .collect::<Result<_, _>>()?;
    write_client(w, cx, node, &methods, &ancestors)?;
    write_server(w, cx, node, &methods, superclasses)?;
    write_dispatch(w, cx, node, &methods, &ancestors)?;
    write_aliases(w, cx, &methods)?;
    for (_, id) in cx.scopes.implicit_structs(node) {
        let list = cx.scopes.node(id)?;
        if let NodeKind::Struct(structure) = &list.kind {
            w.blank();
            write_struct(w, cx, list, structure)?;
        }
    }
    write_nested(w, cx, node)?;
    w.close("}");
    Ok(())
}

/// What one method is made of in Rust.
struct MethodNames<'a> {
    ordinal: usize,
    method: &'a Method,
    /// Of the server's function.
    function: String,
    /// `WriteParams`.
    params_alias: String,
    /// `WriteResults`.
    results_alias: String,
    params: String,
    /// `None` when streaming.
    results: Option<String>,
}

impl<'a> MethodNames<'a> {
    fn new(cx: Context<'_>, ordinal: usize, method: &'a Method) -> Result<Self, Error> {
        let pascal = pascal_case(&method.name);
        let results = match method.is_streaming() {
            true => None,
            false => Some(format!(
                "{}::Owned",
                cx.path(method.result_struct, &method.result_brand)?
            )),
        };
        Ok(Self {
            ordinal,
            method,
            function: escape_keyword(snake_case(&method.name)),
            params_alias: format!("{pascal}Params"),
            results_alias: format!("{pascal}Results"),
            params: format!(
                "{}::Owned",
                cx.path(method.param_struct, &method.param_brand)?
            ),
            results,
        })
    }
}

/// The interfaces this one extends, directly or not, each once.
fn collect_ancestors(cx: Context<'_>, node: &Node, into: &mut Vec<u64>) -> Result<(), Error> {
    let NodeKind::Interface { superclasses, .. } = &node.kind else {
        return Err(Error::new(format!(
            "{} is extended but no interface",
            node.display_name
        )));
    };
    for superclass in superclasses {
        cx.path(superclass.id, &superclass.brand)?;
        if !into.contains(&superclass.id) {
            into.push(superclass.id);
            collect_ancestors(cx, cx.scopes.node(superclass.id)?, into)?;
        }
    }
    Ok(())
}

fn write_client(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    methods: &[MethodNames<'_>],
    ancestors: &[u64],
) -> Result<(), Error> {
    let rpc = cx.rpc("an interface")?;
    let message = cx.message();
    line!(w, "pub const INTERFACE_ID: u64 = {:#018x};", node.id);
    w.blank();
    line!(w, "/// A reference to an object, here or anywhere.");
    line!(w, "#[derive(Clone, Debug)]");
    open!(w, "pub struct Client {{");
    line!(w, "pub client: {rpc}::Client,");
    w.close("}");
    w.blank();
    open!(w, "impl Client {{");
    for names in methods {
        let MethodNames {
            ordinal,
            method,
            params,
            ..
        } = names;
        w.blank();
        w.doc(method.doc_comment.as_deref());
        let request = snake_case(&method.name);
        match &names.results {
            Some(results) => {
                open!(
                    w,
                    "pub fn {request}_request(&self) -> {rpc}::Request<{params}, {results}> {{"
                );
                line!(
                    w,
                    "self.client.new_call(INTERFACE_ID, {ordinal}, ::core::option::Option::None)"
                );
            }
            None => {
                open!(
                    w,
                    "pub fn {request}_request(&self) -> {rpc}::StreamingRequest<{params}> {{"
                );
                line!(
                    w,
                    "self.client.new_streaming_call(INTERFACE_ID, {ordinal}, ::core::option::Option::None)"
                );
            }
        }
        w.close("}");
    }
    w.close("}");
    w.blank();
    open!(
        w,
        "impl {message}::capability::FromCapability for Client {{"
    );
    open!(
        w,
        "fn from_cap(cap: ::core::option::Option<{rpc}::CapHandle>) -> Self {{"
    );
    line!(w, "Self {{ client: {rpc}::Client::from_cap(cap) }}");
    w.close("}");
    open!(
        w,
        "fn into_cap(self) -> ::core::option::Option<{rpc}::CapHandle> {{"
    );
    line!(w, "self.client.into_cap()");
    w.close("}");
    w.close("}");
    w.blank();
    write_owned(w, message);
    open!(w, "impl {rpc}::FromClient for Client {{");
    open!(w, "fn from_client(client: {rpc}::Client) -> Self {{");
    line!(w, "Self {{ client }}");
    w.close("}");
    open!(w, "fn as_client(&self) -> &{rpc}::Client {{");
    line!(w, "&self.client");
    w.close("}");
    open!(w, "fn into_client(self) -> {rpc}::Client {{");
    line!(w, "self.client");
    w.close("}");
    w.close("}");
    w.blank();
    open!(w, "impl {message}::traits::HasTypeId for Client {{");
    line!(w, "const TYPE_ID: u64 = INTERFACE_ID;");
    w.close("}");
    for ancestor in ancestors {
        let path = cx.scopes.path(*ancestor, cx.file, cx.depth)?;
        w.blank();
        open!(
            w,
            "impl ::core::convert::From<Client> for {path}::Client {{"
        );
        open!(w, "fn from(client: Client) -> Self {{");
        line!(w, "Self {{ client: client.client }}");
        w.close("}");
        w.close("}");
    }
    Ok(())
}

/// What makes a capability a value like others: fields, lists and generic code take it.
fn write_owned(w: &mut Writer, message: &str) {
    line!(w, "#[derive(Clone, Copy, Debug)]");
    line!(w, "pub struct Owned(());");
    w.blank();
    open!(w, "impl {message}::traits::Owned for Owned {{");
    line!(w, "type Reader<'a> = Client;");
    line!(w, "type Builder<'a> = Client;");
    w.close("}");
    w.blank();
    open!(
        w,
        "impl<'a> {message}::traits::FromPointerReader<'a> for Client {{"
    );
    open!(
        w,
        "fn get_from_pointer(reader: &{message}::layout::PointerReader<'a>, _default: ::core::option::Option<&'a [{message}::Word]>) -> {message}::Result<Self> {{"
    );
    line!(
        w,
        "Ok({message}::capability::FromCapability::from_cap(reader.get_capability()?))"
    );
    w.close("}");
    w.close("}");
    w.blank();
    open!(
        w,
        "impl<'a> {message}::traits::FromPointerBuilder<'a> for Client {{"
    );
    open!(
        w,
        "fn init_pointer(mut builder: {message}::layout::PointerBuilder<'a>, _length: u32) -> Self {{"
    );
    line!(w, "builder.clear();");
    line!(w, "{message}::capability::FromCapability::from_cap(None)");
    w.close("}");
    open!(
        w,
        "fn get_from_pointer(builder: {message}::layout::PointerBuilder<'a>, _default: ::core::option::Option<&'a [{message}::Word]>) -> {message}::Result<Self> {{"
    );
    line!(
        w,
        "Ok({message}::capability::FromCapability::from_cap(builder.get_capability()?))"
    );
    w.close("}");
    w.close("}");
    w.blank();
    open!(
        w,
        "impl {message}::traits::SetterInput<Owned> for Client {{"
    );
    open!(
        w,
        "fn set_pointer_builder(mut builder: {message}::layout::PointerBuilder<'_>, input: Self, _canonicalize: bool) -> {message}::Result<()> {{"
    );
    open!(
        w,
        "match {message}::capability::FromCapability::into_cap(input) {{"
    );
    line!(w, "Some(cap) => builder.set_capability(cap),");
    line!(w, "None => builder.clear(),");
    w.close("}");
    line!(w, "Ok(())");
    w.close("}");
    w.close("}");
    w.blank();
}

fn write_server(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    methods: &[MethodNames<'_>],
    superclasses: &[Superclass],
) -> Result<(), Error> {
    let rpc = cx.rpc("an interface")?;
    let mut bounds = vec![
        format!("{rpc}::MaybeSend"),
        format!("{rpc}::MaybeSync"),
        "'static".to_string(),
    ];
    for superclass in superclasses {
        bounds.push(format!(
            "{}::Server",
            cx.path(superclass.id, &superclass.brand)?
        ));
    }
    w.blank();
    line!(
        w,
        "/// What an object of this interface does. Methods are written as `async fn`."
    );
    open!(w, "pub trait Server: {} {{", bounds.join(" + "));
    for names in methods {
        w.blank();
        w.doc(names.method.doc_comment.as_deref());
        let results = if names.results.is_some() {
            format!(", results: {}", names.results_alias)
        } else {
            String::new()
        };
        open!(
            w,
            "fn {}(&self, params: {}{results}) -> impl ::core::future::Future<Output = {rpc}::Result<()>> + {rpc}::MaybeSend {{",
            names.function,
            names.params_alias
        );
        let unused = if names.results.is_some() {
            "(params, results)"
        } else {
            "params"
        };
        line!(w, "let _ = {unused};");
        line!(
            w,
            "::core::future::ready(::core::result::Result::Err({rpc}::unimplemented_default({:?}, {:?})))",
            node.display_name,
            names.method.name
        );
        w.close("}");
    }
    w.close("}");
    Ok(())
}

fn write_dispatch(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    methods: &[MethodNames<'_>],
    ancestors: &[u64],
) -> Result<(), Error> {
    let rpc = cx.rpc("an interface")?;
    let name = &node.display_name;
    let future = format!("{rpc}::BoxFuture<{rpc}::Result<()>>");
    w.blank();
    line!(w, "/// Leads incoming calls to a [`Server`].");
    open!(w, "pub struct ServerDispatch<S> {{");
    line!(w, "server: ::std::sync::Arc<S>,");
    w.close("}");
    w.blank();
    open!(w, "impl<S: Server> ServerDispatch<S> {{");
    open!(w, "pub fn new(server: ::std::sync::Arc<S>) -> Self {{");
    line!(w, "Self {{ server }}");
    w.close("}");
    w.blank();
    line!(
        w,
        "/// Calls a method of this interface itself, not one it inherits."
    );
    open!(
        w,
        "pub fn dispatch_method(server: ::std::sync::Arc<S>, method_id: u16, params: {rpc}::RawParams, results: {rpc}::RawResults) -> {future} {{"
    );
    open!(w, "match method_id {{");
    for MethodNames {
        ordinal,
        function,
        results,
        ..
    } in methods
    {
        open!(w, "{ordinal} => ::std::boxed::Box::pin(async move {{");
        if results.is_some() {
            line!(
                w,
                "Server::{function}(&*server, {rpc}::Params::new(params), {rpc}::Results::new(results)).await"
            );
        } else {
            line!(w, "let _ = results;");
            line!(
                w,
                "Server::{function}(&*server, {rpc}::Params::new(params)).await"
            );
        }
        w.close("}),");
    }
    line!(w, "_ => {rpc}::unimplemented_method({name:?}, method_id),");
    w.close("}");
    w.close("}");
    w.close("}");
    w.blank();
    open!(
        w,
        "impl<S: Server> {rpc}::Dispatch for ServerDispatch<S> {{"
    );
    open!(
        w,
        "fn dispatch(self: ::std::sync::Arc<Self>, interface_id: u64, method_id: u16, params: {rpc}::RawParams, results: {rpc}::RawResults) -> {future} {{"
    );
    line!(w, "let server = ::std::sync::Arc::clone(&self.server);");
    open!(w, "match interface_id {{");
    line!(
        w,
        "INTERFACE_ID => Self::dispatch_method(server, method_id, params, results),"
    );
    for ancestor in ancestors {
        let path = cx.scopes.path(*ancestor, cx.file, cx.depth)?;
        line!(
            w,
            "{path}::INTERFACE_ID => {path}::ServerDispatch::<S>::dispatch_method(server, method_id, params, results),"
        );
    }
    line!(
        w,
        "_ => {rpc}::unimplemented_interface({name:?}, interface_id),"
    );
    w.close("}");
    w.close("}");
    open!(w, "fn streaming_methods(&self) -> &'static [(u64, u16)] {{");
    let mut streaming = Vec::new();
    for id in std::iter::once(node.id).chain(ancestors.iter().copied()) {
        if let NodeKind::Interface { methods, .. } = &cx.scopes.node(id)?.kind {
            let ordinals = methods
                .iter()
                .enumerate()
                .filter(|(_, method)| method.is_streaming());
            streaming.extend(ordinals.map(|(ordinal, _)| format!("({id:#018x}, {ordinal})")));
        }
    }
    line!(w, "&[{}]", streaming.join(", "));
    w.close("}");
    w.close("}");
    w.blank();
    open!(w, "impl<S: Server> {rpc}::FromServer<S> for Client {{");
    open!(
        w,
        "fn into_dispatch(server: ::std::sync::Arc<S>) -> ::std::sync::Arc<dyn {rpc}::Dispatch> {{"
    );
    line!(w, "::std::sync::Arc::new(ServerDispatch::new(server))");
    w.close("}");
    w.close("}");
    Ok(())
}

fn write_aliases(
    w: &mut Writer,
    cx: Context<'_>,
    methods: &[MethodNames<'_>],
) -> Result<(), Error> {
    let rpc = cx.rpc("an interface")?;
    w.blank();
    for names in methods {
        line!(
            w,
            "pub type {} = {rpc}::Params<{}>;",
            names.params_alias,
            names.params
        );
        if let Some(results) = &names.results {
            line!(
                w,
                "pub type {} = {rpc}::Results<{results}>;",
                names.results_alias
            );
        }
    }
    Ok(())
}
