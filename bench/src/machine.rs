//! What the measurements were made on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use rustix::fs::statvfs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU, cores, kernel, and the file system of a folder, in words.
pub(crate) fn describe(folder: &Path) -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cores = thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let folder = folder.canonicalize()?;
    let file_system = file_system(&mounts, &folder).unwrap_or("unknown file system");
    let cpu = cpu.map_or("unknown CPU", |(_, name)| name.trim());
    Ok(format!("{cpu}, {cores} cores; Linux {}; {file_system}", kernel.trim()))
}

/// The type of the file system that a folder is on, from `/proc/self/mountinfo`.
fn file_system<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        Some((mount.split(' ').nth(4)?, rest.split(' ').next()?))
    });
    let around = mounts.filter(|(point, _)| folder.starts_with(point));
    // Of two on one point, the later one hides the other.
    around.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind)
}

/// What can still be written to the file system of a folder.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64> {
    let found = statvfs(folder).with_context(|| folder.display().to_string())?;
    Ok(found.f_bavail * found.f_frsize)
}

/// The first line that a program prints, on either stream.
pub(crate) fn first_line(program: &Path, argument: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(argument)
        .output()
        .with_context(|| program.display().to_string())?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The commit of the folder that the bench is run in, if it is a repository.
pub(crate) fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

/// Lets this process and the servers that it starts open as many files as the system allows; gives how many that is.
pub(crate) fn allow_open_files() -> Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).context("raising the limit of open files")?;
    Ok(current.map_or(usize::MAX, |most| most as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_around_a_folder_counts() {
        let mounts = "22 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw\n\
                      30 22 0:26 / /tmp rw shared:9 - tmpfs tmpfs rw\n\
                      31 22 0:27 / /tmpfiles rw - xfs /dev/vdb rw\n";
        assert_eq!(file_system(mounts, Path::new("/tmp/bench")), Some("tmpfs"));
        assert_eq!(file_system(mounts, Path::new("/srv/bench")), Some("ext4"));
        assert_eq!(file_system(mounts, Path::new("/tmpfiles")), Some("xfs"));
    }
}
