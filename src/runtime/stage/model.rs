//! Kafka as a deterministic model, so that the protocol can be crashed and stalled at every step.
//!
//! [`scripted`] is one worker's log with what goes wrong said by the test, and [`counter`] what it runs. The rest is a cluster driven by one seed:
//!
//! ```text
//!  inputs ─► relay workers ─► activity ─► fold workers ─► alerts, state
//!               (stateless)                 (stateful)
//!  world  who turns next, who dies, stalls, is replaced or drained; time is virtual
//!  broker partitions, transactions with markers of their own pace, compaction     group  members, generations, owners
//!  log    one worker's client: fetches ahead, learns late, meets faults            work   what is done to records
//!  losses what was deleted before it was read, and what was said of it              check  what must hold afterwards
//! ```

pub(super) mod broker;
pub(super) mod check;
pub(super) mod counter;
pub(super) mod dice;
pub(super) mod group;
pub(super) mod log;
pub(super) mod losses;
pub(super) mod restorer;
pub(super) mod scripted;
pub(super) mod work;
pub(super) mod world;
