//! Public records and binary codecs.
