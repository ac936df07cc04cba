//! Every limit of outgoing HTTP, each with its default and its reason.

use std::time::Duration;

use super::Urgency;

#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// Requests in flight for one mailbox: Exchange counts four (reference B.12).
    pub in_flight: u8,
    /// Of these, how many may fetch ahead of need, so that a person never waits for all of them.
    pub prefetch_in_flight: u8,
    /// How often one request is tried; retries count against the service's quota.
    pub attempts: u32,
    /// To reach the service at all.
    pub connect: Duration,
    /// Until the first byte of an answer: Exchange gives up on its own work after about this long.
    pub first_byte: Duration,
    /// For one whole exchange with the token endpoint, whose answers are small and quick: a second try
    /// must fit into the patience of those who wait for a token.
    pub token: Duration,
    /// Between two pieces of a body: longer means that the connection is dead.
    pub idle: Duration,
    /// For one whole exchange with a JSON answer.
    pub total: Duration,
    /// For one message download: 150 MB over a slow line.
    pub download: Duration,
    /// How long a client is kept waiting by the gate and by retries: most clients give up at 30 s.
    pub interactive_patience: Duration,
    /// A poll may wait longer: the next one would meet the same gate.
    pub poll_patience: Duration,
    /// Nobody waits for what is fetched ahead.
    pub prefetch_patience: Duration,
    /// First pause before a retry without `Retry-After`; doubles each time.
    pub first_back_off: Duration,
    /// Longest pause before a retry without `Retry-After`.
    pub longest_back_off: Duration,
    /// Longest `Retry-After` believed: a wrong date must not stop a mailbox for good.
    pub longest_retry_after: Duration,
    /// Largest JSON answer read into memory: 20 inner answers with message bodies fit.
    pub json_body: usize,
}

impl HttpLimits {
    pub(super) fn patience(&self, urgency: Urgency) -> Duration {
        match urgency {
            Urgency::Interactive => self.interactive_patience,
            Urgency::Poll => self.poll_patience,
            Urgency::Prefetch => self.prefetch_patience,
        }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            in_flight: 4,
            prefetch_in_flight: 2,
            attempts: 5,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(20),
            token: Duration::from_secs(8),
            idle: Duration::from_secs(20),
            total: Duration::from_secs(120),
            download: Duration::from_secs(15 * 60),
            interactive_patience: Duration::from_secs(25),
            poll_patience: Duration::from_secs(60),
            prefetch_patience: Duration::from_secs(5 * 60),
            first_back_off: Duration::from_millis(500),
            longest_back_off: Duration::from_secs(30),
            longest_retry_after: Duration::from_secs(60 * 60),
            json_body: 32 * 1024 * 1024,
        }
    }
}
