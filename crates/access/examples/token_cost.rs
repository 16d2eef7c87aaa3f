//! What one check of a playback token costs: `cargo run --release -p access --example token_cost`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a stop watch that prints its figure")]

use std::{hint::black_box, time::Instant};

use access::{
    playback::{Claims, Class, Classes, Keyring, Token},
    root::Root,
};
use ids::{EpochId, SessionId};

const RUNS: u32 = 400;
const CHECKS: u32 = 500;

fn main() {
    let root = Root::new(&[1; 32]).expect("long enough");
    let ring = Keyring::new(&root, ["newest", "older"]).expect("good names");
    let (session, epoch) = (SessionId::from_parts(1, [1; 10]), EpochId::from_parts(2, [2; 10]));
    let claims = Claims { exp_unix_s: 1_800_000_000, classes: Classes::only(Class::Live), sid: u64::MAX / 3 };
    let text = ring.sign(claims, session, epoch).expose();

    // The fastest of many short runs: other work on the machine only ever adds.
    let fastest = (0..RUNS).map(|_| {
        let began = Instant::now();
        for _ in 0..CHECKS {
            let token = Token::parse(black_box(&text)).expect("just written");
            black_box(ring.verify(&token, session, epoch, 1_700_000_000)).expect("just signed");
        }
        began.elapsed().as_nanos() / u128::from(CHECKS)
    });
    let fastest = fastest.min().expect("at least one run");
    println!("{fastest} ns for each parse and check of {} characters", text.len());
}
