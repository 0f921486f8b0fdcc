//! The place that `save` writes to: one name, or a series of them with the time in it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use snapshot::NamePattern;

/// A path whose last part may have fields for the time.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    path: PathBuf,
    /// The last part, if it is text.
    pattern: Option<NamePattern>,
}

impl Series {
    /// Reads a path as an argument gives it.
    pub(crate) fn new(path: PathBuf) -> Result<Self, String> {
        let name = path.file_name().and_then(|name| name.to_str());
        let pattern = name.map(str::parse).transpose();
        let pattern = pattern.map_err(|error: snapshot::NameError| error.to_string())?;
        Ok(Self { path, pattern })
    }

    /// The path of a snapshot taken at this time.
    pub(crate) fn path_at(&self, time: SystemTime) -> PathBuf {
        let name = self
            .pattern
            .as_ref()
            .and_then(|name| name.name_at(time).ok());
        match name {
            Some(name) => self.path.with_file_name(name),
            None => self.path.clone(),
        }
    }

    /// Where the series stands, and its names, if they tell their time.
    pub(crate) fn dated(&self) -> Option<(&Path, &NamePattern)> {
        let pattern = self.pattern.as_ref().filter(|name| name.tells_time())?;
        let folder = self.path.parent()?;
        let here = folder.as_os_str().is_empty();
        Some((if here { Path::new(".") } else { folder }, pattern))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn path_at(text: &str) -> PathBuf {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_232_123);
        Series::new(text.into()).unwrap().path_at(time)
    }

    #[test]
    fn only_the_last_part_has_fields() {
        let path = path_at("%Y/dump-{timestamp}.rdb");
        assert_eq!(path, Path::new("%Y/dump-2026-10-29T00-02-03.rdb"));
        for plain in ["dump.rdb", "folder/dump.rdb", "/", "..", "folder/"] {
            assert_eq!(path_at(plain), Path::new(plain));
        }
    }

    #[test]
    fn series_is_dated_if_its_names_tell_the_day() {
        let dated = Series::new("dump-%Y%m%d".into()).unwrap();
        assert_eq!(dated.dated().unwrap().0, Path::new("."));
        assert!(Series::new("dump.rdb".into()).unwrap().dated().is_none());
        assert!(Series::new("50%.rdb".into()).is_err());
    }
}
