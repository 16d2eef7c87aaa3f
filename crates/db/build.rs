//! Rebuilds the crate when a migration is added: `sqlx::migrate!` cannot tell cargo by itself.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
