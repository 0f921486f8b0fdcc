//! The bytes that start a record that is not a key.

/// `[len]` last-used counter of Redis Enterprise; nothing a reader needs.
pub(crate) const ENTERPRISE_RAM_LRU: u8 = 107;
/// `[len]` slot number of Redis Enterprise; nothing a reader needs.
pub(crate) const ENTERPRISE_SLOT: u8 = 121;
/// Eight bytes, after a full synchronisation with Dragonfly.
pub(crate) const DRAGONFLY_FULL_SYNC_END: u8 = 200;
/// `[len]` count, `[str]` journal of Dragonfly.
pub(crate) const DRAGONFLY_JOURNAL: u8 = 210;
/// `u64` place in a journal of Dragonfly.
pub(crate) const DRAGONFLY_JOURNAL_OFFSET: u8 = 211;
/// `u32` flags of the next key in Dragonfly, and with one of them `u32` more.
pub(crate) const DRAGONFLY_MASK: u8 = 220;
/// The last opcode that Dragonfly has for itself.
pub(crate) const DRAGONFLY_LAST: u8 = 224;
/// Hash template (Redis 8.10) or update (Valkey 9.2).
pub(crate) const HASH_TEMPLATE: u8 = 242;
/// Metadata of the next key (Redis 8.6).
pub(crate) const KEY_META: u8 = 243;
/// Slot import (Valkey 9).
pub(crate) const SLOT_IMPORT: u8 = 243;
/// `[len]` slot, `[len]` keys, `[len]` keys that expire.
pub(crate) const SLOT_INFO: u8 = 244;
/// `[str]` source of a function library.
pub(crate) const FUNCTION: u8 = 245;
/// Function library as release candidates of Redis 7.0 wrote it.
pub(crate) const FUNCTION_PREVIEW: u8 = 246;
/// Data of a module that belongs to no key.
pub(crate) const MODULE_AUX: u8 = 247;
/// `[len]` seconds since the next key was last used.
pub(crate) const IDLE: u8 = 248;
/// `u8` access frequency of the next key.
pub(crate) const FREQ: u8 = 249;
/// `[str]` name, `[str]` value.
pub(crate) const AUX: u8 = 250;
/// `[len]` keys, `[len]` keys that expire.
pub(crate) const RESIZE_DB: u8 = 251;
/// `i64` little-endian Unix time in milliseconds when the next key expires.
pub(crate) const EXPIRE_MS: u8 = 252;
/// `i32` little-endian Unix time in seconds when the next key expires.
pub(crate) const EXPIRE_S: u8 = 253;
/// `[len]` number of the database that the next keys belong to.
pub(crate) const SELECT_DB: u8 = 254;
/// The end; the checksum follows.
pub(crate) const END: u8 = 255;
