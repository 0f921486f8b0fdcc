//! The name of the module that a value belongs to.

/// The characters that names are made of, by their six bits.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The name in the id that the stored value of a module begins with: nine characters. `None` when
/// `body` does not begin with an id.
///
/// An id is a length as RDB stores it. Its lowest ten bits are a version, the others are the
/// characters, six bits each, the first one highest.
///
/// # Source
///
/// `moduleTypeNameByID` in Redis `src/module.c`.
pub(crate) fn name(body: &[u8]) -> Option<String> {
    let id = match body {
        [0x81, rest @ ..] => u64::from_be_bytes(*rest.first_chunk()?),
        [0x80, rest @ ..] => u64::from(u32::from_be_bytes(*rest.first_chunk()?)),
        [high @ 0x40..0x80, low, ..] => u64::from(u16::from_be_bytes([high & 0x3f, *low])),
        [id @ 0..0x40, ..] => u64::from(*id),
        _ => return None,
    };
    let character = |place: u32| {
        let [bits, ..] = (id >> (10 + 6 * place)).to_le_bytes();
        char::from(CHARACTERS[usize::from(bits & 0x3f)])
    };
    Some((0..9).rev().map(character).collect())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn name_is_in_the_id_above_the_version() {
        let id = b"Bloom-_09".iter().fold(0_u64, |id, byte| {
            let place = super::CHARACTERS.iter().position(|c| c == byte).unwrap();
            (id << 6) | place as u64
        });
        let mut body = vec![0x81];
        body.extend_from_slice(&((id << 10) | 1023).to_be_bytes());
        assert_eq!(name(&body).as_deref(), Some("Bloom-_09"));
    }

    #[test]
    fn ids_of_every_length_are_read() {
        assert_eq!(name(&[0x3f]).as_deref(), Some("AAAAAAAAA"));
        assert_eq!(name(&[0x44, 0]).as_deref(), Some("AAAAAAAAB"));
        assert_eq!(name(&[0x80, 0, 1, 0, 0]).as_deref(), Some("AAAAAAABA"));
    }

    #[test]
    fn what_is_no_id_has_no_name() {
        for body in [&[][..], &[0x81, 0], &[0x80], &[0x40], &[0xc0], &[0x82]] {
            assert_eq!(name(body), None);
        }
    }
}
