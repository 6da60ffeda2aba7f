//! A cabinet of folders: whatever folder is asked for is there, and has others and a note in it.

use capstan_rpc::{Error, new_client};

use crate::cabinet_capnp::folder;

/// Longer paths are refused.
const PATH_BYTES_MAX: usize = 4096;

pub fn cabinet() -> folder::Client {
    new_client(Folder {
        path: String::new(),
    })
}

struct Folder {
    path: String,
}

impl folder::Server for Folder {
    async fn open(
        &self,
        params: folder::OpenParams,
        mut results: folder::OpenResults,
    ) -> Result<(), Error> {
        let path = format!("{}/{}", self.path, params.get()?.get_name()?.to_str()?);
        if path.len() > PATH_BYTES_MAX {
            return Err(Error::failed(format!(
                "the path has {} bytes; at most {PATH_BYTES_MAX} are taken",
                path.len()
            )));
        }
        results.get().set_folder(new_client(Folder { path }));
        Ok(())
    }

    async fn read(
        &self,
        _params: folder::ReadParams,
        mut results: folder::ReadResults,
    ) -> Result<(), Error> {
        let note = format!("The note at the bottom of {}", self.path);
        results.get().set_text(&*note);
        Ok(())
    }
}
