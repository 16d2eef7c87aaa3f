//! Two databases.
