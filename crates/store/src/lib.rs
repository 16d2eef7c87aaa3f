//! Media objects.
