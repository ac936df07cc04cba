//! Standing between a request's work and its answer: requests of a kind wait until the test lets them go.

use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};

use crate::kind::Kind;
use crate::lock::locked;

/// Where in a request's life it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeWork,
    AfterWork,
}

/// Holds back requests of one kind while it lives. Dropping it releases them all.
pub struct Hold {
    gate: Arc<Gate>,
    gates: Holds,
}

struct Gate {
    kind: Kind,
    moment: Moment,
    permits: Semaphore,
    arrived: watch::Sender<usize>,
}

#[derive(Clone, Default)]
pub(crate) struct Holds(Arc<Mutex<Vec<Arc<Gate>>>>);

impl Hold {
    /// Waits until this many requests, counted from the start, have come to the gate.
    pub async fn arrived(&self, requests: usize) {
        let mut arrived = self.gate.arrived.subscribe();
        // The sender is in `self.gate`, so this cannot fail while `self` is borrowed.
        let _ = arrived.wait_for(|count| *count >= requests).await;
    }

    /// Lets one request pass: the one that waits longest, or the next to come.
    pub fn step(&self) {
        self.gate.permits.add_permits(1);
    }

    /// Lets all pass, now and later.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.permits.close();
        locked(&self.gates.0).retain(|gate| !Arc::ptr_eq(gate, &self.gate));
    }
}

impl Holds {
    pub(crate) fn hold(&self, kind: Kind, moment: Moment) -> Hold {
        let permits = Semaphore::new(0);
        let gate = Arc::new(Gate { kind, moment, permits, arrived: watch::Sender::new(0) });
        locked(&self.0).push(gate.clone());
        Hold { gate, gates: self.clone() }
    }

    pub(crate) async fn pass(&self, kind: Kind, moment: Moment) {
        let found =
            locked(&self.0).iter().find(|gate| gate.kind == kind && gate.moment == moment).cloned();
        let Some(gate) = found else { return };
        gate.arrived.send_modify(|count| *count += 1);
        if let Ok(permit) = gate.permits.acquire().await {
            permit.forget();
        }
    }
}
