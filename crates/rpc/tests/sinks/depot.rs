//! A server that does with streams what there is to do with them.

use std::collections::HashMap;
use std::sync::Mutex;

use capstan_rpc::message::{any_pointer, data, text};
use capstan_rpc::sinks::{Sink, Source, open_sink, open_source};
use capstan_rpc::{Error, Result};
use tokio::sync::watch;

use crate::depot_capnp::{depot, person};

/// What comes by a stream is there when the stream is over.
type Items = watch::Receiver<Option<Vec<String>>>;

#[derive(Default)]
pub struct Depot {
    kept: Mutex<HashMap<String, Items>>,
    stalled: Mutex<Option<Source<data::Owned>>>,
}

impl depot::Server for Depot {
    async fn put(&self, params: depot::PutParams, mut results: depot::PutResults) -> Result<()> {
        let params = params.get()?;
        let items = read_all(Source::new(params.get_items()?)).await?;
        results.get().set_count(u32::try_from(items.len()).unwrap());
        let name = params.get_name()?.to_string()?;
        self.keep(name, watch::channel(Some(items)).1);
        Ok(())
    }

    async fn get(&self, params: depot::GetParams, _: depot::GetResults) -> Result<()> {
        let params = params.get()?;
        let items = self.kept(params.get_name()?.to_str()?).await?;
        write_all(Sink::new(params.get_into()?), items).await
    }

    async fn take(&self, params: depot::TakeParams, mut results: depot::TakeResults) -> Result<()> {
        let items = self.kept(params.get()?.get_name()?.to_str()?).await?;
        let (sink, source) = open_sink();
        results.get().set_items(source);
        tokio::spawn(write_all(sink, items));
        Ok(())
    }

    async fn fill(&self, params: depot::FillParams, mut results: depot::FillResults) -> Result<()> {
        let name = params.get()?.get_name()?.to_string()?;
        let (into, source) = open_source();
        results.get().set_into(into);
        let (told, items) = watch::channel(None);
        self.keep(name, items);
        tokio::spawn(async move {
            let read = read_all(source).await;
            told.send_replace(Some(read.unwrap_or_else(|error| vec![error.reason])));
        });
        Ok(())
    }

    async fn introduce(
        &self,
        params: depot::IntroduceParams,
        mut results: depot::IntroduceResults,
    ) -> Result<()> {
        let mut names = Source::new(params.get()?.get_names()?);
        let (mut sink, people) = open_sink::<person::Owned>();
        results.get().set_people(people);
        tokio::spawn(async move {
            while let Some(name) = names.next().await {
                let name = name?;
                let name = name.get()?.to_str()?;
                if name == "Nobody" {
                    sink.abort(Error::failed("nobody is nobody"));
                    break;
                }
                sink.build(|params| {
                    let mut person = params.reborrow().init_item();
                    person.set_name(name);
                    person.set_born(u16::try_from(1800 + name.len()).unwrap());
                    Ok(())
                })
                .await?;
                if name == "Last" {
                    return sink.end().await;
                }
            }
            Ok::<_, Error>(())
        });
        Ok(())
    }

    async fn copy(&self, params: depot::CopyParams, mut results: depot::CopyResults) -> Result<()> {
        let mut from = Source::new(params.get()?.get_items()?);
        let (mut to, items) = open_sink::<any_pointer::Owned>();
        results.get().set_items(items);
        tokio::spawn(async move {
            while let Some(item) = from.next().await {
                match item {
                    Ok(item) => to.write(item.get()?).await?,
                    Err(error) => {
                        to.abort(error);
                        return Ok(());
                    }
                }
            }
            to.end().await
        });
        Ok(())
    }

    async fn stall(&self, params: depot::StallParams, _: depot::StallResults) -> Result<()> {
        let source = Source::new(params.get()?.get_items()?);
        *self.stalled.lock().unwrap() = Some(source);
        Ok(())
    }

    async fn resume(
        &self,
        _: depot::ResumeParams,
        mut results: depot::ResumeResults,
    ) -> Result<()> {
        let stalled = self.stalled.lock().unwrap().take();
        let mut source = stalled.ok_or_else(|| Error::failed("nothing is stalled"))?;
        let mut bytes = 0;
        while let Some(item) = source.next().await {
            bytes += item?.get()?.len() as u64;
        }
        results.get().set_bytes(bytes);
        Ok(())
    }

    async fn drop(&self, _: depot::DropParams, _: depot::DropResults) -> Result<()> {
        drop(self.stalled.lock().unwrap().take());
        Ok(())
    }

    async fn same(&self, params: depot::SameParams, mut results: depot::SameResults) -> Result<()> {
        results.get().set_items(params.get()?.get_items()?);
        Ok(())
    }
}

impl Depot {
    fn keep(&self, name: String, items: Items) {
        self.kept.lock().unwrap().insert(name, items);
    }

    async fn kept(&self, name: &str) -> Result<Vec<String>> {
        let kept = self.kept.lock().unwrap().get(name).cloned();
        let mut items =
            kept.ok_or_else(|| Error::failed(format!("there are no items called {name}")))?;
        let read = items.wait_for(Option::is_some).await.unwrap();
        Ok(read.clone().unwrap())
    }
}

pub async fn read_all(mut source: Source<text::Owned>) -> Result<Vec<String>> {
    let mut items = Vec::new();
    while let Some(item) = source.next().await {
        items.push(item?.get()?.to_string()?);
    }
    Ok(items)
}

pub async fn write_all(mut sink: Sink<text::Owned>, items: Vec<String>) -> Result<()> {
    for item in &items {
        sink.write(item.as_str()).await?;
    }
    sink.end().await
}
