//! The program: the interfaces in `lib`, with the kinds of sources of the product.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cairn::run(cairn::kinds(), std::env::args_os()))
}
