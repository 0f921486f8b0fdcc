//! The records of a stream: what each opcode brings.

use super::{Reader, State, Step};
use crate::error::DecodeError;
use crate::event::{ChecksumState, Dialect, Event, Warning};
use crate::input::{Slot, Text};
use crate::opcode;
use crate::options::{Checksum, Unsupported};
use crate::source::Source;
use crate::value_type::ValueType;

/// Newest version of Redis and of Valkey whose records are known here.
const REDIS_VERSION_MAX: u32 = 15;
const VALKEY_VERSION_MAX: u32 = 80;
/// First version that ends in a checksum.
const CHECKSUM_VERSION_MIN: u32 = 5;
/// An expiry, in milliseconds, that servers take for none.
pub(crate) const EXPIRE_NEVER_MS: i64 = -1;
/// Length of the name of a slot import.
const SLOT_IMPORT_JOB_BYTES: usize = 40;
/// Flag in a mask of Dragonfly: more flags follow.
const DRAGONFLY_MASK_HAS_MORE: u32 = 2;

impl<S: Source> Reader<S> {
    pub(super) fn header(&mut self) -> Result<Step, DecodeError> {
        let magic = self.input.array::<9>()?;
        let (dialect, digits, newest) = match &magic {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => {
                (Dialect::Redis, digits.as_slice(), REDIS_VERSION_MAX)
            }
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => {
                (Dialect::Valkey, digits.as_slice(), VALKEY_VERSION_MAX)
            }
            _ => return Err(DecodeError::Magic),
        };
        let version = digits.iter().try_fold(0_u32, |version, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            version.checked_mul(10)?.checked_add(digit)
        });
        let Some(version) = version.filter(|version| *version > 0) else {
            return Err(DecodeError::Magic);
        };
        if version > newest {
            Warning::UnknownVersion { version }.note(&mut self.warnings);
        }
        self.version = version;
        self.found(dialect);
        let dialect = self.dialect;
        self.state = State::Records;
        Ok(self.plain(Event::Header { version, dialect }))
    }

    #[inline]
    pub(super) fn record(&mut self) -> Result<Step, DecodeError> {
        loop {
            let offset = self.input.position();
            let byte = match self.input.byte() {
                Ok(byte) => byte,
                Err(error) => return self.end_early(error),
            };
            if let Ok(value_type) = ValueType::try_from(byte) {
                return self.key(offset, value_type);
            }
            match byte {
                opcode::EXPIRE_MS => {
                    self.ahead.any = true;
                    let at_ms = i64::from_le_bytes(self.input.array()?);
                    self.ahead.expire_at_ms = Some(at_ms).filter(|at| *at != EXPIRE_NEVER_MS);
                }
                opcode::EXPIRE_S => {
                    self.ahead.any = true;
                    let at_s = i64::from(i32::from_le_bytes(self.input.array()?));
                    self.ahead.expire_at_ms = Some(at_s.saturating_mul(1000));
                }
                opcode::IDLE => {
                    self.ahead.any = true;
                    self.ahead.idle_s = Some(self.input.length()?);
                }
                opcode::FREQ => {
                    self.ahead.any = true;
                    self.ahead.freq = Some(self.input.byte()?);
                }
                opcode::ENTERPRISE_RAM_LRU | opcode::ENTERPRISE_SLOT => {
                    self.input.length()?;
                    self.found(Dialect::Enterprise);
                    self.passed(offset, byte);
                }
                opcode::DRAGONFLY_FULL_SYNC_END..=opcode::DRAGONFLY_LAST
                    if self.dialect == Dialect::Dragonfly =>
                {
                    if self.options.unsupported == Unsupported::Refuse {
                        let opcode = byte;
                        return Err(DecodeError::UnsupportedOpcode { offset, opcode });
                    }
                    self.dragonfly(offset, byte)?;
                    self.passed(offset, byte);
                }
                opcode::HASH_TEMPLATE if self.dialect == Dialect::Redis => {
                    self.templates.define(offset, &mut self.input)?;
                }
                _ => return self.plain_record(offset, byte),
            }
            // Attributes can be many before a key; none of them is needed any more.
            self.input.commit();
            self.options.limits.check_total(self.input.position())?;
        }
    }

    #[inline]
    fn key(&mut self, offset: u64, value_type: ValueType) -> Result<Step, DecodeError> {
        self.input.string_to(Slot::First, &mut self.first)?;
        self.begin(offset, value_type)
    }

    pub(super) fn slot_range(&mut self) -> Result<Step, DecodeError> {
        let Some(rest) = self.left.checked_sub(1) else {
            self.state = State::Records;
            return self.record();
        };
        self.left = rest;
        let (first, last) = (self.input.length()?, self.input.length()?);
        Ok(self.plain(Event::SlotRange { first, last }))
    }

    /// Metadata of the next key.
    pub(super) fn key_meta(&mut self) -> Result<Step, DecodeError> {
        self.ahead.any = true;
        let (offset, start) = (self.input.position(), self.input.mark());
        for _ in 0..self.input.length()? {
            self.input.bytes(4)?;
            self.items(offset)?;
        }
        self.first = self.input.since(start);
        Ok(Step::KeyMeta)
    }

    /// Passes items of a module up to and with their end mark.
    fn items(&mut self, offset: u64) -> Result<(), DecodeError> {
        self.frame.start_items();
        let limit = self.options.limits.string_bytes_max;
        while self.frame.next(&mut self.input)?.is_some() {
            let length = self.input.position().wrapping_sub(offset);
            if length > limit {
                return Err(DecodeError::TooLong {
                    offset,
                    length,
                    limit,
                });
            }
        }
        Ok(())
    }

    fn slot_import(&mut self) -> Result<Step, DecodeError> {
        let offset = self.input.position();
        self.first = self.input.string(Slot::First)?;
        let length = self.input.text(self.first).len();
        if length != SLOT_IMPORT_JOB_BYTES {
            return Err(DecodeError::SlotImport { offset, length });
        }
        self.left = self.input.length()?;
        self.state = State::SlotRanges;
        Ok(Step::SlotImport)
    }

    /// Passes a private record of Dragonfly that says nothing about keys.
    fn dragonfly(&mut self, offset: u64, byte: u8) -> Result<(), DecodeError> {
        match byte {
            opcode::DRAGONFLY_FULL_SYNC_END | opcode::DRAGONFLY_JOURNAL_OFFSET => {
                self.input.bytes(8)?;
            }
            opcode::DRAGONFLY_JOURNAL => {
                self.input.length()?;
                self.input.string(Slot::First)?;
            }
            opcode::DRAGONFLY_MASK => {
                let flags = u32::from_le_bytes(self.input.array()?);
                if flags & DRAGONFLY_MASK_HAS_MORE != 0 {
                    self.input.bytes(4)?;
                }
            }
            opcode => return Err(DecodeError::UnsupportedOpcode { offset, opcode }),
        }
        Ok(())
    }

    /// A record that is neither a key nor an attribute of one.
    fn plain_record(&mut self, offset: u64, byte: u8) -> Result<Step, DecodeError> {
        Ok(match byte {
            opcode::AUX => self.aux()?,
            opcode::SELECT_DB => {
                let number = self.input.length()?;
                let offset = offset.wrapping_add(1);
                self.database =
                    u32::try_from(number).map_err(|_| DecodeError::Database { offset, number })?;
                self.plain(Event::SelectDb(self.database))
            }
            opcode::RESIZE_DB => {
                let (keys, expiring) = (self.input.length()?, self.input.length()?);
                self.plain(Event::ResizeDb { keys, expiring })
            }
            opcode::SLOT_INFO => {
                let slot = self.input.length()?;
                let (keys, expiring) = (self.input.length()?, self.input.length()?);
                self.plain(Event::SlotInfo {
                    slot,
                    keys,
                    expiring,
                })
            }
            opcode::FUNCTION => {
                self.first = self.input.string(Slot::First)?;
                Step::Function
            }
            opcode::FUNCTION_PREVIEW => self.function_preview()?,
            opcode::MODULE_AUX => self.module_aux()?,
            opcode::END => self.end()?,
            opcode::KEY_META if self.dialect == Dialect::Redis => self.key_meta()?,
            opcode::SLOT_IMPORT if self.dialect == Dialect::Valkey => self.slot_import()?,
            opcode::KEY_META | opcode::HASH_TEMPLATE => {
                return Err(DecodeError::UnsupportedOpcode {
                    offset,
                    opcode: byte,
                });
            }
            _ => return Err(DecodeError::UnknownType { offset, byte }),
        })
    }

    fn aux(&mut self) -> Result<Step, DecodeError> {
        self.first = self.input.string(Slot::First)?;
        self.second = self.input.string(Slot::Second)?;
        let text = self.input.text(self.first);
        if text.eq_ignore_ascii_case(b"df-ver") {
            self.found(Dialect::Dragonfly);
        } else if text.eq_ignore_ascii_case(b"mvcc-tstamp") || text.starts_with(b"keydb-") {
            self.found(Dialect::KeyDb);
        }
        Ok(Step::Aux)
    }

    /// The stream shows who wrote it, which counts unless the caller knows better.
    fn found(&mut self, dialect: Dialect) {
        self.dialect = self.options.dialect.unwrap_or(dialect);
    }

    fn passed(&mut self, offset: u64, opcode: u8) {
        Warning::SkippedOpcode { offset, opcode }.note(&mut self.warnings);
    }

    /// A library as release candidates of Redis 7.0 wrote it, in the form of today.
    fn function_preview(&mut self) -> Result<Step, DecodeError> {
        let name = self.input.string(Slot::First)?;
        let name = self.input.text(name).to_vec();
        let engine = self.input.string(Slot::First)?;
        let mut source = b"#!".to_vec();
        source.extend_from_slice(self.input.text(engine));
        source.extend_from_slice(b" name=");
        source.extend_from_slice(&name);
        source.push(b'\n');
        if self.input.length()? != 0 {
            self.input.string(Slot::First)?;
        }
        let code = self.input.string(Slot::First)?;
        source.extend_from_slice(self.input.text(code));
        *self.input.slot_mut(Slot::First) = source;
        self.first = Text::Slot(Slot::First);
        Ok(Step::Function)
    }

    fn module_aux(&mut self) -> Result<Step, DecodeError> {
        let module = self.input.length()?;
        let offset = self.input.position();
        let kind = self.input.length()?;
        // The time is an item too, and must be an unsigned integer.
        if kind != 2 {
            return Err(DecodeError::ModuleItem {
                offset,
                opcode: kind,
            });
        }
        let when = self.input.length()?;
        let (offset, start) = (self.input.position(), self.input.mark());
        self.items(offset)?;
        self.first = self.input.since(start);
        self.module = (module, when);
        Ok(Step::ModuleAux)
    }

    fn end(&mut self) -> Result<Step, DecodeError> {
        self.input.commit();
        let checksum = if self.version < CHECKSUM_VERSION_MIN {
            ChecksumState::Absent
        } else {
            let computed = self.input.checksum();
            let offset = self.input.position();
            let stored = u64::from_le_bytes(self.input.array()?);
            match self.options.checksum {
                // What came before was not all read here.
                _ if self.ends_early => ChecksumState::Ignored,
                Checksum::Ignore => ChecksumState::Ignored,
                Checksum::Verify if stored == 0 => ChecksumState::Off,
                Checksum::Verify if stored == computed => ChecksumState::Verified(stored),
                Checksum::Verify => {
                    return Err(DecodeError::Checksum {
                        offset,
                        stored,
                        computed,
                    });
                }
            }
        };
        self.state = State::Done;
        Ok(self.plain(Event::End { checksum }))
    }
}
