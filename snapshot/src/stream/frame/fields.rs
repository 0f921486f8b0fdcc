//! Fields of a payload, one after the other.

use super::FrameError;

/// Reads the fields of a payload, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let Some((array, rest)) = self.0.split_first_chunk() else {
            let missing = (N - self.0.len()) as u64;
            return Err(FrameError::Truncated { missing });
        };
        self.0 = rest;
        Ok(*array)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(u64::from_le_bytes)
    }

    /// As many bytes as the four before them say.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let bytes = self.u32()?;
        let taken = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| self.0.split_at_checked(bytes));
        let Some((bytes, rest)) = taken else {
            let missing = u64::from(bytes) - self.0.len() as u64;
            return Err(FrameError::Truncated { missing });
        };
        self.0 = rest;
        Ok(bytes)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), FrameError> {
        match self.0.len() as u64 {
            0 => Ok(()),
            bytes => Err(FrameError::Trailing { bytes }),
        }
    }
}

/// Appends bytes and, before them, how many they are.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let [l0, l1, l2, l3, ..] = bytes.len().to_le_bytes();
    out.extend_from_slice(&[l0, l1, l2, l3]);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_where_the_payload_does() {
        let mut payload = Vec::new();
        put_bytes(&mut payload, b"key");
        payload.push(7);
        let mut fields = Fields::of(&payload);
        assert_eq!(fields.bytes(), Ok(&b"key"[..]));
        assert_eq!(fields.end(), Err(FrameError::Trailing { bytes: 1 }));
        assert_eq!(fields.u32(), Err(FrameError::Truncated { missing: 3 }));
        let mut fields = Fields::of(&[255, 255, 255, 255, 1]);
        let missing = u64::from(u32::MAX) - 1;
        assert_eq!(fields.bytes(), Err(FrameError::Truncated { missing }));
    }
}
