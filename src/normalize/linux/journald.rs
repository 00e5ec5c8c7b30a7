//! Journald entries as JSON (`journalctl -o json`, systemd-journal-upload, Vector, Fluent Bit).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::decode::Envelope;
use crate::normalize::Error;
use crate::text::Text;
use crate::time::EventTime;

use super::reading::cut;
use super::syslog::{Line, Writer, bad_time, host, program_name};

/// Longest cursor, in bytes. systemd writes about 130.
const MAX_CURSOR: usize = 256;

/// The fields that are needed; names with a leading underscore come from journald itself and cannot be forged by the writer.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "MESSAGE", default)]
    message: Field<'a>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Field<'a>,
    #[serde(borrow, rename = "_COMM", default)]
    command: Field<'a>,
    #[serde(borrow, rename = "_HOSTNAME", default)]
    host: Field<'a>,
    #[serde(borrow, rename = "_UID", default)]
    uid: Field<'a>,
    #[serde(borrow, rename = "_SOURCE_REALTIME_TIMESTAMP", default)]
    source_time: Field<'a>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP", default)]
    journal_time: Field<'a>,
    #[serde(borrow, rename = "__CURSOR", default)]
    cursor: Field<'a>,
}

/// Takes a journald entry apart.
///
/// # Errors
/// Where it is not JSON, or lacks message, time or host.
pub(super) fn parse<'a>(text: &'a str, envelope: &Envelope<'a>) -> Result<Line<'a>, Error> {
    let entry: Entry<'a> = serde_json::from_str(text).map_err(|error| {
        // The text of a serde error may quote the message.
        Error::BadJson(format!("no journald entry (line {}, column {})", error.line(), error.column()))
    })?;
    let time = entry_time(&entry)?.or(envelope.time).ok_or(Error::MissingField("__REALTIME_TIMESTAMP"))?;
    let host = host(entry.host.0).or_else(|| host(envelope.host.clone()));
    let identifier = entry.identifier.0.or_else(|| entry.command.0.clone());
    Ok(Line {
        time,
        host: host.ok_or(Error::MissingField("_HOSTNAME"))?,
        program: identifier.map(short_program).unwrap_or_default(),
        message: entry.message.0.ok_or(Error::MissingField("MESSAGE"))?,
        event_id: entry.cursor.0.map(|cursor| cut(cursor, MAX_CURSOR)),
        writer: Writer { uid: entry.uid.0.and_then(|uid| uid.parse().ok()), command: entry.command.0 },
    })
}

/// When the writer handed the entry over, or else when journald took it in; microseconds since 1970.
fn entry_time(entry: &Entry<'_>) -> Result<Option<EventTime>, Error> {
    let Some(micros) = entry.source_time.0.as_ref().or(entry.journal_time.0.as_ref()) else {
        return Ok(None);
    };
    let micros: u64 = micros.parse().map_err(|_| bad_time(micros))?;
    Ok(Some(EventTime::from_millis((micros / 1_000) as i64)))
}

fn short_program(program: Text<'_>) -> Text<'_> {
    match program.into_cow() {
        Cow::Borrowed(program) => program_name(program).into(),
        Cow::Owned(program) => program_name(&program).to_owned().into(),
    }
}

/// A field's value: a string; an array of bytes where it is not printable; an array of values where the field occurs more
/// than once (the first counts); `null` where it was too long to print.
#[derive(Default)]
struct Field<'a>(Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a journal field: a string, an array of bytes, or null")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field(Some(text.into())))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field(Some(text.to_owned().into())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Field(Some(number.to_string().into())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field(Some(number.to_string().into())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Field(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::new();
        let mut first = None;
        while let Some(item) = seq.next_element::<Item<'de>>()? {
            match item {
                Item::Byte(byte) => bytes.push(byte),
                Item::Value(value) => first = first.or(value.0),
            }
        }
        let text = || Text::from(String::from_utf8_lossy(&bytes).into_owned());
        Ok(Field(first.or_else(|| (!bytes.is_empty()).then(text))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field(None))
    }
}

/// One item of an array: a byte of the value, or a value of its own.
enum Item<'a> {
    Byte(u8),
    Value(Field<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a byte (0 to 255) or a journal field")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        u8::try_from(number).map(Item::Byte).map_err(|_| E::custom("a byte is 0 to 255"))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        FieldVisitor.visit_borrowed_str(text).map(Item::Value)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        FieldVisitor.visit_str(text).map(Item::Value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        FieldVisitor.visit_unit().map(Item::Value)
    }

    /// A field that occurs more than once and is not printable: an array of arrays of bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element::<u8>()? {
            bytes.push(byte);
        }
        Ok(Item::Value(Field(Some(String::from_utf8_lossy(&bytes).into_owned().into()))))
    }
}
