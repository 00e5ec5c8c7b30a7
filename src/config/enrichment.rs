//! What is known of addresses: where it is read, and what may stand there.

use serde::{Deserialize, Serialize};

use super::validate::Check;
use crate::activity::NetworkClass;

/// What is known of addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Enrichment {
    /// Database of autonomous systems in MaxMind's format (GeoLite2-ASN, DB-IP ASN lite, IPinfo): a file. Read again on SIGHUP.
    pub asn_database: Option<String>,
    /// Database of countries in MaxMind's format (GeoLite2-Country or -City, DB-IP country lite, IPinfo): a file, which may be
    /// the same. Read again on SIGHUP.
    pub country_database: Option<String>,
    /// Lists of networks, each with `name`, `class` (`own`, `vendor`, `hosting`, `residential`, `proxy`, `tor`) and its networks:
    /// `cidrs` here, or a `file` with one a line. The narrowest network counts; of equal ones, that of the first list. Files
    /// are read again on SIGHUP.
    pub networks: Vec<NetworkList>,
}

/// One list of networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkList {
    /// Its name, as alerts show it.
    pub name: String,
    /// What its networks are.
    pub class: NetworkClass,
    /// File of networks or addresses, one a line; what follows a space, `#` or `;` is a comment.
    #[serde(default)]
    pub file: Option<String>,
    /// Networks or addresses.
    #[serde(default)]
    pub cidrs: Vec<String>,
}

/// Most lists. What more there is to tell apart would not be read in an alert.
pub const MAX_LISTS: usize = 256;

/// Longest name of a list, in characters: it stands in sentences.
const MAX_NAME_CHARS: usize = 60;

/// Checks what needs no file. Networks are read with the files.
pub(super) fn check(enrichment: &Enrichment, check: &mut Check) {
    let files = [
        ("enrichment.asn_database", &enrichment.asn_database),
        ("enrichment.country_database", &enrichment.country_database),
    ];
    for (key, file) in files {
        check.holds(file.as_deref() != Some(""), key, "", "a file, or no such key");
    }
    check.holds(
        enrichment.networks.len() <= MAX_LISTS,
        "enrichment.networks",
        &format!("{} lists", enrichment.networks.len()),
        &format!("at most {MAX_LISTS} lists"),
    );
    for (index, list) in enrichment.networks.iter().enumerate() {
        let key = |name: &str| format!("enrichment.networks[{index}].{name}");
        let is_name = !list.name.trim().is_empty()
            && list.name.chars().count() <= MAX_NAME_CHARS
            && !list.name.contains(char::is_control);
        check.holds(is_name, &key("name"), &list.name, "a name of up to 60 characters");
        let is_filled = list.file.as_deref().is_some_and(|file| !file.is_empty()) || !list.cidrs.is_empty();
        check.holds(is_filled, &key("file"), "", "a file, unless `cidrs` names networks");
    }
}
