//! Records that belong to no key.

use super::Encoder;
use crate::error::EncodeError;
use crate::opcode;
use crate::value_type::ValueType;

impl Encoder {
    /// Appends a named fact, such as `redis-ver`. Servers skip names they do not know.
    pub fn aux(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        out.push(opcode::AUX);
        self.string(out, name);
        self.string(out, value);
    }

    /// Appends the facts that a server of the target's line puts first: its `version`, under the
    /// name that the line has for it, 64 bits, when the stream was made, in seconds since 1970, and
    /// that it is no part of a log. No server needs them; tools show them.
    pub fn origin(&mut self, out: &mut Vec<u8>, version: &[u8], created_at_s: u64) {
        self.aux(out, self.target.version_aux(), version);
        self.aux(out, b"redis-bits", b"64");
        self.aux(out, b"ctime", created_at_s.to_string().as_bytes());
        self.aux(out, self.target.log_aux(), b"0");
    }

    /// Appends the source of a function library, with its `#!` line.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Functions`] when the target is older than functions.
    pub fn function(&mut self, out: &mut Vec<u8>, source: &[u8]) -> Result<(), EncodeError> {
        if !self.target.holds_functions() {
            return Err(EncodeError::Functions {
                target: self.target,
            });
        }
        out.push(opcode::FUNCTION);
        self.string(out, source);
        Ok(())
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
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use crate::error::EncodeError;
    use crate::event::Event;
    use crate::reader::Reader;
    use crate::target::{Compression, Target};

    #[test]
    fn facts_have_the_names_that_the_line_of_the_target_gives_them() {
        for (target, expected) in [
            (Target::Redis5, ["redis-ver", "aof-preamble"]),
            (Target::Redis70, ["redis-ver", "aof-base"]),
            (Target::Valkey8, ["valkey-ver", "aof-base"]),
            (Target::Valkey9, ["valkey-ver", "aof-base"]),
        ] {
            let mut encoder = Encoder::new(target, Compression::None);
            let mut out = Vec::new();
            encoder.header(&mut out);
            encoder.origin(&mut out, b"7.1.2", 1_700_000_000);
            encoder.end(&mut out, None);
            let mut reader = Reader::from_slice(&out);
            let mut facts = Vec::new();
            while let Some(event) = reader.next_event().unwrap() {
                if let Event::Aux { name, value } = event {
                    facts
                        .push([name, value].map(|text| String::from_utf8_lossy(text).into_owned()));
                }
            }
            let [version, log] = expected;
            let facts: Vec<[&str; 2]> = facts
                .iter()
                .map(|fact| [fact[0].as_str(), fact[1].as_str()])
                .collect();
            let bits = ["redis-bits", "64"];
            let made = ["ctime", "1700000000"];
            assert_eq!(facts, [[version, "7.1.2"], bits, made, [log, "0"]]);
        }
    }

    #[test]
    fn functions_need_a_target_that_knows_them() {
        let mut out = Vec::new();
        let mut old = Encoder::new(Target::Redis5, Compression::None);
        let error = EncodeError::Functions {
            target: Target::Redis5,
        };
        assert_eq!(old.function(&mut out, b"#!lua name=a\n"), Err(error));
        assert!(out.is_empty());
        let mut new = Encoder::new(Target::Redis70, Compression::None);
        assert_eq!(new.function(&mut out, b"#!lua name=a\n"), Ok(()));
        assert_eq!(out, b"\xf5\x0d#!lua name=a\n");
    }
}
