//! A module for each interface: the client, the server trait, and the dispatch between them.

use capstan_schema::node::{Method, Node, NodeKind, Superclass};

use super::generics::{Generics, angle_brackets};
use super::structs::{alias_parameters, write_struct};
use super::types::Context;
use super::writer::{Template, Writer, line, open};
use super::{Error, escape_keyword, introspection, write_nested};
use crate::names::{pascal_case, snake_case};

pub(super) fn write_interface(
    w: &mut Writer,
    cx: Context<'_>,
    node: &Node,
    methods: &[Method],
    superclasses: &[Superclass],
) -> Result<(), Error> {
    w.doc(node.doc_comment.as_deref());
    open!(w, "pub mod {} {{", cx.scopes.name(node.id)?);
    let generics = Generics::new(cx.scopes.type_parameters(node.id)?);
    let cx = cx.inside(node.id, &generics);
    cx.write_uses(w);
    let mut ancestors = Vec::new();
    collect_ancestors(cx, node, &mut ancestors)?;
    let methods: Vec<MethodNames<'_>> = methods
        .iter()
        .enumerate()
        .map(|(ordinal, method)| MethodNames::new(cx, ordinal, method))
        .collect::<Result<_, _>>()?;
    let template = template(cx, node, &ancestors)?;
    write_client(w, cx, &methods, &ancestors, &template)?;
    write_server(w, cx, node, &methods, superclasses)?;
    write_dispatch(w, cx, node, &methods, &template)?;
    write_aliases(w, cx, &methods)?;
    introspection::write_introspect(w, cx, node)?;
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
            false => Some(cx.branded(method.result_struct, &method.result_brand, "Owned", None)?),
        };
        Ok(Self {
            ordinal,
            method,
            function: escape_keyword(snake_case(&method.name)),
            params_alias: format!("{pascal}Params"),
            results_alias: format!("{pascal}Results"),
            params: cx.branded(method.param_struct, &method.param_brand, "Owned", None)?,
            results,
        })
    }
}

/// An interface that another one extends, and the types that stand for its parameters there.
#[derive(PartialEq, Eq)]
struct Ancestor {
    id: u64,
    path: String,
    arguments: Vec<String>,
}

/// The interfaces this one extends, directly or not, each once.
fn collect_ancestors(cx: Context<'_>, node: &Node, into: &mut Vec<Ancestor>) -> Result<(), Error> {
    let NodeKind::Interface { superclasses, .. } = &node.kind else {
        return Err(Error::new(format!(
            "{} is extended but no interface",
            node.display_name
        )));
    };
    for superclass in superclasses {
        let id = superclass.id;
        if into.iter().any(|known| known.id == id) {
            continue;
        }
        let arguments = cx.arguments(id, &superclass.brand)?;
        // Seen from here, the ancestor's own parameters are called what we pass for them.
        let mut parameters = cx.scopes.type_parameters(id)?;
        for (parameter, argument) in parameters.iter_mut().zip(&arguments) {
            parameter.name.clone_from(argument);
        }
        into.push(Ancestor {
            id,
            path: cx.path(id)?,
            arguments,
        });
        let generics = Generics::new(parameters);
        collect_ancestors(
            Context {
                generics: &generics,
                ..cx
            },
            cx.scopes.node(id)?,
            into,
        )?;
    }
    Ok(())
}

const CLIENT: &str = r"
pub const INTERFACE_ID: u64 = $type_id;

/// A reference to an object, here or anywhere.
$derive_client
pub struct Client$args {
    pub client: $rpc::Client,
    $phantom_field
}

impl$decl $rpc::FromClient for Client$args {
    fn from_client(client: $rpc::Client) -> Self {
        Self { client$phantom_value }
    }
    fn as_client(&self) -> &$rpc::Client {
        &self.client
    }
    fn into_client(self) -> $rpc::Client {
        self.client
    }
}

impl$decl $message::capability::FromCapability for Client$args {
    fn from_cap(cap: ::core::option::Option<$rpc::CapHandle>) -> Self {
        $rpc::FromClient::from_client($rpc::Client::from_cap(cap))
    }
    fn into_cap(self) -> ::core::option::Option<$rpc::CapHandle> {
        self.client.into_cap()
    }
}

impl$decl $message::traits::HasTypeId for Client$args {
    const TYPE_ID: u64 = INTERFACE_ID;
}

/// The interface as a type among others, for fields, lists and generic code.
#[derive(Clone, Copy, Debug)]
pub struct Owned$args($owned_content);

impl$decl $message::traits::Owned for Owned$args {
    type Reader<'a> = Client$args;
    type Builder<'a> = Client$args;
}

impl$decl_a $message::traits::FromPointerReader<'a> for Client$args {
    fn get_from_pointer(reader: &$message::layout::PointerReader<'a>, _default: ::core::option::Option<&'a [$message::Word]>) -> $message::Result<Self> {
        ::core::result::Result::Ok($message::capability::FromCapability::from_cap(reader.get_capability()?))
    }
}

impl$decl_a $message::traits::FromPointerBuilder<'a> for Client$args {
    fn init_pointer(mut builder: $message::layout::PointerBuilder<'a>, _length: u32) -> Self {
        builder.clear();
        $message::capability::FromCapability::from_cap(::core::option::Option::None)
    }
    fn get_from_pointer(builder: $message::layout::PointerBuilder<'a>, _default: ::core::option::Option<&'a [$message::Word]>) -> $message::Result<Self> {
        ::core::result::Result::Ok($message::capability::FromCapability::from_cap(builder.get_capability()?))
    }
}

impl$decl $message::traits::SetterInput<Owned$args> for Client$args {
    fn set_pointer_builder(mut builder: $message::layout::PointerBuilder<'_>, input: Self, _canonicalize: bool) -> $message::Result<()> {
        match $message::capability::FromCapability::into_cap(input) {
            ::core::option::Option::Some(cap) => builder.set_capability(cap),
            ::core::option::Option::None => builder.clear(),
        }
        ::core::result::Result::Ok(())
    }
}
";

/// Derived ones would ask the type parameters to be `Clone` and `Debug`.
const GENERIC_CLIENT: &str = r"
impl$decl ::core::clone::Clone for Client$args {
    fn clone(&self) -> Self {
        $rpc::FromClient::from_client(self.client.clone())
    }
}

impl$decl ::core::fmt::Debug for Client$args {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::core::fmt::Debug::fmt(&self.client, f)
    }
}
";

const DISPATCH: &str = r"
/// Leads incoming calls to a [`Server`].
pub struct ServerDispatch$args_s {
    server: ::std::sync::Arc<$s>,
    $phantom_field
}

impl$decl_s $rpc::Dispatch for ServerDispatch$args_s {
    fn dispatch(self: ::std::sync::Arc<Self>, interface_id: u64, method_id: u16, params: $rpc::RawParams, results: $rpc::RawResults) -> $rpc::BoxFuture<$rpc::Result<()>> {
        let server = ::std::sync::Arc::clone(&self.server);
        match interface_id {
            INTERFACE_ID => Self::dispatch_method(server, method_id, params, results),
            $ancestor_arms
            _ => $rpc::unimplemented_interface($name, interface_id),
        }
    }
    fn streaming_methods(&self) -> &'static [(u64, u16)] {
        &[$streaming]
    }
    fn method_name(&self, interface_id: u64, method_id: u16) -> ::core::option::Option<$rpc::MethodName> {
        match interface_id {
            $names
            _ => ::core::option::Option::None,
        }
    }
}

impl$decl_s $rpc::FromServer<$s> for Client$args {
    fn into_dispatch(server: ::std::sync::Arc<$s>) -> ::std::sync::Arc<dyn $rpc::Dispatch> {
        ::std::sync::Arc::new(ServerDispatch::$args_s::new(server))
    }
}
";

/// What the words with a `$` in the texts above stand for.
fn template(cx: Context<'_>, node: &Node, ancestors: &[Ancestor]) -> Result<Template, Error> {
    let generics = cx.generics;
    let generic = !generics.is_empty();
    let server = generics.fresh("S");
    let when_generic = |text: String| if generic { text } else { String::new() };
    let mut arms = String::new();
    let mut streaming = streaming_methods(node);
    let mut names = names_arm(cx, node)?;
    for Ancestor {
        id,
        path,
        arguments,
    } in ancestors
    {
        let mut all = vec![server.clone()];
        all.extend(arguments.iter().cloned());
        let dispatch = format!("{path}::ServerDispatch::{}", angle_brackets(None, &all));
        arms += &format!(
            "{path}::INTERFACE_ID => {dispatch}::dispatch_method(server, method_id, params, results),\n"
        );
        let ancestor = cx.scopes.node(*id)?;
        streaming.extend(streaming_methods(ancestor));
        names += &names_arm(cx, ancestor)?;
    }
    Ok(Template::new([
        ("$message", cx.message().to_string()),
        ("$rpc", cx.rpc("an interface")?.to_string()),
        ("$decl_a", generics.declaration(Some("'a"))),
        (
            "$decl_s",
            generics.declaration_with(&format!("{server}: Server{}", generics.arguments(None))),
        ),
        ("$decl", generics.declaration(None)),
        ("$args_s", generics.arguments_with(&server)),
        ("$args", generics.arguments(None)),
        ("$s", server),
        (
            "$phantom_field",
            when_generic(format!("phantom: {},", generics.phantom_type())),
        ),
        (
            "$phantom_value",
            when_generic(", phantom: ::core::marker::PhantomData".to_string()),
        ),
        (
            "$owned_content",
            if generic {
                generics.phantom_type()
            } else {
                "()".to_string()
            },
        ),
        (
            "$derive_client",
            if generic {
                String::new()
            } else {
                "#[derive(Clone, Debug)]".to_string()
            },
        ),
        ("$type_id", format!("{:#018x}", node.id)),
        ("$name", format!("{:?}", node.display_name)),
        ("$ancestor_arms", arms),
        ("$streaming", streaming.join(", ")),
        ("$names", names),
    ]))
}

/// What leads from an interface's id to the names of its methods.
fn names_arm(cx: Context<'_>, node: &Node) -> Result<String, Error> {
    let NodeKind::Interface { methods, .. } = &node.kind else {
        return Ok(String::new());
    };
    let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
    Ok(format!(
        "{:#018x} => {}::method_name({:?}, &{names:?}, method_id),\n",
        node.id,
        cx.rpc("an interface")?,
        node.display_name
    ))
}

fn streaming_methods(node: &Node) -> Vec<String> {
    let NodeKind::Interface { methods, .. } = &node.kind else {
        return Vec::new();
    };
    let streaming = methods
        .iter()
        .enumerate()
        .filter(|(_, method)| method.is_streaming());
    streaming
        .map(|(ordinal, _)| format!("({:#018x}, {ordinal})", node.id))
        .collect()
}

fn write_client(
    w: &mut Writer,
    cx: Context<'_>,
    methods: &[MethodNames<'_>],
    ancestors: &[Ancestor],
    template: &Template,
) -> Result<(), Error> {
    let rpc = cx.rpc("an interface")?;
    w.template(CLIENT, template);
    if !cx.generics.is_empty() {
        w.template(GENERIC_CLIENT, template);
    }
    let declaration = cx.generics.declaration(None);
    let arguments = cx.generics.arguments(None);
    if !methods.is_empty() {
        open!(w, "impl{declaration} Client{arguments} {{");
        for MethodNames {
            ordinal,
            method,
            params,
            results,
            ..
        } in methods
        {
            w.blank();
            w.doc(method.doc_comment.as_deref());
            let (request, new_call) = match results {
                Some(results) => (format!("Request<{params}, {results}>"), "new_call"),
                None => (format!("StreamingRequest<{params}>"), "new_streaming_call"),
            };
            open!(
                w,
                "pub fn {}_request(&self) -> {rpc}::{request} {{",
                snake_case(&method.name)
            );
            line!(
                w,
                "self.client.{new_call}(INTERFACE_ID, {ordinal}, ::core::option::Option::None)"
            );
            w.close("}");
        }
        w.close("}");
    }
    for Ancestor {
        path,
        arguments: passed,
        ..
    } in ancestors
    {
        let ancestor = format!("{path}::Client{}", angle_brackets(None, passed));
        w.blank();
        open!(
            w,
            "impl{declaration} ::core::convert::From<Client{arguments}> for {ancestor} {{"
        );
        open!(w, "fn from(client: Client{arguments}) -> Self {{");
        line!(w, "{rpc}::FromClient::from_client(client.client)");
        w.close("}");
        w.close("}");
    }
    Ok(())
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
        bounds.push(cx.branded(superclass.id, &superclass.brand, "Server", None)?);
    }
    w.blank();
    line!(
        w,
        "/// What an object of this interface does. Methods are written as `async fn`."
    );
    open!(
        w,
        "pub trait Server{}: {} {{",
        cx.generics.declaration(None),
        bounds.join(" + ")
    );
    for names in methods {
        let mut arguments = format!(
            "params: {}{}",
            names.params_alias,
            alias_arguments(cx, &names.params)
        );
        let mut unused = "params";
        if let Some(results) = &names.results {
            arguments += &format!(
                ", results: {}{}",
                names.results_alias,
                alias_arguments(cx, results)
            );
            unused = "(params, results)";
        }
        w.blank();
        w.doc(names.method.doc_comment.as_deref());
        open!(
            w,
            "fn {}(&self, {arguments}) -> impl ::core::future::Future<Output = {rpc}::Result<()>> + {rpc}::MaybeSend {{",
            names.function
        );
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
    template: &Template,
) -> Result<(), Error> {
    let rpc = cx.rpc("an interface")?;
    w.template(DISPATCH, template);
    open!(
        w,
        "{}",
        template.fill("impl$decl_s ServerDispatch$args_s {")
    );
    open!(
        w,
        "{}",
        template.fill("pub fn new(server: ::std::sync::Arc<$s>) -> Self {")
    );
    line!(w, "{}", template.fill("Self { server$phantom_value }"));
    w.close("}");
    w.blank();
    line!(
        w,
        "/// Calls a method of this interface itself, not one it inherits."
    );
    let signature = "pub fn dispatch_method(server: ::std::sync::Arc<$s>, method_id: u16, params: $rpc::RawParams, results: $rpc::RawResults) \
                     -> $rpc::BoxFuture<$rpc::Result<()>> {";
    open!(w, "{}", template.fill(signature));
    open!(w, "match method_id {{");
    let server = template.fill("<$s as Server$args>");
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
                "{server}::{function}(&*server, {rpc}::Params::new(params), {rpc}::Results::new(results)).await"
            );
        } else {
            line!(w, "let _ = results;");
            line!(
                w,
                "{server}::{function}(&*server, {rpc}::Params::new(params)).await"
            );
        }
        w.close("}),");
    }
    line!(
        w,
        "_ => {rpc}::unimplemented_method({:?}, method_id),",
        node.display_name
    );
    w.close("}");
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
    for MethodNames {
        params_alias,
        results_alias,
        params,
        results,
        ..
    } in methods
    {
        line!(
            w,
            "pub type {params_alias}{} = {rpc}::Params<{params}>;",
            alias_arguments(cx, params)
        );
        if let Some(results) = results {
            line!(
                w,
                "pub type {results_alias}{} = {rpc}::Results<{results}>;",
                alias_arguments(cx, results)
            );
        }
    }
    Ok(())
}

fn alias_arguments(cx: Context<'_>, ty: &str) -> String {
    alias_parameters(cx, &[ty.to_string()])
}
