//! Hostile messages by hand, one for each thing that can be wrong, and messages that come close to
//! that without being wrong. All are read as `Node` of `js/test/schemas/hostile.capnp`.

mod blobs;
mod bounds;
mod frames;
mod lists;
mod pointers;
mod words;

/// What comes of reading everything in the message.
use words::frame;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// Refused, and the error says at which segment and word.
    BadPointer,
    /// Refused because of the frame or the packing, which have no words yet.
    BadFrame,
}

pub struct Case {
    pub name: String,
    pub packed: bool,
    pub outcome: Outcome,
    pub bytes: Vec<u8>,
}

pub fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    frames::frames(&mut cases);
    pointers::roots(&mut cases);
    pointers::structs(&mut cases);
    lists::lists(&mut cases);
    lists::tags(&mut cases);
    pointers::far_pointers(&mut cases);
    blobs::blobs(&mut cases);
    lists::wrong_kinds(&mut cases);
    lists::upgrades(&mut cases);
    bounds::depth(&mut cases);
    bounds::amplification(&mut cases);
    frames::packing(&mut cases);
    cases.0
}

#[derive(Default)]
pub struct Cases(pub Vec<Case>);

impl Cases {
    fn push(&mut self, name: impl Into<String>, outcome: Outcome, bytes: Vec<u8>) {
        self.0.push(Case {
            name: name.into(),
            packed: false,
            outcome,
            bytes,
        });
    }

    fn packed(&mut self, name: impl Into<String>, outcome: Outcome, bytes: Vec<u8>) {
        self.push(name, outcome, bytes);
        if let Some(case) = self.0.last_mut() {
            case.packed = true;
        }
    }

    fn one(&mut self, name: impl Into<String>, outcome: Outcome, words: Vec<u64>) {
        self.push(name, outcome, frame(&[words]));
    }

    fn segments(&mut self, name: impl Into<String>, outcome: Outcome, segments: &[Vec<u64>]) {
        self.push(name, outcome, frame(segments));
    }
}
