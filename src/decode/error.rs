//! Why a piece of a payload could not be understood.

/// Why a piece of a payload could not be understood. Messages hold no part of the payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The payload is too large as it came.
    #[error("payload of {bytes} bytes is above limits.payload_bytes ({limit})")]
    PayloadTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The payload is too large once it is decompressed.
    #[error("payload unpacks to more than limits.payload_bytes ({limit})")]
    UnpackedTooLarge {
        /// The limit.
        limit: usize,
    },
    /// One record is too large.
    #[error("record of {bytes} bytes is above limits.record_bytes ({limit})")]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The payload holds too many records; these bytes are what follows the last one taken.
    #[error("payload holds more than limits.payload_records ({limit}); the rest was not read")]
    TooManyRecords {
        /// The limit.
        limit: usize,
    },
    /// Wrappers inside wrappers.
    #[error("record is wrapped more than limits.envelope_depth ({limit}) times")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Compressed within compressed.
    #[error("payload is compressed or base64-encoded more than {limit} times over")]
    TooManyEncodings {
        /// The limit.
        limit: usize,
    },
    /// Begins like gzip and does not decompress: cut off, or its checksum is wrong.
    #[error("gzip data is cut off or damaged")]
    BadGzip,
    /// Not text.
    #[error("record is not valid UTF-8")]
    BadUtf8,
    /// Begins like JSON and is not, or a known wrapper's field is of the wrong type.
    #[error("JSON is not valid at line {line}, column {column} of the record: {problem}")]
    BadJson {
        /// Line within the piece, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// Kind of problem.
        problem: &'static str,
    },
    /// So much of the payload is damaged that telling its records apart would cost too much.
    #[error("too much of the payload is damaged to tell its records apart; the rest was not read")]
    TooDamaged,
    /// A wrapper names its content twice.
    #[error("wrapper has the key `{0}` twice, so that its content is not certain")]
    DuplicateKey(&'static str),
    /// No known transport shape or log format.
    #[error("neither a known transport shape nor a known log format")]
    Unrecognised,
    /// A known log format in an input that is declared to carry another.
    #[error("record is {found}, which this input's `format` does not take")]
    UnexpectedFormat {
        /// What it is.
        found: &'static str,
    },
    /// Tells that an object was written, without its content.
    #[error(
        "S3 notification: it names a log file and holds no record; send the file's content to the topic (or read the files with `scan`)"
    )]
    S3Notification,
    /// An SNS message.
    #[error(
        "SNS notification: it names a log file and holds no record; send the log files' content, or EventBridge events, to the topic"
    )]
    SnsNotification,
    /// A message of SQS or another AWS event source.
    #[error("message of an AWS event source (SQS, Kinesis, …); send its content to the topic")]
    EventSourceMessage,
}

impl Error {
    /// How far into `text` the parser was when it gave up, in bytes.
    pub(super) fn reach(&self, text: &str) -> usize {
        let Self::BadJson { line, column, .. } = self else { return 0 };
        let lines = memchr::memchr_iter(b'\n', text.as_bytes());
        let line_start = lines.take(line.saturating_sub(1)).last().map_or(0, |newline| newline + 1);
        (line_start + column).min(text.len())
    }

    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PayloadTooLarge { .. } => "payload_too_large",
            Self::UnpackedTooLarge { .. } => "unpacked_too_large",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::TooManyRecords { .. } => "too_many_records",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyEncodings { .. } => "too_many_encodings",
            Self::BadGzip => "bad_gzip",
            Self::BadUtf8 => "bad_utf8",
            Self::BadJson { .. } => "bad_json",
            Self::TooDamaged => "too_damaged",
            Self::DuplicateKey(_) => "duplicate_key",
            Self::Unrecognised => "unrecognised",
            Self::UnexpectedFormat { .. } => "unexpected_format",
            Self::S3Notification => "s3_notification",
            Self::SnsNotification => "sns_notification",
            Self::EventSourceMessage => "event_source_message",
        }
    }
}

impl From<serde_json::Error> for Error {
    /// Keeps place and category only: the message of a type error quotes the payload.
    fn from(error: serde_json::Error) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "syntax",
            serde_json::error::Category::Data => "a field has the wrong type",
            serde_json::error::Category::Io => "unreadable",
        };
        Self::BadJson { line: error.line(), column: error.column(), problem }
    }
}
