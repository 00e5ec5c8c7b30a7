//! Which identities a detector looks at.

use serde::{Deserialize, Serialize};

use crate::activity::{Class, Kind};
use crate::identity::declared::Criticality;
use crate::identity::names;

use super::form::Wildcard;

/// An identity, as far as scopes and exceptions go by it.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Identity id.
    pub id: &'a str,
    /// Kind, after the inventory's word.
    pub kind: Kind,
    /// Class, after the inventory's word.
    pub class: Class,
    /// Environment from the inventory.
    pub environment: Option<&'a str>,
    /// Criticality from the inventory; medium where nothing was declared.
    pub criticality: Criticality,
}

/// Which identities a detector looks at: those that `include` admits, without those that `exclude` names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// An identity must be in each list that is given.
    #[serde(skip_serializing_if = "Selector::is_empty")]
    pub include: Selector,
    /// An identity must be in none of the lists.
    #[serde(skip_serializing_if = "Selector::is_empty")]
    pub exclude: Selector,
}

impl Scope {
    /// Whether it takes in everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether an identity is in it.
    #[must_use]
    pub fn covers(&self, who: &Who<'_>) -> bool {
        let is_in = |verdict: &Option<bool>| *verdict == Some(true);
        self.is_everything()
            || (self.include.verdicts(who).iter().all(|verdict| verdict.unwrap_or(true))
                && !self.exclude.verdicts(who).iter().any(is_in))
    }
}

/// Lists of what identities may be like. Within a list, one entry is enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// Kinds of identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// Classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// Providers, as the identity id tells them: `aws`, `linux`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Accounts, host groups or clusters, as the identity id tells them, in quotes: `"111122223333"`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Environments, as the inventory declares them; of an identity without one, no entry is true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// Identity ids, with the wildcards `*` and `?`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub identities: Vec<Wildcard>,
    /// Criticality, as the inventory declares it; medium where it says nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub criticality: Vec<Criticality>,
}

impl Selector {
    /// Whether nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { kinds, classes, providers, accounts, environments, identities, criticality } = self;
        let texts = [providers, accounts, environments];
        kinds.is_empty()
            && classes.is_empty()
            && texts.iter().all(|list| list.is_empty())
            && identities.is_empty()
            && criticality.is_empty()
    }

    /// Of each list, whether the identity is in it; `None` of an empty one.
    fn verdicts(&self, who: &Who<'_>) -> [Option<bool>; 7] {
        [
            any(&self.kinds, |kind| *kind == who.kind),
            any(&self.classes, |class| *class == who.class),
            any(&self.providers, |provider| provider == names::provider(who.id)),
            any(&self.accounts, |account| Some(account.as_str()) == names::account(who.id)),
            any(&self.environments, |environment| Some(environment.as_str()) == who.environment),
            any(&self.identities, |identity| identity.matches(who.id)),
            any(&self.criticality, |criticality| *criticality == who.criticality),
        ]
    }
}

fn any<T>(list: &[T], is_it: impl Fn(&T) -> bool) -> Option<bool> {
    (!list.is_empty()).then(|| list.iter().any(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, expected: bool) {
        let scope: Scope = serde_saphyr::from_str(yaml).unwrap();
        let who = Who {
            id: "arn:aws:iam::111122223333:role/shop/cart",
            kind: Kind::CloudRole,
            class: Class::NonHuman,
            environment: Some("prod"),
            criticality: Criticality::High,
        };
        assert_eq!(scope.covers(&who), expected, "{yaml}");
    }

    #[test]
    fn an_identity_is_in_every_list_of_include_and_in_none_of_exclude() {
        check("{}", true);
        check("include: { kinds: [workload, cloud_role] }", true);
        check("include: { kinds: [workload] }", false);
        check("include: { kinds: [cloud_role], environments: [dev] }", false);
        check("include: { classes: [non_human], providers: [aws], accounts: ['111122223333'] }", true);
        check("include: { accounts: ['444455556666'] }", false);
        check("include: { identities: ['*:role/shop/*'], criticality: [high, critical] }", true);
        check("exclude: { identities: ['*:role/shop/*'] }", false);
        check("exclude: { environments: [dev], providers: [linux] }", true);
        check("exclude: { environments: [dev], providers: [aws] }", false);
        check("include: { providers: [aws] }\nexclude: { kinds: [cloud_role] }", false);
    }

    #[test]
    fn of_what_is_not_declared_nothing_is_listed() {
        let who = Who {
            id: "odd",
            kind: Kind::Unknown,
            class: Class::Mixed,
            environment: None,
            criticality: Criticality::Medium,
        };
        let covers = |yaml: &str| serde_saphyr::from_str::<Scope>(yaml).unwrap().covers(&who);
        assert!(!covers("include: { environments: [prod] }"));
        assert!(covers("exclude: { environments: [prod], accounts: ['1'] }"));
        assert!(covers("include: { providers: [unknown], criticality: [medium] }"));
    }
}
