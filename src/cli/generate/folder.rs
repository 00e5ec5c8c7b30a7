//! The files of one run.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::generator::{InventoryRecord, Payload, Topic, Truth};

/// The folder that a run writes to.
pub(super) struct Folder {
    path: PathBuf,
    cloudtrail: BufWriter<File>,
    auth: BufWriter<File>,
    inventory_keyed: BufWriter<File>,
    inventory: BufWriter<File>,
    binaries: u64,
}

impl Folder {
    /// A folder with empty files.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path.join("cloudtrail-binary"))
            .with_context(|| format!("{} cannot be made", path.display()))?;
        if path.join("cloudtrail.jsonl").exists() {
            bail!("{} holds an earlier run: name another folder, or remove it first", path.display());
        }
        let open = |name: &str| -> anyhow::Result<_> {
            let file = path.join(name);
            let opened =
                File::create(&file).with_context(|| format!("{} cannot be written", file.display()))?;
            Ok(BufWriter::new(opened))
        };
        Ok(Self {
            cloudtrail: open("cloudtrail.jsonl")?,
            auth: open("auth.log")?,
            inventory_keyed: open("inventory.tsv")?,
            inventory: open("inventory.jsonl")?,
            binaries: 0,
            path: path.to_owned(),
        })
    }

    /// Writes one message. Those that a text file cannot hold line by line get a file of their own.
    pub(super) fn write(&mut self, payload: &Payload) -> anyhow::Result<()> {
        if payload.is_binary {
            self.binaries += 1;
            let file = self.path.join(format!("cloudtrail-binary/{:06}.gz", self.binaries));
            return fs::write(&file, &payload.bytes)
                .with_context(|| format!("{} cannot be written", file.display()));
        }
        let out = match payload.topic {
            Topic::CloudTrail => &mut self.cloudtrail,
            Topic::Auth => &mut self.auth,
        };
        out.write_all(&payload.bytes)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    /// Writes one declaration.
    pub(super) fn declare(&mut self, record: &InventoryRecord) -> anyhow::Result<()> {
        writeln!(self.inventory_keyed, "{}\t{}", record.key, record.value)?;
        writeln!(self.inventory, "{}", record.value)?;
        Ok(())
    }

    /// Writes the truth, and sees that everything is on its way to the disk.
    pub(super) fn finish(mut self, truth: &Truth) -> anyhow::Result<()> {
        for file in [&mut self.cloudtrail, &mut self.auth, &mut self.inventory_keyed, &mut self.inventory] {
            file.flush()?;
        }
        let text = serde_json::to_string_pretty(truth)?;
        fs::write(self.path.join("truth.json"), text)?;
        Ok(())
    }
}
