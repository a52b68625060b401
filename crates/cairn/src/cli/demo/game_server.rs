//! The folder of a game server that never ran: some three hundred files with plausible names, drawn from a seed.
//!
//! A [`Folder`] is made, played on (some files change), and griefed (some are spoilt, some are gone). The same steps always make the same
//! bytes.

use std::fs;
use std::path::{Path, PathBuf};

use model::{Problem, Result};

const SECTOR: usize = 4096;
/// Regions from -3 to 2 in both directions.
const REGIONS: std::ops::Range<i32> = -3..3;
const PLAYERS: u64 = 60;
const PLUGINS: [&str; 8] = [
    "WorldEdit",
    "LuckPerms",
    "Essentials",
    "Vault",
    "CoreProtect",
    "Dynmap",
    "GriefGuard",
    "Shops",
];
const WORDS: [&str; 12] = [
    "stone", "lantern", "village", "river", "copper", "castle", "north", "orchard", "harbour", "sheep",
    "tower", "bridge",
];

pub(super) struct Folder {
    pub(super) root: PathBuf,
    seed: u64,
}

impl Folder {
    /// Makes the folder and all that lies in it.
    pub(super) fn make(root: &Path) -> Result<Self> {
        let mut folder = Folder {
            root: root.to_path_buf(),
            seed: 0x6361_6972_6e21,
        };
        folder.settings()?;
        for (world, regions) in [
            ("world", REGIONS),
            ("world_nether", -1..1),
            ("world_the_end", -1..1),
        ] {
            folder.write(&format!("{world}/session.lock"), "☃".as_bytes())?;
            folder.level(world, 1)?;
            for x in regions.clone() {
                for z in regions.clone() {
                    folder.region(world, x, z)?;
                }
            }
        }
        for number in 0..PLAYERS {
            folder.player(number)?;
        }
        for (number, name) in PLUGINS.iter().enumerate() {
            let jar = folder.bytes(20_000 + 9_000 * number);
            folder.write(&format!("plugins/{name}.jar"), &jar)?;
            let config = folder.config(name);
            folder.write(&format!("plugins/{name}/config.yml"), config.as_bytes())?;
        }
        for day in 1..=12 {
            folder.log(&format!("logs/2026-01-{day:02}-1.log"), 80)?;
        }
        folder.log("logs/latest.log", 30)?;
        Ok(folder)
    }

    /// An evening on the server: the world, some players and the logs change.
    pub(super) fn play(&mut self, evening: i32) -> Result<()> {
        self.level("world", 1 + evening)?;
        for step in 0..4 {
            self.region("world", (evening + step) % 3, step - 2)?;
        }
        for number in 0..10 {
            self.player((number * 7 + evening as u64) % PLAYERS)?;
        }
        self.log(&format!("logs/2026-02-{evening:02}-1.log"), 60)?;
        self.log("logs/latest.log", 30)
    }

    /// What nobody wants: spoilt regions, a plugin that is gone with its settings, everybody an operator.
    pub(super) fn grief(&mut self) -> Result<()> {
        for (x, z) in [(0, 0), (0, 1), (-1, 0)] {
            let lava = b"lava ".repeat(20_000);
            self.write(&format!("world/region/r.{x}.{z}.mca"), &lava)?;
        }
        self.remove("world/region/r.2.2.mca")?;
        self.remove("plugins/GriefGuard.jar")?;
        self.remove("plugins/GriefGuard/config.yml")?;
        self.write("ops.json", br#"[{"name":"everybody","level":4}]"#)?;
        self.write("world/datapacks/lava.zip", b"lava everywhere")
    }

    fn settings(&mut self) -> Result<()> {
        let properties = "motd=A server to try Cairn on\nlevel-name=world\nmax-players=20\ndifficulty=normal\npvp=false\n\
            server-port=25565\nview-distance=10\n";
        self.write("server.properties", properties.as_bytes())?;
        self.write("eula.txt", b"eula=true\n")?;
        self.write("ops.json", br#"[{"name":"ann","level":4}]"#)?;
        self.write("whitelist.json", b"[]")?;
        self.write("banned-players.json", b"[]")?;
        self.write("bukkit.yml", b"settings:\n  allow-end: true\n")?;
        let jar = self.bytes(400_000);
        self.write("server.jar", &jar)
    }

    fn level(&mut self, world: &str, number: i32) -> Result<()> {
        let bytes = [format!("level {number} ").as_bytes(), &self.bytes(1_800)].concat();
        self.write(&format!("{world}/level.dat"), &bytes)
    }

    /// Sectors as a game keeps deflated chunks: nearly random bytes, then zeros.
    fn region(&mut self, world: &str, x: i32, z: i32) -> Result<()> {
        let mut region = Vec::new();
        for _ in 0..24 + self.below(24) {
            let filled = SECTOR - self.below(SECTOR / 2);
            region.extend(self.bytes(filled));
            region.resize(region.len().div_ceil(SECTOR) * SECTOR, 0);
        }
        self.write(&format!("{world}/region/r.{x}.{z}.mca"), &region)
    }

    fn player(&mut self, number: u64) -> Result<()> {
        let id = format!("0b5e{number:04}-7a1c-4b2d-9e3f-{:012}", number * 7919);
        let bytes = self.bytes(900);
        self.write(&format!("world/playerdata/{id}.dat"), &bytes)?;
        let stats = format!(
            "{{\"walked\":{},\"mined\":{}}}\n",
            self.below(90_000),
            self.below(9_000)
        );
        self.write(&format!("world/stats/{id}.json"), stats.as_bytes())?;
        let done = format!("{{\"story/{}\":true}}\n", self.word());
        self.write(&format!("world/advancements/{id}.json"), done.as_bytes())
    }

    fn config(&mut self, name: &str) -> String {
        let mut text = format!("# {name}\nenabled: true\n");
        for _ in 0..20 {
            let (key, value) = (self.word(), self.word());
            text.push_str(&format!("{key}: {value}\n"));
        }
        text
    }

    fn log(&mut self, path: &str, lines: usize) -> Result<()> {
        let mut text = String::new();
        for line in 0..lines {
            let (one, other) = (self.word(), self.word());
            text.push_str(&format!(
                "[20:{:02}:{:02}] [Server/INFO]: {one} at the {other}\n",
                line / 60,
                line % 60
            ));
        }
        self.write(path, text.as_bytes())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(path);
        let problem = |error| Problem::io(format!("cannot write {}", path.display()), error);
        fs::create_dir_all(path.parent().unwrap_or(&self.root)).map_err(problem)?;
        fs::write(&path, bytes).map_err(problem)
    }

    fn remove(&self, path: &str) -> Result<()> {
        let path = self.root.join(path);
        fs::remove_file(&path)
            .map_err(|error| Problem::io(format!("cannot remove {}", path.display()), error))
    }

    fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.push((path.clone(), fs::read(&path).expect("a file")));
            }
        }
    }

    #[test]
    fn the_same_steps_make_the_same_bytes() {
        let make = || {
            let dir = tempfile::tempdir().expect("a folder");
            let mut folder = Folder::make(dir.path()).expect("made");
            let mut made = Vec::new();
            files(dir.path(), &mut made);
            folder.play(1).expect("played");
            folder.grief().expect("griefed");
            let mut after = Vec::new();
            files(dir.path(), &mut after);
            let plain = |(path, bytes): (PathBuf, Vec<u8>)| {
                (path.strip_prefix(dir.path()).expect("below").to_path_buf(), bytes)
            };
            let mut all: Vec<_> = made.into_iter().chain(after).map(plain).collect();
            all.sort();
            all
        };
        let (one, other) = (make(), make());
        assert!(one == other && one.len() > 500, "{}", one.len());
    }
}
