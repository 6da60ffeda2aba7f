//! Several messages in one frame, for peers that said they read such frames: docs/framing.md, "Batches".

use capstan_message::layout::StructReader;

use super::connection::Connection;
use super::receive::Ending;
use super::{ConnectionId, Vat};

/// Whether several messages may share a frame, which saves most of what small ones cost where frames
/// are dear. Only for networks whose frames say how long they are, such as WebSocket's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batching {
    /// Never. A peer that offers it is told that this vat does not know what that is.
    #[default]
    Off,
    /// When the peer offers it.
    Answer,
    /// This side offers it, once it has sent enough messages for that to be worth one more.
    Offer,
    /// As [`Offer`](Self::Offer); besides, messages of 64 to 128 KiB share frames. For Chromium's sockets, which are slow with
    /// frames that are a little longer than 64 KiB: an even chunk of a stream and the call around it.
    OfferLong,
}

impl Batching {
    fn offers(self) -> bool {
        matches!(self, Self::Offer | Self::OfferLong)
    }
}

/// What has been said about batches on a connection.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// Messages sent while nothing was offered.
    sent: u32,
    /// The peer may send batches.
    pub(super) offered: bool,
    /// How long a batch for the peer may be; none when it takes none.
    pub(super) limit_bytes: Option<usize>,
}

/// A peer takes batches of at most so many bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub(super) batch_bytes: u32,
}

impl Offer {
    /// What stands where `rpc.capnp` has a message of a kind that it does not define.
    pub(super) fn parse(kind: u16, message: StructReader<'_>) -> Option<Self> {
        if kind != KIND {
            return None;
        }
        let offer = message.get_pointer_field(0).get_struct(None).ok()?;
        if offer.get_data_field::<u64>(0) != SIGNATURE {
            return None;
        }
        let takes_batches = offer.get_data_field::<u32>(2) & TAKES_BATCHES != 0;
        let batch_bytes = offer.get_data_field::<u32>(3);
        Some(Self {
            batch_bytes: if takes_batches { batch_bytes } else { 0 },
        })
    }

    fn into_frame(self) -> Vec<u8> {
        let words: [u64; 6] = [
            // One segment of five words.
            5 << 32,
            // The root, of one data word and one pointer.
            1 << 32 | 1 << 48,
            u64::from(KIND),
            // What it points to, of two data words.
            2 << 32,
            SIGNATURE,
            u64::from(TAKES_BATCHES) | u64::from(self.batch_bytes) << 32,
        ];
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }
}

impl Connection {
    /// The next frame to send.
    pub(super) fn next_frame(&mut self) -> Option<Vec<u8>> {
        let mut frame = self.outbound.pop_front()?;
        if let Some(limit) = self.batches.limit_bytes {
            self.fill(&mut frame, limit);
        } else if self.options.batching.offers() && !self.batches.offered {
            self.batches.sent += 1;
            if self.batches.sent == MESSAGES_BEFORE_OFFER {
                self.offer_batches();
            }
        }
        self.outbound_bytes -= frame.len();
        Some(frame)
    }

    fn offer_batches(&mut self) {
        self.batches.offered = true;
        let limit = MAX_RECEIVED_BYTES.min(self.options.max_message_bytes);
        let frame = Offer {
            batch_bytes: u32::try_from(limit).unwrap_or(u32::MAX),
        }
        .into_frame();
        self.outbound_bytes += frame.len();
        self.outbound.push_back(frame);
    }

    /// Whether a message of this length shares a frame with others.
    fn shares(&self, bytes: usize) -> bool {
        bytes <= SMALL_BYTES || self.options.batching == Batching::OfferLong && is_long(bytes)
    }

    /// Adds the messages that follow, as long as they are small: what is large is seldom worth a copy.
    fn fill(&mut self, frame: &mut Vec<u8>, limit: usize) {
        if !self.shares(frame.len()) {
            return;
        }
        let mut bytes = frame.len();
        let mut count = 0;
        for next in &self.outbound {
            if !self.shares(next.len()) || bytes + next.len() > limit {
                break;
            }
            bytes += next.len();
            count += 1;
        }
        if count == 0 {
            return;
        }
        frame.reserve_exact(bytes - frame.len());
        for next in self.outbound.drain(..count) {
            frame.extend_from_slice(&next);
        }
    }
}

impl Vat {
    /// The longest frame that may hold more than one message from the peer; 0 when none may.
    pub fn accepted_batch_bytes(&self, connection: ConnectionId) -> usize {
        match self.connections.get(connection.0) {
            Some(table) if table.batches.offered => {
                MAX_RECEIVED_BYTES.min(table.options.max_message_bytes)
            }
            _ => 0,
        }
    }

    /// Whether messages that are transmitted together leave in one frame, so that waiting for the
    /// next one before transmitting saves something. Not at the end of a connection, when none follow.
    pub fn sends_batches(&self, connection: ConnectionId) -> bool {
        self.connections
            .get(connection.0)
            .is_some_and(|table| table.batches.limit_bytes.is_some() && !table.closed)
    }

    /// Whether waiting for another message would gain nothing any more, as what waits fills a frame.
    pub fn has_full_frame(&self, connection: ConnectionId) -> bool {
        let Some(table) = self.connections.get(connection.0) else {
            return false;
        };
        match (table.outbound.front(), table.batches.limit_bytes) {
            (Some(first), Some(limit)) if is_long(first.len()) && table.shares(first.len()) => {
                table.outbound_bytes + first.len() > limit
            }
            _ => table.outbound_bytes >= FULL_BYTES,
        }
    }

    /// Bytes that wait for [`poll_transmit`](Self::poll_transmit).
    pub fn queued_bytes(&self, connection: ConnectionId) -> usize {
        self.connections
            .get(connection.0)
            .map_or(0, |table| table.outbound_bytes)
    }

    /// The peer takes batches. False when this vat is not to know of such things.
    pub(super) fn on_offer(
        &mut self,
        connection: ConnectionId,
        offer: Offer,
    ) -> Result<bool, Ending> {
        let Some(table) = self.connections.get_mut(connection.0) else {
            return Ok(true);
        };
        if table.options.batching == Batching::Off {
            return Ok(false);
        }
        let limit = usize::try_from(offer.batch_bytes).unwrap_or(usize::MAX);
        let most = match table.options.batching {
            Batching::OfferLong => MAX_RECEIVED_BYTES,
            _ => MAX_SENT_BYTES,
        };
        table.batches.limit_bytes = (limit > 0).then_some(limit.min(most));
        if !table.batches.offered {
            table.offer_batches();
            self.announce(connection);
        }
        Ok(true)
    }
}

/// What [`Batching::OfferLong`] is for.
fn is_long(bytes: usize) -> bool {
    (64 * 1024 + 1..=128 * 1024).contains(&bytes)
}

/// In the place of a discriminant of `Message`.
const KIND: u16 = 0xca95;
/// What tells this from another project's use of the same number.
const SIGNATURE: u64 = 0xb1f7_5a0e_93c6_d24d;
const TAKES_BATCHES: u32 = 1;

/// Shorter connections have nothing to gain.
const MESSAGES_BEFORE_OFFER: u32 = 16;
/// A longer message is sent as it is.
const SMALL_BYTES: usize = 4 * 1024;
/// As much is sent at once.
const FULL_BYTES: usize = 16 * 1024;
const MAX_SENT_BYTES: usize = 64 * 1024;
/// A batch is taken in without a break, so that it must not be long.
const MAX_RECEIVED_BYTES: usize = 256 * 1024;
