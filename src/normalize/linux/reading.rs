//! What one message of an auth log says, before time, host and provenance are added to it.

use std::borrow::Cow;

use crate::activity::{Credential, CredentialKind, Interactive, Origin, Outcome, Usage};
use crate::text::Text;

use super::remote::origin;

/// Longest account name, in bytes. Linux itself ends at 32; directory accounts (`CORP\name`, `name@realm`) run longer.
pub(super) const MAX_ACCOUNT: usize = 128;
/// Longest resource (a program's path, an account), in bytes. Paths of programs that systems really run stay far below.
pub(super) const MAX_RESOURCE: usize = 256;
/// Longest credential identifier, in bytes. `SHA256:` fingerprints take 50; certificate key ids are free text.
pub(super) const MAX_CREDENTIAL: usize = 192;

/// A message, understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading<'m> {
    /// An account did something.
    Act(Box<Act<'m>>),
    /// Known and of no interest; the label is bounded.
    Skip(&'static str),
}

/// What an account did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Act<'m> {
    /// Account that acted.
    pub(super) account: Text<'m>,
    /// Its numeric id, where the message says so.
    pub(super) uid: Option<u32>,
    /// Service: `sshd`, `sudo`, …
    pub(super) service: Text<'m>,
    /// Operation: `login`, `exec`, …
    pub(super) operation: &'static str,
    /// Program, or `user:NAME`, `group:NAME`.
    pub(super) resource: Option<Text<'m>>,
    /// Account acted in, where it is another one.
    pub(super) target: Option<Text<'m>>,
    /// Account that took this one on.
    pub(super) caller: Option<Text<'m>>,
    /// Credential that was accepted. One that was refused is not the account's and is left out.
    pub(super) credential: Option<Credential<'m>>,
    /// From where.
    pub(super) origin: Origin<'m>,
    /// What ran it.
    pub(super) workload: Option<Text<'m>>,
    /// Signs of a person.
    pub(super) interactive: Interactive,
    /// Whether it was a use.
    pub(super) usage: Usage,
    /// Whether it worked.
    pub(super) outcome: Outcome,
    /// Why not; bounded.
    pub(super) error_code: Option<&'static str>,
}

impl<'m> Act<'m> {
    /// A successful use of `account`.
    pub(super) fn new(account: &'m str, service: &'m str, operation: &'static str) -> Self {
        Self { account: account.into(), service: service.into(), operation, ..Self::default() }
    }

    /// The same, refused for this reason.
    pub(super) fn denied(mut self, reason: &'static str) -> Self {
        self.outcome = Outcome::Denied;
        self.error_code = Some(reason);
        self
    }

    /// The same, from this address.
    pub(super) fn at_address(mut self, address: &'m str) -> Self {
        self.origin = origin(address);
        self
    }

    /// The same, on this resource.
    pub(super) fn on(mut self, resource: impl Into<Text<'m>>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// The same, shown this credential.
    pub(super) fn with_credential(mut self, kind: CredentialKind, id: impl Into<Text<'m>>) -> Self {
        self.credential = Some(Credential { kind, id: cut(id.into(), MAX_CREDENTIAL) });
        self
    }

    /// The same, with a terminal where `tty` names one.
    pub(super) fn at_tty(mut self, tty: &str) -> Self {
        if is_terminal(tty) {
            self.interactive = self.interactive.union(Interactive::TTY);
        }
        self
    }

    /// As a reading; a name that no account can have makes it none.
    pub(super) fn reading(self) -> Reading<'m> {
        if is_account(&self.account) { Reading::Act(Box::new(self)) } else { Reading::Skip(UNKNOWN_ACCOUNT) }
    }
}

/// Label: somebody tried a name that is no account of the host.
pub(super) const UNKNOWN_ACCOUNT: &str = "unknown_account";
/// Label: a session began whose login or command is counted by a line of its own.
pub(super) const SESSION_OPENED: &str = "session_opened";
/// Label: a session ended.
pub(super) const SESSION_CLOSED: &str = "session_closed";
/// Label: a connection ended.
pub(super) const DISCONNECT: &str = "disconnect";
/// Label: one step of an authentication whose result has a line of its own.
pub(super) const AUTH_STEP: &str = "auth_step";
/// Label: a program that this normaliser knows said something of no interest.
pub(super) const OTHER_MESSAGE: &str = "other_message";
/// Label: a program that does not authenticate anybody.
pub(super) const OTHER_PROGRAM: &str = "other_program";
/// Label: "last message repeated": which message is not said.
pub(super) const REPEATED: &str = "repeated";
/// Label: the process that wrote the entry is not the program that it claims to be.
pub(super) const FORGED: &str = "forged";

/// Whether this can be the name of an account: hostile names must not become identities.
pub(super) fn is_account(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_ACCOUNT
        && name.trim() == name
        && !name.chars().any(|c| c.is_control() || matches!(c, ':' | '(' | ')' | '=' | ';' | '\u{fffd}'))
}

/// Whether sudo, su or PAM name a real terminal (`pts/0`, `/dev/tty1`), and not `unknown`, `none`, `ssh`, `cron`.
fn is_terminal(tty: &str) -> bool {
    let name = tty.trim_start_matches("/dev/");
    name.starts_with("pts") || name.starts_with("tty") || name == "console"
}

/// The text up to `max` bytes, at a character's end.
pub(super) fn cut(text: Text<'_>, max: usize) -> Text<'_> {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    match text.into_cow() {
        Cow::Borrowed(text) => text[..end].into(),
        Cow::Owned(mut text) => {
            text.truncate(end);
            text.into()
        }
    }
}

impl Reading<'_> {
    /// A copy without ties to the message.
    pub(super) fn into_owned(self) -> Reading<'static> {
        match self {
            Self::Skip(label) => Reading::Skip(label),
            Self::Act(act) => Reading::Act(Box::new(act.into_owned())),
        }
    }
}

impl Act<'_> {
    fn into_owned(self) -> Act<'static> {
        Act {
            account: self.account.into_owned(),
            uid: self.uid,
            service: self.service.into_owned(),
            operation: self.operation,
            resource: self.resource.map(Text::into_owned),
            target: self.target.map(Text::into_owned),
            caller: self.caller.map(Text::into_owned),
            credential: self.credential.map(|c| Credential { kind: c.kind, id: c.id.into_owned() }),
            origin: Origin {
                ip: self.origin.ip.map(Text::into_owned),
                network: self.origin.network.map(Text::into_owned),
                ..Origin::default()
            },
            workload: self.workload.map(Text::into_owned),
            interactive: self.interactive,
            usage: self.usage,
            outcome: self.outcome,
            error_code: self.error_code,
        }
    }
}
