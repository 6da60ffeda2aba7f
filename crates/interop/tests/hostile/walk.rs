// Included once for each library, with `api` naming it and `hostile_capnp` its generated code: reads
// everything that the schema says and what it leaves open.

use hostile_capnp::{node, tagged, wide};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Counts what it reads.
pub fn walk(from: node::Reader<'_>, read: &mut u64) -> Result<()> {
    *read += 1;
    let _ = (from.get_number(), from.get_kind());
    from.get_text()?.to_str()?;
    *read += from.get_data()?.len() as u64 / 8;
    if from.has_node() {
        walk(from.get_node()?, read)?;
    }
    for node in from.get_nodes()? {
        walk(node, read)?;
    }
    if from.has_any() {
        copy_any(from.get_any())?;
    }
    *read += u64::from(from.get_voids()?.len());
    *read += u64::from(from.get_bools()?.len() / 64);
    *read += u64::from(from.get_longs()?.len());
    for text in from.get_texts()? {
        *read += text?.to_str()?.len() as u64 / 8;
    }
    for rows in from.get_nested()? {
        for row in rows? {
            *read += u64::from(row?.len() / 8) + 1;
        }
    }
    for _ in from.get_empties()? {
        *read += 1;
    }
    for wide in from.get_wides()? {
        walk_wide(wide, read)?;
    }
    from.get_by_default()?.to_str()?;
    match from.which() {
        Ok(node::Which::Other(other)) => walk(other?, read)?,
        Ok(node::Which::Pair(pair)) => {
            walk(pair.get_left()?, read)?;
            walk(pair.get_right()?, read)?;
        }
        Ok(node::Which::Nothing(())) | Err(_) => {}
    }
    *read += u64::from(from.get_bytes()?.len() / 8);
    walk_wide(from.get_wide()?, read)?;
    for data in from.get_datas()? {
        *read += data?.len() as u64 / 8;
    }
    *read += u64::from(from.get_kinds()?.len() / 4);
    for tagged in from.get_tagged()? {
        walk_tagged(tagged, read)?;
    }
    Ok(())
}

fn walk_tagged(from: tagged::Reader<'_>, read: &mut u64) -> Result<()> {
    *read += 1;
    match from.which() {
        Ok(tagged::Which::Text(text)) => *read += text?.to_str()?.len() as u64 / 8,
        Ok(tagged::Which::Data(data)) => *read += data?.len() as u64 / 8,
        Ok(tagged::Which::Texts(texts)) => {
            for text in texts? {
                *read += text?.to_str()?.len() as u64 / 8;
            }
        }
        Err(_) => {}
    }
    Ok(())
}

fn walk_wide(from: wide::Reader<'_>, read: &mut u64) -> Result<()> {
    *read += 1;
    let _ = (from.get_a(), from.get_h());
    from.get_i()?.to_str()?;
    from.get_j()?;
    from.get_k()?;
    if from.has_l() {
        walk_wide(from.get_l()?, read)?;
    }
    Ok(())
}

fn copy_any(from: api::any_pointer::Reader<'_>) -> Result<()> {
    let mut copy = api::message::Builder::new_default();
    Ok(set_any(&mut copy, from)?)
}
