//! How much a live playlist has listed.

/// How many segments a playlist has listed since its stream began: those that it lists, and those before them. `None` for
/// what is no whole playlist.
pub(crate) fn listed(playlist: &str) -> Option<u64> {
    if !playlist.starts_with("#EXTM3U") || !playlist.ends_with('\n') {
        return None;
    }
    let before = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
    let before: u64 = before.map_or(Ok(0), |number| number.trim().parse()).ok()?;
    let lists = playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count();
    Some(before + lists as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_listed_and_what_was() {
        let playlist = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts\n";
        assert_eq!(listed(playlist), Some(6));
        assert_eq!(listed("#EXTM3U\n#EXTINF:2,\na.ts\n"), Some(1));
    }

    #[test]
    fn half_a_playlist_counts_nothing() {
        assert_eq!(listed(""), None);
        assert_eq!(listed("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:2,\na.t"), None);
    }
}
