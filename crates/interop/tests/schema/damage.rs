//! Schemas damaged word by word, the same ones in every run: what one compiler accepts, so does the
//! other, and they make the same of it.

/// xorshift64*
pub struct Random(pub u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % limit
    }
}

/// What the two do not agree on, as `docs/compiler.md` says: in their words or ours.
pub const KNOWN: &[&str] = &[
    "only pointer types can be used as generic parameters",
    "Type mismatch",
    "Uncaught exception",
    "is not valid UTF-8",
    "does not fit in 64 bits",
    "extends itself",
];

const WORDS: &[&str] = &[
    "Text",
    "Data",
    "Void",
    "Int8",
    "List",
    "List(Text)",
    "AnyPointer",
    "struct",
    "enum",
    "union",
    "group",
    "interface",
    "const",
    "annotation",
    "using",
    "import",
    "extends",
    "stream",
    "->",
    "@0",
    "@1",
    "@7",
    "=",
    ":",
    ";",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "$",
    "-",
    "!",
    "*",
    "true",
    "inf",
    "null",
    "0",
    "1",
    "300",
    "1.5",
    "\"x\"",
    "0x\"00\"",
    "[]",
    "()",
    "(a = 1)",
    "Foo",
    "foo",
    "struct X {}",
    "# doc\n",
    "-0.0",
    "\"\"",
];

/// Cuts a text where the language does; blanks and comments are pieces too.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut kind = ' ';
    let mut quoted = false;
    for character in text.chars() {
        let next = match character {
            '"' => '"',
            c if c.is_alphanumeric() || c == '_' => 'a',
            c if c.is_whitespace() => ' ',
            _ => '.',
        };
        let joins = quoted || (next == kind && next != '.' && next != '"');
        match pieces.last_mut() {
            Some(last) if joins => last.push(character),
            _ => pieces.push(character.to_string()),
        }
        if next == '"' {
            quoted = !quoted;
        }
        kind = next;
    }
    pieces
}

/// `text` with one to three words gone, put elsewhere, doubled or replaced.
pub fn damaged(text: &str, random: &mut Random) -> String {
    let mut pieces = pieces(text);
    let words: Vec<usize> = (0..pieces.len())
        .filter(|at| !pieces[*at].trim().is_empty())
        .collect();
    for _ in 0..1 + random.below(3) {
        let at = words[random.below(words.len())];
        match random.below(5) {
            0 => pieces[at].clear(),
            1 => pieces.swap(at, words[random.below(words.len())]),
            2 => pieces[at] = WORDS[random.below(WORDS.len())].to_owned(),
            3 => pieces[at] = format!("{} {}", pieces[at], WORDS[random.below(WORDS.len())]),
            _ => pieces[at] = pieces[words[random.below(words.len())]].clone(),
        }
    }
    pieces.concat()
}
