//! When an identity was used: facts that come out the same in whatever order events arrive.

use crate::activity::{self, Event, Outcome};
use crate::term::{Interner, Term};
use crate::time::{EventTime, ProcessingTime};

use super::dimension::Dimension;

/// Times of use. Each is a maximum or a minimum, so order and duplicates do not matter, and none goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// First authenticated attempt.
    pub first_seen: Option<EventTime>,
    /// Last authenticated attempt.
    pub last_seen: Option<EventTime>,
    /// Last attempt that worked.
    pub last_success: Option<EventTime>,
    /// Last attempt that was denied.
    pub last_denied: Option<EventTime>,
    /// Last use with signs of a person.
    pub last_human_use: Option<EventTime>,
    /// Last use by a provider service on its behalf.
    pub last_via_service: Option<EventTime>,
    /// Action of the last use; of several at one instant the greatest in text order.
    pub last_action: Option<Term>,
    /// Newest reception.
    pub last_received: Option<ProcessingTime>,
    /// Last authentication or session start with no action behind it.
    pub last_auth_only: Option<EventTime>,
}

impl Usage {
    /// Takes another report of an event in; says whether it told anything new.
    pub fn note_again(&mut self, event: &Event<'_>, terms: &Interner) -> bool {
        let before = self.clone();
        self.note_facts(event, terms);
        let is_new = *self != before;
        if is_new {
            self.last_received = self.last_received.max(Some(event.received));
        }
        is_new
    }

    /// Takes one event in.
    pub fn note(&mut self, event: &Event<'_>, terms: &Interner) {
        self.note_facts(event, terms);
        self.last_received = self.last_received.max(Some(event.received));
    }

    fn note_facts(&mut self, event: &Event<'_>, terms: &Interner) {
        let time = event.time;
        self.note_action(event, terms);
        self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
        self.last_seen = self.last_seen.max(Some(time));
        match event.outcome {
            Outcome::Success => self.last_success = self.last_success.max(Some(time)),
            Outcome::Denied => self.last_denied = self.last_denied.max(Some(time)),
            Outcome::Failed => {}
        }
        if !event.interactive.is_empty() {
            self.last_human_use = self.last_human_use.max(Some(time));
        }
        if event.via_service.is_some() {
            self.last_via_service = self.last_via_service.max(Some(time));
        }
        if event.usage == activity::Usage::AuthenticatedOnly {
            self.last_auth_only = self.last_auth_only.max(Some(time));
        }
    }

    fn note_action(&mut self, event: &Event<'_>, terms: &Interner) {
        if Some(event.time) < self.last_seen {
            return;
        }
        let is_tie = Some(event.time) == self.last_seen;
        let known = self.last_action.as_ref().map(Term::as_str);
        if known.is_some_and(|known| is_action(known, event) || (is_tie && known > event.action().as_str())) {
            return;
        }
        self.last_action = Dimension::Action.value_of(event, |action| terms.intern(action));
    }
}

/// Whether `action` is the event's action, without building it.
fn is_action(action: &str, event: &Event<'_>) -> bool {
    action.strip_prefix(&*event.service).and_then(|rest| rest.strip_prefix(':')) == Some(&*event.operation)
}
