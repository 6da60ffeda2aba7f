//! Flow control, looked at again and again.

use std::time::Duration;

use capstan_rpc::vat::{ConnectionStats, StreamStats};
use capstan_rpc::{ConnectionHandle, FromClient};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// What was seen, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<Stats> {
    /// When.
    pub at: Instant,
    /// What was seen.
    pub stats: Stats,
}

/// What the stream of calls to this object does: what it is now, and then every change, one in each `pause` at most
/// (and in each millisecond). Before the first streamed call there is nothing to see. Ends when the last
/// client of the object is dropped, which this does not prevent. Nothing is looked at while nobody waits for it.
///
/// ```no_run
/// # use std::time::Duration;
/// # use futures_util::StreamExt;
/// # async fn example(sink: capstan_rpc::Client) {
/// let mut samples = std::pin::pin!(capstan_net::observe_stream(&sink, Duration::from_millis(100)));
/// while let Some(sample) = samples.next().await {
///     println!("{:?}: {} of {} bytes", sample.at, sample.stats.in_flight_bytes, sample.stats.window_bytes);
/// }
/// # }
/// ```
pub fn observe_stream<C: FromClient>(
    client: &C,
    pause: Duration,
) -> impl Stream<Item = Sample<StreamStats>> + Send + use<C> {
    let client = client.as_client().downgrade();
    look(pause, move || match client.upgrade() {
        Some(client) => client.stream_stats().map_or(Seen::Nothing, Seen::Stats),
        None => Seen::End,
    })
}

/// The same for all streams of a connection.
pub(crate) fn observe_connection(
    handle: &ConnectionHandle,
    pause: Duration,
) -> impl Stream<Item = Sample<ConnectionStats>> + Send + use<> {
    let handle = handle.clone();
    look(pause, move || handle.stats().map_or(Seen::End, Seen::Stats))
}

enum Seen<Stats> {
    Stats(Stats),
    /// Yet.
    Nothing,
    End,
}

fn look<Stats: PartialEq + Copy + Send>(
    pause: Duration,
    stats: impl Fn() -> Seen<Stats> + Send,
) -> impl Stream<Item = Sample<Stats>> + Send {
    let state: (Option<Interval>, Option<Stats>, _) = (None, None, stats);
    unfold(state, move |(ticks, last, stats)| async move {
        // Whoever asks for the first time is in the runtime whose clock this is.
        let mut ticks = ticks.unwrap_or_else(|| {
            let mut ticks = interval(pause.max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        loop {
            let at = ticks.tick().await;
            match stats() {
                Seen::Stats(seen) if last != Some(seen) => {
                    let sample = Sample { at, stats: seen };
                    return Some((sample, (Some(ticks), Some(seen), stats)));
                }
                Seen::Stats(_) | Seen::Nothing => {}
                Seen::End => return None,
            }
        }
    })
}
