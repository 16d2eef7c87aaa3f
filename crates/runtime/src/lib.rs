//! What a process needs around its rooms: the clock, randomness, shutdown, configuration look-up, logs
//! and metrics. No rule of any room lives here.

pub mod clock;
pub mod config;
pub mod random;
pub mod shutdown;
pub mod telemetry;
