//! Origin shell.
