//! lectern-transcoder: the only executable that speaks to libav. Makes the lower renditions of one session out of
//! packets on a pipe; also generates the demo's lecture and reads its bar code back.

mod libav;
mod sandbox;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    match worker::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lectern-transcoder: {error:#}");
            ExitCode::FAILURE
        }
    }
}
