//! The fields of a CloudTrail record that are needed, in all versions of the record (1.0 to 1.11).
//!
//! Field meanings: AWS CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
//! Only what is no JSON, or names one of these fields twice, is an error.

use serde::Deserialize;

use super::resource::{Parameters, Resource};
use crate::normalize::Error;
use crate::normalize::loose::{first, flag, object, size, text};
use crate::text::Text;

/// One record.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct Record<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) event_time: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) event_source: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) event_name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) event_type: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) event_category: Option<Text<'a>>,
    #[serde(rename = "eventID", borrow, deserialize_with = "text")]
    pub(in crate::normalize) event_id: Option<Text<'a>>,
    #[serde(rename = "sharedEventID", borrow, deserialize_with = "text")]
    pub(in crate::normalize) shared_event_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) aws_region: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) recipient_account_id: Option<Text<'a>>,
    #[serde(rename = "sourceIPAddress", borrow, deserialize_with = "text")]
    pub(in crate::normalize) source_ip_address: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) vpc_endpoint_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) vpc_endpoint_account_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) user_agent: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) error_code: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) error_message: Option<Text<'a>>,
    #[serde(deserialize_with = "flag")]
    pub(in crate::normalize) read_only: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub(in crate::normalize) session_credential_from_console: Option<bool>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) user_identity: UserIdentity<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) request_parameters: Parameters<'a>,
    #[serde(borrow, deserialize_with = "first")]
    pub(in crate::normalize) resources: Resource<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) response_elements: Answer<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) service_event_details: Answer<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) additional_event_data: AdditionalData<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) addendum: Addendum<'a>,
}

/// Who acted, in all the forms that this takes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct UserIdentity<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(in crate::normalize) kind: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) principal_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) arn: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) account_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) access_key_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) credential_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) user_name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) invoked_by: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) identity_provider: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) session_context: SessionContext<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) in_scope_of: InScopeOf<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) on_behalf_of: OnBehalfOf<'a>,
}

/// How a session came about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct SessionContext<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) session_issuer: SessionIssuer<'a>,
    #[serde(deserialize_with = "object")]
    pub(in crate::normalize) attributes: SessionAttributes,
    #[serde(borrow, deserialize_with = "object")]
    pub(in crate::normalize) web_id_federation_data: WebIdFederation<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) source_identity: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) ec2_role_delivery: Option<Text<'a>>,
    #[serde(deserialize_with = "flag")]
    pub(in crate::normalize) session_credential_from_console: Option<bool>,
}

/// The role or user that issued a session.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct SessionIssuer<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(in crate::normalize) kind: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) principal_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) arn: Option<Text<'a>>,
}

/// Attributes of a session.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct SessionAttributes {
    #[serde(deserialize_with = "flag")]
    pub(in crate::normalize) mfa_authenticated: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub(in crate::normalize) session_credential_from_console: Option<bool>,
}

/// The web identity that a session was given for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct WebIdFederation<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) federated_provider: Option<Text<'a>>,
}

/// The environment that credentials were issued to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct InScopeOf<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) source_arn: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) credentials_issued_to: Option<Text<'a>>,
}

/// The Identity Center user for whom a call was made.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct OnBehalfOf<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) user_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) identity_store_arn: Option<Text<'a>>,
}

/// What a call was answered: results that sign-in events state outside of `errorCode` (`"ConsoleLogin": "Failure"`), and
/// credentials that were given out, of which only what is public is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(in crate::normalize) struct Answer<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) console_login: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) switch_role: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) check_mfa: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) user_authentication: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) credential_verification: Option<Text<'a>>,
    #[serde(rename = "credentials", borrow, deserialize_with = "object")]
    pub(in crate::normalize) credentials: IssuedKey<'a>,
    #[serde(rename = "accessKey", borrow, deserialize_with = "object")]
    pub(in crate::normalize) access_key: IssuedKey<'a>,
    #[serde(rename = "assumedRoleUser", borrow, deserialize_with = "object")]
    pub(in crate::normalize) assumed_role_user: SessionUser<'a>,
    #[serde(rename = "federatedUser", borrow, deserialize_with = "object")]
    pub(in crate::normalize) federated_user: SessionUser<'a>,
}

/// A credential that was given out, without its secret parts.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::normalize) struct IssuedKey<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) access_key_id: Option<Text<'a>>,
}

/// Whom a session acts as.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::normalize) struct SessionUser<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) arn: Option<Text<'a>>,
}

/// What services add of their own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::normalize) struct AdditionalData<'a> {
    #[serde(rename = "MFAUsed", borrow, deserialize_with = "text")]
    pub(in crate::normalize) mfa_used: Option<Text<'a>>,
    /// Of data events of S3: what it sent to the caller.
    #[serde(rename = "bytesTransferredOut", deserialize_with = "size")]
    pub(in crate::normalize) bytes_out: Option<u64>,
}

/// Why a record came late or again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::normalize) struct Addendum<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(in crate::normalize) reason: Option<Text<'a>>,
    #[serde(rename = "originalEventID", borrow, deserialize_with = "text")]
    pub(in crate::normalize) original_event_id: Option<Text<'a>>,
}

/// Reads a JSON object of type `T`.
///
/// A string that holds half of a surrogate pair (`"\ud800"`) is no valid text and would fail the record: whoever
/// chooses a user agent or an object's name could stay unseen by it. Such halves are replaced by U+FFFD.
///
/// # Errors
/// [`Error::BadJson`] where `json` is no JSON object, or names a field twice.
pub(in crate::normalize) fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).or_else(|error| read_repaired(json).ok_or_else(|| bad_json(&error)))
}

fn read_repaired<'a, T: Deserialize<'a>>(json: &str) -> Option<T> {
    let repaired = without_lone_surrogates(json)?;
    let value: serde_json::Value = serde_json::from_str(&repaired).ok()?;
    T::deserialize(value).ok()
}

/// `json` with `\ufffd` for every `\ud800`–`\udfff` that stands alone; `None` where there is none.
fn without_lone_surrogates(json: &str) -> Option<String> {
    let mut repaired = None;
    let mut at = 0;
    while let Some(found) = json[at..].find('\\') {
        let escape = at + found;
        let (first, second) = (unit_at(json, escape), unit_at(json, escape + 6));
        at = match (first, second) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                let text = repaired.get_or_insert_with(|| json.to_owned());
                text.replace_range(escape..escape + 6, "\\ufffd");
                escape + 6
            }
            // A backslash and the ASCII character behind it; anything else there is no JSON.
            _ => escape + 1 + usize::from(json.as_bytes().get(escape + 1).is_some_and(u8::is_ascii)),
        };
    }
    repaired
}

/// The UTF-16 unit that a `\uXXXX` at `at` stands for.
fn unit_at(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

/// Says where, not what: the text of a serde error may quote the record.
fn bad_json(error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Eof => "ends early",
        Category::Data => "no object, or a field that occurs twice",
        Category::Syntax | Category::Io => "no JSON",
    };
    Error::BadJson(format!("{what} (line {}, column {})", error.line(), error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_surrogates_do_not_cost_the_record() {
        let json =
            r#"{"eventName":"GetObject","userAgent":"a\ud83d\ude00b\ud800c\\ud800","awsRegion":"eu-west-1"}"#;
        let record: Record<'_> = read(json).unwrap();
        assert_eq!(record.user_agent.unwrap(), "a😀b\u{fffd}c\\ud800");
        assert_eq!(record.event_name.unwrap(), "GetObject");
    }

    #[test]
    fn errors_do_not_quote_the_record() {
        for bad in
            [r#"{"eventName":"secret"#, "\"secret\"", "secret", r#"{"eventName":"x","eventName":"secret"}"#]
        {
            let error = read::<Record<'_>>(bad).unwrap_err();
            assert_eq!(error.kind(), "bad_json");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
