//! The credentials that an incident gave out and was made with: what joins it with others.

use super::super::chain::{Links, MAX_OPENED, Opened};
use super::super::kept::KeptSignal;
use super::{Incident, UPDATE_BITS};

impl Incident {
    /// Remembers a credential that it gave out; says whether another had to go for it, or there was no room.
    ///
    /// Of an open incident, a way on to another identity is reported at once where the call raised a signal: whoever looks into it must
    /// know where to look next. Credentials whose call raised none make room for others.
    pub fn note_opened(&mut self, opened: Opened) -> bool {
        if self.opened.iter().any(|known| known.credential == opened.credential) {
            return false;
        }
        let leads_on = |known: &Opened| known.is_signal && known.target == opened.target;
        if opened.is_signal && self.is_open() && !self.opened.iter().any(leads_on) {
            self.reported_bits = self.reported_bits.min(self.bits - UPDATE_BITS);
        }
        let is_full = self.opened.len() >= MAX_OPENED;
        if is_full {
            let Some(quiet) = self.opened.iter().position(|known| !known.is_signal) else { return true };
            self.opened.remove(quiet);
        }
        self.opened.push(opened);
        is_full
    }

    /// The credentials that join it with others.
    #[must_use]
    pub fn links(&self) -> Links {
        Links::new(&self.opened, self.signals.iter().filter_map(KeptSignal::credential))
    }
}
