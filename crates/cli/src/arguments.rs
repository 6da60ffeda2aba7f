//! Command lines: which verbs and flags there are, what was given of them, and the help.
//!
//! Flags are found as the reference tool finds them: anywhere before `--`, short ones together
//! (`-pI.`), values behind a flag, behind `=` or as the next argument.

use std::fmt::Write as _;

use crate::failure::Failure;
use crate::host::Host;

/// One thing the command can do.
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    /// One sentence, for the list of verbs.
    pub(crate) about: &'static str,
    /// What else there is to know; may be empty.
    pub(crate) more: &'static str,
    pub(crate) flags: &'static [&'static [Flag]],
    pub(crate) operands: Operands,
    pub(crate) run: fn(&Given, &dyn Host) -> Result<(), Failure>,
}

pub(crate) struct Flag {
    pub(crate) short: Option<char>,
    pub(crate) long: &'static str,
    /// What its value is called, if it has one.
    pub(crate) value: Option<&'static str>,
    /// Empty for what the help does not name.
    pub(crate) about: &'static str,
}

/// The arguments that are no flags, by name.
pub(crate) struct Operands {
    pub(crate) names: &'static [&'static str],
    /// How many there must be; the names behind these may be missing.
    pub(crate) required: usize,
    /// Whether the last one may be repeated.
    pub(crate) repeated: bool,
}

/// What was given to a verb.
#[derive(Default)]
pub(crate) struct Given {
    flags: Vec<(&'static str, String)>,
    pub(crate) operands: Vec<String>,
}

/// What a command line asks for.
pub(crate) enum Request {
    Run(&'static Verb, Given),
    /// To be shown: the help, or the version.
    Show(String),
}

/// What is wrong with a command line, and whose help helps.
#[derive(Debug)]
pub(crate) struct Misuse {
    /// Such as `capstan compile`.
    pub(crate) command: String,
    pub(crate) problem: String,
}

const COMMON: &[Flag] = &[
    Flag {
        short: Some('h'),
        long: "help",
        value: None,
        about: "Show this help.",
    },
    Flag {
        short: Some('V'),
        long: "version",
        value: None,
        about: "Show the version.",
    },
];

/// What other compilers have and here changes nothing.
const ACCEPTED: &[Flag] = &[Flag {
    short: None,
    long: "verbose",
    value: None,
    about: "",
}];

impl Given {
    pub(crate) fn has(&self, long: &str) -> bool {
        self.flags.iter().any(|(name, _)| *name == long)
    }

    /// The value of a flag; of one given several times, the last.
    pub(crate) fn value(&self, long: &str) -> Option<&str> {
        let mut flags = self.flags.iter().rev();
        let (_, value) = flags.find(|(name, _)| *name == long)?;
        Some(value)
    }

    pub(crate) fn values<'g>(&'g self, long: &'g str) -> impl Iterator<Item = &'g str> {
        let flags = self.flags.iter().filter(move |(name, _)| *name == long);
        flags.map(|(_, value)| value.as_str())
    }

    pub(crate) fn operand(&self, at: usize) -> &str {
        self.operands.get(at).map_or("", String::as_str)
    }
}

/// Reads the arguments behind the name of the command. `early` are the flags that may stand before
/// the verb.
pub(crate) fn read(
    arguments: &[String],
    verbs: &'static [Verb],
    early: &'static [Flag],
) -> Result<Request, Misuse> {
    let misuse = |problem| Misuse {
        command: "capstan".to_owned(),
        problem,
    };
    let mut given = Given::default();
    let mut rest = arguments.iter();
    let name = loop {
        match rest.next().map(String::as_str) {
            None | Some("--") => {
                let names: Vec<&str> = verbs.iter().map(|verb| verb.name).collect();
                return Err(misuse(format!("name a command: {}", names.join(", "))));
            }
            Some(flag) if is_flag(flag) => {
                read_flag(flag, &mut rest, &[early, ACCEPTED, COMMON], &mut given)
                    .map_err(misuse)?;
                if let Some(show) = shown(&given, || overview(verbs, early)) {
                    return Ok(show);
                }
            }
            Some("help") => match rest.next() {
                None => return Ok(Request::Show(overview(verbs, early))),
                Some(name) => {
                    let verb = find(verbs, name).map_err(misuse)?;
                    return Ok(Request::Show(help(verb)));
                }
            },
            Some(name) => break name,
        }
    };
    let verb = find(verbs, name).map_err(misuse)?;
    let misuse = |problem| Misuse {
        command: format!("capstan {}", verb.name),
        problem,
    };
    let mut known = verb.flags.to_vec();
    known.extend([ACCEPTED, COMMON]);
    while let Some(argument) = rest.next() {
        if argument == "--" {
            given.operands.extend(rest.by_ref().cloned());
        } else if is_flag(argument) {
            read_flag(argument, &mut rest, &known, &mut given).map_err(misuse)?;
            if let Some(show) = shown(&given, || help(verb)) {
                return Ok(show);
            }
        } else {
            given.operands.push(argument.clone());
        }
    }
    check_operands(&verb.operands, &given.operands).map_err(misuse)?;
    Ok(Request::Run(verb, given))
}

fn find(verbs: &'static [Verb], name: &str) -> Result<&'static Verb, String> {
    let found = verbs.iter().find(|verb| verb.name == name);
    found.ok_or_else(|| {
        let mut names = verbs.iter().map(|verb| verb.name);
        let meant = names.find(|known| known.starts_with(name) || name.starts_with(known));
        let meant = meant.map(|known| format!("; did you mean '{known}'?"));
        format!("there is no command '{name}'{}", meant.unwrap_or_default())
    })
}

fn is_flag(argument: &str) -> bool {
    argument.len() > 1 && argument.starts_with('-')
}

/// Reads one argument that begins with `-`, and its value if that is the next one.
fn read_flag<'a>(
    argument: &str,
    rest: &mut (impl Iterator<Item = &'a String> + Clone),
    known: &[&'static [Flag]],
    given: &mut Given,
) -> Result<(), String> {
    let mut next = || {
        // What looks like a flag is one: a value was forgotten.
        let value = rest.clone().next().filter(|value| !is_flag(value))?;
        rest.next();
        Some(value.clone())
    };
    let known = || known.iter().copied().flatten();
    if let Some(long) = argument.strip_prefix("--") {
        let (long, value) = match long.split_once('=') {
            Some((long, value)) => (long, Some(value)),
            None => (long, None),
        };
        let flag = known().find(|flag| flag.long == long);
        let flag = flag.ok_or_else(|| format!("there is no option '--{long}'"))?;
        let value = match (flag.value, value) {
            (None, None) => String::new(),
            (None, Some(_)) => return Err(format!("'--{long}' takes no value")),
            (Some(_), Some(value)) => value.to_owned(),
            (Some(name), None) => {
                next().ok_or_else(|| format!("'--{long}' wants a value: --{long}={name}"))?
            }
        };
        given.flags.push((flag.long, value));
        return Ok(());
    }
    let mut letters = argument.chars();
    letters.next();
    while let Some(letter) = letters.next() {
        let flag = known().find(|flag| flag.short == Some(letter));
        let flag = flag.ok_or_else(|| format!("there is no option '-{letter}'"))?;
        let Some(name) = flag.value else {
            given.flags.push((flag.long, String::new()));
            continue;
        };
        let value = match letters.as_str() {
            "" => next().ok_or_else(|| format!("'-{letter}' wants a value: -{letter}{name}"))?,
            value => value.to_owned(),
        };
        given.flags.push((flag.long, value));
        break;
    }
    Ok(())
}

fn shown(given: &Given, help: impl FnOnce() -> String) -> Option<Request> {
    if given.has("help") {
        return Some(Request::Show(help()));
    }
    let version = concat!("capstan ", env!("CARGO_PKG_VERSION"), "\n");
    let asked = given.has("version");
    asked.then(|| Request::Show(version.to_owned()))
}

fn check_operands(operands: &Operands, given: &[String]) -> Result<(), String> {
    let missing = operands.names.get(given.len());
    if let Some(name) = missing.filter(|_| given.len() < operands.required) {
        return Err(format!("<{name}> is missing"));
    }
    match given.get(operands.names.len()) {
        Some(extra) if !operands.repeated => Err(format!("'{extra}' is one argument too many")),
        _ => Ok(()),
    }
}

fn overview(verbs: &[Verb], early: &'static [Flag]) -> String {
    let mut out = String::from(
        "Cap'n Proto schemas and messages: compile them, format them, convert them.\n\n\
         Usage: capstan [OPTIONS] COMMAND …\n\nCommands:\n",
    );
    for verb in verbs {
        let _ = writeln!(out, "  {:11}{}", verb.name, verb.about);
    }
    out.push_str("\n'capstan help COMMAND' shows more of one.\n\nOptions:\n");
    describe(&[early, COMMON], &mut out);
    out
}

fn help(verb: &Verb) -> String {
    let mut out = format!("{}\n", verb.about);
    if !verb.more.is_empty() {
        out.push('\n');
        wrap(verb.more, "", &mut out);
    }
    let _ = write!(out, "\nUsage: capstan {} [OPTIONS]", verb.name);
    let operands = &verb.operands;
    for (at, name) in operands.names.iter().enumerate() {
        let (open, close) = if at < operands.required {
            ('<', '>')
        } else {
            ('[', ']')
        };
        let _ = write!(out, " {open}{name}{close}");
    }
    out.push_str(if operands.repeated { "...\n" } else { "\n" });
    out.push_str("\nOptions:\n");
    let mut flags = verb.flags.to_vec();
    flags.push(COMMON);
    describe(&flags, &mut out);
    out
}

fn describe(flags: &[&[Flag]], out: &mut String) {
    for flag in flags.iter().copied().flatten() {
        if flag.about.is_empty() {
            continue;
        }
        let value = flag.value.unwrap_or_default();
        let _ = match flag.short {
            Some(short) => write!(out, "  -{short}{value}, --{}", flag.long),
            None => write!(out, "  --{}", flag.long),
        };
        if flag.value.is_some() {
            let _ = write!(out, "={value}");
        }
        out.push('\n');
        wrap(flag.about, "        ", out);
    }
}

/// Breaks a paragraph into lines of at most 80 characters.
fn wrap(text: &str, indent: &str, out: &mut String) {
    let mut length = 0;
    for word in text.split(' ') {
        if length > 0 && length + 1 + word.chars().count() <= 80 {
            out.push(' ');
            length += 1;
        } else {
            if length > 0 {
                out.push('\n');
            }
            out.push_str(indent);
            length = indent.len();
        }
        out.push_str(word);
        length += word.chars().count();
    }
    out.push('\n');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        Flag {
            short: Some('p'),
            long: "packed",
            value: None,
            about: "Pack.",
        },
        Flag {
            short: Some('I'),
            long: "import-path",
            value: Some("DIR"),
            about: "Look here.",
        },
    ];
    const VERBS: &[Verb] = &[Verb {
        name: "go",
        about: "Go.",
        more: "",
        flags: &[FLAGS],
        operands: Operands {
            names: &["file", "type"],
            required: 1,
            repeated: false,
        },
        run: |_, _| Ok(()),
    }];

    fn given(line: &str) -> Result<Given, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match read(&arguments, VERBS, FLAGS) {
            Ok(Request::Run(_, given)) => Ok(given),
            Ok(Request::Show(text)) => Err(text),
            Err(misuse) => Err(format!("{}: {}", misuse.command, misuse.problem)),
        }
    }

    #[test]
    fn flags_stand_anywhere_and_together() {
        for line in [
            "-I x go -p f",
            "go f -pIx",
            "go -pI x f",
            "go --import-path x f --packed",
            "go --import-path=x --packed -- f",
            "--import-path=x go f -p --verbose",
        ] {
            let given = given(line).unwrap_or_else(|problem| panic!("{line}: {problem}"));
            assert!(given.has("packed"), "{line}");
            assert_eq!(given.value("import-path"), Some("x"), "{line}");
            assert_eq!(given.operands, ["f"], "{line}");
        }
        assert_eq!(given("go -- -p --").unwrap().operands, ["-p", "--"]);
        assert_eq!(given("go -I - f").unwrap().value("import-path"), Some("-"));
        assert_eq!(
            given("go -Ia -I b f").unwrap().value("import-path"),
            Some("b")
        );
    }

    #[test]
    fn wrong_lines_are_explained() {
        for (line, expected) in [
            ("", "capstan: name a command: go"),
            ("-- go", "capstan: name a command: go"),
            ("stay", "capstan: there is no command 'stay'"),
            (
                "gone",
                "capstan: there is no command 'gone'; did you mean 'go'?",
            ),
            ("help stay", "capstan: there is no command 'stay'"),
            ("-x go", "capstan: there is no option '-x'"),
            ("go -px", "capstan go: there is no option '-x'"),
            ("go --pack f", "capstan go: there is no option '--pack'"),
            ("go --packed=1 f", "capstan go: '--packed' takes no value"),
            ("go f -I", "capstan go: '-I' wants a value: -IDIR"),
            ("go f -I -p", "capstan go: '-I' wants a value: -IDIR"),
            (
                "go --import-path",
                "capstan go: '--import-path' wants a value: --import-path=DIR",
            ),
            ("go", "capstan go: <file> is missing"),
            ("go a b c", "capstan go: 'c' is one argument too many"),
        ] {
            assert_eq!(given(line).err().as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn help_is_shown_wherever_it_is_asked_for() {
        let go = "Go.\n\nUsage: capstan go [OPTIONS] <file> [type]\n\nOptions:\n  -p, --packed\n        \
                  Pack.\n  -IDIR, --import-path=DIR\n        Look here.\n  -h, --help\n        \
                  Show this help.\n  -V, --version\n        Show the version.\n";
        for line in ["help go", "go --help", "go f -ph"] {
            assert_eq!(given(line).err().as_deref(), Some(go), "{line}");
        }
        for line in ["help", "--help", "-h"] {
            let text = given(line).err().unwrap();
            assert!(text.contains("  go         Go.\n"), "{text}");
        }
        for line in ["--version", "go -V"] {
            assert!(given(line).err().unwrap().starts_with("capstan "), "{line}");
        }
    }

    #[test]
    fn lines_are_broken_between_words() {
        let mut out = String::new();
        wrap(&"word ".repeat(20), "    ", &mut out);
        assert!(out.lines().all(|line| line.len() <= 80));
        assert_eq!(out.lines().count(), 2);
    }
}
