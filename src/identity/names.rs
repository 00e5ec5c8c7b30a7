//! What an identity's name alone tells.

/// The provider that an identity id belongs to: `aws`, `linux`, `k8s`, …
#[must_use]
pub fn provider(identity_id: &str) -> &str {
    match identity_id.split_once(':') {
        Some(("arn", _)) => "aws",
        Some((prefix, _)) if prefix.starts_with("aws-") => "aws",
        Some((prefix, _)) => prefix,
        None => "unknown",
    }
}

/// The account, host group, cluster or tenant in an identity id.
#[must_use]
pub fn account(identity_id: &str) -> Option<&str> {
    let mut parts = identity_id.split(':');
    let part = match parts.next()? {
        "arn" => parts.nth(3)?,
        "aws-service" | "aws-identity-center" | "aws-web-identity" | "aws-saml" => return None,
        _ => parts.next()?,
    };
    (!part.is_empty()).then_some(part)
}

/// The log sources that could report this identity: a scope, `linux:web-1`, or with a colon at its end what the scopes
/// of an account begin with, `aws:111122223333:`.
#[must_use]
pub fn scope_prefix(identity_id: &str) -> Option<String> {
    let account = account(identity_id)?;
    match provider(identity_id) {
        "aws" => Some(format!("aws:{account}:")),
        provider => Some(format!("{provider}:{account}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_provider_account_and_sources() {
        let check = |id: &str, expected: (&str, Option<&str>, Option<&str>)| {
            assert_eq!((provider(id), account(id), scope_prefix(id).as_deref()), expected, "{id}");
        };
        check("arn:aws:iam::111122223333:role/app", ("aws", Some("111122223333"), Some("aws:111122223333:")));
        check("aws-service:ec2.amazonaws.com", ("aws", None, None));
        let other_account = "aws-account:444455556666:AROAEXAMPLE";
        check(other_account, ("aws", Some("444455556666"), Some("aws:444455556666:")));
        check("aws-web-identity:idp.example:repo:example/shop", ("aws", None, None));
        check("linux:web-1:deploy", ("linux", Some("web-1"), Some("linux:web-1")));
        check("odd", ("unknown", None, None));
    }
}
