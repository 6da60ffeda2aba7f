//! Our schema compiler against the reference one: the same files go through both, and what the
//! reference compiler hands to its code generators must equal ours, word for word when decoded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "schema/damage.rs"]
mod damage;

#[path = "schema/mistakes.rs"]
mod mistakes;

#[path = "schema/request.rs"]
mod request;

#[path = "schema/random.rs"]
mod random;

#[path = "schema/random_types.rs"]
mod random_types;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use capstan_schema::node::Node;
use capstan_schema::{
    Diagnostic, Files, SourceFile, compile, read_request, resolve_path, write_request,
};

/// `capnp` of Debian's package `capnproto`.
const REFERENCE: &str = "capnp";

/// The directory that `/capnp/…` is imported from, by both compilers.
fn standard_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema")
}

fn own_schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema")
}

/// The request that the reference compiler makes in `directory`.
fn reference(directory: &Path, files: &[&str]) -> Vec<u8> {
    let run = Command::new(REFERENCE)
        .arg("compile")
        .arg("--no-standard-import")
        .arg(format!("-I{}", standard_directory().display()))
        .arg("-o-")
        .args(files)
        .current_dir(directory)
        // Version 0.5 misplaced fields in certain nested unions; today's refuses such schemas,
        // for fear of old data, unless it is told that there is none.
        .env("CAPNP_IGNORE_ISSUE_344", "1")
        .output();
    let output = match run {
        Ok(output) => output,
        Err(error) => panic!(
            "cannot run '{REFERENCE}': {error}. This test compares with the reference compiler: \
             install it with 'apt-get install capnproto'."
        ),
    };
    assert!(
        output.status.success(),
        "{REFERENCE} refuses {files:?}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Finds imports on the disk, relative to `directory`.
struct Disk {
    directory: PathBuf,
}

impl Disk {
    fn read(&self, path: &str) -> Option<SourceFile> {
        let text = std::fs::read_to_string(self.directory.join(path)).ok()?;
        Some(SourceFile::new(path, text))
    }
}

impl Files for Disk {
    fn import(&self, importer: &str, path: &str) -> Option<SourceFile> {
        let path = resolve_path(importer, path);
        // Requested as `capnp/rpc.capnp` or imported as `/capnp/rpc.capnp`: one file.
        self.read(path.trim_start_matches('/'))
    }

    fn embed(&self, importer: &str, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.directory.join(resolve_path(importer, path))).ok()
    }
}

fn ours(directory: &Path, files: &[&str]) -> Vec<u8> {
    let disk = Disk {
        directory: directory.to_owned(),
    };
    let requested: Vec<SourceFile> = files.iter().map(|file| disk.read(file).unwrap()).collect();
    let schema = compile(&disk, &requested).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(|error| error.render()).collect();
        panic!("\n{}", errors.join("\n"))
    });
    let request = write_request(&schema).unwrap();
    let read = read_request(&request).unwrap();
    assert!(write_request(&read).unwrap() == request);
    let mut again = String::new();
    for node in &read.nodes {
        let first = schema.nodes.iter().find(|n| n.id == node.id).unwrap();
        let first = request::with_canonical_values(first);
        let second = request::with_canonical_values(node);
        let second = format!("{second:#?}");
        compare_lines(
            &node.display_name,
            &format!("{first:#?}"),
            &second,
            &mut again,
        );
    }
    assert!(
        again.is_empty(),
        "written (-) and read (+) differ:\n{again}"
    );
    assert_eq!(schema.requested_files, read.requested_files);
    request
}

/// Panics with every difference between the two compilers on these files.
fn compare(directory: &Path, files: &[&str]) {
    compare_with(&reference(directory, files), directory, files);
}

fn compare_with(theirs: &[u8], directory: &Path, files: &[&str]) {
    let ours = ours(directory, files);
    let mut report = String::new();
    compare_lines("request", &decoded(theirs), &decoded(&ours), &mut report);
    // As text, values that are pointers do not show.
    let (theirs, ours) = (request::read(theirs), request::read(&ours));
    assert!(!theirs.nodes.is_empty());
    for node in &theirs.nodes {
        match ours.nodes.iter().find(|mine| mine.id == node.id) {
            Some(mine) => compare_nodes(node, mine, &mut report),
            None => writeln!(report, "{} is missing", node.display_name).unwrap(),
        }
    }
    assert!(
        report.is_empty(),
        "reference (-) and Capstan (+) differ:\n{report}"
    );
}

/// A request as the reference implementation's own tool shows it.
fn decoded(request: &[u8]) -> String {
    let schema = standard_directory().join("capnp/schema.capnp");
    let mut decode = Command::new(REFERENCE)
        .args(["decode", "--no-standard-import"])
        .arg(format!("-I{}", standard_directory().display()))
        .arg(schema)
        .arg("CodeGeneratorRequest")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = decode.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(request).unwrap());
        decode.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn compare_nodes(theirs: &Node, ours: &Node, report: &mut String) {
    // Through text: NaN equals itself there.
    let mine = request::with_canonical_values(ours);
    compare_lines(
        &theirs.display_name,
        &format!("{theirs:#?}"),
        &format!("{mine:#?}"),
        report,
    );
}

fn compare_lines(name: &str, theirs: &str, ours: &str, report: &mut String) {
    if theirs == ours {
        return;
    }
    writeln!(report, "{name}:").unwrap();
    let (theirs, ours): (Vec<&str>, Vec<&str>) = (theirs.lines().collect(), ours.lines().collect());
    let same = theirs.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(12);
    for line in &theirs[from..same] {
        writeln!(report, "  {line}").unwrap();
    }
    for (mark, lines) in [("-", &theirs), ("+", &ours)] {
        for line in lines.iter().skip(same).take(6) {
            writeln!(report, "{mark} {line}").unwrap();
        }
    }
}

#[test]
fn standard_files_agree() {
    let files = [
        "capnp/rpc.capnp",
        "capnp/schema.capnp",
        "capnp/stream.capnp",
        "capnp/c++.capnp",
        "capnp/persistent.capnp",
        "capnp/rpc-twoparty.capnp",
        "capnp/compat/json.capnp",
        "capnp/compat/byte-stream.capnp",
        "capnp/compat/http-over-capnp.capnp",
        "capstan/sinks.capnp",
    ];
    for file in files {
        compare(&standard_directory(), &[file]);
    }
    compare(&standard_directory(), &files);
}

#[test]
fn the_example_agrees() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples-web/upload");
    let text = std::fs::read_to_string(directory.join("files.capnp")).unwrap();
    // Beside the standard files, since the in-memory reader knows one directory only.
    let scratch = scratch_directory("example");
    std::fs::write(scratch.join("files.capnp"), text).unwrap();
    compare(&scratch, &["files.capnp"]);
}

#[test]
fn layouts_agree() {
    compare(&own_schemas(), &["layout.capnp"]);
}

#[test]
fn types_and_brands_agree() {
    compare(&own_schemas(), &["types.capnp"]);
}

#[test]
fn names_annotations_and_comments_agree() {
    compare(&own_schemas(), &["names.capnp", "types.capnp"]);
}

#[test]
fn interfaces_and_nested_generics_agree() {
    let scratch = with_standard_files("interfaces");
    for file in ["interfaces.capnp", "misc.capnp"] {
        std::fs::copy(own_schemas().join(file), scratch.join(file)).unwrap();
    }
    compare(&scratch, &["interfaces.capnp"]);
    compare(&scratch, &["misc.capnp"]);
}

#[test]
fn values_agree() {
    compare(&own_schemas(), &["values.capnp"]);
    compare(&own_schemas(), &["defaults.capnp"]);
}

/// What the reference implementation's generator makes of requests: it looks at pointers that are
/// null where a reader of values sees nothing.
#[test]
fn generators_see_the_same() {
    let files = [
        "layout.capnp",
        "types.capnp",
        "names.capnp",
        "values.capnp",
        "defaults.capnp",
    ];
    for file in files {
        let files = Disk {
            directory: own_schemas(),
        };
        let schema = compile(&files, &[files.read(file).unwrap()]).unwrap();
        let theirs = Command::new(REFERENCE)
            .args(["compile", "-ocapnp", file])
            .current_dir(own_schemas())
            .env("CAPNP_IGNORE_ISSUE_344", "1")
            .output()
            .unwrap();
        assert!(theirs.status.success(), "{file}");
        let ours = run_generator(&write_request(&schema).unwrap());
        let mut report = String::new();
        compare_lines(
            file,
            &String::from_utf8_lossy(&theirs.stdout),
            &ours,
            &mut report,
        );
        assert!(
            report.is_empty(),
            "made of the reference's request (-) and of ours (+):\n{report}"
        );
    }
}

/// Debian's package `capnproto` brings a generator that writes schemas.
fn run_generator(request: &[u8]) -> String {
    let mut generator = Command::new("capnpc-capnp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    generator.stdin.take().unwrap().write_all(request).unwrap();
    let output = generator.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The files that the reference implementation itself installs.
#[test]
fn installed_files_agree() {
    let installed = Path::new("/usr/include");
    let files = [
        "capnp/rpc.capnp",
        "capnp/schema.capnp",
        "capnp/stream.capnp",
        "capnp/c++.capnp",
        "capnp/persistent.capnp",
        "capnp/rpc-twoparty.capnp",
        "capnp/compat/json.capnp",
    ];
    assert!(
        installed.join(files[0]).exists(),
        "the reference implementation's schemas are not in /usr/include/capnp: install them with \
         'apt-get install libcapnp-dev'"
    );
    let scratch = scratch_directory("installed");
    std::fs::create_dir_all(scratch.join("capnp/compat")).unwrap();
    for file in files {
        std::fs::copy(installed.join(file), scratch.join(file)).unwrap();
    }
    for file in files {
        let theirs = Command::new(REFERENCE)
            .args(["compile", "--no-standard-import", "-I.", "-o-", file])
            .current_dir(&scratch)
            .output()
            .unwrap();
        assert!(theirs.status.success(), "{file}");
        compare_with(&theirs.stdout, &scratch, &[file]);
    }
}

#[test]
fn embedded_files_agree() {
    let scratch = scratch_directory("embed");
    std::fs::write(scratch.join("bytes"), [0, 255, 10, 13, 7]).unwrap();
    std::fs::write(scratch.join("text"), "café\n").unwrap();
    std::fs::write(scratch.join("message"), embedded_message()).unwrap();
    let text = "@0xa1b2c3d4e5f60007; const data :Data = embed \"bytes\"; \
                const text :Text = embed \"text\"; struct A { a @0 :Data = embed \"./bytes\"; } \
                struct M { n @0 :UInt8; t @1 :Text; m @2 :M = embed \"message\"; \
                l @3 :List(Text); e @4 :Empty; } struct Empty {} \
                const message :M = embed \"message\"; \
                const messages :List(M) = [(), embed \"message\", (m = embed \"message\")]; \
                const narrow :List(Narrow) = [embed \"message\", embed \"message\"]; \
                struct Narrow { n @0 :UInt8; t @1 :Text; }";
    std::fs::write(scratch.join("embed.capnp"), text).unwrap();
    compare(&scratch, &["embed.capnp"]);
}

/// A message for the struct `M` above, over several segments.
fn embedded_message() -> Vec<u8> {
    let allocator = capnp::message::HeapAllocator::new().first_segment_words(2);
    let mut message = capnp::message::Builder::new(allocator);
    let root: capnp::any_pointer::Builder = message.init_root();
    let mut root = root.init_as::<capnp::schema_capnp::node::Builder>();
    // Any struct will do whose sections hold a number and pointers of these kinds: its number is
    // in the first byte, its name the first pointer.
    root.set_id(7);
    root.set_display_name("embedded");
    let mut names = root.init_nested_nodes(2);
    names.reborrow().get(1).set_name("inside");
    capnp::serialize::write_message_to_words(&message)
}

/// What `capstan fmt` makes of a file means the same to the reference compiler.
#[test]
fn formatted_files_agree() {
    let scratch = with_standard_files("formatted");
    let files = [
        "layout.capnp",
        "types.capnp",
        "names.capnp",
        "values.capnp",
        "defaults.capnp",
        "interfaces.capnp",
        "misc.capnp",
    ];
    for file in files {
        std::fs::copy(own_schemas().join(file), scratch.join(file)).unwrap();
    }
    for file in files {
        let before = reference(&scratch, &[file]);
        let text = std::fs::read_to_string(scratch.join(file)).unwrap();
        let formatted = capstan_schema::format(file, &text).unwrap();
        assert_eq!(
            capstan_schema::format(file, &formatted).unwrap(),
            formatted,
            "{file}"
        );
        std::fs::write(scratch.join(file), formatted).unwrap();
        assert!(before == reference(&scratch, &[file]), "{file}");
    }
}

/// Where the reference compiler finds the first mistake, as it prints it: `2:8-12`. `None` when it
/// finds none.
fn their_complaint(directory: &Path, file: &str) -> Option<String> {
    let output = Command::new(REFERENCE)
        .args(["compile", "-o-", file])
        .current_dir(directory)
        .output()
        .unwrap();
    if output.status.success() {
        return None;
    }
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let place = |line: &str| {
        let (place, _) = line.split_once(": error: ")?;
        Some(place.strip_prefix(file)?.strip_prefix(':')?.to_owned())
    };
    Some(report.lines().find_map(place).unwrap_or(report))
}

fn our_complaints(directory: &Path, file: &str) -> Vec<String> {
    let disk = Disk {
        directory: directory.to_owned(),
    };
    let errors = compile(&disk, &[disk.read(file).unwrap()]).err();
    let place = |error: Diagnostic| {
        let end = match error.end_column > error.column {
            true => format!("-{}", error.end_column),
            false => String::new(),
        };
        format!("{}:{}{end}", error.line, error.column)
    };
    errors.unwrap_or_default().into_iter().map(place).collect()
}

#[test]
fn mistakes_are_found_at_the_same_places() {
    let scratch = scratch_directory("mistakes");
    let write = |text: &str| {
        let text = format!("@0xa1b2c3d4e5f60030;\n{text}\n{}\n", mistakes::AROUND);
        std::fs::write(scratch.join("mistake.capnp"), text).unwrap();
    };
    for text in mistakes::MISTAKES {
        write(text);
        let theirs = their_complaint(&scratch, "mistake.capnp");
        let ours = our_complaints(&scratch, "mistake.capnp");
        let theirs = theirs.unwrap_or_else(|| panic!("{REFERENCE} accepts {text}"));
        assert_eq!(ours.first(), Some(&theirs), "{text}: {ours:?}");
    }
    for (text, place) in mistakes::ELSEWHERE {
        write(text);
        let theirs = their_complaint(&scratch, "mistake.capnp");
        let ours = our_complaints(&scratch, "mistake.capnp");
        let theirs = theirs.unwrap_or_else(|| panic!("{REFERENCE} accepts {text}"));
        assert_eq!(ours.first().map(String::as_str), Some(*place), "{text}");
        assert_ne!(&theirs, place, "{text}: move it to the others");
    }
}

#[test]
fn damaged_schemas_are_judged_alike() {
    let scratch = with_standard_files("damaged");
    let files = [
        "defaults.capnp",
        "layout.capnp",
        "values.capnp",
        "interfaces.capnp",
    ];
    let mut random = damage::Random(5);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..300 {
        let text = std::fs::read_to_string(own_schemas().join(files[round % files.len()]));
        let text = damage::damaged(&text.unwrap(), &mut random);
        std::fs::write(scratch.join("damaged.capnp"), &text).unwrap();
        let theirs = Command::new(REFERENCE)
            .args([
                "compile",
                "--no-standard-import",
                "-I.",
                "-o-",
                "damaged.capnp",
            ])
            .current_dir(&scratch)
            .env("CAPNP_IGNORE_ISSUE_344", "1")
            .output()
            .unwrap();
        let disk = Disk {
            directory: scratch.clone(),
        };
        let ours = compile(&disk, &[disk.read("damaged.capnp").unwrap()]);
        match (theirs.status.success(), ours) {
            (true, Ok(_)) => {
                accepted += 1;
                compare_with(&theirs.stdout, &scratch, &["damaged.capnp"]);
            }
            (false, Err(_)) => refused += 1,
            (_, ours) => {
                let theirs = String::from_utf8_lossy(&theirs.stderr);
                let ours: Vec<String> = ours.err().iter().flatten().map(|e| e.render()).collect();
                let said = format!("theirs: {theirs}\nours: {ours:?}\n");
                let is_known = damage::KNOWN.iter().any(|known| said.contains(known));
                assert!(is_known, "{said}{text}");
            }
        }
    }
    assert!(accepted > 5 && refused > 100, "{accepted}, {refused}");
}

/// Files as some editors on Windows leave them.
#[test]
fn carriage_returns_and_byte_order_marks_agree() {
    let scratch = scratch_directory("windows");
    for file in ["names.capnp", "types.capnp"] {
        let text = std::fs::read_to_string(own_schemas().join(file)).unwrap();
        let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        std::fs::write(scratch.join(file), text).unwrap();
    }
    compare(&scratch, &["names.capnp", "types.capnp"]);
}

/// Structs that nobody would write, the same ones in every run.
#[test]
fn random_layouts_agree() {
    let scratch = scratch_directory("random");
    for seed in 1..=4 {
        let mut random = random::Structs::new(seed);
        let mut text = String::from("@0xa1b2c3d4e5f60006;\n");
        for index in 0..150 {
            random.write_struct(index, &mut text);
        }
        std::fs::write(scratch.join("random.capnp"), text).unwrap();
        compare(&scratch, &["random.capnp"]);
    }
}

/// Files that nobody would write, the same ones in every run.
#[test]
fn random_types_and_values_agree() {
    let scratch = with_standard_files("random-types");
    for seed in 1..=12 {
        let text = random_types::Files::new(seed).write(24);
        std::fs::write(scratch.join("random.capnp"), text).unwrap();
        println!("seed {seed}: {}", scratch.display());
        compare(&scratch, &["random.capnp"]);
    }
}

/// A directory of its own.
fn scratch_directory(name: &str) -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("schema")
        .join(name);
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).unwrap();
    scratch
}

/// A directory of its own that has our standard files in it.
fn with_standard_files(name: &str) -> PathBuf {
    let scratch = scratch_directory(name);
    std::fs::create_dir_all(scratch.join("capnp")).unwrap();
    for file in ["capnp/c++.capnp", "capnp/stream.capnp"] {
        std::fs::copy(standard_directory().join(file), scratch.join(file)).unwrap();
    }
    scratch
}
