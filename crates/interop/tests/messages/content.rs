// Included once for each library, with `api` naming it and `everything_capnp` its generated code:
// random messages, and what a reader sees in one, as text.

use everything_capnp::{
    Color, defaults, everything, newer, newer_lists, older, older_lists, small,
};
use std::fmt::Write as _;

const COLORS: [Color; 4] = [Color::Red, Color::Green, Color::Blue, Color::Violet];

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Fills in some of the fields. `Random` decides which, so equal seeds give equal messages.
pub fn fill(random: &mut Random, mut to: everything::Builder<'_>, depth: u32) -> Result<()> {
    fill_scalars(random, to.reborrow());
    if random.one_in(2) {
        to.set_text(&random.text()[..]);
    }
    if random.one_in(3) {
        to.set_data(&random.bytes(20)[..]);
    }
    if random.one_in(3) {
        fill_scalar_lists(random, to.reborrow());
    }
    if random.one_in(3) {
        fill_pointer_lists(random, to.reborrow())?;
    }
    if random.opaque && random.one_in(4) {
        let anything = to.reborrow().init_anything();
        fill_small(random, anything.init_as());
        let texts: api::text_list::Builder<'_> = to.reborrow().init_anythings().initn_as(2);
        fill_texts(random, texts);
    }
    if random.one_in(4) {
        let mut parcel = to.reborrow().init_parcel();
        parcel.set_count(random.byte());
        parcel.set_content(&random.text()[..])?;
        let count = random.below(3);
        let mut parcels = to.reborrow().init_parcels(count);
        for index in 0..count {
            let length = random.below(4);
            let mut numbers = parcels.reborrow().get(index).initn_content(length);
            for index in 0..length {
                numbers.set(index, random.next() as u16);
            }
        }
    }
    if random.one_in(3) {
        let mut corner = to.reborrow().init_corner();
        corner.set_x(random.next() as i16);
        corner.set_label(&random.text()[..]);
    }
    fill_union(random, to.reborrow());
    if random.one_in(4) {
        fill_defaults(random, to.reborrow().init_defaults());
    }
    if depth > 0 {
        if random.one_in(2) {
            fill(random, to.reborrow().init_child(), depth - 1)?;
        }
        if random.one_in(3) {
            let count = random.below(3);
            let mut children = to.reborrow().init_children(count);
            for index in 0..count {
                fill(random, children.reborrow().get(index), depth - 1)?;
            }
        }
    }
    Ok(())
}

fn fill_scalars(random: &mut Random, mut to: everything::Builder<'_>) {
    to.set_flag(random.one_in(2));
    to.set_int8(random.next() as i8);
    to.set_int16(random.sparse() as i16);
    to.set_int32(random.sparse() as i32);
    to.set_int64(random.sparse() as i64);
    to.set_uint8(random.byte());
    to.set_uint16(random.sparse() as u16);
    to.set_uint32(random.sparse() as u32);
    to.set_uint64(random.sparse());
    to.set_float32(random.float32());
    to.set_float64(random.float64());
    to.set_color(COLORS[random.below(4) as usize]);
}

fn fill_scalar_lists(random: &mut Random, mut to: everything::Builder<'_>) {
    let count = random.below(20);
    to.reborrow().init_voids(count);
    macro_rules! fill {
        ($init:ident, $value:expr) => {
            let count = random.below(12);
            let mut list = to.reborrow().$init(count);
            for index in 0..count {
                list.set(index, $value);
            }
        };
    }
    fill!(init_flags, random.one_in(2));
    fill!(init_int8s, random.next() as i8);
    fill!(init_int16s, random.next() as i16);
    fill!(init_int32s, random.next() as i32);
    fill!(init_int64s, random.next() as i64);
    fill!(init_uint8s, random.next() as u8);
    fill!(init_uint16s, random.next() as u16);
    fill!(init_uint32s, random.next() as u32);
    fill!(init_uint64s, random.next());
    fill!(init_float32s, random.float32());
    fill!(init_float64s, random.float64());
    fill!(init_colors, COLORS[random.below(4) as usize]);
}

fn fill_pointer_lists(random: &mut Random, mut to: everything::Builder<'_>) -> Result<()> {
    let count = random.below(4);
    fill_texts(random, to.reborrow().init_texts(count));
    let count = random.below(4);
    let mut datas = to.reborrow().init_datas(count);
    for index in 0..count {
        datas.set(index, &random.bytes(10)[..]);
    }
    let count = random.below(5);
    let mut smalls = to.reborrow().init_smalls(count);
    for index in 0..count {
        fill_small(random, smalls.reborrow().get(index));
    }
    let count = random.below(5);
    to.reborrow().init_empties(count);
    let count = random.below(4);
    let mut matrix = to.reborrow().init_matrix(count);
    for index in 0..count {
        let length = random.below(4);
        let mut row = matrix.reborrow().init(index, length);
        for index in 0..length {
            row.set(index, random.next() as i32);
        }
    }
    let count = random.below(3);
    let mut words = to.reborrow().init_words(count);
    for index in 0..count {
        let length = random.below(3);
        fill_texts(random, words.reborrow().init(index, length));
    }
    let count = random.below(3);
    let mut trees = to.reborrow().init_trees(count);
    for index in 0..count {
        let length = random.below(3);
        let mut branches = trees.reborrow().init(index, length);
        for index in 0..length {
            let length = random.below(3);
            let mut leaves = branches.reborrow().init(index, length);
            for index in 0..length {
                fill_small(random, leaves.reborrow().get(index));
            }
        }
    }
    Ok(())
}

fn fill_texts(random: &mut Random, mut list: api::text_list::Builder<'_>) {
    for index in 0..list.len() {
        list.set(index, &random.text()[..]);
    }
}

fn fill_small(random: &mut Random, mut to: small::Builder<'_>) {
    to.set_id(random.sparse() as u32);
    to.set_on(random.one_in(2));
    if random.one_in(2) {
        to.set_note(&random.text()[..]);
    }
}

fn fill_union(random: &mut Random, mut to: everything::Builder<'_>) {
    match random.below(6) {
        0 => to.set_none(()),
        1 => to.set_number(random.next() as u32),
        2 => to.set_name(&random.text()[..]),
        3 => fill_small(random, to.init_small()),
        4 => {
            let mut pair = to.init_pair();
            pair.set_first(random.one_in(2));
            let mut second = pair.init_second(3);
            second.set(1, random.byte());
        }
        _ => {}
    }
}

fn fill_defaults(random: &mut Random, mut to: defaults::Builder<'_>) {
    if random.one_in(2) {
        to.set_flag(random.one_in(2));
        to.set_int8(random.next() as i8);
        to.set_int64(random.sparse() as i64);
        to.set_uint16(random.next() as u16);
        to.set_float32(random.float32());
        to.set_float64(random.float64());
        to.set_color(COLORS[random.below(4) as usize]);
    }
    if random.one_in(2) {
        to.set_text(&random.text()[..]);
    }
    if random.one_in(3) {
        fill_small(random, to.reborrow().init_small());
        fill_texts(random, to.init_texts(2));
    }
}

/// Everything a reader sees, field by field.
pub fn dump(from: everything::Reader<'_>, out: &mut String) -> Result<()> {
    writeln!(
        out,
        "{:?} {} {} {} {} {} {} {} {} {} {:x} {:x} {:?}",
        from.get_nothing(),
        from.get_flag(),
        from.get_int8(),
        from.get_int16(),
        from.get_int32(),
        from.get_int64(),
        from.get_uint8(),
        from.get_uint16(),
        from.get_uint32(),
        from.get_uint64(),
        from.get_float32().to_bits(),
        from.get_float64().to_bits(),
        u16::from(from.get_color()?),
    )?;
    writeln!(
        out,
        "{:?} {:?}",
        from.get_text()?.as_bytes(),
        from.get_data()?
    )?;
    macro_rules! lists {
        ($($get:ident),*) => {$({
            write!(out, "{}:", stringify!($get))?;
            for element in from.$get()? {
                write!(out, " {element:?}")?;
            }
            writeln!(out)?;
        })*};
    }
    lists!(
        get_voids,
        get_flags,
        get_int8s,
        get_int16s,
        get_int32s,
        get_int64s,
        get_uint8s,
        get_uint16s,
        get_uint32s,
        get_uint64s,
        get_datas
    );
    for number in from.get_float32s()? {
        write!(out, " {:x}", number.to_bits())?;
    }
    for number in from.get_float64s()? {
        write!(out, " {:x}", number.to_bits())?;
    }
    for color in from.get_colors()? {
        write!(out, " {}", u16::from(color?))?;
    }
    dump_texts(from.get_texts()?, out)?;
    for small in from.get_smalls()? {
        dump_small(small, out)?;
    }
    writeln!(out, "{} empties", from.get_empties()?.len())?;
    for row in from.get_matrix()? {
        writeln!(out, "row {:?}", row?.iter().collect::<Vec<_>>())?;
    }
    for texts in from.get_words()? {
        dump_texts(texts?, out)?;
    }
    for branches in from.get_trees()? {
        writeln!(out, "tree")?;
        for leaves in branches? {
            writeln!(out, "branch")?;
            for leaf in leaves? {
                dump_small(leaf, out)?;
            }
        }
    }
    if from.has_anything() {
        dump_small(from.get_anything().get_as()?, out)?;
    }
    if from.has_anythings() {
        dump_texts(from.get_anythings().get_as()?, out)?;
    }
    if from.has_parcel() {
        let parcel = from.get_parcel()?;
        writeln!(
            out,
            "parcel {:?} {}",
            parcel.get_content()?.as_bytes(),
            parcel.get_count()
        )?;
    }
    for parcel in from.get_parcels()? {
        writeln!(
            out,
            "{:?}",
            parcel.get_content()?.iter().collect::<Vec<_>>()
        )?;
    }
    let corner = from.get_corner();
    writeln!(
        out,
        "corner {} {:?}",
        corner.get_x(),
        corner.get_label()?.as_bytes()
    )?;
    match from.which()? {
        everything::Which::None(()) => writeln!(out, "none")?,
        everything::Which::Number(number) => writeln!(out, "number {number}")?,
        everything::Which::Name(name) => writeln!(out, "name {:?}", name?.as_bytes())?,
        everything::Which::Small(small) => dump_small(small?, out)?,
        everything::Which::Pair(pair) => {
            let second: Vec<u8> = pair.get_second()?.iter().collect();
            writeln!(out, "pair {} {second:?}", pair.get_first())?;
        }
    }
    dump_defaults(from.get_defaults()?, out)?;
    if from.has_child() {
        writeln!(out, "child")?;
        dump(from.get_child()?, out)?;
    }
    for child in from.get_children()? {
        writeln!(out, "one of the children")?;
        dump(child, out)?;
    }
    Ok(())
}

fn dump_texts(texts: api::text_list::Reader<'_>, out: &mut String) -> Result<()> {
    write!(out, "texts")?;
    for text in texts {
        write!(out, " {:?}", text?.as_bytes())?;
    }
    Ok(writeln!(out)?)
}

fn dump_small(small: small::Reader<'_>, out: &mut String) -> Result<()> {
    Ok(writeln!(
        out,
        "small {} {} {:?}",
        small.get_id(),
        small.get_on(),
        small.get_note()?.as_bytes()
    )?)
}

fn dump_defaults(from: defaults::Reader<'_>, out: &mut String) -> Result<()> {
    writeln!(
        out,
        "defaults {} {} {} {} {} {} {} {} {} {:x} {:x} {}",
        from.get_flag(),
        from.get_int8(),
        from.get_int16(),
        from.get_int32(),
        from.get_int64(),
        from.get_uint8(),
        from.get_uint16(),
        from.get_uint32(),
        from.get_uint64(),
        from.get_float32().to_bits(),
        from.get_float64().to_bits(),
        u16::from(from.get_color()?),
    )?;
    writeln!(
        out,
        "{:?} {:?}",
        from.get_text()?.as_bytes(),
        from.get_data()?
    )?;
    dump_small(from.get_small()?, out)?;
    writeln!(out, "{:?}", from.get_flags()?.iter().collect::<Vec<_>>())?;
    writeln!(out, "{:?}", from.get_int16s()?.iter().collect::<Vec<_>>())?;
    writeln!(
        out,
        "{:?}",
        from.get_float64s()?
            .iter()
            .map(f64::to_bits)
            .collect::<Vec<_>>()
    )?;
    dump_texts(from.get_texts()?, out)?;
    for data in from.get_datas()? {
        writeln!(out, "{:?}", data?)?;
    }
    for color in from.get_colors()? {
        writeln!(out, "{}", u16::from(color?))?;
    }
    for small in from.get_smalls()? {
        dump_small(small, out)?;
    }
    for row in from.get_matrix()? {
        writeln!(out, "row {:?}", row?.iter().collect::<Vec<_>>())?;
    }
    Ok(writeln!(out, "{} voids", from.get_voids()?.len())?)
}

/// Lists as an older sender has them.
pub fn fill_older(random: &mut Random, mut to: older_lists::Builder<'_>) {
    let count = random.below(5);
    let mut numbers = to.reborrow().init_numbers(count);
    for index in 0..count {
        numbers.set(index, random.next() as u32);
    }
    fill_texts(random, to.reborrow().init_names(count));
    let mut structs = to.reborrow().init_structs(count);
    for index in 0..count {
        fill_one_older(random, structs.reborrow().get(index));
    }
    fill_one_older(random, to.init_one());
}

fn fill_one_older(random: &mut Random, mut to: older::Builder<'_>) {
    to.set_id(random.next() as u32);
    to.set_name(&random.text()[..]);
}

/// Lists as a newer sender has them.
pub fn fill_newer(random: &mut Random, mut to: newer_lists::Builder<'_>) {
    let count = random.below(5);
    let mut numbers = to.reborrow().init_numbers(count);
    for index in 0..count {
        let mut number = numbers.reborrow().get(index);
        number.set_number(random.next() as u32);
        number.set_label(&random.text()[..]);
    }
    let mut names = to.reborrow().init_names(count);
    for index in 0..count {
        let mut name = names.reborrow().get(index);
        name.set_number(random.next() as u32);
        name.set_name(&random.text()[..]);
    }
    let mut structs = to.reborrow().init_structs(count);
    for index in 0..count {
        fill_one_newer(random, structs.reborrow().get(index));
    }
    fill_one_newer(random, to.init_one());
}

fn fill_one_newer(random: &mut Random, mut to: newer::Builder<'_>) {
    to.set_id(random.next() as u32);
    to.set_name(&random.text()[..]);
    to.set_extra(random.sparse());
    if random.one_in(2) {
        fill_one_older(random, to.reborrow().init_more(2).get(1));
        to.set_tail(&random.bytes(9)[..]);
    }
}

/// What someone who knows only the older schema sees.
pub fn dump_older(from: older_lists::Reader<'_>, out: &mut String) -> Result<()> {
    writeln!(out, "{:?}", from.get_numbers()?.iter().collect::<Vec<_>>())?;
    dump_texts(from.get_names()?, out)?;
    for one in from.get_structs()?.iter().chain([from.get_one()?]) {
        writeln!(out, "{} {:?}", one.get_id(), one.get_name()?.as_bytes())?;
    }
    Ok(())
}

/// What someone who knows the newer schema sees.
pub fn dump_newer(from: newer_lists::Reader<'_>, out: &mut String) -> Result<()> {
    for number in from.get_numbers()? {
        writeln!(
            out,
            "{} {:?}",
            number.get_number(),
            number.get_label()?.as_bytes()
        )?;
    }
    for name in from.get_names()? {
        writeln!(
            out,
            "{:?} {}",
            name.get_name()?.as_bytes(),
            name.get_number()
        )?;
    }
    for one in from.get_structs()?.iter().chain([from.get_one()?]) {
        writeln!(
            out,
            "{} {:?} {} {:?}",
            one.get_id(),
            one.get_name()?.as_bytes(),
            one.get_extra(),
            one.get_tail()?
        )?;
        for more in one.get_more()? {
            writeln!(
                out,
                "more {} {:?}",
                more.get_id(),
                more.get_name()?.as_bytes()
            )?;
        }
    }
    Ok(())
}
