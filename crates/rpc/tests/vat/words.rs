//! Frames in words, for logs.

/// A frame in words, for the log.
pub fn describe(frame: &[u8]) -> String {
    use capstan_rpc::rpc_capnp::message;
    let message = capstan_message::serialize::read_frame(frame.to_vec(), Default::default());
    let message = message.unwrap();
    let root = message.get_root::<message::Reader<'_>>().unwrap();
    match root.which().unwrap() {
        message::Call(call) => {
            let call = call.unwrap();
            format!(
                "call {} {:?}",
                call.get_question_id(),
                target(call.get_target().unwrap())
            )
        }
        message::Return(ret) => format!("return {}", ret.unwrap().get_answer_id()),
        message::Finish(finish) => {
            let finish = finish.unwrap();
            let release = finish.get_release_result_caps();
            format!("finish {} release {release}", finish.get_question_id())
        }
        message::Release(release) => {
            let release = release.unwrap();
            format!(
                "release {} x {}",
                release.get_id(),
                release.get_reference_count()
            )
        }
        message::Disembargo(disembargo) => {
            format!(
                "disembargo {}",
                target(disembargo.unwrap().get_target().unwrap())
            )
        }
        message::Resolve(resolve) => format!("resolve {}", resolve.unwrap().get_promise_id()),
        message::Bootstrap(ask) => format!("bootstrap {}", ask.unwrap().get_question_id()),
        message::Abort(_) => "abort".into(),
        _ => "other".into(),
    }
}

fn target(target: capstan_rpc::rpc_capnp::message_target::Reader<'_>) -> String {
    use capstan_rpc::rpc_capnp::message_target;
    match target.which().unwrap() {
        message_target::ImportedCap(id) => format!("import {id}"),
        message_target::PromisedAnswer(answer) => {
            format!("question {}", answer.unwrap().get_question_id())
        }
    }
}
