//! The events of a file, one after the other into another file.

use rdb_format::{
    DecodeError, Dialect, Element, EncodeError, Encoder, Encodings, Event, Family, KeyHead, Loss,
    Target, Value, ValueType,
};

use crate::arguments::{AllowLoss, Convert};
use crate::command::convert::held_key::HeldKey;
use crate::command::convert::kept_aux::{self, Fate};
use crate::command::convert::left_out::LeftOut;
use crate::command::convert::sink::Sink;
use crate::command::inspect::Filter;
use crate::error::CommandError;
use crate::object::{Packing, holds_listpacks};

/// The opcode in front of metadata of a key.
const KEY_META: u8 = 243;

/// A conversion under way.
///
/// The value of a key passes as it is stored, piece by piece, when the target knows its type, the
/// user leaves compression as it is, and no listpack must change its form. Otherwise the whole
/// value is read. A stream of which only the compression changes gets it node by node; all else is
/// taken apart and written in the type that suits the target.
pub(crate) struct Conversion<'a> {
    arguments: &'a Convert,
    filter: Filter,
    encoder: Encoder,
    sink: Sink<'a>,
    dialect: Dialect,
    version: u32,
    database: u32,
    // The database that a key written now would fall into.
    selected: Option<u32>,
    // Sizes of the database, until its first key is written.
    sizes: Option<(u64, u64)>,
    // Metadata of the next key.
    meta: Option<Vec<u8>>,
    key: OpenKey,
    slot_import: Option<SlotImport>,
    left_out: LeftOut<'a>,
    keys: u64,
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

/// What a conversion wrote.
pub(crate) struct Converted {
    pub(crate) keys: u64,
    /// Keys among them whose values were taken apart.
    pub(crate) rewritten: u64,
    /// Keys and other records that the target cannot hold.
    pub(crate) skipped: u64,
    /// How often something of a key was left out.
    pub(crate) losses: u64,
    pub(crate) bytes: u64,
    pub(crate) crc64: u64,
}

impl<'a> Conversion<'a> {
    pub(crate) fn new(arguments: &'a Convert, filter: Filter, mut sink: Sink<'a>) -> Self {
        let compression = arguments.compress.map(Into::into).unwrap_or_default();
        let mut encoder = Encoder::new(arguments.rdb_version, compression)
            .with_encodings(Encodings::SERVERS)
            .allow(arguments.allow_loss.into());
        encoder.header(&mut sink.buffer);
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        encoder.aux(&mut sink.buffer, b"forkless-ver", version);
        Self {
            arguments,
            filter,
            encoder,
            sink,
            dialect: Dialect::Redis,
            version: 0,
            database: 0,
            selected: None,
            sizes: None,
            meta: None,
            key: OpenKey::None,
            slot_import: None,
            left_out: LeftOut::new(&arguments.input),
            keys: 0,
            rewritten: 0,
        }
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
                OpenKey::Passing => self.sink.buffer.extend_from_slice(piece),
                OpenKey::Held(held) => held.payload.extend_from_slice(piece),
            },
            Event::Element(Element::Field(field, value)) => {
                if let OpenKey::Held(held) = &mut self.key {
                    let fields = held.fields.get_or_insert_default();
                    fields.push((field.to_vec(), value.to_vec()));
                }
            }
            Event::KeyEnd { .. } => self.end()?,
            other => self.other(other)?,
        }
        self.sink.drain()
    }

    /// Ends the file, which is read to its own end, and has it appear.
    pub(crate) fn publish(mut self) -> Result<Converted, CommandError> {
        let checksum = self.sink.checksum()?;
        self.encoder.end(&mut self.sink.buffer, Some(checksum));
        let last = self.sink.buffer.last_chunk();
        let crc64 = last.map_or(0, |last| u64::from_le_bytes(*last));
        let bytes = self.sink.publish()?;
        let losses = self.encoder.losses();
        for (key, loss) in losses {
            self.left_out.loss(key, loss);
        }
        let untold = self.encoder.losses_count() - losses.len() as u64;
        self.left_out.close(untold);
        Ok(Converted {
            keys: self.keys,
            rewritten: self.rewritten,
            skipped: self.left_out.records(),
            losses: self.left_out.losses(),
            bytes,
            crc64,
        })
    }

    /// Records that belong to no key.
    fn other(&mut self, event: Event<'_>) -> Result<(), CommandError> {
        let out = &mut self.sink.buffer;
        match event {
            Event::Aux { name, value } => match kept_aux::fate(name) {
                Fate::Kept => self.encoder.aux(out, name, value),
                Fate::Dropped => {}
                Fate::Unknown => self.left_out.fact(name),
            },
            Event::Function(source) => {
                let written = self.encoder.function(out, source);
                self.admitted(None, written)?;
            }
            Event::ModuleAux {
                module,
                when,
                items,
            } => self.encoder.module_aux(out, module, when, items),
            Event::SlotInfo {
                slot,
                keys,
                expiring,
            } if self.filter.passes_all() => {
                self.select();
                let out = &mut self.sink.buffer;
                // A hint, which other targets do without.
                drop(self.encoder.slot_info(out, slot, keys, expiring));
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

    fn end_slot_import(&mut self) -> Result<(), CommandError> {
        let Some(import) = self.slot_import.take_if(|import| import.left == 0) else {
            return Ok(());
        };
        let out = &mut self.sink.buffer;
        let written = self.encoder.slot_import(out, &import.job, &import.ranges);
        self.admitted(None, written).map(|_| ())
    }

    fn begin(&mut self, head: &KeyHead<'_>) -> Result<(), CommandError> {
        let mut meta = self.meta.take();
        self.key = OpenKey::None;
        if !self.filter.passes(self.database, head) {
            return Ok(());
        }
        let target = self.arguments.rdb_version;
        if meta.is_some() && !target.holds_key_meta() {
            if self.arguments.allow_loss == AllowLoss::Any {
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
        if self.passes(head.value_type) {
            self.select();
            let out = &mut self.sink.buffer;
            self.encoder.attributes(out, head.idle_s, head.freq);
            append_meta(out, meta.as_deref());
            self.encoder
                .key(out, head.key, head.value_type, head.expire_at_ms);
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
        self.arguments.compress.is_none() && self.suits(value_type)
    }

    /// Whether values of this type could be read by the target as they are stored.
    fn suits(&self, value_type: ValueType) -> bool {
        // Number 22 is another type in files of Redis, from its release candidates.
        let foreign = value_type == ValueType::HashExpiryPreview && self.dialect != Dialect::Valkey;
        let target: Target = self.arguments.rdb_version;
        let packing = Packing::of_file(self.dialect, self.version);
        let repacked = holds_listpacks(value_type) && packing != Packing::of_target(target);
        target.holds(value_type) && !foreign && !repacked
    }

    fn end(&mut self) -> Result<(), CommandError> {
        match std::mem::replace(&mut self.key, OpenKey::None) {
            OpenKey::None => {}
            OpenKey::Passing => self.keys += 1,
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
        let out = &mut self.sink.buffer;
        let before = out.len();
        self.encoder.attributes(out, held.idle_s, held.freq);
        append_meta(out, held.meta.as_deref());
        let written = self
            .encoder
            .entry(out, &held.key, held.expire_at_ms, &value);
        if written.is_err() {
            out.truncate(before);
        }
        if self.admitted(Some(held.offset), written)? {
            self.keys += 1;
            self.rewritten += 1;
        }
        Ok(())
    }

    /// Writes a value as it was stored but for its strings. Taken apart it would need about ten
    /// times as much memory.
    fn recode(&mut self, held: &HeldKey) -> Result<(), CommandError> {
        self.select();
        let out = &mut self.sink.buffer;
        self.encoder.attributes(out, held.idle_s, held.freq);
        append_meta(out, held.meta.as_deref());
        self.encoder
            .key(out, &held.key, held.value_type, held.expire_at_ms);
        let body = &held.payload[1..];
        let recoded = self
            .encoder
            .recode(out, held.value_type, self.dialect, body);
        recoded.map_err(|source| self.damaged(held, source))?;
        self.keys += 1;
        self.rewritten += 1;
        Ok(())
    }

    fn damaged(&self, held: &HeldKey, source: DecodeError) -> CommandError {
        CommandError::Value {
            path: self.arguments.input.clone(),
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
        if !self.arguments.skip_unsupported {
            let path = self.arguments.input.clone();
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

    /// Has what is written next fall into the database of the file.
    fn select(&mut self) {
        if self.selected == Some(self.database) {
            return;
        }
        let out = &mut self.sink.buffer;
        self.encoder.select_db(out, self.database);
        self.selected = Some(self.database);
        if let Some((keys, expiring)) = self.sizes.take()
            && self.filter.passes_all()
        {
            self.encoder.resize_db(out, keys, expiring);
        }
    }
}

fn append_meta(out: &mut Vec<u8>, meta: Option<&[u8]>) {
    if let Some(meta) = meta {
        out.push(KEY_META);
        out.extend_from_slice(meta);
    }
}
