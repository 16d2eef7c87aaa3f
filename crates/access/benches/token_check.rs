//! What it costs to read a playback token and to judge it, as the origin does for each request. `make bench` runs it.

#![allow(clippy::disallowed_methods, reason = "processor time is what is measured")]
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{hint::black_box, time::Instant};

use access::{
    playback::{Claims, Class, Classes, Keyring, Token},
    root::Root,
};
use ids::{EpochId, SessionId};

const CHECKS: u32 = 200_000;
const ROUNDS: usize = 7;
const NOW: u64 = 1_763_680_000;

fn main() {
    let root = Root::new(&[3; 32]).expect("long enough");
    let keys = Keyring::new(&root, ["k1", "k2"]).expect("two keys");
    let (session, epoch) = (SessionId::from_parts(1, [1; 10]), EpochId::from_parts(1, [2; 10]));
    let claims = Claims { exp_unix_s: NOW + 3600, classes: Classes::only(Class::Live), sid: u64::MAX };
    let text = keys.sign(claims, session, epoch).expose();
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..CHECKS {
                let token = Token::parse(black_box(&text)).expect("it is whole");
                black_box(keys.verify(&token, session, epoch, NOW)).expect("it is good");
            }
            began.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("## a playback token read and judged (µs)");
    println!(
        "   fastest {:.2}, median {:.2}, slowest {:.2}",
        rounds[0],
        rounds[ROUNDS / 2],
        rounds[ROUNDS - 1]
    );
}
