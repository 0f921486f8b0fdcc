//! Small collections in one container.

use crate::compact::ListpackWriter;
use crate::decimal::parse_canonical;
use crate::encoder::Encoder;
use crate::encodings::Encodings;
use crate::target::Target;
use crate::value_type::ValueType;

/// Integers up to this magnitude are exact as doubles and written as such by servers.
const EXACT_SCORE_MAX: f64 = 4_611_686_018_427_387_904.0;

/// Whatever the policy says, containers stay far below the 4 GiB that they can have.
const ENTRY_BYTES_MAX: usize = 64 * 1024;
const ENTRIES_MAX: usize = 8 * 1024;
const NODE_BYTES_MAX: usize = 1 << 30;

/// How a hash is written: within a listpack if it is small enough.
pub(super) fn hash_type<'a>(
    fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
    target: Target,
    encodings: &Encodings,
) -> bool {
    let max = encodings.entry_bytes_max.min(ENTRY_BYTES_MAX);
    target.holds(ValueType::HashListpack)
        && (1..=encodings.hash_fields_max.min(ENTRIES_MAX)).contains(&fields.len())
        && { fields }.all(|(field, value)| {
            [field, value]
                .iter()
                .all(|text| text.len() <= max && fits_listpack(text.len()))
        })
}

/// How a set is written.
pub(super) fn set_type(members: &[Vec<u8>], target: Target, encodings: &Encodings) -> ValueType {
    let len = members.len();
    let integer = |member: &Vec<u8>| parse_canonical(member).is_some();
    if (1..=encodings.intset_members_max.min(ENTRIES_MAX)).contains(&len)
        && members.iter().all(integer)
    {
        return ValueType::SetIntset;
    }
    let max = encodings.entry_bytes_max.min(ENTRY_BYTES_MAX);
    if target.holds(ValueType::SetListpack)
        && (1..=encodings.set_members_max.min(ENTRIES_MAX)).contains(&len)
        && members
            .iter()
            .all(|member| member.len() <= max && fits_listpack(member.len()))
    {
        return ValueType::SetListpack;
    }
    ValueType::Set
}

/// How a sorted set is written. A listpack knows no negative zero.
pub(super) fn sorted_set_type(
    members: &[(Vec<u8>, f64)],
    target: Target,
    encodings: &Encodings,
) -> ValueType {
    let max = encodings.entry_bytes_max.min(ENTRY_BYTES_MAX);
    let fits = |(member, score): &(Vec<u8>, f64)| {
        member.len() <= max
            && fits_listpack(member.len())
            && score.to_bits() != (-0.0_f64).to_bits()
    };
    if target.holds(ValueType::SortedSetListpack)
        && (1..=encodings.sorted_set_members_max.min(ENTRIES_MAX)).contains(&members.len())
        && members.iter().all(fits)
    {
        return ValueType::SortedSetListpack;
    }
    ValueType::SortedSet
}

/// How a list is written.
pub(super) fn list_type(elements: &[Vec<u8>], target: Target, encodings: &Encodings) -> ValueType {
    if target.holds(ValueType::ListQuicklist2)
        && encodings.list_node_bytes_max > 0
        && !elements.is_empty()
    {
        return ValueType::ListQuicklist2;
    }
    ValueType::List
}

/// Appends texts in one listpack.
pub(super) fn listpack<T: AsRef<[u8]>>(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    texts: impl Iterator<Item = T>,
) {
    encoder.pack(out, |listpack| {
        for text in texts {
            listpack.push(text.as_ref());
        }
    });
}

/// Appends fields with values and times in one listpack: those that expire first, in order.
pub(super) fn expiring_fields(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    fields: &[(Vec<u8>, Vec<u8>, Option<i64>)],
) {
    let mut order: Vec<_> = fields.iter().collect();
    order.sort_by_key(|(_, _, at)| (at.is_none(), *at));
    encoder.pack(out, |listpack| {
        for (field, value, at) in order {
            listpack.push(field);
            listpack.push(value);
            listpack.push_integer(at.unwrap_or(0));
        }
    });
}

/// Appends members and scores in one listpack, lowest score first.
pub(super) fn scores(encoder: &mut Encoder, out: &mut Vec<u8>, members: &[(Vec<u8>, f64)]) {
    let mut order: Vec<_> = members.iter().collect();
    order.sort_by(|left, right| {
        let by_score = left.1.total_cmp(&right.1);
        by_score.then_with(|| left.0.cmp(&right.0))
    });
    encoder.pack(out, |listpack| {
        for (member, score) in order {
            listpack.push(member);
            push_score(listpack, *score);
        }
    });
}

fn push_score(listpack: &mut ListpackWriter, score: f64) {
    if score.abs() <= EXACT_SCORE_MAX && score.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is an integer of 63 bits"
        )]
        listpack.push_integer(score as i64);
    } else {
        // The shortest digits that read back equal, with an exponent where that is shorter.
        listpack.push_bytes(format!("{score:?}").as_bytes());
    }
}

/// Appends members that are integers in one intset.
pub(super) fn intset(encoder: &mut Encoder, out: &mut Vec<u8>, members: &[Vec<u8>]) {
    let integers = integers(members);
    let (lowest, highest) = match integers.as_slice() {
        [lowest, .., highest] => (*lowest, *highest),
        [only] => (*only, *only),
        [] => (0, 0),
    };
    let fits = |low: i64, high: i64| low <= lowest && highest <= high;
    let width = if fits(i64::from(i16::MIN), i64::from(i16::MAX)) {
        2_u8
    } else if fits(i64::from(i32::MIN), i64::from(i32::MAX)) {
        4
    } else {
        8
    };
    let mut blob = Vec::with_capacity(integers.len().saturating_add(1).saturating_mul(8));
    blob.extend_from_slice(&[width, 0, 0, 0]);
    let count = u32::try_from(integers.len()).unwrap_or(u32::MAX);
    blob.extend_from_slice(&count.to_le_bytes());
    let narrow = |integer: &i64| integer.to_le_bytes();
    match width {
        2 => blob.extend(integers.iter().flat_map(|n| narrow(n).into_iter().take(2))),
        4 => blob.extend(integers.iter().flat_map(|n| narrow(n).into_iter().take(4))),
        _ => blob.extend(integers.iter().flat_map(narrow)),
    }
    encoder.string(out, &blob);
}

/// Whether an integer occurs twice among members that are integers.
pub(super) fn integers_repeat(members: &[Vec<u8>]) -> bool {
    !integers(members).is_sorted_by(|left, right| left < right)
}

/// Members that are integers, as such, lowest first.
fn integers(members: &[Vec<u8>]) -> Vec<i64> {
    let mut integers = Vec::with_capacity(members.len());
    integers.extend(members.iter().filter_map(|member| parse_canonical(member)));
    integers.sort_unstable();
    integers
}

/// Appends a list as nodes: listpacks of at most so many bytes, and elements that are too long for
/// one.
pub(super) fn nodes(encoder: &mut Encoder, out: &mut Vec<u8>, elements: &[Vec<u8>]) {
    /// The kinds of nodes.
    const PLAIN: u64 = 1;
    const PACKED: u64 = 2;
    /// The most bytes that an element takes beside its own: its length, in both directions.
    const AROUND: usize = 10;
    let max = encoder.encodings().list_node_bytes_max.min(NODE_BYTES_MAX);
    let weight = |element: &Vec<u8>| {
        if fits_listpack(element.len()) {
            element.len().saturating_add(AROUND)
        } else {
            usize::MAX
        }
    };
    // Where each node ends, as their number stands in front.
    let mut ends = Vec::new();
    let (mut at, mut bytes) = (0_usize, 0_usize);
    for element in elements {
        let more = weight(element);
        if at > ends.last().copied().unwrap_or(0) && bytes.saturating_add(more) > max {
            ends.push(at);
            bytes = 0;
        }
        at = at.wrapping_add(1);
        bytes = bytes.saturating_add(more);
    }
    ends.push(elements.len());
    encoder.length(out, ends.len() as u64);
    let mut start = 0;
    for end in ends {
        match elements.get(start..end) {
            Some([element]) if weight(element) > max => {
                encoder.length(out, PLAIN);
                encoder.string(out, element);
            }
            node => {
                encoder.length(out, PACKED);
                let node = node.unwrap_or_default();
                listpack(encoder, out, node.iter().map(Vec::as_slice));
            }
        }
        start = end;
    }
}

/// Whether something occurs twice.
pub(super) fn repeats(mut names: Vec<&[u8]>) -> bool {
    names.sort_unstable();
    names.windows(2).any(|pair| pair.first() == pair.last())
}

/// Whether a text of this length may stand in a listpack: servers read entries of three lengths
/// differently, five bytes of which stand before the text.
const fn fits_listpack(len: usize) -> bool {
    !matches!(len, 16_378 | 2_097_146 | 268_435_450)
}
