//! What kind of value a key has, and how it is laid out.

use std::fmt;

/// The type byte of a key: the family of its value and the layout it is stored in.
///
/// Numbers that servers share are listed once. Number 22 is `HASH_2` in streams of Valkey 9, and
/// 29 to 32 are hash templates of Redis 8.10; the dialect of the stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ValueType {
    /// One string.
    String = 0,
    /// Elements from head to tail.
    List = 1,
    /// Members.
    Set = 2,
    /// Members with scores written as text.
    SortedSetText = 3,
    /// Fields with values.
    Hash = 4,
    /// Members with scores as eight bytes each.
    SortedSet = 5,
    /// A module's value as release candidates of Redis 4.0 wrote it; cannot be skipped.
    ModulePreview = 6,
    /// A module's value.
    Module = 7,
    /// A hash in one zipmap.
    HashZipmap = 9,
    /// A list in one ziplist.
    ListZiplist = 10,
    /// A set in one intset.
    SetIntset = 11,
    /// A sorted set in one ziplist.
    SortedSetZiplist = 12,
    /// A hash in one ziplist.
    HashZiplist = 13,
    /// A list in many ziplists.
    ListQuicklist = 14,
    /// A stream, first form.
    Stream = 15,
    /// A hash in one listpack.
    HashListpack = 16,
    /// A sorted set in one listpack.
    SortedSetListpack = 17,
    /// A list in many nodes, each a listpack or one big element.
    ListQuicklist2 = 18,
    /// A stream with first id, highest deleted id and counters.
    Stream2 = 19,
    /// A set in one listpack.
    SetListpack = 20,
    /// A stream whose consumers know when they were active.
    Stream3 = 21,
    /// A hash with expiring fields, from release candidates; or `HASH_2` of Valkey 9.
    HashExpiryPreview = 22,
    /// A hash with expiring fields in one listpack, from release candidates.
    HashListpackExpiryPreview = 23,
    /// A hash with expiring fields.
    HashExpiry = 24,
    /// A hash with expiring fields in one listpack.
    HashListpackExpiry = 25,
    /// A stream that remembers its producers.
    Stream4 = 26,
    /// A stream with rejected entries.
    Stream5 = 27,
    /// An array.
    Array = 28,
    /// A hash with its template, in one listpack.
    HashTemplateListpack = 29,
    /// A hash that names its template, in one listpack.
    HashTemplateListpackRef = 30,
    /// A hash with its template.
    HashTemplate = 31,
    /// A hash that names its template.
    HashTemplateRef = 32,
}

/// What a value is to its user, whatever its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// One string.
    String,
    /// Elements in order.
    List,
    /// Members.
    Set,
    /// Fields with values.
    Hash,
    /// Members with scores.
    SortedSet,
    /// Entries with ids.
    Stream,
    /// Whatever a module made of it.
    Module,
    /// Elements with indexes.
    Array,
}

impl Family {
    /// The name that the `TYPE` command of a server gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::SortedSet => "zset",
            Self::Stream => "stream",
            Self::Module => "module",
            Self::Array => "array",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a value is stored in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// A string written as a binary integer.
    Int,
    /// A string as it is.
    Raw,
    /// A compressed string.
    Lzf,
    /// A list, element by element.
    LinkedList,
    /// A set or hash, element by element.
    Hashtable,
    /// A sorted set, member by member.
    Skiplist,
    /// One sorted array of integers.
    Intset,
    /// One zipmap.
    Zipmap,
    /// One ziplist.
    Ziplist,
    /// One listpack.
    Listpack,
    /// A list of ziplists.
    Quicklist,
    /// A list of listpacks and big elements.
    Quicklist2,
    /// Nodes of a stream.
    Stream,
    /// Items of a module.
    Module,
    /// Elements of an array, one by one.
    SlicedArray,
}

impl Encoding {
    /// The word people use for it; close to what `OBJECT ENCODING` says.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Raw => "raw",
            Self::Lzf => "lzf",
            Self::LinkedList => "linkedlist",
            Self::Hashtable => "hashtable",
            Self::Skiplist => "skiplist",
            Self::Intset => "intset",
            Self::Zipmap => "zipmap",
            Self::Ziplist => "ziplist",
            Self::Listpack => "listpack",
            Self::Quicklist => "quicklist",
            Self::Quicklist2 => "quicklist2",
            Self::Stream => "stream",
            Self::Module => "module",
            Self::SlicedArray => "sliced-array",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ValueType {
    /// The number of the type in the stream.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What the value is to its user.
    pub const fn family(self) -> Family {
        match self {
            Self::String => Family::String,
            Self::List | Self::ListZiplist | Self::ListQuicklist | Self::ListQuicklist2 => {
                Family::List
            }
            Self::Set | Self::SetIntset | Self::SetListpack => Family::Set,
            Self::SortedSetText
            | Self::SortedSet
            | Self::SortedSetZiplist
            | Self::SortedSetListpack => Family::SortedSet,
            Self::Hash
            | Self::HashZipmap
            | Self::HashZiplist
            | Self::HashListpack
            | Self::HashExpiryPreview
            | Self::HashListpackExpiryPreview
            | Self::HashExpiry
            | Self::HashListpackExpiry
            | Self::HashTemplateListpack
            | Self::HashTemplateListpackRef
            | Self::HashTemplate
            | Self::HashTemplateRef => Family::Hash,
            Self::Stream | Self::Stream2 | Self::Stream3 | Self::Stream4 | Self::Stream5 => {
                Family::Stream
            }
            Self::ModulePreview | Self::Module => Family::Module,
            Self::Array => Family::Array,
        }
    }

    /// How the value is stored. A string of any form counts as raw: only its first byte tells.
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::String => Encoding::Raw,
            Self::List => Encoding::LinkedList,
            Self::Set
            | Self::Hash
            | Self::HashExpiryPreview
            | Self::HashExpiry
            | Self::HashTemplate
            | Self::HashTemplateRef => Encoding::Hashtable,
            Self::SortedSetText | Self::SortedSet => Encoding::Skiplist,
            Self::HashZipmap => Encoding::Zipmap,
            Self::SetIntset => Encoding::Intset,
            Self::ListZiplist | Self::SortedSetZiplist | Self::HashZiplist => Encoding::Ziplist,
            Self::ListQuicklist => Encoding::Quicklist,
            Self::ListQuicklist2 => Encoding::Quicklist2,
            Self::HashListpack
            | Self::SortedSetListpack
            | Self::SetListpack
            | Self::HashListpackExpiryPreview
            | Self::HashListpackExpiry
            | Self::HashTemplateListpack
            | Self::HashTemplateListpackRef => Encoding::Listpack,
            Self::Stream | Self::Stream2 | Self::Stream3 | Self::Stream4 | Self::Stream5 => {
                Encoding::Stream
            }
            Self::ModulePreview | Self::Module => Encoding::Module,
            Self::Array => Encoding::SlicedArray,
        }
    }

    /// Whether values of this type hold listpacks, on whose form servers disagree: see
    /// [`BackLengths`](crate::BackLengths).
    pub const fn holds_listpacks(self) -> bool {
        matches!(
            self.encoding(),
            Encoding::Listpack | Encoding::Quicklist2 | Encoding::Stream
        )
    }

    /// The word people use for the layout; see [`Encoding::name`].
    pub const fn encoding_name(self) -> &'static str {
        self.encoding().name()
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (encoding, family) = (self.encoding_name(), self.family().name());
        match self {
            Self::String | Self::Module | Self::ModulePreview => f.write_str(family),
            _ if encoding == family => f.write_str(family),
            _ => write!(f, "{encoding} {family}"),
        }
    }
}

/// A number that is no value type known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{number} is no known value type")]
pub struct UnknownValueType {
    /// The number.
    pub number: u8,
}

impl TryFrom<u8> for ValueType {
    type Error = UnknownValueType;

    #[inline]
    fn try_from(number: u8) -> Result<Self, UnknownValueType> {
        Ok(match number {
            0 => Self::String,
            1 => Self::List,
            2 => Self::Set,
            3 => Self::SortedSetText,
            4 => Self::Hash,
            5 => Self::SortedSet,
            6 => Self::ModulePreview,
            7 => Self::Module,
            9 => Self::HashZipmap,
            10 => Self::ListZiplist,
            11 => Self::SetIntset,
            12 => Self::SortedSetZiplist,
            13 => Self::HashZiplist,
            14 => Self::ListQuicklist,
            15 => Self::Stream,
            16 => Self::HashListpack,
            17 => Self::SortedSetListpack,
            18 => Self::ListQuicklist2,
            19 => Self::Stream2,
            20 => Self::SetListpack,
            21 => Self::Stream3,
            22 => Self::HashExpiryPreview,
            23 => Self::HashListpackExpiryPreview,
            24 => Self::HashExpiry,
            25 => Self::HashListpackExpiry,
            26 => Self::Stream4,
            27 => Self::Stream5,
            28 => Self::Array,
            29 => Self::HashTemplateListpack,
            30 => Self::HashTemplateListpackRef,
            31 => Self::HashTemplate,
            32 => Self::HashTemplateRef,
            _ => return Err(UnknownValueType { number }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ValueType;

    #[test]
    fn every_known_number_comes_back_as_itself() {
        let known: Vec<u8> = (0..=255)
            .filter_map(|number| ValueType::try_from(number).ok().map(|t| (number, t)))
            .inspect(|(number, value_type)| assert_eq!(value_type.number(), *number))
            .map(|(number, _)| number)
            .collect();
        let expected: Vec<u8> = (0..=32).filter(|number| *number != 8).collect();
        assert_eq!(known, expected);
    }
}
