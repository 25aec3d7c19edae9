fn main() -> std::process::ExitCode {
    wt_keys::console::run::<wt_bundler::cli::WtBundle>()
}
