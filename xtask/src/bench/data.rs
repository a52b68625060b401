//! Generated data, the same on every machine.
//!
//! A [`Set`] lies in a folder of its own below the bench's folder, and is made once: a file beside it says that it is
//! complete and at which scale. The sets resemble what people protect: a game server's folder (region files of 4 KiB
//! sectors with deflated chunks and zero padding, jars, small texts), a dump of a database, many tiny files.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::random::Random;
use crate::run::Outcome;

const MB: u64 = 1_000_000;
const SECTOR: usize = 4096;
/// The file that a row fetches alone.
pub(crate) const ONE_FILE: &str = "small/000/0007.json";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Game,
    Random,
    Sql,
    Tiny,
    Small,
}

impl Set {
    fn name(self) -> &'static str {
        match self {
            Set::Game => "game",
            Set::Random => "random",
            Set::Sql => "sql",
            Set::Tiny => "tiny",
            Set::Small => "small",
        }
    }

    fn make(self, folder: &Path, scale: f64) -> Outcome {
        match self {
            Set::Game => {
                regions(&folder.join("region"), scaled(300, scale))?;
                texts(&folder.join("small"), scaled(20_000, scale), 2_000)?;
                jars(&folder.join("mods"), scaled(200, scale))
            }
            Set::Random => random_file(&folder.join("random.bin"), scaled(2_000 * MB, scale), 7),
            Set::Sql => sql(&folder.join("dump.sql"), scaled(2_000 * MB, scale)),
            Set::Tiny => texts(folder, scaled(200_000, scale), 1_030),
            Set::Small => texts(&folder.join("small"), scaled(20_000, scale), 2_000),
        }
    }

    /// The set was changed by a row and must be made anew.
    pub(crate) fn forget(folder: &Path) -> Outcome {
        let stamp = folder.with_extension("complete");
        fs::remove_file(&stamp).map_err(told("cannot remove", &stamp))
    }
}

fn scaled(full: u64, scale: f64) -> u64 {
    ((full as f64 * scale) as u64).max(8)
}

/// The folder of the set, made when it is not there.
pub(crate) fn prepare(set: Set, bench: &Path, scale: f64) -> Outcome<PathBuf> {
    let folder = bench.join(set.name());
    let stamp = folder.with_extension("complete");
    let expected = format!("scale {scale}\n");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == expected) {
        return Ok(folder);
    }
    eprintln!("bench: making the data set `{}`", set.name());
    super::remove(&folder)?;
    make_folder(&folder)?;
    set.make(&folder, scale)?;
    fs::write(&stamp, expected).map_err(told("cannot write", &stamp))?;
    Ok(folder)
}

fn regions(folder: &Path, count: u64) -> Outcome {
    make_folder(folder)?;
    let mut random = Random::new(1);
    for number in 0..count {
        let sectors = random.between(1_950, 2_450);
        let mut file = create(&folder.join(format!("r.{}.{}.mca", number / 20, number % 20)))?;
        let mut left = sectors;
        while left > 0 {
            let length = random.between(1, 4).min(left);
            file.write_all(&chunk(&mut random, length as usize))
                .map_err(|error| error.to_string())?;
            left -= length;
        }
        file.flush().map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Some sectors as a game keeps a deflated chunk: nearly random bytes, then zeros; now and then all zeros.
fn chunk(random: &mut Random, sectors: usize) -> Vec<u8> {
    let mut bytes = vec![0; sectors * SECTOR];
    if random.between(0, 20) > 0 {
        let padding = random.between(0, SECTOR as u64) as usize;
        let end = bytes.len() - padding;
        random.fill(&mut bytes[..end]);
    }
    bytes
}

fn jars(folder: &Path, count: u64) -> Outcome {
    make_folder(folder)?;
    let mut random = Random::new(2);
    for number in 0..count {
        // Most are small, few are large: 1 to 10 MB, 2.8 MB in the mean.
        let share = random.between(0, 1_000) as f64 / 1_000.0;
        let size = MB + (9.0 * MB as f64 * share.powi(4)) as u64;
        random_file(&folder.join(format!("mod-{number}.jar")), size, 1_000 + number)?;
    }
    Ok(())
}

fn random_file(path: &Path, size: u64, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let mut file = create(path)?;
    let mut block = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = left.min(block.len() as u64) as usize;
        random.fill(&mut block[..length]);
        file.write_all(&block[..length])
            .map_err(told("cannot write", path))?;
        left -= length as u64;
    }
    file.flush().map_err(told("cannot write", path))
}

/// JSON texts of the given mean size, in folders of two hundred.
fn texts(folder: &Path, count: u64, mean: u64) -> Outcome {
    let mut random = Random::new(3);
    let mut text = String::new();
    for number in 0..count {
        let inner = folder.join(format!("{:03}", number / 200));
        if number % 200 == 0 {
            make_folder(&inner)?;
        }
        let size = random.between(mean / 2, mean * 3 / 2) as usize;
        text.clear();
        while text.len() < size {
            line(&mut random, &mut text);
        }
        text.truncate(size);
        let path = inner.join(format!("{:04}.json", number % 200));
        fs::write(&path, &text).map_err(told("cannot write", &path))?;
    }
    Ok(())
}

const WORDS: [&str; 16] = [
    "player",
    "world",
    "inventory",
    "stone",
    "position",
    "health",
    "lantern",
    "north",
    "village",
    "river",
    "enchanted",
    "copper",
    "owner",
    "channel",
    "message",
    "settings",
];

fn line(random: &mut Random, text: &mut String) {
    let word = |random: &mut Random| WORDS[random.between(0, WORDS.len() as u64) as usize];
    text.push_str("{\"id\":\"");
    push_hex(random.next(), text);
    text.push_str("\",\"");
    text.push_str(word(random));
    text.push_str("\":\"");
    for _ in 0..random.between(2, 7) {
        text.push_str(word(random));
        text.push(' ');
    }
    text.push_str("\",\"at\":");
    text.push_str(&random.between(1_600_000_000, 1_800_000_000).to_string());
    text.push_str("}\n");
}

fn push_hex(value: u64, text: &mut String) {
    for shift in (0..16).rev() {
        text.push(char::from_digit((value >> (shift * 4)) as u32 & 15, 16).unwrap_or('0'));
    }
}

fn sql(path: &Path, size: u64) -> Outcome {
    let mut random = Random::new(4);
    let mut file = create(path)?;
    let (mut written, mut row, mut text) = (0, 0_u64, String::new());
    while written < size {
        text.clear();
        text.push_str("INSERT INTO events (id, body) VALUES (");
        row += 1;
        text.push_str(&row.to_string());
        text.push_str(", '");
        line(&mut random, &mut text);
        text.truncate(text.len() - 1);
        text.push_str("');\n");
        file.write_all(text.as_bytes())
            .map_err(told("cannot write", path))?;
        written += text.len() as u64;
    }
    file.flush().map_err(told("cannot write", path))
}

/// Changes one in a hundred of the region files' pages, others in each round.
pub(crate) fn change_pages(game: &Path, round: u64, scale: f64) -> Outcome {
    let mut random = Random::new(100 + round);
    let mut page = [0; SECTOR];
    for number in 0..scaled(300, scale) {
        let path = game
            .join("region")
            .join(format!("r.{}.{}.mca", number / 20, number % 20));
        let file = File::options()
            .write(true)
            .open(&path)
            .map_err(told("cannot open", &path))?;
        let pages = file.metadata().map_err(told("cannot read", &path))?.len() / SECTOR as u64;
        for _ in 0..(pages / 100).max(1) {
            random.fill(&mut page);
            let offset = random.between(0, pages) * SECTOR as u64;
            file.write_all_at(&page, offset)
                .map_err(told("cannot change", &path))?;
        }
    }
    Ok(())
}

/// Reads everything once, so that every program finds it in the page cache.
pub(crate) fn warm(folder: &Path) -> Outcome {
    let mut block = vec![0; 1 << 20];
    each_file(folder, &mut |path| {
        let mut file = File::open(path).map_err(told("cannot open", path))?;
        while file.read(&mut block).map_err(told("cannot read", path))? > 0 {}
        Ok(())
    })
}

/// Empties all files of a folder, if it is there, and moves it below another one.
pub(crate) fn set_aside(folder: &Path, aside: &Path) -> Outcome {
    if !folder.exists() {
        return Ok(());
    }
    each_file(folder, &mut |path| {
        File::create(path).map(|_| ()).map_err(told("cannot empty", path))
    })?;
    make_folder(aside)?;
    let number = fs::read_dir(aside).map_err(told("cannot read", aside))?.count();
    fs::rename(folder, aside.join(number.to_string())).map_err(told("cannot move", folder))
}

/// The bytes of all files below a folder; none when it is not there.
pub(crate) fn size(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    if folder.exists() {
        each_file(folder, &mut |path| {
            sum += fs::metadata(path).map_err(told("cannot read", path))?.len();
            Ok(())
        })?;
    }
    Ok(sum)
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path) -> Outcome) -> Outcome {
    for entry in fs::read_dir(folder).map_err(told("cannot read", folder))? {
        let entry = entry.map_err(told("cannot read", folder))?;
        let kind = entry.file_type().map_err(told("cannot read", folder))?;
        if kind.is_dir() {
            each_file(&entry.path(), visit)?;
        } else if kind.is_file() {
            visit(&entry.path())?;
        }
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Outcome {
    fs::create_dir_all(folder).map_err(told("cannot make", folder))
}

fn create(path: &Path) -> Outcome<BufWriter<File>> {
    Ok(BufWriter::with_capacity(
        1 << 20,
        File::create(path).map_err(told("cannot make", path))?,
    ))
}

fn told(what: &str, path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what} {}: {error}", path.display())
}
