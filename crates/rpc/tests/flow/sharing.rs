//! Streams that differ: slow objects, objects further away, callers with little to send.

use crate::control::Ours;
use crate::figures::{LINKS, fairness, link};
use crate::sim::{MILLI, SECOND, Sim, Stream};

#[test]
fn one_that_stops_reading_takes_nothing_from_the_others() {
    for link in LINKS {
        for chunk in [16_384, 65_536] {
            let mut streams = vec![Stream::greedy(chunk); 4];
            streams[3].pause = Some((6 * SECOND, 11 * SECOND));
            let sim = Sim::new(Ours::adaptive(), vec![link.phase(0)], streams).run(14 * SECOND);
            let three = |from, to| {
                (0..3)
                    .map(|index| sim.goodput(index, from, to))
                    .sum::<f64>()
            };
            let (before, during) = (
                three(3 * SECOND, 6 * SECOND),
                three(6 * SECOND + 2 * link.round_trip(), 11 * SECOND),
            );
            println!(
                "# {} Mbit/s {} ms, {chunk}: three of four {:.3} of the line before, {:.3} while one is stopped",
                link.megabits,
                link.round_trip_millis,
                before / link.rate(),
                during / link.rate()
            );
            assert!(during > 0.95 * before, "{link:?}");
            assert!(
                during > 0.93 * link.rate(),
                "what it leaves, others have: {link:?} {}",
                during / link.rate()
            );
            assert!(sim.most_over(3) <= 2 * chunk);
        }
    }
}

#[test]
fn a_slow_object_holds_what_it_needs() {
    let link = link(100.0, 50);
    let mut streams = vec![Stream::greedy(16_384); 4];
    streams[0].reads = 1e6;
    let sim = Sim::new(Ours::adaptive(), vec![link.phase(0)], streams).run(20 * SECOND);
    let slow = sim.goodput(0, 5 * SECOND, 20 * SECOND);
    assert!(slow > 0.95e6, "{slow}");
    let others: f64 = (1..4)
        .map(|index| sim.goodput(index, 5 * SECOND, 20 * SECOND))
        .sum();
    assert!(
        others > 0.95 * (link.rate() - 1e6),
        "{}",
        others / link.rate()
    );
    // A tenth of a second of what it reads, the round trip included, and the largest messages.
    println!("# slow object: {} bytes in flight", sim.in_flight(0));
    assert!(
        sim.in_flight(0) < 150_000 + 2 * 16_384,
        "{}",
        sim.in_flight(0)
    );
    assert!(fairness_of(&sim, 1..4) > 0.98);
}

#[test]
fn a_stream_that_is_relayed_further_fills_its_whole_way() {
    let near = link(50.0, 10);
    for (streams, chunk) in [(1, 16_384), (2, 16_384), (1, 65_536)] {
        let mut all = vec![Stream::greedy(chunk); streams];
        for stream in &mut all {
            stream.further = 190 * MILLI;
        }
        // Another object close by hears a word now and then.
        let mut word = Stream::greedy(200);
        word.every = Some(500 * MILLI);
        all.push(word);
        let sim = Sim::new(Ours::adaptive(), vec![near.phase(0)], all)
            .small_calls(7 * MILLI)
            .run(20 * SECOND);
        let goodput = sim.total_goodput(4 * SECOND, 20 * SECOND) / near.rate();
        let latencies = sim.latencies(4 * SECOND);
        println!(
            "# {streams} relayed from 10 to 200 ms, {chunk}: {goodput:.3}, small calls to the relay p50 {} ms",
            latencies[latencies.len() / 2] / MILLI
        );
        assert!(goodput > 0.95, "{goodput}");
    }
}

#[test]
fn near_and_far_share_by_bytes() {
    for (megabits, near, further, streams, chunk) in [
        (50.0, 10, 90, 4, 16_384),
        (50.0, 50, 50, 4, 16_384),
        (20.0, 20, 80, 8, 8192),
        (200.0, 10, 90, 4, 16_384),
        (10.0, 10, 290, 4, 4096),
    ] {
        let near = link(megabits, near);
        let mut all = vec![Stream::greedy(chunk); streams];
        for stream in &mut all[streams / 2..] {
            stream.further = further * MILLI;
        }
        let sim = Sim::new(Ours::adaptive(), vec![near.phase(0)], all)
            .small_calls(7 * MILLI)
            .run(25 * SECOND);
        let goodput = sim.total_goodput(5 * SECOND, 25 * SECOND) / near.rate();
        let latencies = sim.latencies(5 * SECOND);
        let fairness = fairness(&sim, streams, 10 * SECOND, 25 * SECOND);
        println!(
            "# {near:?} and {further} ms further: {goodput:.3}, Jain {fairness:.3}, p50 {} ms",
            latencies[latencies.len() / 2] / MILLI
        );
        assert!(goodput > 0.95, "{near:?}: {goodput}");
        assert!(fairness > 0.99, "{near:?}: {fairness}");
    }
}

#[test]
fn what_one_leaves_the_others_have_at_once() {
    let link = link(50.0, 100);
    let mut streams = vec![Stream::greedy(16_384); 4];
    for stream in &mut streams[1..] {
        stream.stops = 5 * SECOND;
    }
    let sim = Sim::new(Ours::adaptive(), vec![link.phase(0)], streams).run(10 * SECOND);
    let alone = sim.goodput(0, 5 * SECOND + 3 * link.round_trip(), 10 * SECOND) / link.rate();
    let first = sim.goodput(
        0,
        5 * SECOND + link.round_trip(),
        5 * SECOND + 4 * link.round_trip(),
    ) / link.rate();
    println!("# one of four stays: {first:.3} in the first three round trips, then {alone:.3}");
    assert!(alone > 0.95, "{alone}");
    assert!(first > 0.75, "{first}");
}

#[test]
fn newcomers_have_their_share_soon() {
    let link = link(50.0, 100);
    let mut streams = vec![Stream::greedy(16_384); 4];
    streams[3].starts = 5 * SECOND;
    let sim = Sim::new(Ours::adaptive(), vec![link.phase(0)], streams).run(12 * SECOND);
    let fairness = fairness(&sim, 4, 6 * SECOND, 11 * SECOND);
    assert!(fairness > 0.98, "{fairness}");
}

#[test]
fn a_caller_with_little_to_send_is_never_held_back() {
    let link = link(50.0, 100);
    let mut little = Stream::greedy(16_384);
    little.every = Some(40 * MILLI);
    let streams = vec![Stream::greedy(16_384), little];
    let sim = Sim::new(Ours::adaptive(), vec![link.phase(0)], streams).run(12 * SECOND);
    let rate = sim.goodput(1, 2 * SECOND, 12 * SECOND) / (16_384.0 / 0.04);
    assert!(rate > 0.97, "{rate}");
    assert!(sim.total_goodput(2 * SECOND, 12 * SECOND) > 0.95 * link.rate());
}

#[test]
fn a_caller_that_has_little_and_then_much_starts_from_what_is_known() {
    // A sample that the application limited tells nothing of the line.
    let link = link(50.0, 100);
    let mut little = Stream::greedy(16_384);
    little.every = Some(40 * MILLI);
    little.stops = 8 * SECOND;
    let mut much = Stream::greedy(16_384);
    much.stops = 3 * SECOND;
    let mut again = Stream::greedy(16_384);
    again.starts = 8 * SECOND;
    let sim = Sim::new(
        Ours::adaptive(),
        vec![link.phase(0)],
        vec![little, much, again],
    )
    .run(12 * SECOND);
    let goodput = sim.goodput(2, 8 * SECOND + 8 * link.round_trip(), 12 * SECOND) / link.rate();
    assert!(goodput > 0.95, "{goodput}");
}

fn fairness_of(sim: &Sim, streams: std::ops::Range<usize>) -> f64 {
    let shares: Vec<f64> = streams
        .map(|index| sim.goodput(index, 5 * SECOND, 20 * SECOND))
        .collect();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[test]
fn streams_to_slow_objects_that_start_together_make_one_queue() {
    // None of them fills the line, and nobody but the objects knows how long they take.
    for (megabits, millis, streams, chunk, reads) in [
        (50.0, 100, 8, 65_536, 0.5e6),
        (50.0, 100, 8, 16_384, 0.5e6),
        (100.0, 20, 8, 31_000, 0.5e6),
        (100.0, 20, 16, 16_384, 0.2e6),
        (200.0, 200, 8, 65_536, 1e6),
    ] {
        let link = link(megabits, millis);
        let mut all = vec![Stream::greedy(chunk); streams];
        for stream in &mut all {
            stream.reads = reads;
        }
        let sim = Sim::new(Ours::adaptive(), vec![link.phase(0)], all)
            .sample(MILLI)
            .run(12 * SECOND);
        let queued = sim.samples.iter().map(|sample| sample.queued).max();
        let goodput = sim.total_goodput(2 * SECOND, 12 * SECOND) / (reads * streams as f64);
        println!("# {link:?} {streams} x {chunk} read at {reads}: {queued:?} queued, {goodput:.3}");
        // The first message of each is there before anything is known.
        let first = (chunk * streams as u64) as f64;
        let product = link.rate() * link.round_trip() as f64 / 1e9;
        assert!(queued.unwrap() as f64 <= first + product, "{link:?}");
        assert!(goodput > 0.95, "{link:?}: {goodput}");
    }
}
