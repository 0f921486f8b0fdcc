//! The events of files, one after the other into other files.

use std::io::Write;
use std::path::Path;

use rdb_format::{
    BackLengths, DecodeError, Dialect, Element, EncodeError, Event, Family, KeyHead, Loss, Losses,
    Value, ValueType,
};
use snapshot::shard_of;

use crate::command::convert::converted::Converted;
use crate::command::convert::held_key::HeldKey;
use crate::command::convert::kept_aux::{self, Fate};
use crate::command::convert::left_out::LeftOut;
use crate::command::convert::rules::Rules;
use crate::command::convert::sink::Sink;
use crate::command::convert::stream::Stream;
use crate::command::inspect::Filter;
use crate::error::CommandError;

/// A conversion under way.
///
/// The value of a key passes as it is stored, piece by piece, when the target knows its type, the
/// user leaves compression as it is, and no listpack must change its form. Otherwise the whole
/// value is read. A stream of which only the compression changes gets it node by node; all else is
/// taken apart and written in the type that suits the target.
pub(crate) struct Conversion<'a, W> {
    rules: Rules,
    filter: Filter,
    // One, or one for each shard: a key belongs to the stream of its shard, and what belongs to
    // no key to the first.
    streams: Vec<Stream<W>>,
    // The stream of the key whose value is being read.
    current: usize,
    input: &'a Path,
    dialect: Dialect,
    version: u32,
    database: u32,
    // Sizes of the database, until its first key is written.
    sizes: Option<(u64, u64)>,
    // Metadata of the next key.
    meta: Option<Vec<u8>>,
    key: OpenKey,
    slot_import: Option<SlotImport>,
    left_out: LeftOut<'a>,
    rewritten: u64,
}

/// What is being done with the key whose value is being read.
enum OpenKey {
    None,
    /// Its pieces pass.
    Passing,
    /// Its pieces are collected.
    Held(Box<HeldKey>),
}

/// A slot import whose ranges are still to come.
struct SlotImport {
    job: Vec<u8>,
    ranges: Vec<(u64, u64)>,
    left: u64,
}

impl<'a, W: Write> Conversion<'a, W> {
    /// Of the file at `input` into `sinks`.
    pub(crate) fn new(rules: Rules, filter: Filter, input: &'a Path, sinks: Vec<Sink<W>>) -> Self {
        let streams = sinks.into_iter().map(|sink| Stream::begin(&rules, sink));
        Self {
            streams: streams.collect(),
            rules,
            filter,
            current: 0,
            input,
            dialect: Dialect::Redis,
            version: 0,
            database: 0,
            sizes: None,
            meta: None,
            key: OpenKey::None,
            slot_import: None,
            left_out: LeftOut::new(input),
            rewritten: 0,
        }
    }

    /// Goes on with another file.
    pub(crate) fn set_input(&mut self, input: &'a Path) {
        self.input = input;
        self.left_out.set_path(input);
        self.database = 0;
        self.sizes = None;
    }

    /// Who wrote the file, as far as known by now.
    pub(crate) fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// Takes the next event of the file.
    pub(crate) fn take(&mut self, event: Event<'_>) -> Result<(), CommandError> {
        match event {
            Event::Header { version, dialect } => {
                self.version = version;
                self.dialect = dialect;
            }
            Event::SelectDb(number) => {
                self.database = number;
                self.sizes = None;
            }
            Event::ResizeDb { keys, expiring } => self.sizes = Some((keys, expiring)),
            Event::KeyMeta(meta) => self.meta = Some(meta.to_vec()),
            Event::Key(head) => self.begin(&head)?,
            Event::Element(Element::Raw(piece)) => match &mut self.key {
                OpenKey::None => {}
                OpenKey::Passing => self.stream().sink.buffer.extend_from_slice(piece),
                OpenKey::Held(held) => held.payload.extend_from_slice(piece),
            },
            Event::Element(Element::Field(field, value)) => {
                if let OpenKey::Held(held) = &mut self.key {
                    let fields = held.fields.get_or_insert_default();
                    fields.push((field.to_vec(), value.to_vec()));
                }
            }
            Event::KeyEnd { .. } => self.end_key()?,
            other => self.other(other)?,
        }
        self.stream().sink.drain()
    }

    /// The stream of the key whose value is being read.
    fn stream(&mut self) -> &mut Stream<W> {
        &mut self.streams[self.current]
    }

    /// Ends all streams, after the files are read to their own ends.
    pub(crate) fn end(mut self) -> Result<Converted<W>, CommandError> {
        let mut streams = Vec::with_capacity(self.streams.len());
        let mut untold = 0;
        for stream in self.streams {
            let losses = stream.encoder.losses();
            for (key, loss) in losses {
                self.left_out.loss(key, loss);
            }
            untold += stream.encoder.losses_count() - losses.len() as u64;
            streams.push(stream.end()?);
        }
        self.left_out.close(untold);
        Ok(Converted {
            streams,
            rewritten: self.rewritten,
            skipped: self.left_out.records(),
            losses: self.left_out.losses(),
        })
    }

    /// Records that belong to no key.
    fn other(&mut self, event: Event<'_>) -> Result<(), CommandError> {
        let Stream { encoder, sink, .. } = &mut self.streams[0];
        let out = &mut sink.buffer;
        match event {
            Event::Aux { name, value } => match kept_aux::fate(name) {
                Fate::Kept => encoder.aux(out, name, value),
                Fate::Dropped => {}
                Fate::Unknown => self.left_out.fact(name),
            },
            Event::Function(source) => {
                let written = encoder.function(out, source);
                self.admitted(None, written)?;
            }
            Event::ModuleAux {
                module,
                when,
                items,
            } => encoder.module_aux(out, module, when, items),
            Event::SlotInfo {
                slot,
                keys,
                expiring,
            } if self.passes_all() => {
                self.select();
                let Stream { encoder, sink, .. } = self.stream();
                // A hint, which other targets do without.
                drop(encoder.slot_info(&mut sink.buffer, slot, keys, expiring));
            }
            Event::SlotImport { job, ranges } => {
                self.slot_import = Some(SlotImport {
                    job: job.to_vec(),
                    ranges: Vec::new(),
                    left: ranges,
                });
                self.end_slot_import()?;
            }
            Event::SlotRange { first, last } => {
                if let Some(import) = &mut self.slot_import {
                    import.ranges.push((first, last));
                    import.left = import.left.saturating_sub(1);
                }
                self.end_slot_import()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the one stream holds all that the one file held, so that its sizes are true of it.
    fn passes_all(&self) -> bool {
        self.filter.passes_all() && self.rules.keeps_sizes
    }

    fn end_slot_import(&mut self) -> Result<(), CommandError> {
        let Some(import) = self.slot_import.take_if(|import| import.left == 0) else {
            return Ok(());
        };
        let Stream { encoder, sink, .. } = &mut self.streams[0];
        let written = encoder.slot_import(&mut sink.buffer, &import.job, &import.ranges);
        self.admitted(None, written).map(|_| ())
    }

    fn begin(&mut self, head: &KeyHead<'_>) -> Result<(), CommandError> {
        let mut meta = self.meta.take();
        self.key = OpenKey::None;
        if !self.filter.passes(self.database, head) {
            return Ok(());
        }
        let target = self.rules.target;
        if meta.is_some() && !target.holds_key_meta() {
            if self.rules.losses == Losses::Any {
                self.left_out.loss(head.key, &Loss::KeyMeta);
                meta = None;
            } else {
                let error = EncodeError::Loss {
                    key: head.key.to_vec(),
                    loss: Loss::KeyMeta,
                    target,
                };
                self.admitted(Some(head.offset), Err(error))?;
                return Ok(());
            }
        }
        self.current = shard_of(head.key, self.streams.len());
        if self.passes(head.value_type) {
            self.select();
            self.stream()
                .before_key(head.idle_s, head.freq, meta.as_deref());
            let Stream {
                encoder,
                sink,
                keys,
                ..
            } = self.stream();
            let out = &mut sink.buffer;
            encoder.key(out, head.key, head.value_type, head.expire_at_ms);
            *keys += 1;
            self.key = OpenKey::Passing;
        } else {
            self.key = OpenKey::Held(Box::new(HeldKey {
                key: head.key.to_vec(),
                offset: head.offset,
                expire_at_ms: head.expire_at_ms,
                idle_s: head.idle_s,
                freq: head.freq,
                meta,
                value_type: head.value_type,
                payload: vec![head.value_type.number()],
                fields: None,
            }));
        }
        Ok(())
    }

    /// Whether values of this type pass as they are stored.
    fn passes(&self, value_type: ValueType) -> bool {
        self.rules.compress.is_none() && self.suits(value_type)
    }

    /// Whether values of this type could be read by the target as they are stored.
    fn suits(&self, value_type: ValueType) -> bool {
        // Number 22 is another type in files of Redis, from its release candidates.
        let foreign = value_type == ValueType::HashExpiryPreview && self.dialect != Dialect::Valkey;
        let target = self.rules.target;
        let back_lengths = BackLengths::of_stream(self.dialect, self.version);
        let repacked = value_type.holds_listpacks() && back_lengths != target.back_lengths();
        target.holds(value_type) && !foreign && !repacked
    }

    fn end_key(&mut self) -> Result<(), CommandError> {
        match std::mem::replace(&mut self.key, OpenKey::None) {
            OpenKey::None | OpenKey::Passing => {}
            OpenKey::Held(held) => self.rewrite(*held)?,
        }
        Ok(())
    }

    fn rewrite(&mut self, mut held: HeldKey) -> Result<(), CommandError> {
        if held.value_type.family() == Family::Stream && self.suits(held.value_type) {
            return self.recode(&held);
        }
        let value = if let Some(fields) = held.fields.take() {
            Value::Hash(fields)
        } else {
            let decoded = held.decode(self.dialect);
            decoded.map_err(|source| self.damaged(&held, source))?
        };
        // Two forms of one value need not be in memory while the third is made.
        held.payload = Vec::new();
        self.select();
        let stream = self.stream();
        let before = stream.sink.buffer.len();
        stream.before_key(held.idle_s, held.freq, held.meta.as_deref());
        let Stream { encoder, sink, .. } = stream;
        let out = &mut sink.buffer;
        let written = encoder.entry(out, &held.key, held.expire_at_ms, &value);
        if written.is_err() {
            out.truncate(before);
        }
        if self.admitted(Some(held.offset), written)? {
            self.stream().keys += 1;
            self.rewritten += 1;
        }
        Ok(())
    }

    /// Writes a value as it was stored but for its strings. Taken apart it would need about ten
    /// times as much memory.
    fn recode(&mut self, held: &HeldKey) -> Result<(), CommandError> {
        self.select();
        let dialect = self.dialect;
        let stream = self.stream();
        stream.keys += 1;
        stream.before_key(held.idle_s, held.freq, held.meta.as_deref());
        let Stream { encoder, sink, .. } = stream;
        let out = &mut sink.buffer;
        encoder.key(out, &held.key, held.value_type, held.expire_at_ms);
        let body = &held.payload[1..];
        let recoded = encoder.recode(out, held.value_type, dialect, body);
        recoded.map_err(|source| self.damaged(held, source))?;
        self.rewritten += 1;
        Ok(())
    }

    fn damaged(&self, held: &HeldKey, source: DecodeError) -> CommandError {
        CommandError::Value {
            path: self.input.to_path_buf(),
            offset: held.offset,
            key: held.key.escape_ascii().to_string(),
            source,
        }
    }

    /// Whether a record was written. If the target cannot hold it, that is an error, unless the
    /// user wants such records skipped. `offset` is that of a key.
    fn admitted(
        &mut self,
        offset: Option<u64>,
        written: Result<(), EncodeError>,
    ) -> Result<bool, CommandError> {
        let Err(source) = written else {
            return Ok(true);
        };
        if !self.rules.skip_unsupported {
            let path = self.input.to_path_buf();
            return Err(match offset {
                Some(offset) => CommandError::Convert {
                    path,
                    offset,
                    source,
                },
                None => CommandError::ConvertHead { path, source },
            });
        }
        self.left_out.record(&source);
        Ok(false)
    }

    /// Has what is written next to the current stream fall into the database of the file.
    fn select(&mut self) {
        let sizes = self.sizes.filter(|_| self.passes_all());
        let database = self.database;
        if self.stream().select(database, sizes) {
            self.sizes = None;
        }
    }
}
