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

const NAMES: [(&str, Format); 7] = [
    ("binary", Format::Binary),
    ("packed", Format::Packed),
    ("flat", Format::Flat),
    ("flat-packed", Format::FlatPacked),
    ("canonical", Format::Canonical),
    ("text", Format::Text),
    ("json", Format::Json),
];

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            format!(
                "'{name}' is not one of binary, packed, flat, flat-packed, canonical, text and json"
            )
        })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = NAMES.iter().find(|(_, format)| format == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// For messages that whoever runs the command has chosen: as large as memory allows.
pub(super) const OPTIONS: ReaderOptions = ReaderOptions {
    traversal_limit_in_words: Some((u32::MAX >> 4) as usize),
    nesting_limit: 512,
    segment_limit: 1 << 20,
};
