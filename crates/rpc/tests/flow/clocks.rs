//! Clocks that are coarse, stand still, go back, or show no time at all for a round trip.

use crate::control::Ours;
use crate::figures::{LINKS, Link, link};
use crate::sim::{MILLI, SECOND, Sim, Stream, Watch};

fn run(link: Link, watch: Watch, streams: usize, chunk: u64) -> Sim {
    Sim::new(
        Ours::adaptive(),
        vec![link.phase(0)],
        vec![Stream::greedy(chunk); streams],
    )
    .watch(watch)
    .small_calls(7 * MILLI)
    .run(10 * SECOND)
}

#[test]
fn odd_clocks_cost_next_to_nothing_where_the_way_is_long() {
    for link in LINKS
        .into_iter()
        .filter(|link| link.round_trip_millis >= 20)
    {
        for watch in [
            Watch::Millis,
            Watch::StepsBack(300_000),
            Watch::StepsBack(2_000),
            Watch::ZeroSamples(50),
            Watch::OnArrivals,
        ] {
            for streams in [1, 8] {
                let sim = run(link, watch, streams, 16_384);
                let from = 8 * link.round_trip() + 100 * MILLI;
                let goodput = sim.total_goodput(from, 10 * SECOND) / link.rate();
                let latencies = sim.latencies(from);
                let p50 = latencies[latencies.len() / 2] as f64;
                let p99 = latencies[latencies.len() * 99 / 100] as f64;
                let round_trip = link.round_trip() as f64;
                let chunk_time = link.chunk_time(16_384) as f64;
                println!(
                    "# {watch:?} {} Mbit/s {} ms, {streams} streams: {goodput:.3}, p50 {:.2} RTT, p99 {:.2} RTT",
                    link.megabits,
                    link.round_trip_millis,
                    p50 / round_trip,
                    p99 / round_trip
                );
                assert!(goodput >= 0.95, "{watch:?} {link:?} {streams}: {goodput}");
                assert!(
                    p50 <= 1.3 * round_trip + 3.0 * chunk_time,
                    "{watch:?} {link:?} {streams}"
                );
                assert!(
                    p99 <= 1.8 * round_trip + 6.0 * chunk_time,
                    "{watch:?} {link:?} {streams}"
                );
            }
        }
    }
}

#[test]
fn short_ways_stay_bounded_under_every_clock() {
    for link in LINKS {
        for watch in [
            Watch::Millis,
            Watch::StandsStill,
            Watch::StepsBack(900_000),
            Watch::ZeroSamples(2),
        ] {
            let sim = run(link, watch, 2, 16_384);
            for stream in 0..2 {
                assert!(sim.window(stream) >= 16_384, "{watch:?} {link:?}");
                assert!(sim.window(stream) <= 32 << 20, "{watch:?} {link:?}");
                assert!(
                    sim.most_over(stream) <= 2 * 16_384,
                    "{watch:?} {link:?}: {}",
                    sim.most_over(stream)
                );
                assert!(sim.goodput(stream, SECOND, 10 * SECOND) > 0.0);
            }
            let latencies = sim.latencies(SECOND);
            println!(
                "# {watch:?} {} Mbit/s {} ms: {:.3}, p50 {:.2} RTT",
                link.megabits,
                link.round_trip_millis,
                sim.total_goodput(SECOND, 10 * SECOND) / link.rate(),
                latencies[latencies.len() / 2] as f64 / link.round_trip() as f64
            );
        }
    }
}

#[test]
fn a_clock_that_stopped_for_a_while_is_forgiven() {
    for link in LINKS
        .into_iter()
        .filter(|link| link.round_trip_millis >= 20)
    {
        for streams in [1, 8] {
            let sim = run(link, Watch::Stops, streams, 16_384);
            let from = 5 * SECOND + 4 * link.round_trip() + 100 * MILLI;
            let goodput = sim.total_goodput(from, 10 * SECOND) / link.rate();
            let latencies = sim.latencies(from);
            let p99 = latencies[latencies.len() * 99 / 100] as f64;
            let round_trip = link.round_trip() as f64;
            println!(
                "# stops for two seconds: {} Mbit/s {} ms, {streams} streams: {goodput:.3}, p99 {:.2} RTT",
                link.megabits,
                link.round_trip_millis,
                p99 / round_trip
            );
            assert!(goodput >= 0.95, "{link:?} {streams}: {goodput}");
            let chunk_time = link.chunk_time(16_384) as f64;
            let wanted = 1.8 * round_trip + 6.0 * chunk_time;
            assert!(p99 <= wanted, "{link:?} {streams}: {p99}");
        }
    }
}

#[test]
fn computers_that_pause_leave_no_gaps_on_long_ways() {
    for link in LINKS {
        for (most, every) in [
            (MILLI, 5 * MILLI),
            (4 * MILLI, 30 * MILLI),
            (12 * MILLI, 100 * MILLI),
        ] {
            for streams in [1, 4] {
                let sim = Sim::new(
                    Ours::adaptive(),
                    vec![link.phase(0)],
                    vec![Stream::greedy(16_384); streams],
                )
                .pauses(most, every)
                .small_calls(7 * MILLI)
                .run(12 * SECOND);
                let from = 8 * link.round_trip() + 100 * MILLI;
                let goodput = sim.total_goodput(from, 12 * SECOND) / link.rate();
                let latencies = sim.latencies(from);
                println!(
                    "# pauses up to {} ms of {}: {} Mbit/s {} ms, {streams} streams: {goodput:.3}, p50 {:.2} RTT, p99 {:.2} RTT",
                    most / MILLI,
                    every / MILLI,
                    link.megabits,
                    link.round_trip_millis,
                    latencies[latencies.len() / 2] as f64 / link.round_trip() as f64,
                    latencies[latencies.len() * 99 / 100] as f64 / link.round_trip() as f64,
                );
                if link.round_trip_millis >= 20 {
                    assert!(goodput >= 0.95, "{link:?} {streams}: {goodput}");
                    let round_trip = link.round_trip() + most;
                    let p50 = latencies[latencies.len() / 2] as f64;
                    let wanted = 1.3 * round_trip as f64 + 3.0 * link.chunk_time(16_384) as f64;
                    assert!(p50 <= wanted, "{link:?} {streams}: {p50}");
                    // A start may take a round or two longer.
                    let latencies = sim.latencies(from + 2 * link.round_trip());
                    let p99 = latencies[latencies.len() * 99 / 100] as f64;
                    let wanted = 1.6 * round_trip as f64 + 4.0 * link.chunk_time(16_384) as f64;
                    assert!(p99 <= wanted, "{link:?} {streams}: {p99}");
                }
            }
        }
    }
}

#[test]
fn a_pause_in_start_up_does_not_look_like_a_full_line() {
    for link in [link(200.0, 200), link(50.0, 100), link(1000.0, 50)] {
        let sim = Sim::new(
            Ours::adaptive(),
            vec![link.phase(0)],
            vec![Stream::greedy(16_384)],
        )
        .pauses(40 * MILLI, 150 * MILLI)
        .run(8 * SECOND);
        let from = 8 * link.round_trip() + 100 * MILLI;
        let soon = sim.total_goodput(from, from + 8 * link.round_trip()) / link.rate();
        println!("# pauses in start-up: {link:?}: {soon:.3}");
        // In the shortest way there are gaps: a pause is nearly as long.
        assert!(soon > 0.77, "{link:?}: {soon}");
    }
}

#[test]
fn without_any_clock_the_socket_says_when_it_is_enough() {
    for link in LINKS {
        let product = (link.rate() * link.round_trip() as f64 / 1e9) as u64;
        for (queue, streams) in [
            (product.max(262_144), 1),
            (product.max(262_144), 8),
            (4 * product.max(262_144), 1),
        ] {
            let sim = Sim::new(
                Ours::adaptive(),
                vec![link.phase(0)],
                vec![Stream::greedy(16_384); streams],
            )
            .watch(Watch::StandsStill)
            .queue(queue)
            .sample(MILLI)
            .small_calls(7 * MILLI)
            .run(20 * SECOND);
            let from = 10 * link.round_trip() + 100 * MILLI;
            let goodput = sim.total_goodput(from, 20 * SECOND) / link.rate();
            let queued = sim.samples.iter().map(|sample| sample.queued).max();
            let latencies = sim.latencies(from);
            println!(
                "# no clock: {} Mbit/s {} ms, {streams} streams, queue {queue}: {goodput:.3}, p50 {:.2} RTT, p99 {:.2} RTT, {queued:?} queued",
                link.megabits,
                link.round_trip_millis,
                latencies[latencies.len() / 2] as f64 / link.round_trip() as f64,
                latencies[latencies.len() * 99 / 100] as f64 / link.round_trip() as f64,
            );
            assert!(goodput >= 0.95, "{link:?} {streams}: {goodput}");
            // What the network has room for, and a little in the socket.
            let most = queue + 65_536 + 2 * 16_384;
            assert!(queued.unwrap() <= most, "{link:?} {streams}: {queued:?}");
        }
    }
}

#[test]
fn without_any_clock_and_with_a_socket_that_says_nothing_there_is_an_end_to_it() {
    for streams in [1, 8] {
        let sim = run(link(5.0, 20), Watch::StandsStill, streams, 16_384);
        let in_flight: u64 = (0..streams).map(|stream| sim.in_flight(stream)).sum();
        assert!((1 << 20..9 << 20).contains(&in_flight), "{in_flight}");
    }
}
