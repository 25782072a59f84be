//! Objects with known fields, and arrays of them, read with whatever else may stand in their place.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    key::{Key, KeySeed, Keys},
    scope::Scope,
    skip::Skip,
};
use crate::{reject::Reject, warning::WarningCode};

/// The known fields of one kind of object.
pub(super) trait Fields<'de> {
    const KNOWN: Keys;
    /// Takes the value of `key`, which is one of [`Self::KNOWN`] and was not there before.
    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error>;
}

/// Reads the fields of an object whose opening was read. A known key that stands twice refuses the document: two readers
/// could count it differently.
pub(super) fn read_fields<'de, A: MapAccess<'de>, T: Fields<'de>>(mut map: A, scope: &Scope, fields: &mut T) -> Result<(), A::Error> {
    let mut seen = Keys::default();
    while let Some(key) = map.next_key_seed(KeySeed(scope))? {
        if !T::KNOWN.has(key) {
            map.next_value_seed(Skip(scope))?;
        } else if seen.add(key) {
            fields.take(key, &mut map, scope)?;
        } else {
            return Err(scope.refuse(Reject::DuplicateKey { key: key.name() }));
        }
    }
    Ok(())
}

/// The visitor methods of everything that is neither null, array nor object.
macro_rules! visit_scalars {
    ($self:ident => $result:expr) => {
        fn visit_bool<E: Error>($self, _: bool) -> Result<Self::Value, E> {
            $result
        }
        fn visit_u64<E: Error>($self, _: u64) -> Result<Self::Value, E> {
            $result
        }
        fn visit_i64<E: Error>($self, _: i64) -> Result<Self::Value, E> {
            $result
        }
        fn visit_f64<E: Error>($self, _: f64) -> Result<Self::Value, E> {
            $result
        }
        fn visit_str<E: Error>($self, _: &str) -> Result<Self::Value, E> {
            $result
        }
    };
}
pub(super) use visit_scalars;

/// One object; null leaves `fields` as they are, anything else is marked with `invalid`.
pub(super) struct ObjectSeed<'s, T> {
    pub(super) scope: &'s Scope,
    pub(super) fields: &'s mut T,
    pub(super) invalid: WarningCode,
}

impl<'de, T: Fields<'de>> DeserializeSeed<'de> for ObjectSeed<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Fields<'de>> Visitor<'de> for ObjectSeed<'_, T> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        read_fields(map, self.scope, self.fields)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.scope.mark(self.invalid);
        Skip(self.scope).seq(seq)
    }
    visit_scalars!(self => {
        self.scope.mark(self.invalid);
        Ok(())
    });
}

/// What collects the elements of an array of objects.
pub(super) trait Elements<'de> {
    /// Marks null or a lone object in the array's place.
    const FORM: WarningCode;
    /// Marks what is no object.
    const INVALID: WarningCode;
    /// Reads one element.
    fn object<A: MapAccess<'de>>(&mut self, map: A, scope: &Scope) -> Result<(), A::Error>;
    /// Passes over an element that is no object.
    fn pass<E: Error>(&mut self, scope: &Scope) -> Result<(), E>;
}

/// An array of objects, or null, or a lone object.
pub(super) struct ElementsSeed<'s, T> {
    pub(super) scope: &'s Scope,
    pub(super) elements: &'s mut T,
}

impl<'de, T: Elements<'de>> DeserializeSeed<'de> for ElementsSeed<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Elements<'de>> Visitor<'de> for ElementsSeed<'_, T> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(ElementSeed { scope: self.scope, elements: &mut *self.elements })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.scope.mark(T::FORM);
        self.elements.object(map, self.scope)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scope.mark(T::FORM);
        Ok(())
    }
    visit_scalars!(self => {
        self.scope.mark(T::INVALID);
        Ok(())
    });
}

struct ElementSeed<'s, T> {
    scope: &'s Scope,
    elements: &'s mut T,
}

impl<'de, T: Elements<'de>> DeserializeSeed<'de> for ElementSeed<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Elements<'de>> Visitor<'de> for ElementSeed<'_, T> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.elements.object(map, self.scope)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.scope.mark(T::INVALID);
        Skip(self.scope).seq(seq)?;
        self.elements.pass(self.scope)
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scope.mark(T::INVALID);
        self.elements.pass(self.scope)
    }
    visit_scalars!(self => {
        self.scope.mark(T::INVALID);
        self.elements.pass(self.scope)
    });
}
