//! Origin decisions.
