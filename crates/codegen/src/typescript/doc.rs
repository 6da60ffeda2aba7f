//! Doc comments and indentation.

/// A doc comment in TypeScript's form, each line behind `indent`.
pub(super) fn doc(comment: Option<&str>, indent: &str) -> String {
    let Some(comment) = comment else {
        return String::new();
    };
    // What would end the comment early must not.
    let safe = comment.trim_end().replace("*/", "*\\/");
    let lines: Vec<&str> = safe.lines().map(str::trim_end).collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => format!("{indent}/** {} */\n", line.trim_start()),
        lines => {
            let body: String = lines
                .iter()
                .map(|line| {
                    if line.is_empty() {
                        format!("{indent} *\n")
                    } else {
                        format!("{indent} * {line}\n")
                    }
                })
                .collect();
            format!("{indent}/**\n{body}{indent} */\n")
        }
    }
}

/// A doc comment to stand within a line, with a blank behind it.
pub(super) fn inline_doc(comment: Option<&str>) -> String {
    let words: Vec<&str> = comment.unwrap_or("").split_whitespace().collect();
    if words.is_empty() {
        String::new()
    } else {
        format!("/** {} */ ", words.join(" ").replace("*/", "*\\/"))
    }
}

/// Every line of `text` two spaces further right.
pub(super) fn indented(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_cannot_end_early() {
        assert_eq!(doc(Some("a */ b\n"), ""), "/** a *\\/ b */\n");
        assert_eq!(
            doc(Some("a\n\nb"), "  "),
            "  /**\n   * a\n   *\n   * b\n   */\n"
        );
        assert_eq!(doc(None, ""), "");
        assert_eq!(inline_doc(Some("a\n  */ b\n")), "/** a *\\/ b */ ");
        assert_eq!(inline_doc(None), "");
    }
}
