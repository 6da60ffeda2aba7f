//! Calls of all kinds over real sockets, by way of a proxy that delays, tears and cuts, and between
//! programs that give up, hang up and break their promises. Afterwards nothing is left anywhere.
//!
//! `CAPSTAN_SEED=<number>` makes the same choices again, as far as the system's timing lets it, and
//! `CAPSTAN_CALLS=<count>` makes more calls than by default.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub
)]

mod caller;
mod objects;
mod proxy;
mod random;
#[rustfmt::skip]
#[path = "../../../rpc/tests/generated/trial_capnp.rs"]
mod trial_capnp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use capstan_net::{Options, tcp, websocket};
use capstan_rpc::Runtime;
use capstan_rpc::flow::FlowControl;
use capstan_rpc::vat::VatStats;
use tokio::net::TcpListener;

use crate::caller::{Caller, Network};
use crate::objects::Observed;
use crate::random::Random;

const CALLERS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_of_calls_over_bad_networks() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("CAPSTAN_SEED").unwrap_or_else(random::fresh_seed);
    // Shown when the test fails.
    println!("to see this again: CAPSTAN_SEED={seed}");
    let calls = number("CAPSTAN_CALLS").unwrap_or(2000);
    let observed = Arc::<Observed>::default();
    // One vat on each side, through which capabilities get from one connection to another.
    let (near, far) = (capstan_net::runtime(), capstan_net::runtime());
    let made = Arc::new(AtomicU64::new(0));
    let mut callers = Vec::new();
    for index in 0..CALLERS {
        let network = [Network::Tcp, Network::PackedTcp, Network::WebSocket][index as usize % 3];
        let mut random = Random::new(seed.wrapping_add(index));
        let options = |runtime: &Runtime, random: &mut Random| Options {
            flow_control: match random.chance(50) {
                true => FlowControl::Fixed(20_000),
                false => FlowControl::Adaptive,
            },
            tail_calls: random.chance(50),
            packed: network == Network::PackedTcp,
            ..Options::default().with_runtime(runtime)
        };
        let server = serve(network, options(&far, &mut random), &observed).await;
        let caller = Caller {
            network,
            server,
            options: options(&near, &mut random),
            observed: Arc::clone(&observed),
            random,
        };
        callers.push(tokio::spawn(caller.run(Arc::clone(&made), calls)));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    println!("{} calls", made.load(Ordering::Relaxed));
    assert!(made.load(Ordering::Relaxed) >= calls);
    let left = || {
        (
            near.stats(),
            far.stats(),
            observed.objects(),
            observed.running(),
        )
    };
    let nothing = (VatStats::default(), VatStats::default(), 0, 0);
    // The last bytes may still be under way.
    for _ in 0..1000 {
        if left() == nothing {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(left(), nothing);
}

async fn serve(
    network: Network,
    options: Options,
    observed: &Arc<Observed>,
) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let observed = Arc::clone(observed);
    let bootstrap = move |_| observed.trial();
    tokio::spawn(async move {
        match network {
            Network::WebSocket => websocket::serve(listener, "/rpc", options, bootstrap).await,
            Network::Tcp | Network::PackedTcp => tcp::serve(listener, options, bootstrap).await,
        }
    });
    address
}
