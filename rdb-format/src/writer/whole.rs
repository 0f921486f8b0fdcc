//! Whole records as they were read, and what belongs to no value.

use super::Encoder;
use crate::entry::Entry;
use crate::error::EncodeError;
use crate::event::Dialect;
use crate::opcode;
use crate::raw_entry::RawEntry;
use crate::target::Loss;
use crate::value_type::ValueType;

impl Encoder {
    /// Appends a key as it was read: with its attributes, and its value in the type that suits
    /// the target best. Its database is left to [`select_db`](Encoder::select_db).
    ///
    /// # Errors
    ///
    /// As [`entry`](Encoder::entry).
    pub fn record(&mut self, out: &mut Vec<u8>, entry: &Entry) -> Result<(), EncodeError> {
        let value_type = self.choose(&entry.key, &entry.value)?;
        let meta = self.admit_meta(&entry.key, entry.meta.as_deref())?;
        self.attributes(out, entry.idle_s, entry.freq);
        append_expiry(out, entry.expire_at_ms);
        append_meta(out, meta);
        self.key(out, &entry.key, value_type, None);
        entry.value.encode(self, out, value_type);
        Ok(())
    }

    /// Appends a key with its value as it was stored, without a look into it.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Type`] when the target does not know the type of the value;
    /// [`EncodeError::Loss`] when it does not know metadata of keys and the entry has some, unless
    /// losses are allowed. `out` is then left as it was.
    pub fn raw_entry(&mut self, out: &mut Vec<u8>, entry: &RawEntry) -> Result<(), EncodeError> {
        let value_type = entry.value_type;
        let foreign =
            value_type == ValueType::HashExpiryPreview && entry.dialect != Dialect::Valkey;
        if foreign || !self.target.holds(value_type) {
            return Err(EncodeError::Type {
                key: entry.key.clone(),
                value_type,
                target: self.target,
            });
        }
        let meta = self.admit_meta(&entry.key, entry.meta.as_deref())?;
        self.attributes(out, entry.idle_s, entry.freq);
        append_expiry(out, entry.expire_at_ms);
        append_meta(out, meta);
        self.key(out, &entry.key, value_type, None);
        out.extend_from_slice(&entry.body);
        Ok(())
    }

    /// Appends how long ago the next key was used, in seconds, and how often. Servers take one of
    /// both, as their policy of eviction is.
    pub fn attributes(&mut self, out: &mut Vec<u8>, idle_s: Option<u64>, freq: Option<u8>) {
        if let Some(idle_s) = idle_s {
            out.push(opcode::IDLE);
            self.length(out, idle_s);
        }
        if let Some(freq) = freq {
            out.extend_from_slice(&[opcode::FREQ, freq]);
        }
    }

    /// Appends data of a module that belongs to no key, as [`Event::ModuleAux`] gave it. Servers
    /// without the module refuse the whole stream.
    ///
    /// [`Event::ModuleAux`]: crate::Event::ModuleAux
    pub fn module_aux(&mut self, out: &mut Vec<u8>, module: u64, when: u64, items: &[u8]) {
        /// The opcode of an unsigned integer, as which `when` is stored.
        const UNSIGNED: u64 = 2;
        out.push(opcode::MODULE_AUX);
        self.length(out, module);
        self.length(out, UNSIGNED);
        self.length(out, when);
        out.extend_from_slice(items);
    }

    /// Appends how many keys of a hash slot follow, and how many of them expire.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Record`] for targets other than Redis from 7.4 on.
    pub fn slot_info(
        &mut self,
        out: &mut Vec<u8>,
        slot: u64,
        keys: u64,
        expiring: u64,
    ) -> Result<(), EncodeError> {
        self.holds_record("sizes of slots", self.target.holds(ValueType::HashExpiry))?;
        out.push(opcode::SLOT_INFO);
        self.length(out, slot);
        self.length(out, keys);
        self.length(out, expiring);
        Ok(())
    }

    /// Appends that a slot import was going on: its name, 40 bytes, and its ranges of slots.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Record`] for targets other than Valkey 9, and for names of another length.
    pub fn slot_import(
        &mut self,
        out: &mut Vec<u8>,
        job: &[u8],
        ranges: &[(u64, u64)],
    ) -> Result<(), EncodeError> {
        let holds = self.target.holds(ValueType::HashExpiryPreview) && job.len() == 40;
        self.holds_record("slot imports of this name", holds)?;
        out.push(opcode::SLOT_IMPORT);
        self.string(out, job);
        self.length(out, ranges.len() as u64);
        for (first, last) in ranges {
            self.length(out, *first);
            self.length(out, *last);
        }
        Ok(())
    }

    const fn holds_record(&self, record: &'static str, holds: bool) -> Result<(), EncodeError> {
        if holds {
            return Ok(());
        }
        let target = self.target;
        Err(EncodeError::Record { record, target })
    }

    /// The metadata that the target gets, or an error if it cannot have it and must.
    fn admit_meta<'a>(
        &mut self,
        key: &[u8],
        meta: Option<&'a [u8]>,
    ) -> Result<Option<&'a [u8]>, EncodeError> {
        if meta.is_some() && !self.target.holds_key_meta() {
            self.lose(key, &[Loss::KeyMeta])?;
            return Ok(None);
        }
        Ok(meta)
    }
}

fn append_expiry(out: &mut Vec<u8>, expire_at_ms: Option<i64>) {
    if let Some(expire_at_ms) = expire_at_ms {
        out.push(opcode::EXPIRE_MS);
        out.extend_from_slice(&expire_at_ms.to_le_bytes());
    }
}

fn append_meta(out: &mut Vec<u8>, meta: Option<&[u8]>) {
    if let Some(meta) = meta {
        out.push(opcode::KEY_META);
        out.extend_from_slice(meta);
    }
}
