//! Bytes to records.

mod judge;
mod part;
mod record;
mod string;
mod value;

use std::collections::HashSet;
use std::io;

pub(crate) use self::record::EXPIRE_NEVER_MS;
pub use self::string::StringEntry;
use crate::error::DecodeError;
use crate::event::{Dialect, Element, Event, KeyHead, Warning};
use crate::input::{Input, Text};
use crate::object::{Frame, Part, StreamStep, StreamWalk, Templates, Walk};
use crate::options::{Checksum, Limits, ReadOptions, Strictness, Values};
use crate::source::{ReadSource, SliceSource, Source};
use crate::value_type::{Encoding, ValueType};

/// Reads a stream event by event, borrowing what it can.
///
/// From a slice nothing is copied but what is stored compressed or as an integer. From an
/// [`io::Read`] bytes pass through a buffer that grows only as they arrive, up to twice the
/// longest string; a collection stored element by element takes constant memory whatever its size.
///
/// What the stream says of itself is not believed: every length is checked against what is there,
/// containers are walked whole before their first element is reported (but for the values of a hash
/// with a template, each of which is checked as it is reported), and the checksum is verified at
/// [`Event::End`]. Until then a caller must not trust what it has seen. Not checked is
/// what would need memory for a whole value: that members and fields stored one by one are unique,
/// unless reading is [strict](crate::Strictness), that keys are, and that sorted sets ascend.
///
/// ```
/// use rdb_format::{Element, Event, Reader};
///
/// let mut reader = Reader::from_slice(b"REDIS0003\xfe\0\0\x03key\x05value\xff");
/// while let Some(event) = reader.next_event()? {
///     match event {
///         Event::Key(head) => assert_eq!(head.key, b"key"),
///         Event::Element(Element::Item(value)) => assert_eq!(value, b"value"),
///         _ => {}
///     }
/// }
/// assert_eq!(reader.position(), 23);
/// # Ok::<(), rdb_format::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Reader<S> {
    input: Input<S>,
    state: State,
    // Whether the input may end between two records.
    ends_early: bool,
    // The value being read, how many elements it gave, and the head of its key without the key.
    walk: Walk,
    stream: StreamWalk,
    templates: Templates,
    frame: Frame,
    elements: u64,
    head: KeyHead<'static>,
    // The strings of the last record that is no element, and the record itself if it has none.
    first: Text,
    second: Text,
    plain: Event<'static>,
    left: u64,
    module: (u64, u64),
    // What was said about the next key.
    ahead: Ahead,
    version: u32,
    dialect: Dialect,
    database: u32,
    options: ReadOptions,
    values: Values,
    warnings: Vec<Warning>,
    // Whether limits or strictness may forbid something; then elements and names of the value.
    judges: bool,
    judged: u64,
    names: HashSet<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    Records,
    Value,
    Stream,
    /// An array, before its elements.
    Array,
    /// A hash with a template, of which nothing is read yet, or something is.
    TemplateStart,
    Template,
    /// A value that passes as it is; its next piece.
    Raw,
    /// Ranges of slots, as many as `left` says.
    SlotRanges,
    Done,
    Failed,
}

/// Attributes that stand before a key.
#[derive(Debug, Clone, Copy, Default)]
struct Ahead {
    expire_at_ms: Option<i64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    // Whether there was any: metadata leaves nothing else here, nor does an expiry that is none.
    any: bool,
}

/// What the next event is. All it says is in the reader: moving it from function to function cost
/// more than reading it.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The event in `plain`.
    Plain,
    /// An aux field, with its name in `first` and its value in `second`.
    Aux,
    /// A function library, in `first`.
    Function,
    /// A key, in `first`, with the rest of its head in `head`.
    Key,
    /// The metadata of the next key, in `first`.
    KeyMeta,
    /// The start of a slot import, with its name in `first` and its number of ranges in `left`.
    SlotImport,
    /// Data of a module, in `first`; its id and when it wants it, in `module`.
    ModuleAux,
    /// A piece of a value, in `first`.
    Raw,
    /// An element, in `walk`.
    Element(Part),
    /// An entry or a part of a stream, in `stream`.
    Stream(StreamStep),
    /// The end of the key.
    KeyEnd,
    /// Nothing: the end was reported.
    Nothing,
}

impl<'a> Reader<SliceSource<'a>> {
    /// A reader of bytes in memory.
    pub fn from_slice(input: &'a [u8]) -> Self {
        Self::from_source(SliceSource::new(input))
    }
}

impl<R: io::Read> Reader<ReadSource<R>> {
    /// A reader of anything that can be read. It has its own buffer: do not add one.
    pub fn new(input: R) -> Self {
        Self::from_source(ReadSource::new(input))
    }

    /// The input, and the bytes read from it that are not consumed, such as what follows the
    /// stream on a socket.
    pub fn into_parts(self) -> (R, Vec<u8>) {
        self.input.into_source().into_parts()
    }
}

impl<S: Source> Reader<S> {
    fn from_source(source: S) -> Self {
        Self {
            input: Input::new(source),
            state: State::Header,
            ends_early: false,
            walk: Walk::new(),
            stream: StreamWalk::new(),
            templates: Templates::default(),
            frame: Frame::default(),
            elements: 0,
            head: KeyHead {
                key: b"",
                value_type: ValueType::String,
                encoding: Encoding::Raw,
                expire_at_ms: None,
                idle_s: None,
                freq: None,
                offset: 0,
                elements: None,
            },
            first: Text::NOWHERE,
            second: Text::NOWHERE,
            plain: Event::SelectDb(0),
            left: 0,
            module: (0, 0),
            ahead: Ahead::default(),
            version: 0,
            dialect: Dialect::Redis,
            database: 0,
            options: ReadOptions::default(),
            values: Values::Decoded,
            warnings: Vec::new(),
            judges: false,
            judged: 0,
            names: HashSet::new(),
        }
    }

    /// Sets options; call it before the first event.
    #[must_use]
    pub fn with_options(mut self, options: ReadOptions) -> Self {
        self.input.set_limits(options.limits);
        self.options = options;
        self.values = options.values;
        let unlimited = Limits {
            // These two are checked wherever there is something to check.
            string_bytes_max: options.limits.string_bytes_max,
            template_bytes_max: options.limits.template_bytes_max,
            ..Limits::default()
        };
        self.judges = options.limits != unlimited || options.strictness == Strictness::Strict;
        if options.checksum == Checksum::Ignore {
            self.input.ignore_checksum();
        }
        self
    }

    /// The next event; `None` after [`Event::End`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the input is not a whole, sound stream of known records. After an
    /// error the reader only gives [`DecodeError::Stopped`].
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, DecodeError> {
        let failed = match self.advance() {
            Ok(step) if !self.judges => return Ok(self.event(step)),
            Ok(step) => match self.forbid(step) {
                Ok(()) => return Ok(self.event(step)),
                Err(error) => error,
            },
            Err(error) => error,
        };
        self.state = State::Failed;
        Err(failed)
    }

    /// Bytes consumed so far. After [`Event::End`] exactly the length of the stream, whatever
    /// follows it.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// The oddities met so far, at most 256 of them.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The database that the last key belongs to.
    pub const fn database(&self) -> u32 {
        self.database
    }

    /// The version in the header; 0 before it is read.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Sets the form of the values to come; gives the one before.
    pub(crate) fn set_values(&mut self, values: Values) -> Values {
        std::mem::replace(&mut self.values, values)
    }

    /// Who wrote the stream, as far as seen.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[expect(
        clippy::inline_always,
        reason = "a caller that looks at a part of an event need not have it all in memory"
    )]
    #[inline(always)]
    fn event(&self, step: Step) -> Option<Event<'_>> {
        Some(match step {
            Step::Element(part) => {
                let parts = self.walk.parts();
                let first = self.input.text(parts.first);
                Event::Element(match part {
                    Part::Item => Element::Item(first),
                    Part::Field => Element::Field(first, self.input.text(parts.second)),
                    Part::Scored => Element::Scored(first, parts.score),
                    Part::Indexed => Element::Indexed(parts.index, first),
                    Part::Packed(container) => Element::Packed(container, first),
                    Part::Expiring => {
                        let second = self.input.text(parts.second);
                        Element::ExpiringField(first, second, parts.expire_at_ms)
                    }
                })
            }
            Step::Key => Event::Key(KeyHead {
                key: self.input.text(self.first),
                ..self.head
            }),
            Step::Stream(StreamStep::Entry) => {
                Event::Element(Element::Entry(self.stream.entry(&self.input)))
            }
            Step::Stream(StreamStep::Part) => Event::Stream(self.stream.part(&self.input)),
            Step::KeyEnd => {
                let encoded_bytes = self.input.position().wrapping_sub(self.head.offset);
                Event::KeyEnd { encoded_bytes }
            }
            Step::Plain => self.plain,
            Step::Aux => {
                let (name, value) = (self.input.text(self.first), self.input.text(self.second));
                Event::Aux { name, value }
            }
            Step::Raw => Event::Element(Element::Raw(self.input.text(self.first))),
            Step::KeyMeta => Event::KeyMeta(self.input.text(self.first)),
            Step::SlotImport => Event::SlotImport {
                job: self.input.text(self.first),
                ranges: self.left,
            },
            Step::ModuleAux => Event::ModuleAux {
                module: self.module.0,
                when: self.module.1,
                items: self.input.text(self.first),
            },
            Step::Function => Event::Function(self.input.text(self.first)),
            Step::Nothing => return None,
        })
    }

    #[inline]
    fn advance(&mut self) -> Result<Step, DecodeError> {
        self.input.commit();
        match self.state {
            State::Value => {
                if let Some(part) = self.walk.next(&mut self.input, &mut self.warnings)? {
                    self.elements = self.elements.wrapping_add(1);
                    return Ok(Step::Element(part));
                }
                self.state = State::Records;
                if self.elements == 0 {
                    let offset = self.head.offset;
                    Warning::EmptyCollection { offset }.note(&mut self.warnings);
                }
                Ok(Step::KeyEnd)
            }
            State::Records => self.record(),
            State::Stream => {
                if let Some(step) = self.stream.next(&mut self.input, &mut self.warnings)? {
                    return Ok(Step::Stream(step));
                }
                self.state = State::Records;
                Ok(Step::KeyEnd)
            }
            State::Array => {
                self.state = State::Value;
                match self.walk.take_insert_index() {
                    Some(index) => Ok(self.plain(Event::InsertIndex(index))),
                    None => self.advance(),
                }
            }
            State::Raw => self.raw_piece(),
            State::TemplateStart | State::Template => self.template_field(),
            State::SlotRanges => self.slot_range(),
            State::Header => self.header(),
            State::Done => Ok(Step::Nothing),
            State::Failed => Err(DecodeError::Stopped {
                offset: self.input.position(),
            }),
        }
    }

    fn plain(&mut self, event: Event<'static>) -> Step {
        self.plain = event;
        Step::Plain
    }
}
