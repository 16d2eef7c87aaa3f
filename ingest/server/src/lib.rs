//! Ingest shell.
