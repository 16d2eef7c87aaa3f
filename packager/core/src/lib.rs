//! Packaging decisions.
