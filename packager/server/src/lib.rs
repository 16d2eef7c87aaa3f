//! Packager shell.
