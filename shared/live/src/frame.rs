//! From lines to frames: several lines for one connection share a frame, frames stay within the gateway's
//! limit, and messages of frames within the queue's.

use crate::protocol::Reply;
use domain::Frame;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// Bytes of one frame at most: API Gateway's limit for a WebSocket frame.
pub const MAX_FRAME: usize = 32 * 1024;

/// `type` of the publication that stands for one that is too large: "something changed here, fetch it".
/// It keeps the offset of what it replaces, so nobody sees a gap.
pub const REFETCH: &str = "refetch";

/// Frames in one message of the push queue at most.
const MAX_FRAMES: usize = 100;

/// Bytes of payload in one message of the push queue at most; a fifth of what SQS takes.
const MAX_MESSAGE: usize = 200 * 1024;

/// The line of a publication, or of its replacement if it would not fit a frame.
pub fn publication(channel: &str, offset: u64, data: &Value) -> String {
    let line = Reply::publication(channel, offset, data.clone()).to_line();
    if line.len() <= MAX_FRAME {
        return line;
    }
    tracing::warn!(channel, offset, bytes = line.len(), "publication does not fit a frame: clients fetch");
    Reply::publication(channel, offset, json!({ "type": REFETCH })).to_line()
}

/// What goes out together: lines by connection, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Batch {
    connections: BTreeMap<String, Outgoing>,
}

#[derive(Debug, Default)]
struct Outgoing {
    lines: Vec<Arc<str>>,
    close: bool,
}

impl Batch {
    /// Adds a line (at most [`MAX_FRAME`] bytes) for a connection. The line is shared, not copied: one
    /// publication goes to many.
    pub fn add(&mut self, connection: &str, line: &Arc<str>) {
        self.outgoing(connection).lines.push(Arc::clone(line));
    }

    /// Closes the connection after its lines.
    pub fn close(&mut self, connection: &str) {
        self.outgoing(connection).close = true;
    }

    /// Whether there is nothing to post.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// As few frames as the limit allows; those of one connection follow each other.
    pub fn into_frames(self) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(self.connections.len());
        for (connection_id, Outgoing { lines, close }) in self.connections {
            let mut payload = String::new();
            for line in &lines {
                if !payload.is_empty() && payload.len() + 1 + line.len() > MAX_FRAME {
                    let full = std::mem::take(&mut payload);
                    frames.push(Frame { connection_id: connection_id.clone(), payload: full, close: false });
                }
                if !payload.is_empty() {
                    payload.push('\n');
                }
                payload.push_str(line);
            }
            frames.push(Frame { connection_id, payload, close });
        }
        frames
    }

    fn outgoing(&mut self, connection: &str) -> &mut Outgoing {
        self.connections.entry(connection.to_owned()).or_default()
    }
}

/// Splits frames into groups that fit a message of the push queue each.
pub fn chunks(frames: Vec<Frame>) -> Vec<Vec<Frame>> {
    let mut chunks: Vec<Vec<Frame>> = Vec::new();
    let mut bytes = 0;
    for frame in frames {
        // The payload is a string in a string: quotes and newlines take a second byte.
        let size =
            frame.payload.len() + frame.payload.bytes().filter(|b| b"\"\\\n".contains(b)).count() + 100;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < MAX_FRAMES && bytes + size <= MAX_MESSAGE => {
                chunk.push(frame);
                bytes += size;
            }
            _ => {
                chunks.push(vec![frame]);
                bytes = size;
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Event, Message, MessageId, Trace};

    fn line(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[test]
    fn lines_of_one_connection_share_a_frame_in_order() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        batch.add("b", &line("1"));
        batch.add("a", &line("2"));
        batch.add("b", &line("3"));
        batch.close("b");
        batch.close("c");
        let frame = |id: &str, payload: &str, close| Frame {
            connection_id: id.into(),
            payload: payload.into(),
            close,
        };
        assert_eq!(
            batch.into_frames(),
            [frame("a", "2", false), frame("b", "1\n3", true), frame("c", "", true)]
        );
    }

    #[test]
    fn a_frame_never_passes_the_limit_and_only_the_last_one_closes() {
        let mut batch = Batch::default();
        let long = line(&"x".repeat(MAX_FRAME / 2));
        for _ in 0..3 {
            batch.add("a", &long);
        }
        batch.close("a");
        let frames = batch.into_frames();
        assert_eq!(frames.len(), 3); // two halves and a newline are one byte too many
        assert!(frames.iter().all(|f| f.payload.len() <= MAX_FRAME));
        assert_eq!(frames.iter().map(|f| f.close).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_publication_that_does_not_fit_becomes_a_word_to_fetch_with_the_same_offset() {
        let small = publication("team:1", 7, &json!({"a": 1}));
        assert_eq!(small, r#"{"push":{"channel":"team:1","pub":{"offset":7,"data":{"a":1}}}}"#);
        let large = publication("team:1", 7, &json!({ "a": "x".repeat(MAX_FRAME) }));
        assert_eq!(large, r#"{"push":{"channel":"team:1","pub":{"offset":7,"data":{"type":"refetch"}}}}"#);
    }

    #[test]
    fn messages_of_frames_stay_small_and_lose_nothing() {
        let frame = |i: usize, len| Frame {
            connection_id: format!("connection-{i}"),
            payload: "\"".repeat(len),
            close: false,
        };
        let many: Vec<_> = (0..250).map(|i| frame(i, 10)).collect();
        let chunked = chunks(many.clone());
        assert_eq!(chunked.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(chunked.concat(), many);

        let large: Vec<_> = (0..9).map(|i| frame(i, MAX_FRAME)).collect();
        let chunked = chunks(large.clone());
        assert_eq!(chunked.concat(), large);
        for frames in chunked {
            let message = Message {
                id: MessageId::new(),
                v: 1,
                company_id: None,
                occurred_at: chrono::DateTime::UNIX_EPOCH,
                trace: Trace::default(),
                event: Event::Push { frames },
            };
            assert!(serde_json::to_string(&message).unwrap().len() < 256 * 1024);
        }
        assert!(chunks(Vec::new()).is_empty());
    }
}
