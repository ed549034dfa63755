//! The `posta` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    posta::cli::main()
}
