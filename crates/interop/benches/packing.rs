//! Packing and unpacking next to the `capnp` crate, in one process, on the same messages:
//! `npm run bench:message`, or with a part of a case's name behind `--` to run only those.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "nothing here comes from outside"
)]

use std::hint::black_box;
use std::time::Instant;

use capstan_message::layout::{ElementSize, StructBuilder, StructSize};
use capstan_message::message::{FrameBuilder, ReaderOptions};
use capstan_message::{any_pointer, serialize, serialize_packed};

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    println!("machine   {}", machine());
    println!("command   cargo bench -p capstan-interop --bench packing");
    println!("ours      capstan-message {}", env!("CARGO_PKG_VERSION"));
    println!("theirs    the capnp crate 0.27, same messages, same run");
    println!(
        "figures   GB/s of unpacked bytes, and how many times theirs ours is: medians of {ROUNDS} rounds that take turns\n"
    );
    println!(
        "{:<26} {:>9} {:>7}  {:<8} {:>9} {:>9} {:>14}",
        "message", "bytes", "packed", "", "ours", "theirs", "ours / theirs"
    );
    for (name, frame) in cases() {
        if name.contains(&wanted) {
            compare(name, &frame);
        }
    }
}

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("carsales, 10 cars", carsales(10)),
        ("carsales, 100 cars", carsales(100)),
        ("carsales, 10000 cars", carsales(10_000)),
        ("text", blob(1 << 20, |random| b' ' + (random() % 90) as u8)),
        ("small integers", blob(1 << 20, small_integers())),
        (
            "every tag alike often",
            blob(1 << 20, |random| (random() & random()) as u8 & 1),
        ),
        ("random bytes", blob(1 << 20, |random| random() as u8)),
        ("zeros", blob(1 << 20, |_| 0)),
        (
            "one byte in 100",
            blob(1 << 20, |random| u8::from(random().is_multiple_of(100))),
        ),
    ]
}

fn compare(name: &str, frame: &[u8]) {
    let ours = serialize::read_frame_from_slice(frame, limits()).unwrap();
    let mut our_builder = FrameBuilder::with_capacity_words(frame.len() / 8);
    let root = ours.get_root_any().unwrap();
    our_builder.set_root::<any_pointer::Owned>(root).unwrap();
    let theirs = capnp::serialize::read_message(frame, their_limits()).unwrap();
    let words = (frame.len() / 8) as u32;
    let allocator = capnp::message::HeapAllocator::new().first_segment_words(words);
    let mut their_builder = capnp::message::Builder::new(allocator);
    their_builder
        .set_root(theirs.get_root::<capnp::any_pointer::Reader<'_>>().unwrap())
        .unwrap();

    let packed = serialize_packed::write_message_to_vec(&our_builder).unwrap();
    let mut their_packed = Vec::new();
    capnp::serialize_packed::write_message(&mut their_packed, &their_builder).unwrap();
    assert!(packed == their_packed, "{name}: not the same bytes");

    let bytes = serialize::compute_serialized_size_in_bytes(&our_builder);
    // Both pack into memory that is there already.
    let mut our_buffer = Vec::new();
    let mut their_buffer = vec![0; 2 * bytes];
    let outcome = race(
        bytes,
        || {
            our_buffer.clear();
            serialize_packed::append_message(black_box(&our_builder), &mut our_buffer).unwrap();
            black_box(&our_buffer);
        },
        || {
            let builder = black_box(&their_builder);
            capnp::serialize_packed::write_message(&mut their_buffer[..], builder).unwrap();
            black_box(&their_buffer);
        },
    );
    print_row(name, bytes, packed.len(), "pack", &outcome);
    let outcome = race(
        bytes,
        || {
            let message = serialize_packed::read_message(black_box(&packed[..]), limits());
            black_box(message.unwrap());
        },
        || {
            let packed = black_box(&packed[..]);
            let message = capnp::serialize_packed::read_message(packed, their_limits());
            black_box(message.unwrap());
        },
    );
    print_row("", bytes, packed.len(), "unpack", &outcome);
}

fn print_row(name: &str, bytes: usize, packed: usize, what: &str, outcome: &Outcome) {
    let speed = |nanos: f64| bytes as f64 / nanos;
    let percent = 100 * packed / bytes;
    let (bytes, percent) = match name {
        "" => (String::new(), String::new()),
        _ => (bytes.to_string(), format!("{percent} %")),
    };
    println!(
        "{name:<26} {bytes:>9} {percent:>7}  {what:<8} {:>9.2} {:>9.2} {:>13.2}x",
        speed(outcome.our_nanos),
        speed(outcome.their_nanos),
        outcome.ratio
    );
}

/// Medians over the rounds: the time of one call of each, and theirs divided by ours.
struct Outcome {
    our_nanos: f64,
    their_nanos: f64,
    ratio: f64,
}

/// Both in turns, because the machine is not quiet: what disturbs one round disturbs both, so the
/// ratio is taken within each.
fn race(bytes: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> Outcome {
    let repeats = (ROUND_BYTES / bytes).max(1) as u32;
    let mut time = |mine: bool| {
        let start = Instant::now();
        for _ in 0..repeats {
            if mine { ours() } else { theirs() }
        }
        start.elapsed().as_nanos() as f64 / f64::from(repeats)
    };
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS + 2 {
        let first = time(round % 2 == 0);
        let second = time(round % 2 == 1);
        let (mine, other) = match round % 2 {
            0 => (first, second),
            _ => (second, first),
        };
        // The first two warm up.
        if round >= 2 {
            our_times.push(mine);
            their_times.push(other);
            ratios.push(other / mine);
        }
    }
    Outcome {
        our_nanos: median(&mut our_times),
        their_nanos: median(&mut their_times),
        ratio: median(&mut ratios),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A parking lot: structs of small numbers and flags, some text, nested structs and lists.
fn carsales(cars: u32) -> Vec<u8> {
    let mut random = random();
    let mut message = FrameBuilder::with_capacity_words(64 * cars as usize);
    let root = message.init_root::<any_pointer::Builder<'_>>();
    let mut lot = root.builder.init_struct(StructSize {
        data: 0,
        pointers: 1,
    });
    let size = StructSize {
        data: 8,
        pointers: 4,
    };
    let mut list = lot.get_pointer_field_mut(0).init_struct_list(cars, size);
    for index in 0..cars {
        fill_car(list.reborrow().get_struct_element(index), &mut random);
    }
    message.into_frame()
}

fn fill_car(mut car: StructBuilder<'_>, random: &mut impl FnMut() -> u64) {
    let makes = ["Toyota", "GM", "Ford", "Honda", "Tesla"];
    let models = ["Camry", "Prius", "Volt", "Accord", "Leaf", "Model S"];
    let make = makes[random() as usize % makes.len()];
    let model = models[random() as usize % models.len()];
    car.get_pointer_field_mut(0).set_text(make.as_bytes());
    car.get_pointer_field_mut(1).set_text(model.as_bytes());
    for (field, value) in [
        (0, random() % 8),
        (1, 2 + random() % 4),
        (2, 2 + random() % 5),
    ] {
        car.set_data_field(field, value as u8);
    }
    for flag in 24..30 {
        car.set_bool_field(flag, random().is_multiple_of(2));
    }
    for field in 2..8 {
        car.set_data_field(field, (100 + random() % 400) as u16);
    }
    car.set_data_field(8, (1400 + random() % 3000) as u16);
    for field in [6, 7] {
        car.set_data_field(field, (random() % 1000) as f32 / 7.0);
    }
    let wheel = StructSize {
        data: 1,
        pointers: 0,
    };
    let mut wheels = car.get_pointer_field_mut(2).init_struct_list(4, wheel);
    for index in 0..4 {
        let mut wheel = wheels.reborrow().get_struct_element(index);
        wheel.set_data_field(0, (15 + random() % 5) as u16);
        wheel.set_data_field(1, 28.0_f32 + (random() % 10) as f32);
        wheel.set_bool_field(16, random().is_multiple_of(2));
    }
    let size = StructSize {
        data: 3,
        pointers: 1,
    };
    let mut engine = car.get_pointer_field_mut(3).init_struct(size);
    engine.set_data_field(0, (100 + random() % 300) as u16);
    engine.set_data_field(2, 4 + (random() % 3) as u8);
    engine.set_data_field(1, (1000 + random() % 7000) as u32);
    engine.set_bool_field(24, random().is_multiple_of(2));
    let mut gears = engine
        .get_pointer_field_mut(0)
        .init_list(ElementSize::TwoBytes, 5);
    for index in 0..5 {
        gears.set_element(index, (random() % 9000) as u16);
    }
}

fn blob(bytes: u32, mut next: impl FnMut(&mut dyn FnMut() -> u64) -> u8) -> Vec<u8> {
    let mut random = random();
    let mut message = FrameBuilder::with_capacity_words(bytes as usize / 8 + 1);
    let data = message.initn_root::<capstan_message::data::Builder<'_>>(bytes);
    data.fill_with(|| next(&mut random));
    message.into_frame()
}

/// Words that hold numbers of one to three bytes.
fn small_integers() -> impl FnMut(&mut dyn FnMut() -> u64) -> u8 {
    let mut left = Vec::new();
    move |random| {
        if left.is_empty() {
            let bits = random() % 24;
            left.extend((random() & ((1 << bits) - 1)).to_be_bytes());
        }
        left.pop().unwrap_or(0)
    }
}

/// Marsaglia's xorshift: the same numbers in every run.
fn random() -> impl FnMut() -> u64 {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

fn limits() -> ReaderOptions {
    ReaderOptions {
        traversal_limit_in_words: Some(usize::MAX >> 8),
        ..ReaderOptions::new()
    }
}

fn their_limits() -> capnp::message::ReaderOptions {
    *capnp::message::ReaderOptions::new().traversal_limit_in_words(Some(usize::MAX >> 8))
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{}, {cores} cores, {}",
        model.unwrap_or(std::env::consts::ARCH),
        std::env::consts::OS
    )
}

const ROUNDS: usize = 41;

/// Enough for a clock.
const ROUND_BYTES: usize = 2 << 20;
