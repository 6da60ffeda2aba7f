//! The forms that messages come in.

use capstan_message::message::ReaderOptions;

/// One form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Binary,
    Packed,
    /// One segment without a table.
    Flat,
    FlatPacked,
    Canonical,
    Text,
    Json,
}

impl Format {
    /// Whether a schema is needed to read or write it.
    pub(super) fn needs_schema(self) -> bool {
        matches!(self, Format::Text | Format::Json)
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "binary" => Format::Binary,
            "packed" => Format::Packed,
            "flat" => Format::Flat,
            "flat-packed" => Format::FlatPacked,
            "canonical" => Format::Canonical,
            "text" => Format::Text,
            "json" => Format::Json,
            _ => {
                return Err(format!(
                    "'{name}' is not one of binary, packed, flat, flat-packed, canonical, text and json"
                ));
            }
        })
    }
}

/// For messages that whoever runs the command has chosen: as large as memory allows.
pub(super) const OPTIONS: ReaderOptions = ReaderOptions {
    traversal_limit_in_words: Some((u32::MAX >> 4) as usize),
    nesting_limit: 512,
    segment_limit: 1 << 20,
};
