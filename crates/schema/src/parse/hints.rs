//! What to write instead, told from what stands where something else is expected.

use super::ast::DeclKind;
use super::lexer::TokenKind;
use super::parser::Parser;
use crate::{habits, spelling};

/// What has a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Field,
    Enumerant,
    Method,
}

impl Member {
    fn written(self, name: &str, ty: &str) -> String {
        let name = spelling::member_name(name);
        match self {
            Member::Field => format!("write '{name} @N :{ty}'"),
            Member::Enumerant => format!("write '{name} @N'"),
            Member::Method => format!("write '{name} @N (…) -> (…)'"),
        }
    }
}

const OPTIONAL: &str = "remove it: any field can be left out";
const NO_METHODS: &str = "a struct has fields; what has methods is an interface";

impl Parser<'_> {
    /// The next token stands where `@` does, behind the first word of a member.
    pub(super) fn instead_of_number(&self, first: &str, member: Member) -> Option<String> {
        Some(match self.peek() {
            TokenKind::Identifier(_) => return Some(self.instead_of_words(first, member)),
            TokenKind::Integer(_) if first == "reserved" => {
                "keep what had these numbers, under any name: numbers leave no holes".to_owned()
            }
            TokenKind::Mark('?') if member == Member::Field => OPTIONAL.to_owned(),
            TokenKind::Mark(':') if member == Member::Method => {
                "an interface has methods, 'name @N (…) -> (…)'; what has fields is a struct"
                    .to_owned()
            }
            TokenKind::Mark('-') => match self.peek_at(1) {
                TokenKind::Identifier(second) => {
                    format!(
                        "write '{}'",
                        spelling::member_name(&format!("{first}_{second}"))
                    )
                }
                _ => return None,
            },
            TokenKind::Mark('=') => {
                format!("{}; numbers start at @0", member.written(first, "Type"))
            }
            TokenKind::Mark('(') if member == Member::Field => {
                if first.starts_with(|c: char| c.is_ascii_uppercase()) {
                    "the name comes first: 'name @N :Type'".to_owned()
                } else {
                    NO_METHODS.to_owned()
                }
            }
            TokenKind::Mark('(' | ',' | ';' | '}') => member.written(first, "Type"),
            _ => return None,
        })
    }

    /// `string name`, `repeated int32 ids`, `async get`: the name is the last word.
    fn instead_of_words(&self, first: &str, member: Member) -> String {
        let mut words = vec![first];
        while let TokenKind::Identifier(word) = self.peek_at(words.len() - 1) {
            words.push(word);
        }
        let behind = words.len() - 1;
        let name = words.pop().unwrap_or(first);
        let numbered = self.at_mark_after(behind, '@')
            && (member != Member::Field || self.at_mark_after(behind + 2, ':'));
        if member == Member::Field && self.at_mark_after(behind + 2, '(') {
            return NO_METHODS.to_owned();
        }
        if numbered {
            return format!("remove '{}'", words.join(" "));
        }
        let ty = words.pop().unwrap_or("Type");
        let ty = match habits::our_name(ty) {
            Some(ours) => ours.to_owned(),
            None => spelling::type_name(ty),
        };
        if first == "repeated" && !words.is_empty() {
            member.written(name, &format!("List({ty})"))
        } else {
            member.written(name, &ty)
        }
    }

    /// The next token stands where `:` and a field's type do.
    pub(super) fn instead_of_colon(&self, name: &str) -> Option<String> {
        match self.peek() {
            TokenKind::Mark('?') => Some(OPTIONAL.to_owned()),
            TokenKind::Mark('=') => Some(format!("write '{name} @N :Type = …'")),
            TokenKind::Identifier(ty) => Some(format!("write '{name} @N :{ty}'")),
            _ => None,
        }
    }

    /// The next token stands where the `:` behind a constant's name does.
    pub(super) fn instead_of_constant(&self, first: &str) -> String {
        let (name, ty) = match self.peek() {
            TokenKind::Identifier(last) if self.at_mark_after(1, '=') => {
                match habits::our_name(first) {
                    Some(ty) => (last.as_str(), ty),
                    None => (first, last.as_str()),
                }
            }
            _ => (first, "Type"),
        };
        format!("write 'const {} :{ty} = …'", spelling::member_name(name))
    }

    /// The next token stands where a member's name does.
    pub(super) fn instead_of_member(&self) -> Option<&'static str> {
        match self.peek() {
            TokenKind::String(_) => Some("names have no quotes"),
            TokenKind::Integer(_) | TokenKind::Float(_) => Some("names begin with a letter"),
            TokenKind::Mark('@' | '$') => {
                Some("annotations stand behind what they are about: 'name @N :Type $annotation;'")
            }
            _ => None,
        }
    }

    /// The next token stands where the `{` of a declaration does.
    pub(super) fn instead_of_body(&self, kind: &DeclKind) -> Option<String> {
        let base = |at| match self.peek_at(at) {
            TokenKind::Identifier(base) => base.clone(),
            _ => "Base".to_owned(),
        };
        Some(match (self.peek(), kind) {
            (TokenKind::Mark('='), _) => "remove it".to_owned(),
            (TokenKind::Mark(':'), DeclKind::Interface { .. }) => {
                format!("write 'extends({})'", base(1))
            }
            (TokenKind::Identifier(word), DeclKind::Struct)
                if word == "extends" || word == "implements" =>
            {
                "structs do not inherit: give it a field of the other type".to_owned()
            }
            (TokenKind::Mark(':'), DeclKind::Enum) => {
                "remove it: an enum always takes 16 bits".to_owned()
            }
            (TokenKind::Mark(':' | '(' | '['), _) => "a body stands between '{' and '}'".to_owned(),
            _ => return None,
        })
    }

    /// The next token stands where a type or a value does.
    pub(super) fn instead_of_value(&self) -> Option<&'static str> {
        self.at_mark('{').then_some(
            "a list is written '[a, b]' and a struct's value '(x = 1)'; a type is declared by \
             itself, 'struct Name { … }'",
        )
    }

    /// The next token stands where a declaration's `;` does.
    pub(super) fn instead_of_end(&self, kind: &DeclKind) -> Option<&'static str> {
        let method = matches!(kind, DeclKind::Method { .. });
        Some(match (self.peek(), kind) {
            (TokenKind::Mark(','), _) => "write ';'",
            (TokenKind::Mark(':' | '='), DeclKind::Enumerant) => {
                "an enumerant has a name and a number only"
            }
            (TokenKind::Mark('?' | '!'), _) => OPTIONAL,
            (TokenKind::Mark('<'), _) => "type parameters stand between parentheses: 'List(Text)'",
            (TokenKind::Mark('['), _) if self.at_mark_after(1, ']') => {
                "a list is written 'List(Type)'"
            }
            (TokenKind::Mark('['), _) => "annotations are written '$name(value)'",
            (TokenKind::Mark('|'), _) => "fields of which one is set are a union: 'union { … }'",
            (TokenKind::Mark('{'), _) => {
                "declare the type by itself, 'struct Name { … }', and write its name here"
            }
            (TokenKind::Mark(':'), _) if self.at_mark_after(1, ':') => {
                "names are joined with a '.'"
            }
            (TokenKind::Mark(':'), _) if method => {
                "results stand between parentheses: '-> (name :Type)'"
            }
            (TokenKind::Identifier(word), DeclKind::Field { .. }) if word == "default" => {
                "write '=': 'name @N :Type = value'"
            }
            (TokenKind::Identifier(_), DeclKind::Field { ty, .. }) if ty.text() == "List" => {
                "the type of the elements stands between parentheses: 'List(Text)'"
            }
            (TokenKind::Identifier(word), _) if method && word == "throws" => {
                "remove it: any method may fail"
            }
            (TokenKind::Identifier(word), _) if method && word == "stream" => "write '-> stream'",
            (TokenKind::Identifier(word), _) if method && word == "returns" => {
                "write '-> (name :Type)'"
            }
            _ => return None,
        })
    }
}
