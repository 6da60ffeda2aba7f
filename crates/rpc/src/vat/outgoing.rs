//! Calls and results under construction, in the frame they will leave in.

use capstan_message::any_pointer;
use capstan_message::message::FrameBuilder;

use super::wire::{self, Descriptor, Target};
use super::{Exception, QuestionId};
use crate::rpc_capnp::{call, cap_descriptor, message, payload, return_};

/// The params of a call or its results under construction.
///
/// Its frame starts as the RPC message around them, the content is built in place, and what only
/// the vat knows (ids, the cap table) is filled in when it is sent: nothing is copied.
pub struct Outgoing {
    frame: FrameBuilder,
    content_pointer_word: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Call,
    Return,
}

impl Outgoing {
    /// Params for method `method_id` of interface `interface_id`. `content_words_hint` is the room
    /// they are expected to need.
    pub fn call(interface_id: u64, method_id: u16, content_words_hint: usize) -> Self {
        Self::new(Place::Call, content_words_hint, |message| {
            let mut call = message.init_call();
            call.set_interface_id(interface_id);
            call.set_method_id(method_id);
            call.reborrow().init_target();
            call.init_params();
        })
    }

    /// Results for an answer.
    pub fn results(content_words_hint: usize) -> Self {
        Self::new(Place::Return, content_words_hint, |message| {
            let mut ret = message.init_return();
            ret.set_release_param_caps(false);
            ret.init_results();
        })
    }

    /// Where the params or results struct goes. The capability pointers in it are indexes into the
    /// list that is given when it is sent.
    pub fn content(&mut self) -> crate::Result<any_pointer::Builder<'_>> {
        Ok(self.payload()?.get_content())
    }

    /// The frame itself, for an encoder that writes words in place.
    pub fn frame_mut(&mut self) -> &mut FrameBuilder {
        &mut self.frame
    }

    /// The word of the segment in which the content's pointer stands.
    pub fn content_pointer_word(&self) -> usize {
        self.content_pointer_word
    }

    /// The size of the frame so far, segment table included.
    pub fn frame_bytes(&self) -> usize {
        (self.frame.used_words() + 1) * capstan_message::WORD_BYTES
    }

    /// Asks that the results stay with whoever gets the call.
    pub(super) fn leave_results(&mut self) -> crate::Result<()> {
        self.get_call()?.init_send_results_to().set_yourself(());
        Ok(())
    }

    pub(super) fn into_call(
        mut self,
        question: QuestionId,
        target: &Target,
        descriptors: &[Descriptor],
    ) -> crate::Result<Vec<u8>> {
        self.set_cap_table(descriptors)?;
        let mut call = self.get_call()?;
        call.set_question_id(question.0);
        wire::build_target(call.get_target()?, target);
        self.into_frame()
    }

    /// `no_finish_needed`: whether the answer is forgotten at once; only for results without capabilities.
    pub(super) fn into_return(
        mut self,
        answer: u32,
        no_finish_needed: bool,
        descriptors: &[Descriptor],
    ) -> crate::Result<Vec<u8>> {
        self.set_cap_table(descriptors)?;
        let mut ret = self.get_return()?;
        ret.set_answer_id(answer);
        ret.set_no_finish_needed(no_finish_needed);
        self.into_frame()
    }

    /// The frame as it is, for a call that never leaves this vat.
    pub(super) fn into_local(self) -> crate::Result<Vec<u8>> {
        self.into_frame()
    }

    pub(super) fn method(&mut self) -> crate::Result<(u64, u16)> {
        let call = self.get_call()?.into_reader();
        Ok((call.get_interface_id(), call.get_method_id()))
    }

    fn new(
        place: Place,
        content_words_hint: usize,
        init: impl FnOnce(message::Builder<'_>),
    ) -> Self {
        let mut frame =
            FrameBuilder::with_capacity_words(content_words_hint.saturating_add(ENVELOPE_WORDS));
        init(frame.init_root::<message::Builder<'_>>());
        // The payload came last: its content pointer and its cap table pointer.
        let content_pointer_word = frame.used_words().saturating_sub(2);
        Self {
            frame,
            content_pointer_word,
            place,
        }
    }

    /// Setters do not fail; what they had no room for shows here.
    fn into_frame(self) -> crate::Result<Vec<u8>> {
        match self.frame.error() {
            Some(error) => Err(Exception::failed(format!(
                "the message could not be built: {error}"
            ))),
            None => Ok(self.frame.into_frame()),
        }
    }

    fn set_cap_table(&mut self, descriptors: &[Descriptor]) -> crate::Result<()> {
        if descriptors.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(descriptors.len()).unwrap_or(u32::MAX);
        let mut table = self.payload()?.init_cap_table(count);
        for (descriptor, index) in descriptors.iter().zip(0..) {
            let entry: cap_descriptor::Builder<'_> = table.reborrow().get(index);
            wire::build_descriptor(entry, descriptor);
        }
        Ok(())
    }

    fn payload(&mut self) -> crate::Result<payload::Builder<'_>> {
        match self.place {
            Place::Call => Ok(self.get_call()?.get_params()?),
            Place::Return => match self.get_return()?.which() {
                Ok(return_::WhichBuilder::Results(results)) => Ok(results?),
                _ => Err(Exception::failed("the content was overwritten")),
            },
        }
    }

    fn get_call(&mut self) -> crate::Result<call::Builder<'_>> {
        match self.frame.get_root::<message::Builder<'_>>()?.which() {
            Ok(message::WhichBuilder::Call(call)) => Ok(call?),
            _ => Err(Exception::failed("results were given where params belong")),
        }
    }

    fn get_return(&mut self) -> crate::Result<return_::Builder<'_>> {
        match self.frame.get_root::<message::Builder<'_>>()?.which() {
            Ok(message::WhichBuilder::Return(ret)) => Ok(ret?),
            _ => Err(Exception::failed("params were given where results belong")),
        }
    }
}

impl core::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Outgoing({:?}, {} bytes)",
            self.place,
            self.frame_bytes()
        )
    }
}

/// Enough for the RPC message around any content, a small cap table included.
const ENVELOPE_WORDS: usize = 32;
