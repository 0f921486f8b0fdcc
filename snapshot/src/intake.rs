//! What the events of a reader become: keys with their values, fed to a loader.

use rdb_format::{Element, Event, Reader, Source, ValueType};

use crate::error::LoadError;
use crate::gathering::Gathering;
use crate::keyspace::Store;
use crate::loader::{Loader, OpenText};
use crate::open_key::OpenKey;
use crate::value::FromRdb;

/// Takes events, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    open: Open,
}

/// What the reader is inside of.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    /// A string, until its value has come; `None` too if it is not wanted.
    Text(Option<OpenText>),
    /// A collection that travels as bytes, to this shard.
    Collection(usize),
    /// Any other key.
    Key(OpenKey),
}

impl Intake {
    /// Feeds to `loader` the strings that `reader` has at hand; of others their events tell.
    pub(crate) fn take_strings<S>(
        reader: &mut Reader<impl Source>,
        loader: &mut Loader<'_, S>,
    ) -> Result<(), LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        while let Some(string) = reader.next_string() {
            loader.add_string(&string)?;
        }
        Ok(())
    }

    /// Feeds what `event` says to `loader`.
    #[inline]
    pub(crate) fn take<S>(
        &mut self,
        event: Event<'_>,
        loader: &mut Loader<'_, S>,
    ) -> Result<(), LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        match event {
            Event::Key(head) if head.value_type == ValueType::String => {
                self.open =
                    Open::Text(loader.begin_text(head.key, head.expire_at_ms, head.offset)?);
            }
            Event::Key(head) if Gathering::takes(&head) => {
                self.open = Open::Collection(loader.begin_collection(&head));
            }
            Event::Key(head) => self.open = Open::Key(OpenKey::new(&head)),
            // By reference: to move it, two words that were just written apart would be read as
            // one, which stalls.
            Event::Element(ref element) => match (&mut self.open, element) {
                (Open::Text(text), Element::Item(value)) => {
                    if let Some(text) = text.take() {
                        loader.end_text(text, value)?;
                    }
                }
                (Open::Collection(shard), element) => {
                    if let Err(key) = loader.add_element(*shard, element) {
                        self.open = Open::Key(key);
                    }
                }
                (Open::Key(key), element) => key.add(*element),
                (open, _) => unreachable!("an element follows its key, not {open:?}"),
            },
            Event::KeyEnd { .. } => match std::mem::take(&mut self.open) {
                Open::Collection(shard) => loader.end_collection(shard)?,
                Open::Key(key) => key.end(loader)?,
                Open::Nothing | Open::Text(_) => {}
            },
            event => self.take_seldom(event, loader)?,
        }
        Ok(())
    }

    #[cold]
    fn take_seldom<S>(
        &mut self,
        event: Event<'_>,
        loader: &mut Loader<'_, S>,
    ) -> Result<(), LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        match (event, &mut self.open) {
            (Event::Stream(part), Open::Key(key)) => key.add_part(part),
            (Event::InsertIndex(index), Open::Key(key)) => key.set_insert_index(index),
            (Event::Header { version, .. }, _) => loader.report.rdb_version = version,
            (Event::Function(text), _) => loader.report.functions.push(text.to_vec()),
            (Event::SelectDb(number), _) => loader.select(number)?,
            (Event::ResizeDb { keys, .. }, _) => loader.expect(keys),
            (Event::KeyMeta(_) | Event::ModuleAux { .. } | Event::SlotImport { .. }, _) => {
                loader.report.not_kept += 1;
            }
            // What says nothing about the keys.
            _ => {}
        }
        Ok(())
    }
}
