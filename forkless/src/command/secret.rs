//! What only some may know: the first line of a file.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::CommandError;

/// The first line of a file, which must not be empty.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let failed = |source| CommandError::Read {
        path: path.to_owned(),
        source,
    };
    let text = fs::read(path).map_err(failed)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        let empty = io::Error::new(io::ErrorKind::InvalidData, "nothing on the first line");
        return Err(failed(empty));
    }
    Ok(line.to_vec())
}
