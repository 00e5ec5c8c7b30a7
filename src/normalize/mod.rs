//! Records to events: one file per log format.
