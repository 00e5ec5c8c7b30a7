//! Signals as an incident keeps them: one identity in three has some, most of which no one ever reads.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::EventTime;

use super::detector::Detector;
use super::finding::{EventEvidence, Severity, Signal, severity};

/// A signal with its texts in as few bytes as they need.
#[derive(Clone, Debug)]
pub struct KeptSignal {
    /// The detector that raised it.
    pub detector: Arc<Detector>,
    /// Weight, in bits.
    pub bits: f32,
    /// The part of it that is surprise.
    pub peak: f32,
    /// When the event happened.
    pub time: EventTime,
    /// Whether its action can give away control.
    pub gives_control: bool,
    words: Box<[u8]>,
    event: Arc<[u8]>,
}

/// What a signal says.
#[derive(Default, Serialize, Deserialize)]
struct Words<'a> {
    reason: &'a str,
    expected: &'a str,
    observed: &'a str,
    size: u64,
}

impl KeptSignal {
    /// Keeps a signal beside others: those of one event share what is known of it.
    #[must_use]
    pub fn beside(others: &[Self], signal: &Signal) -> Self {
        let Signal { reason, expected, observed, size, .. } = signal;
        let event = packed(&signal.evidence);
        let known = others.iter().find(|other| *other.event == *event);
        Self {
            detector: Arc::clone(&signal.detector),
            bits: signal.bits,
            peak: signal.peak,
            time: signal.time,
            gives_control: signal.gives_control(),
            words: packed(&Words { reason, expected, observed, size: *size }).into(),
            event: known.map_or_else(|| event.into(), |other| Arc::clone(&other.event)),
        }
    }

    /// A signal from a snapshot, which has what [`Self::words`] and [`Self::event`] gave.
    #[must_use]
    pub fn restored(
        (detector, gives_control): (Arc<Detector>, bool),
        (bits, peak): (f32, f32),
        time: EventTime,
        (words, event): (&[u8], Arc<[u8]>),
    ) -> Self {
        Self { detector, bits, peak, time, gives_control, words: words.into(), event }
    }

    /// The signal as it was, but for what of its weight adds up to a limit only, which the incident counted when it took it in. Texts
    /// that cannot be read, as only a damaged snapshot has them, are empty.
    #[must_use]
    pub fn unpacked(&self) -> Signal {
        let Words { reason, expected, observed, size } =
            postcard::from_bytes(&self.words).unwrap_or_default();
        Signal {
            detector: Arc::clone(&self.detector),
            bits: self.bits,
            peak: self.peak,
            harmless: 0.0,
            reason: reason.to_owned(),
            expected: expected.to_owned(),
            observed: observed.to_owned(),
            size,
            time: self.time,
            evidence: self.evidence(),
        }
    }

    /// Public id of the credential with which the event was made, if it shows one.
    #[must_use]
    pub fn credential(&self) -> Option<String> {
        self.evidence().credential
    }

    fn evidence(&self) -> EventEvidence {
        postcard::from_bytes(&self.event).unwrap_or_default()
    }

    /// Severity, as [`Signal::severity`].
    #[must_use]
    pub fn severity(&self) -> Severity {
        severity(&self.detector, self.gives_control)
    }

    /// One sentence for a person.
    #[must_use]
    pub fn reason(&self) -> &str {
        postcard::from_bytes::<Words<'_>>(&self.words).unwrap_or_default().reason
    }

    /// What it says, in bytes.
    #[must_use]
    pub fn words(&self) -> &[u8] {
        &self.words
    }

    /// The event behind it, in bytes that other signals may share.
    #[must_use]
    pub fn event(&self) -> &Arc<[u8]> {
        &self.event
    }
}

/// In postcard's form, which all that is kept here has.
fn packed(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::new()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detectors;

    fn signal(id: &str, event_id: &str) -> Signal {
        let detectors = Detectors::builtin().unwrap();
        Signal {
            detector: Arc::clone(detectors.get(id).unwrap()),
            bits: 6.5,
            peak: 4.0,
            harmless: 0.0,
            reason: "first use ever of iam:CreateAccessKey".into(),
            expected: "s3, sqs".into(),
            observed: "iam".into(),
            size: 300,
            time: EventTime::from_millis(1_769_850_000_250),
            evidence: EventEvidence {
                event_id: Some(event_id.into()),
                service: "iam".into(),
                operation: "CreateAccessKey".into(),
                ip: Some("203.0.113.7".into()),
                credential: Some("AKIAEXAMPLE".into()),
                offset: 7,
                ..EventEvidence::default()
            },
        }
    }

    #[test]
    fn what_was_kept_is_what_comes_out_and_weighs_the_same() {
        for id in ["sensitive-action-first-use", "new-service"] {
            let signal = signal(id, "event-1");
            let kept = KeptSignal::beside(&[], &signal);
            assert_eq!(format!("{:?}", kept.unpacked()), format!("{signal:?}"));
            assert_eq!(kept.severity(), signal.severity());
            assert_eq!(kept.reason(), signal.reason);
            assert_eq!(kept.credential(), signal.evidence.credential);
        }
        assert_eq!(KeptSignal::beside(&[], &signal("new-service", "a")).severity(), Severity::Low);
        assert_eq!(
            KeptSignal::beside(&[], &signal("sensitive-action-first-use", "a")).severity(),
            Severity::High,
            "whoever makes keys can stay"
        );
    }

    #[test]
    fn signals_of_one_event_share_it_and_of_another_do_not() {
        let first = KeptSignal::beside(&[], &signal("new-service", "event-1"));
        let same = KeptSignal::beside(
            std::slice::from_ref(&first),
            &signal("sensitive-action-first-use", "event-1"),
        );
        let other = KeptSignal::beside(std::slice::from_ref(&first), &signal("new-service", "event-2"));
        assert!(Arc::ptr_eq(first.event(), same.event()));
        assert!(!Arc::ptr_eq(first.event(), other.event()));
    }

    #[test]
    fn damaged_texts_are_empty() {
        let whole = KeptSignal::beside(&[], &signal("new-service", "event-1"));
        let damaged = KeptSignal::restored(
            (Arc::clone(&whole.detector), false),
            (1.0, 1.0),
            whole.time,
            (&[200], Arc::new([9, 9])),
        );
        assert_eq!(damaged.reason(), "");
        assert_eq!(damaged.unpacked().evidence, EventEvidence::default());
    }
}
