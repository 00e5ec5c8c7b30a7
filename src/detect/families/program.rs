//! Programs run in another account's name, weighed by what they are good for.

use crate::activity::Outcome;
use crate::baseline::Dimension;
use crate::detect::detector::Rule;
use crate::detect::explain;
use crate::detect::sensitivity::{Level, Sensitivity, of_program, runs_programs};

use super::{Match, Subject, habitual, maturity, settled};

/// A program that the identity never ran in another account's name.
pub(super) fn new_program(rule: &Rule, subject: Subject<'_>) -> Option<Match> {
    let Rule::NewProgram { min_bits, max_bits, each_bits, denied_bits } = rule else { return None };
    let Subject { event, sighting, behaviour, .. } = settled(subject)?;
    let path = event.resource.as_deref().filter(|_| runs_programs(&event.service))?;
    let peak = sighting.bits(Dimension::Resource)?.min(*max_bits);
    let known = of_program(&event.service, path);
    let sensitive = known.map_or(0.0, |known| sensitive_bits(known, subject, path));
    let denied = if event.outcome == Outcome::Denied { *denied_bits } else { 0.0 };
    (peak + sensitive >= *min_bits).then(|| Match {
        peak,
        extra: (sensitive + denied) * maturity(subject),
        harmless: each_bits * maturity(subject),
        reason: explain::program_reason(
            event,
            known.map(|known| known.level).filter(|level| *level > Level::Low),
        ),
        expected: explain::usual(&[Dimension::Resource], event, behaviour),
        observed: explain::values(&[Dimension::Resource], event),
    })
}

/// What a program is good for, less for an identity that runs such programs anyway.
fn sensitive_bits(known: &Sensitivity, Subject { event, behaviour, .. }: Subject<'_>, own: &str) -> f32 {
    let is_alike = |path: &str| {
        let alike = of_program(&event.service, path);
        path != own && alike.is_some_and(|alike| alike.level >= known.level.min(Level::Medium))
    };
    known.weight() / habitual(behaviour.values(Dimension::Resource), event.time, is_alike)
}
