//! The media that is published: a test picture and a tone, made by ffmpeg once.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::timeline::Timeline;

/// A GOP of 2 s, 30 pictures a second, AAC with 128 kbit/s beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Media {
    /// 1280x720, 2.5 Mbit/s.
    A,
    /// 640x360, 800 kbit/s.
    B,
}

pub(crate) const GOP: Duration = Duration::from_secs(2);

impl Media {
    /// Size of the picture, profile and bit rate, for ffmpeg.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::A => ("1280x720", "high", "2500k"),
            Self::B => ("640x360", "baseline", "800k"),
        }
    }

    /// The timeline of this media, from a file in the folder that is made if it is not there yet.
    pub(crate) fn timeline(self, folder: &Path, chunk_bytes: usize) -> Result<Timeline> {
        let file = folder.join(format!("{self}.flv"));
        if !file.exists() {
            fs::create_dir_all(folder)?;
            self.make(&file)?;
        }
        let bytes = fs::read(&file)?;
        Timeline::new(&bytes, chunk_bytes).with_context(|| file.display().to_string())
    }

    fn make(self, file: &Path) -> Result<()> {
        eprintln!("making a minute of {self}");
        let (size, profile, rate) = self.words();
        let part = file.with_extension("part");
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-y"])
            .args(["-f", "lavfi", "-i", &format!("testsrc2=size={size}:rate=30")])
            .args([
                "-f",
                "lavfi",
                "-i",
                "sine=frequency=440:sample_rate=44100",
                "-t",
                "60",
                "-ac",
                "2",
            ])
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-profile:v",
                profile,
                "-pix_fmt",
                "yuv420p",
                "-bf",
                "0",
            ])
            .args(["-b:v", rate, "-maxrate", rate, "-bufsize", rate])
            .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-flags", "+cgop"])
            .args(["-c:a", "aac", "-b:a", "128k", "-ar", "44100", "-f", "flv"])
            .arg(&part)
            .stdin(Stdio::null())
            .status()
            .context("starting ffmpeg")?;
        ensure!(status.success(), "ffmpeg ended with {status}");
        fs::rename(&part, file)?;
        Ok(())
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}
