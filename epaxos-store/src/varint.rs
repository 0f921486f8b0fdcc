//! Numbers in as few bytes as they need, in one way only.

/// Why a number, or bytes after their length, could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Reads a slice from its front.
///
/// A number is seven bits in each byte, low ones first, the eighth bit set on all but the last.
/// A number in more bytes than it needs is refused: each has one form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits {
                return Err(Malformed);
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                let is_longer_than_needed = byte == 0 && shift > 0;
                return if is_longer_than_needed {
                    Err(Malformed)
                } else {
                    Ok(number)
                };
            }
        }
        Err(Malformed)
    }

    /// A length, and as many bytes; no allocation follows from a length that the bytes do not
    /// bear out.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number of things of which each takes at least `bytes_min` bytes of what is left.
    pub(crate) fn count(&mut self, bytes_min: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        let needed = count.checked_mul(bytes_min).ok_or(Malformed)?;
        if needed > self.rest.len() {
            return Err(Malformed);
        }
        Ok(count)
    }
}

/// Appends `number`.
pub(crate) fn put_number(into: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

/// Appends the length of `bytes`, and `bytes`.
pub(crate) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_number(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_number(&mut bytes, number);
        bytes
    }

    #[test]
    fn numbers_have_these_bytes() {
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(127), [0x7f]);
        assert_eq!(encoded(128), [0x80, 1]);
        assert_eq!(encoded(300), [0xac, 2]);
        assert_eq!(encoded(u64::MAX).len(), 10);
    }

    #[test]
    fn a_second_form_of_a_number_is_refused() {
        assert_eq!(Cursor::new(&[0x80, 0]).number(), Err(Malformed));
        assert_eq!(Cursor::new(&[0xff, 0x80, 0]).number(), Err(Malformed));
        let mut over = encoded(u64::MAX);
        *over.last_mut().unwrap() = 2;
        assert_eq!(Cursor::new(&over).number(), Err(Malformed));
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused() {
        let mut bytes = encoded(5);
        bytes.extend_from_slice(&[0; 9]);
        assert_eq!(Cursor::new(&bytes).count(2), Err(Malformed));
        bytes.push(0);
        assert_eq!(Cursor::new(&bytes).count(2), Ok(5));
        assert_eq!(Cursor::new(&encoded(u64::MAX)).count(2), Err(Malformed));
    }

    proptest! {
        #[test]
        fn numbers_come_back(number in any::<u64>(), shift in 0..64) {
            let number = number >> shift;
            let bytes = encoded(number);
            prop_assert_eq!(Cursor::new(&bytes).number(), Ok(number));
            for end in 0..bytes.len() {
                prop_assert_eq!(Cursor::new(&bytes[..end]).number(), Err(Malformed));
            }
        }

        #[test]
        fn any_bytes_are_one_number_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            if let Ok(number) = Cursor::new(&bytes).number() {
                let form = encoded(number);
                prop_assert!(bytes.starts_with(&form));
            }
        }
    }
}
