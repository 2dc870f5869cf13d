//! A small editor on the other end of the wire: it frames messages, counts requests, and answers what
//! the server asks. It knows nothing of the server's insides, so the demo shows what editors get.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Failure;

/// Longest wait for an answer to what is not a completion.
const PATIENCE: Duration = Duration::from_secs(10);

/// The editor's end of an in-memory pipe.
pub(super) struct Client {
    writer: WriteHalf<DuplexStream>,
    /// Every message of the server, in order.
    incoming: mpsc::UnboundedReceiver<Value>,
    next_id: u64,
    /// Of the one open document.
    uri: String,
    version: i32,
    /// The server counts columns in bytes; otherwise in UTF-16 code units, as all can.
    utf8: bool,
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) id: u64,
    /// Null for an error, as of a request that a newer one took the place of.
    pub(super) result: Value,
}

impl Client {
    /// Speaks over a pipe whose other end is the server's.
    pub(super) fn new(pipe: DuplexStream) -> Client {
        let (reader, writer) = tokio::io::split(pipe);
        let (sender, incoming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            while let Some(message) = read(&mut reader).await {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Client {
            writer,
            incoming,
            next_id: 1,
            uri: String::new(),
            version: 0,
            utf8: false,
        }
    }

    /// The handshake of an editor that shows ghost text.
    pub(super) async fn initialize(&mut self) -> Result<(), Failure> {
        let result = self
            .call(
                "initialize",
                json!({
                    "processId": std::process::id(),
                    "rootUri": null,
                    "clientInfo": {"name": "foretoken demo"},
                    "capabilities": {
                        "general": {"positionEncodings": ["utf-8", "utf-16"]},
                        "textDocument": {"inlineCompletion": {}}
                    },
                    "initializationOptions": {"editor": "demo", "completion": {"debounceMs": 0}}
                }),
            )
            .await?;
        self.utf8 = result["capabilities"]["positionEncoding"] == "utf-8";
        self.notify("initialized", json!({})).await
    }

    /// Opens the one document.
    pub(super) async fn open(
        &mut self,
        uri: &str,
        language_id: &str,
        text: &str,
    ) -> Result<(), Failure> {
        uri.clone_into(&mut self.uri);
        self.version = 1;
        let document = json!({"uri": uri, "languageId": language_id, "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}))
            .await
    }

    /// Inserts text at the end of `line`, whose text before the change is given.
    pub(super) async fn insert(
        &mut self,
        (row, line): (usize, &str),
        text: &str,
    ) -> Result<(), Failure> {
        self.version += 1;
        let position = self.position(row, line);
        let change = json!({"range": {"start": position, "end": position}, "text": text});
        let document = json!({"uri": self.uri, "version": self.version});
        let params = json!({"textDocument": document, "contentChanges": [change]});
        self.notify("textDocument/didChange", params).await
    }

    /// Asks for a suggestion at the end of `line` without waiting; the answer carries this number.
    pub(super) async fn ask(&mut self, (row, line): (usize, &str)) -> Result<u64, Failure> {
        let params = json!({
            "textDocument": {"uri": self.uri},
            "position": self.position(row, line),
            "context": {"triggerKind": 2}
        });
        self.request("textDocument/inlineCompletion", params).await
    }

    /// Says where the cursor rests, as our editor plugins do.
    pub(super) async fn hint(&mut self, (row, line): (usize, &str)) -> Result<(), Failure> {
        let document = json!({"uri": self.uri});
        let params = json!({"textDocument": document, "position": self.position(row, line)});
        self.notify("$/foretoken/cursor", params).await
    }

    /// Takes a question back; its answer still comes.
    pub(super) async fn cancel(&mut self, id: u64) -> Result<(), Failure> {
        self.notify("$/cancelRequest", json!({"id": id})).await
    }

    /// Runs a command as an editor does, without waiting for the end of it.
    pub(super) async fn command(&mut self, command: &Value) -> Result<(), Failure> {
        let params = json!({"command": command["command"], "arguments": command["arguments"]});
        self.request("workspace/executeCommand", params)
            .await
            .map(drop)
    }

    /// The server's account of itself.
    pub(super) async fn status(&mut self) -> Result<Value, Failure> {
        self.call("workspace/executeCommand", status()).await
    }

    /// The same without waiting; the answer carries this number.
    pub(super) async fn inquire(&mut self) -> Result<u64, Failure> {
        self.request("workspace/executeCommand", status()).await
    }

    /// The end of a session as the protocol wants it.
    pub(super) async fn shut_down(&mut self) -> Result<(), Failure> {
        self.call("shutdown", Value::Null).await?;
        self.notify("exit", Value::Null).await
    }

    /// The next answer to a request. Questions of the server are answered on the way; dropping this
    /// future loses nothing.
    pub(super) async fn answer(&mut self) -> Result<Answer, Failure> {
        loop {
            let Some(message) = self.incoming.recv().await else {
                return Err(Failure("The server ended unexpectedly.".to_owned()));
            };
            match (message.get("method"), message["id"].as_u64()) {
                (None, Some(id)) => {
                    return Ok(Answer {
                        id,
                        result: message["result"].clone(),
                    });
                }
                (Some(method), _) if message.get("id").is_some() => {
                    // No settings of our own, and consent to everything else.
                    let result = match method.as_str() {
                        Some("workspace/configuration") => json!([null]),
                        _ => Value::Null,
                    };
                    self.send(json!({"id": message["id"], "result": result}))
                        .await?;
                }
                _ => {}
            }
        }
    }

    /// Asks and waits, for what is no completion; answers to other questions are dropped.
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let id = self.request(method, params).await?;
        let wanted = async {
            loop {
                let answer = self.answer().await?;
                if answer.id == id {
                    return Ok(answer.result);
                }
            }
        };
        let late = || Failure(format!("The server did not answer {method} in time."));
        timeout(PATIENCE, wanted).await.map_err(|_| late())?
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<u64, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(json!({"id": id, "method": method, "params": params}))
            .await?;
        Ok(id)
    }

    async fn notify(&mut self, method: &str, params: Value) -> Result<(), Failure> {
        self.send(json!({"method": method, "params": params})).await
    }

    async fn send(&mut self, mut message: Value) -> Result<(), Failure> {
        message["jsonrpc"] = "2.0".into();
        let body = message.to_string();
        let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let gone = |error| Failure(format!("The server is gone: {error}."));
        self.writer.write_all(frame.as_bytes()).await.map_err(gone)
    }

    /// The end of a line in the encoding that was agreed on.
    fn position(&self, row: usize, line: &str) -> Value {
        let utf16 = || line.encode_utf16().count();
        json!({"line": row, "character": if self.utf8 { line.len() } else { utf16() }})
    }
}

fn status() -> Value {
    json!({"command": "foretoken.status", "arguments": []})
}

/// One message, `None` at the end of the stream or when it makes no sense.
async fn read(reader: &mut BufReader<ReadHalf<DuplexStream>>) -> Option<Value> {
    let (mut length, mut header) = (None, String::new());
    loop {
        header.clear();
        if reader.read_line(&mut header).await.ok()? == 0 {
            return None;
        }
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse::<usize>().ok();
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length?];
    reader.read_exact(&mut body).await.ok()?;
    serde_json::from_slice(&body).ok()
}
