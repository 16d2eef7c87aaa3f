//! Cores under simulated time.
