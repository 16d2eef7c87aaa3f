//! AAC-LC from samples, for the generated lecture.
