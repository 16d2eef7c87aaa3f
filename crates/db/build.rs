//! Rebuilds the crate when a migration is added: `sqlx::migrate!` cannot tell cargo by itself.

fn main() {
    #[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
    {
        println!("cargo::rerun-if-changed=../../migrations");
    }
}
