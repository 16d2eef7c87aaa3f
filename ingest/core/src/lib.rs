//! Ingest decisions.
