//! Whether a call worked, was refused, or failed.

use super::record::{Answer, Record};
use crate::activity::Outcome;

/// Pieces of the error codes by which AWS services refuse for lack of rights or a bad credential.
///
/// Services spell them in many ways: `AccessDenied`, `AccessDeniedException`, `VpceAccessDenied`, `Client.UnauthorizedOperation`,
/// `NotAuthorizedException`, `AuthFailure`, `ExpiredTokenException`, …
const REFUSALS: [&str; 14] = [
    "AccessDenied",
    "Unauthorized",
    "NotAuthorized",
    "Forbidden",
    "AuthFailure",
    "AuthorizationError",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClient",
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "ExpiredToken",
    "InvalidToken",
    "MissingAuthenticationToken",
];

/// The outcome that a record states, in `errorCode` or in the result of a sign-in.
pub(super) fn outcome(record: &Record<'_>) -> Outcome {
    match &record.error_code {
        Some(code) => of_code(code),
        None if is_failed_sign_in(record) => Outcome::Denied,
        None if record.error_message.is_some() => Outcome::Failed,
        None => Outcome::Success,
    }
}

fn of_code(code: &str) -> Outcome {
    if REFUSALS.iter().any(|refusal| code.contains(refusal)) { Outcome::Denied } else { Outcome::Failed }
}

/// Whether somebody tried to sign in and could not: whoever tried is not known to be the identity named.
pub(super) fn is_refused_sign_in(record: &Record<'_>) -> bool {
    let signs_in = matches!(
        record.event_name.as_deref(),
        Some("ConsoleLogin" | "CheckMfa" | "CredentialVerification" | "UserAuthentication")
    );
    signs_in && outcome(record) != Outcome::Success
}

fn is_failed_sign_in(record: &Record<'_>) -> bool {
    [&record.response_elements, &record.service_event_details].into_iter().any(says_failure)
}

fn says_failure(result: &Answer<'_>) -> bool {
    let Answer {
        console_login, switch_role, check_mfa, user_authentication, credential_verification, ..
    } = result;
    [console_login, switch_role, check_mfa, user_authentication, credential_verification]
        .into_iter()
        .flatten()
        .any(|result| *result == "Failure")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_failures() {
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "VpceAccessDenied",
            "UnauthorizedOperation",
            "Client.UnauthorizedOperation",
            "NotAuthorizedException",
            "ForbiddenException",
            "AuthFailure",
            "InvalidClientTokenId",
            "CloudTrailInvalidClientTokenIdException",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
        ] {
            assert_eq!(of_code(code), Outcome::Denied, "{code}");
        }
        for code in ["NoSuchBucket", "ThrottlingException", "Client.InvalidParameterValue", "ValidationError"]
        {
            assert_eq!(of_code(code), Outcome::Failed, "{code}");
        }
    }
}
