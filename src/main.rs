//! The `mintage` command.

fn main() -> std::process::ExitCode {
    mintage::cli::main()
}
