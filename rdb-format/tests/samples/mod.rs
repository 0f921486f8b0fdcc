//! Small files: one of each value type and each record, of each target and of servers long gone.

mod built;
mod written;

use rdb_format::Crc64;

/// A whole file of a few dozen or hundred bytes.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// What is in it, and who wrote it.
    pub(crate) name: String,
    /// The file, with its checksum where the version has one.
    pub(crate) bytes: Vec<u8>,
}

impl Sample {
    fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
        }
    }

    /// Whether its version promises a checksum at the end.
    pub(crate) fn has_checksum(&self) -> bool {
        self.bytes.starts_with(b"VALKEY") || self.bytes[8] >= b'5' || self.bytes[7] != b'0'
    }

    /// The file with a checksum of zero, which stands for none.
    pub(crate) fn unchecked(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if self.has_checksum() {
            let end = bytes.len() - 8;
            bytes[end..].fill(0);
        }
        bytes
    }
}

/// Every sample: no two of the same bytes, no two of the same name.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = built::samples();
    for sample in written::samples() {
        if samples.iter().all(|known| known.bytes != sample.bytes) {
            samples.push(sample);
        }
    }
    samples
}

/// Ends a file whose version has a checksum.
fn end(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0xff);
    let mut crc = Crc64::new();
    crc.update(&bytes);
    bytes.extend_from_slice(&crc.value().to_le_bytes());
    bytes
}
