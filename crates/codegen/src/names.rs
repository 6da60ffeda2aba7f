//! The words of an identifier, rejoined in the style of another language.

/// `fooBar` and `FooBar` become `foo_bar`. Every capital starts a word, so that the result does not
/// depend on what stands around it.
pub fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (position, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && position > 0 && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `fooBar` becomes `FOO_BAR`.
pub fn screaming_snake_case(name: &str) -> String {
    snake_case(name).to_ascii_uppercase()
}

/// `fooBar` becomes `FooBar`.
pub fn pascal_case(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        None => String::new(),
    }
}

/// `foo/bar-baz.capnp` becomes `bar_baz`: the file's name without folder and extension, as an
/// identifier.
pub fn file_stem_identifier(filename: &str) -> String {
    let base = filename.rsplit(['/', '\\']).next().unwrap_or(filename);
    let stem = base.strip_suffix(".capnp").unwrap_or(base);
    let mut out: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if out.chars().next().is_none_or(|c| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_start_at_capitals() {
        assert_eq!(snake_case("fooBar"), "foo_bar");
        assert_eq!(snake_case("FooBar"), "foo_bar");
        assert_eq!(snake_case("uint32Id"), "uint32_id");
        assert_eq!(snake_case("aID"), "a_i_d");
        assert_eq!(screaming_snake_case("maxSize"), "MAX_SIZE");
        assert_eq!(pascal_case("fooBar"), "FooBar");
        assert_eq!(pascal_case(""), "");
    }

    #[test]
    fn file_names_become_identifiers() {
        assert_eq!(file_stem_identifier("a/b/files.capnp"), "files");
        assert_eq!(file_stem_identifier("c++.capnp"), "c__");
        assert_eq!(file_stem_identifier("2nd-try.capnp"), "_2nd_try");
    }
}
