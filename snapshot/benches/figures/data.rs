//! The data that is saved: string keys as a server's `DEBUG POPULATE` names them.

use snapshot::Key;

use crate::Extent;

/// So many keys with values of one size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataSet {
    keys: u32,
    pub(crate) value_bytes: usize,
}

/// The small values of the design, where keys count and not bytes.
pub(crate) const SETS: [DataSet; 2] = [
    DataSet {
        keys: 5_000_000,
        value_bytes: 16,
    },
    DataSet {
        keys: 5_000_000,
        value_bytes: 100,
    },
];

impl DataSet {
    pub(crate) fn keys(self, extent: Extent) -> u32 {
        self.keys / extent.divisor
    }

    /// `5 M x 100 B`.
    pub(crate) fn name(self, extent: Extent) -> String {
        let keys = f64::from(self.keys(extent)) / 1e6;
        format!("{keys} M x {} B", self.value_bytes)
    }
}

/// The key of an id.
pub(crate) fn key(id: u32) -> Key {
    Key::from(format!("key:{id}").as_bytes())
}

/// The value of an id, of `value_bytes` bytes.
pub(crate) fn value(id: u32, value_bytes: usize) -> Vec<u8> {
    let mut value = format!("value:{id}").into_bytes();
    value.resize(value_bytes, b'.');
    value
}
