//! Cores under simulated time: what a publisher's bytes become on a student's screen, with no socket and no
//! clock. The simulations are in `tests/`.
