//! The sorts of identities that a company has, as data: what each does, from where, with what, and when.

mod automation;
mod keys;
mod linux;
mod people;
mod provider;
mod workload;

use super::rhythm::{Every, Rhythm};
use crate::activity::Kind;

/// One sort of identity.
pub(super) struct Archetype {
    /// Name, unique.
    pub(super) name: &'static str,
    /// Kind that its identities have.
    pub(super) kind: Kind,
    /// How many of these there are, relative to the others.
    pub(super) share: u32,
    /// How the log names it.
    pub(super) principal: Principal,
    /// Where its calls come from.
    pub(super) origin: Origin,
    /// Client programs, `{}` standing for the version; each identity has one of them.
    pub(super) clients: &'static [&'static str],
    /// When it works.
    pub(super) rhythm: Rhythm,
    /// Median of tasks a day; single identities spread around it.
    pub(super) tasks_per_day: f64,
    /// Part of its calls that fail.
    pub(super) error_rate: f64,
    /// What each of its identities does, with weights.
    pub(super) usual: &'static [(&'static str, u32)],
    /// What some of its identities do as well: each has about half of these.
    pub(super) some: &'static [&'static str],
    /// Periodic jobs.
    pub(super) jobs: &'static [Job],
    /// Names, to which the team and a suffix are added.
    pub(super) names: &'static [&'static str],
    /// What the inventory says it is for.
    pub(super) purpose: &'static str,
}

/// A periodic job.
pub(super) struct Job {
    /// When it runs.
    pub(super) every: Every,
    /// What it does, in this order.
    pub(super) steps: &'static [&'static str],
}

/// How the log names an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// Role of EC2 instances.
    Instance,
    /// Role of a Lambda function.
    Lambda,
    /// Role of ECS tasks.
    Task,
    /// Role of a Kubernetes service account (IRSA).
    Pod,
    /// Role that a GitHub Actions workflow assumes over OIDC.
    GitHub,
    /// Role of a CodeBuild project.
    CodeBuild,
    /// Role of a Bedrock agent.
    Agent,
    /// Role that a supplier assumes from an account of its own.
    Vendor,
    /// Role of devices, through the IoT credential provider.
    Device,
    /// Service-linked role.
    ServiceLinked(&'static str),
    /// The provider's own service, without a role.
    Service(&'static str),
    /// IAM user with a long-term key.
    User,
    /// Person, through single sign-on.
    Sso,
    /// Service account on a group of Linux hosts.
    Linux,
}

/// Where calls come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The account's NAT gateways.
    Nat,
    /// Private addresses, through a VPC endpoint.
    Endpoint,
    /// The provider's own service, by name.
    Service,
    /// Hosted runners: many networks, changing with each run.
    Runners,
    /// Networks of one supplier.
    Supplier,
    /// The company's data centre.
    DataCentre,
    /// The company's offices and people at home.
    Offices,
}

/// All archetypes.
pub(super) fn all() -> impl Iterator<Item = &'static Archetype> {
    [workload::ALL, automation::ALL, keys::ALL, provider::ALL, people::ALL, linux::ALL].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::catalog;
    use super::*;

    #[test]
    fn every_action_is_in_the_catalogue_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for archetype in all() {
            assert!(names.insert(archetype.name), "{} twice", archetype.name);
            assert!(!archetype.names.is_empty() && !archetype.clients.is_empty(), "{}", archetype.name);
            if archetype.principal == Principal::Linux {
                continue;
            }
            let usual = archetype.usual.iter().map(|(action, _)| *action);
            let jobs = archetype.jobs.iter().flat_map(|job| job.steps.iter().copied());
            for action in usual.chain(archetype.some.iter().copied()).chain(jobs) {
                assert!(catalog::find(action).is_some(), "{}: {action}", archetype.name);
            }
        }
    }
}
