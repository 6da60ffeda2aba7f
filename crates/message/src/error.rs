use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// What this crate's fallible operations return.
pub type Result<T> = core::result::Result<T, Error>;

/// A message that cannot be read, or could not be built: what is wrong and where.
///
/// One pointer wide, so that results of hot accessors stay small.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    position: Option<Position>,
    detail: String,
}

/// Where in a message something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Index of the segment.
    pub segment: u32,
    /// Index of the word in that segment.
    pub word: u32,
}

/// The reason of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A pointer leads outside its segment. The message is damaged or hostile.
    OutOfBounds,
    /// A far pointer names a segment that the message does not have.
    UnknownSegment,
    /// A far pointer's landing pad is not one.
    InvalidLandingPad,
    /// A pointer of another kind stands where the schema has a struct, list or capability:
    /// sender and receiver use incompatible schemas.
    WrongPointerKind,
    /// A list's elements cannot be read as the elements the schema has.
    WrongElementSize,
    /// The tag of an inline composite list is no struct tag, or describes more than the list holds.
    InvalidTag,
    /// More words were visited than `ReaderOptions::traversal_limit_in_words` allows.
    TraversalLimitExceeded,
    /// Structs and lists are nested deeper than `ReaderOptions::nesting_limit` allows.
    NestingLimitExceeded,
    /// A capability pointer names an entry that the message's capability table does not have.
    UnknownCapability,
    /// Text does not end with a NUL byte.
    TextNotTerminated,
    /// Text is not UTF-8.
    TextNotUtf8,
    /// The message has no segments, or no room for a root pointer.
    EmptyMessage,
    /// The bytes end before the message does. More bytes may help.
    Truncated,
    /// Bytes follow the message where nothing may follow, or the length is no whole number of words.
    TrailingBytes,
    /// The segment table claims more segments than `ReaderOptions::segment_limit` allows.
    TooManySegments,
    /// A message, segment or list exceeds what the format or the options allow.
    TooLarge,
    /// An orphan was given to another message than the one it came from.
    ForeignOrphan,
    /// The allocator had no room for what was built.
    AllocationFailed,
    /// An enum or union value that this schema does not know.
    NotInSchema,
    /// Reading from or writing to a stream failed.
    Io,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            position: None,
            detail: detail.into(),
        }))
    }

    #[cold]
    pub(crate) fn at(kind: ErrorKind, position: Position, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            position: Some(position),
            detail: detail.into(),
        }))
    }

    /// The same error at `to`, if it was found at `from`.
    pub(crate) fn relocated(mut self, from: Position, to: Position) -> Self {
        if self.0.position == Some(from) {
            self.0.position = Some(to);
        }
        self
    }

    /// The reason, to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The offending pointer or value, when the error lies in a message's words.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }

    /// What `to_string` gives, with nothing of `core::fmt`, which a program may then be without.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self.0.position {
            Some(position) => text!(self.detail(), position),
            None => self.0.detail.clone(),
        }
    }

    /// What was found, without the position.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl core::error::Error for Error {}

impl From<core::str::Utf8Error> for Error {
    fn from(error: core::str::Utf8Error) -> Self {
        Self::new(
            ErrorKind::TextNotUtf8,
            text!("text is not UTF-8 from byte ", error.valid_up_to(), " on"),
        )
    }
}

#[cfg(feature = "std")]
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, alloc::format!("the stream failed: {error}"))
    }
}

/// A value of an enum, or a union's discriminant, that the schema in use does not know, most
/// likely because the sender has a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotInSchema(pub u16);

impl fmt::Display for NotInSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "enum or union value {} is not in the schema; the sender may use a newer one",
            self.0
        )
    }
}

impl core::error::Error for NotInSchema {}

impl From<NotInSchema> for Error {
    fn from(value: NotInSchema) -> Self {
        Self::new(ErrorKind::NotInSchema, alloc::format!("{value}"))
    }
}
