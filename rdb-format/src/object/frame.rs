//! How each value type is framed: what it takes to find its end without taking it apart.

use crate::encoder::Encoder;
use crate::error::DecodeError;
use crate::event::Dialect;
use crate::input::{Input, Slot, Text};
use crate::object::stream::Form;
use crate::object::walk::NODE_PLAIN;
use crate::source::Source;
use crate::value_type::ValueType;

/// A value passes in pieces of about this size.
const PIECE_BYTES: u64 = 64 * 1024;
/// Lengths of a score as text that stand for no length.
const SCORE_WORDS: std::ops::RangeInclusive<u8> = 253..=255;

/// One thing to pass.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// A length.
    Length,
    /// So many bytes.
    Bytes(u64),
    /// A string.
    String,
    /// A string that is a listpack or another container.
    Container,
    /// A node of a list: its kind, then an element as a string, or a container.
    Node,
    /// A score as text.
    TextScore,
    /// A length, then so many times the rest.
    Repeat(&'static [Self]),
    /// A whole array.
    Array,
    /// An element of an array after its index: its kind, and what the kind says.
    ArrayPayload,
    /// Items of a module up to their end mark.
    ModuleItems,
}

use Op::{
    Array, ArrayPayload, Bytes, Container, Length, ModuleItems, Node, Repeat, String, TextScore,
};

const IDS: Op = Repeat(&[Bytes(16)]);
const NODES: Op = Repeat(&[String, Container]);
const PENDING: Op = Repeat(&[Bytes(24), Length]);
const SEEN: Op = Repeat(&[String, Bytes(8), IDS]);
const SEEN_ACTIVE: Op = Repeat(&[String, Bytes(16), IDS]);
const PRODUCERS: Op = Repeat(&[String, Repeat(&[String, Length, Length])]);
const L: Op = Length;

const STREAM: &[Op] = &[NODES, L, L, L, Repeat(&[String, L, L, PENDING, SEEN])];
const STREAM_2: &[Op] = &[
    NODES,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    Repeat(&[String, L, L, L, PENDING, SEEN]),
];
const STREAM_3: &[Op] = &[
    NODES,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    Repeat(&[String, L, L, L, PENDING, SEEN_ACTIVE]),
];
const STREAM_4: &[Op] = &[
    NODES,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    Repeat(&[String, L, L, L, PENDING, SEEN_ACTIVE]),
    L,
    L,
    PRODUCERS,
    L,
    L,
];
const STREAM_5: &[Op] = &[
    NODES,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    L,
    Repeat(&[String, L, L, L, PENDING, SEEN_ACTIVE, IDS]),
    L,
    L,
    PRODUCERS,
    L,
    L,
];

/// What a value of a type consists of. `None` where only taking it apart tells its end.
fn ops(value_type: ValueType, dialect: Dialect) -> Option<&'static [Op]> {
    Some(match value_type {
        ValueType::List | ValueType::Set | ValueType::ListQuicklist => &[Repeat(&[String])],
        ValueType::SortedSetText => &[Repeat(&[String, TextScore])],
        ValueType::Hash => &[Repeat(&[String, String])],
        ValueType::SortedSet => &[Repeat(&[String, Bytes(8)])],
        ValueType::ListQuicklist2 => &[Repeat(&[Node])],
        ValueType::HashExpiryPreview if dialect == Dialect::Valkey => {
            &[Repeat(&[String, String, Bytes(8)])]
        }
        ValueType::HashExpiryPreview => &[Repeat(&[Length, String, String])],
        ValueType::HashExpiry => &[Bytes(8), Repeat(&[Length, String, String])],
        ValueType::HashListpackExpiry => &[Bytes(8), Container],
        ValueType::String => &[String],
        ValueType::HashZipmap
        | ValueType::ListZiplist
        | ValueType::SetIntset
        | ValueType::SortedSetZiplist
        | ValueType::HashZiplist
        | ValueType::HashListpack
        | ValueType::SortedSetListpack
        | ValueType::SetListpack
        | ValueType::HashListpackExpiryPreview => &[Container],
        ValueType::Stream
        | ValueType::Stream2
        | ValueType::Stream3
        | ValueType::Stream4
        | ValueType::Stream5 => match Form::of(value_type)? {
            Form::Plain => STREAM,
            Form::Counted => STREAM_2,
            Form::Active => STREAM_3,
            Form::Producers => STREAM_4,
            Form::Rejected => STREAM_5,
        },
        ValueType::Module => &[Length, ModuleItems],
        ValueType::Array => &[Array],
        ValueType::ModulePreview
        | ValueType::HashTemplateListpack
        | ValueType::HashTemplateListpackRef
        | ValueType::HashTemplate
        | ValueType::HashTemplateRef => return None,
    })
}

/// What a value consists of, with strings expanded.
enum Piece<'a> {
    String(&'a [u8]),
    Container(&'a [u8]),
    /// Anything else, as it is stored.
    Rest(&'a [u8]),
}

/// What is left to pass of a list of operations: so many more times after this one.
#[derive(Debug, Clone, Copy)]
struct Level {
    all: &'static [Op],
    at: usize,
    more: u64,
}

/// The place within a value that passes as it is. Constant in size.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    levels: Vec<Level>,
    // Bytes to pass before the next operation.
    bytes: u64,
}

impl Frame {
    /// Starts on a value; `false` if its end can only be found by taking it apart.
    pub(crate) fn start(&mut self, value_type: ValueType, dialect: Dialect) -> bool {
        self.levels.clear();
        self.bytes = 0;
        match ops(value_type, dialect) {
            Some(all) => self.enter(all, 1),
            None => return false,
        }
        true
    }

    /// Starts on items of a module.
    pub(crate) fn start_items(&mut self) {
        self.levels.clear();
        self.bytes = 0;
        self.enter(&[ModuleItems], 1);
    }

    /// Passes what comes next, about 64 KiB; `None` after the end. Nothing may be parsed and not
    /// committed before.
    pub(crate) fn next<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<Text>, DecodeError> {
        let start = input.position();
        while self.step(input, start)? {
            if input.position().wrapping_sub(start) >= PIECE_BYTES {
                break;
            }
        }
        let text = input.parsed();
        Ok((input.position() > start).then_some(text))
    }

    /// Passes one thing; `false` when nothing is left.
    fn step<S: Source>(&mut self, input: &mut Input<S>, start: u64) -> Result<bool, DecodeError> {
        if self.bytes > 0 {
            let passed = input.position().wrapping_sub(start);
            let piece = self.bytes.min(PIECE_BYTES.saturating_sub(passed).max(1));
            input.bytes(usize::try_from(piece).unwrap_or(usize::MAX))?;
            self.bytes = self.bytes.wrapping_sub(piece);
            return Ok(true);
        }
        let Some(op) = self.next_op() else {
            return Ok(false);
        };
        self.pass(op, input)?;
        Ok(true)
    }

    /// Passes a whole value and appends it: its strings as the encoder writes them, all else as it
    /// is.
    pub(crate) fn recode<S: Source>(
        &mut self,
        input: &mut Input<S>,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        self.pass_all(input, |piece| match piece {
            Piece::String(text) | Piece::Container(text) => encoder.string(out, text),
            Piece::Rest(bytes) => out.extend_from_slice(bytes),
        })
    }

    /// The longest container in a value, as expanded, in bytes; 0 if it has none.
    pub(crate) fn longest_container<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<usize, DecodeError> {
        let mut longest = 0;
        self.pass_all(input, |piece| {
            if let Piece::Container(bytes) = piece {
                longest = longest.max(bytes.len());
            }
        })?;
        Ok(longest)
    }

    /// Passes a whole value and shows each of its pieces.
    fn pass_all<S: Source>(
        &mut self,
        input: &mut Input<S>,
        mut see: impl FnMut(Piece<'_>),
    ) -> Result<(), DecodeError> {
        while let Some(op) = self.next_op() {
            match op {
                String => {
                    let text = input.string(Slot::First)?;
                    see(Piece::String(input.text(text)));
                }
                Container => {
                    let text = input.string(Slot::First)?;
                    see(Piece::Container(input.text(text)));
                }
                _ => {
                    self.pass(op, input)?;
                    let bytes = std::mem::take(&mut self.bytes);
                    input.bytes(usize::try_from(bytes).unwrap_or(usize::MAX))?;
                    see(Piece::Rest(input.text(input.parsed())));
                }
            }
            input.commit();
        }
        Ok(())
    }

    /// Passes a thing but for its bytes, which are left to be passed.
    fn pass<S: Source>(&mut self, op: Op, input: &mut Input<S>) -> Result<(), DecodeError> {
        match op {
            Length => {
                input.length()?;
            }
            Bytes(count) => self.bytes = count,
            String | Container => self.bytes = input.string_frame()?,
            Node => match input.length()? {
                NODE_PLAIN => self.enter(&[String], 1),
                // Whether there is such a kind is for others to say.
                _ => self.enter(&[Container], 1),
            },
            TextScore => {
                let length = input.byte()?;
                if !SCORE_WORDS.contains(&length) {
                    self.bytes = u64::from(length);
                }
            }
            Repeat(all) => {
                let count = input.length()?;
                self.enter(all, count);
            }
            Array => {
                let elements = input.length()?;
                if input.length()? != 0 {
                    input.length()?;
                }
                self.enter(&[Length, ArrayPayload], elements);
            }
            ArrayPayload => self.array_payload(input)?,
            ModuleItems => self.module_item(input)?,
        }
        Ok(())
    }

    fn enter(&mut self, all: &'static [Op], times: u64) {
        if let Some(more) = times.checked_sub(1) {
            self.levels.push(Level { all, at: 0, more });
        }
    }

    fn next_op(&mut self) -> Option<Op> {
        loop {
            let level = self.levels.last_mut()?;
            let op = level.all.get(level.at).copied();
            level.at = level.at.wrapping_add(1);
            if level.at >= level.all.len() {
                // The last operation may enter a level, so a level that is through goes before.
                match level.more.checked_sub(1) {
                    Some(more) => (level.at, level.more) = (0, more),
                    None => drop(self.levels.pop()),
                }
            }
            if op.is_some() {
                return op;
            }
        }
    }

    fn array_payload<S: Source>(&mut self, input: &mut Input<S>) -> Result<(), DecodeError> {
        let offset = input.position();
        match input.length()? {
            0 | 3 => self.enter(&[String], 1),
            1 | 2 => self.bytes = 8,
            kind => return Err(DecodeError::ArrayElement { offset, kind }),
        }
        Ok(())
    }

    fn module_item<S: Source>(&mut self, input: &mut Input<S>) -> Result<(), DecodeError> {
        let offset = input.position();
        let rest: &'static [Op] = match input.length()? {
            0 => return Ok(()),
            1 | 2 => &[Length, ModuleItems],
            3 => &[Bytes(4), ModuleItems],
            4 => &[Bytes(8), ModuleItems],
            5 => &[String, ModuleItems],
            opcode => return Err(DecodeError::ModuleItem { offset, opcode }),
        };
        self.enter(rest, 1);
        Ok(())
    }
}
