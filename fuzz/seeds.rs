//! Writes the seeds of every target to `fuzz/corpus/TARGET/`, and prints the targets' names.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, _) in mintage_fuzz::targets::ALL {
        let folder = here.join("corpus").join(name);
        fs::create_dir_all(&folder)?;
        for (at, seed) in mintage_fuzz::seeds::of(&here.join(".."), name).into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{at:04}")), seed)?;
        }
        println!("{name}");
    }
    Ok(())
}
