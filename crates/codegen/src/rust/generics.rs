//! Type parameters of nodes as type parameters of Rust items.

use super::Error;
use super::types::MESSAGE;

/// One type parameter of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeParameter {
    pub(super) scope_id: u64,
    pub(super) index: u16,
    pub(super) name: String,
}

/// The type parameters in force in a module, outermost first, each under a name of its own.
#[derive(Debug, Default)]
pub(super) struct Generics {
    parameters: Vec<TypeParameter>,
}

impl Generics {
    pub(super) fn new(parameters: Vec<TypeParameter>) -> Self {
        Self { parameters }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    pub(super) fn name(&self, scope_id: u64, index: u16) -> Result<&str, Error> {
        let found = self
            .parameters
            .iter()
            .find(|parameter| parameter.scope_id == scope_id && parameter.index == index);
        match found {
            Some(parameter) => Ok(&parameter.name),
            None => Err(Error::new(format!(
                "type parameter {index} of node {scope_id:#018x} is used outside of it"
            ))),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.parameters
            .iter()
            .map(|parameter| parameter.name.clone())
            .collect()
    }

    /// `<'a, T: Owned>`, for an `impl` or a function.
    pub(super) fn declaration(&self, lifetime: Option<&str>) -> String {
        angle_brackets(lifetime, &self.bounded())
    }

    /// `<'a, S, T: Owned>` with a parameter of our own, which is bounded elsewhere.
    pub(super) fn declaration_with(&self, own: &str) -> String {
        let mut parameters = vec![own.to_string()];
        parameters.extend(self.bounded());
        angle_brackets(None, &parameters)
    }

    /// `<'a, T>`, for naming a type.
    pub(super) fn arguments(&self, lifetime: Option<&str>) -> String {
        angle_brackets(lifetime, &self.names())
    }

    /// `<S, T>` with an argument of our own.
    pub(super) fn arguments_with(&self, own: &str) -> String {
        let mut arguments = vec![own.to_string()];
        arguments.extend(self.names());
        angle_brackets(None, &arguments)
    }

    /// A type that mentions all parameters and owns none.
    pub(super) fn phantom_type(&self) -> String {
        format!(
            "::core::marker::PhantomData<fn() -> ({},)>",
            self.names().join(", ")
        )
    }

    /// A name for a type parameter of our own that is none of these.
    pub(super) fn fresh(&self, wish: &str) -> String {
        let mut name = wish.to_string();
        while self
            .parameters
            .iter()
            .any(|parameter| parameter.name == name)
        {
            name.push('_');
        }
        name
    }

    fn bounded(&self) -> Vec<String> {
        self.parameters
            .iter()
            .map(|parameter| format!("{}: {MESSAGE}::traits::Owned", parameter.name))
            .collect()
    }
}

/// `<'a, A, B>`; nothing when there is nothing to put into it.
pub(super) fn angle_brackets(lifetime: Option<&str>, arguments: &[String]) -> String {
    let all: Vec<&str> = lifetime
        .into_iter()
        .chain(arguments.iter().map(String::as_str))
        .collect();
    if all.is_empty() {
        String::new()
    } else {
        format!("<{}>", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_empty_or_bracketed() {
        let none = Generics::default();
        assert_eq!(
            (none.declaration(None), none.arguments(Some("'a"))),
            (String::new(), "<'a>".to_string())
        );
        let parameter = TypeParameter {
            scope_id: 1,
            index: 0,
            name: "S".to_string(),
        };
        let one = Generics::new(vec![parameter]);
        assert_eq!(
            one.declaration(Some("'a")),
            "<'a, S: _capnp::traits::Owned>"
        );
        assert_eq!(one.arguments_with(&one.fresh("S")), "<S_, S>");
        assert!(one.name(1, 1).is_err());
    }
}
