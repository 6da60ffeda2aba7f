//! Any bytes as segments, and everything that can be reached in them: read as what it is and as
//! what it is not, measured, and copied. The first byte chooses how the rest is cut into segments.

use std::hint::black_box;

use capstan_message::layout::{ElementSize, PointerKind, PointerReader, StructReader};
use capstan_message::message::{Builder, FrameBuilder, Reader, ReaderOptions, SegmentArray};
use capstan_message::{Result, any_pointer, serialize};

/// Every visit costs at least a word, but there may be several ways of reading it.
const TRAVERSAL_LIMIT_WORDS: usize = 1 << 12;

pub fn run(data: &[u8]) {
    let [cut, data @ ..] = data else {
        return;
    };
    let segments: Vec<&[u8]> = match usize::from(*cut) {
        0 => vec![data],
        cut => data.chunks(8 * cut).collect(),
    };
    let options = ReaderOptions {
        traversal_limit_in_words: Some(TRAVERSAL_LIMIT_WORDS),
        nesting_limit: 16,
        segment_limit: 512,
    };
    let message = || Reader::new(SegmentArray::new(&segments), options);

    let reader = message();
    let Ok(root) = reader.get_root_any() else {
        return;
    };
    let mut visits = 0;
    let walked = walk(root.reader, &mut visits);
    assert!(visits <= 64 * TRAVERSAL_LIMIT_WORDS, "{visits} visits");

    let reader = message();
    let measured = reader.get_root_any().and_then(|root| root.target_size());

    let reader = message();
    let mut copy = FrameBuilder::with_capacity_words(0);
    let copied = copy.set_root::<any_pointer::Owned>(reader.get_root_any().unwrap());
    // The copy is no larger than what the limit let it visit, and is itself a good message.
    assert!(copy.used_words() <= 2 * TRAVERSAL_LIMIT_WORDS + 1);
    if walked.is_ok() && copied.is_ok() {
        assert!(measured.is_ok());
        let frame = copy.into_frame();
        let copy = serialize::read_frame_from_slice(&frame, options).unwrap();
        let mut again = 0;
        let walked = walk(copy.get_root_any().unwrap().reader, &mut again);
        assert!(walked.is_ok(), "{walked:?}");
    }

    let reader = message();
    let mut scratch = Builder::new_default();
    if scratch
        .set_root_canonical::<any_pointer::Owned>(reader.get_root_any().unwrap())
        .is_ok()
    {
        assert!(scratch.size_in_words() <= 2 * TRAVERSAL_LIMIT_WORDS + 1);
    }
}

fn walk(pointer: PointerReader<'_>, visits: &mut usize) -> Result<()> {
    *visits += 1;
    // A pointer that is none of these must say so; what it says is not of interest here.
    let _ = pointer.get_text(None).map(|text| text.to_str().is_ok());
    let _ = pointer.get_data(None).map(<[u8]>::len);
    let _ = pointer.get_list(ElementSize::InlineComposite, None);
    let _ = pointer.get_list(ElementSize::Pointer, None);
    let _ = pointer.get_list(ElementSize::Bit, None);
    match pointer.kind()? {
        PointerKind::Null => Ok(()),
        PointerKind::Capability => pointer.capability_index().map(drop),
        PointerKind::Struct => walk_struct(pointer.get_struct(None)?, visits),
        PointerKind::List => {
            let list = pointer.get_any_list(None)?;
            let bytes = list.raw_bytes().len() as u64;
            assert!(bytes * 8 >= u64::from(list.len()) * u64::from(list.step_bits()));
            // Elements of no size are many: the first and the last stand for them.
            let all = match list.step_bits() {
                0 => 2,
                _ => list.len(),
            };
            for index in (0..all.min(list.len())).chain(list.len().checked_sub(1)) {
                match list.element_size() {
                    ElementSize::Pointer => walk(list.get_pointer_element(index), visits)?,
                    ElementSize::InlineComposite => {
                        walk_struct(list.get_struct_element(index), visits)?;
                    }
                    _ => {
                        black_box(list.get_element::<u64>(index));
                        black_box(list.get_element::<bool>(index));
                        black_box(list.get_struct_element(index));
                    }
                }
            }
            assert!(list.get_pointer_element(list.len()).is_null());
            Ok(())
        }
    }
}

fn walk_struct(reader: StructReader<'_>, visits: &mut usize) -> Result<()> {
    *visits += 1;
    for offset in 0..reader.data_section().len() / 8 + 1 {
        black_box(reader.get_data_field::<u64>(offset));
        black_box(reader.get_bool_field(offset * 64));
    }
    for index in 0..usize::from(reader.pointer_count()) {
        walk(reader.get_pointer_field(index), visits)?;
    }
    assert!(
        reader
            .get_pointer_field(reader.pointer_count().into())
            .is_null()
    );
    Ok(())
}
