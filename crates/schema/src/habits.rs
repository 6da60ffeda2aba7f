//! What people write who know other languages, and what it is here.

use crate::spelling;

/// The keyword that declares what other languages declare with `word`, or that was misspelt.
pub(crate) fn our_keyword(word: &str) -> Option<&'static str> {
    const KEYWORDS: [&str; 6] = [
        "struct",
        "enum",
        "interface",
        "const",
        "annotation",
        "using",
    ];
    Some(match word {
        "message" | "class" | "type" | "record" | "table" | "model" | "object" | "input" => {
            "struct"
        }
        "service" | "protocol" | "trait" => "interface",
        "let" | "var" | "static" => "const",
        "typedef" | "alias" => "using",
        _ => spelling::closest(word, KEYWORDS)?.1,
    })
}

/// Whether other languages put `word` before what they declare, for what needs no word here.
pub(crate) fn is_modifier(word: &str) -> bool {
    matches!(
        word,
        "export" | "public" | "private" | "pub" | "abstract" | "declare" | "default" | "final"
    )
}

/// What to write for statements that other languages have at the top of a file.
pub(crate) fn instead_of_statement(word: &str) -> Option<&'static str> {
    Some(match word {
        "import" | "include" | "require" | "use" | "from" => {
            "write 'using Name = import \"file.capnp\";'"
        }
        "syntax" | "edition" => "remove it: there is one version of the language",
        "package" | "namespace" | "module" => {
            "remove it: every file has names of its own, and those that import it name the file"
        }
        "option" => "what code generators are told is an annotation: '$name(value);'",
        _ => return None,
    })
}

/// What is a type or a value here, by the names that other languages have for it.
pub(crate) fn our_name(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "string" | "str" => "Text",
        "bytes" | "blob" | "buffer" | "uuid" => "Data",
        "byte" | "u8" => "UInt8",
        "short" | "i16" => "Int16",
        "int" | "integer" | "i32" => "Int32",
        "long" | "i64" => "Int64",
        "u16" => "UInt16",
        "uint" | "u32" => "UInt32",
        "ulong" | "u64" => "UInt64",
        "float" | "f32" => "Float32",
        "double" | "number" | "f64" => "Float64",
        "boolean" => "Bool",
        "any" | "object" => "AnyPointer",
        "array" | "vec" | "vector" | "set" => "List",
        "true" => "true",
        "false" => "false",
        "stream" => "stream",
        _ => return None,
    })
}

/// What to write for things that other languages have and this one has not.
pub(crate) fn instead_of(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "optional" | "option" | "maybe" | "nullable" => {
            "write the type alone: any field can be left out"
        }
        "map" | "dict" | "dictionary" | "hashmap" | "record" => {
            "write a list of structs that have a key and a value"
        }
        "promise" | "future" | "task" => "write the results alone: '(name :Type)'",
        "date" | "time" | "datetime" | "timestamp" | "duration" => {
            "a time is a number: write 'Int64', and its unit in the name"
        }
        "null" | "nil" | "none" | "undefined" => "leave it out: what is not set has its default",
        _ => return None,
    })
}
