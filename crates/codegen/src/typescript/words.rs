//! What schemas' names become where JavaScript or TypeScript has a meaning for them already.

use capstan_schema::node::StructNode;

/// A field or method as JavaScript may safely call it.
pub(super) fn member(name: &str) -> String {
    if TAKEN_MEMBERS.contains(&name) {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}

/// A field of a struct with a union, where `which` names the union's member.
pub(super) fn field_name(name: &str, structure: &StructNode) -> String {
    if name == "which" && structure.discriminant_count > 0 {
        "which_".to_owned()
    } else {
        member(name)
    }
}

pub(super) fn type_name(name: &str) -> String {
    if RESERVED.binary_search(&name).is_ok() {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}

/// Groups are types of their own, named like their fields: but not like one of the language's.
pub(super) fn group_name(name: &str) -> String {
    if PREDEFINED.binary_search(&name).is_ok() {
        format!("{name}_")
    } else {
        type_name(name)
    }
}

/// Members of every JavaScript object: a value that lacks such a field would seem to have it.
/// And members that make an object look like a promise.
const TAKEN_MEMBERS: &[&str] = &[
    "catch",
    "constructor",
    "finally",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "then",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// Words that cannot name a constant at the top level of a module, sorted.
const RESERVED: &[&str] = &[
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Types that TypeScript has without declaring them, sorted.
const PREDEFINED: &[&str] = &[
    "any", "bigint", "boolean", "never", "number", "object", "string", "symbol", "unknown",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_words_are_sorted_where_they_are_searched() {
        assert!(RESERVED.is_sorted() && PREDEFINED.is_sorted());
        assert_eq!(
            [group_name("enum"), group_name("string"), group_name("type")],
            ["enum_", "string_", "type"]
        );
        assert_eq!(type_name("default"), "default_");
        assert_eq!(member("then"), "then_");
        assert_eq!(member("name"), "name");
    }
}
