//! What arrives from a peer, on its way to its dialect.

use pogu_proto::framing::Framing;
use pogu_proto::{Reader, ws};

use crate::carrier::Carrier;
use crate::core::Core;
use crate::dialect::{Dialect, Input, Speaker};
use crate::handler::{Incoming, Sends, Socket};
use crate::peer::{Ending, Peer};

impl Peer {
    /// Takes bytes that arrived.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        codec: &mut ws::Codec,
        core: &mut Core,
    ) -> Result<(), Ending> {
        let way = self.way();
        let wrap = self.wrap();
        match self.carrier {
            Carrier::EngineIo(_) => return self.receive_engineio(bytes, codec, core),
            Carrier::SockJs(_) => return self.receive_sockjs(bytes, codec, core),
            _ => {}
        }
        if !matches!(self.carrier, Carrier::WebSocket(_)) {
            let mut speaker = Speaker {
                id: self.id,
                wrap,
                way,
                out: &mut self.out,
                catching_up: &mut self.catching_up,
                core,
                units: 0,
            };
            let heard = match self.carrier {
                Carrier::Stream => speaker.hear(&mut self.dialect, Input::Bytes(Reader::new(bytes))),
                Carrier::Datagram(_) => speaker.hear(&mut self.dialect, Input::Binary(bytes)),
                // A response body carries nothing back.
                _ => Ok(()),
            };
            if speaker.units > 0 {
                self.begun = None;
            }
            if self.dialect.is_between_units() {
                self.begun = None;
            } else if self.begun.is_none() {
                self.begun = Some(core.now);
            }
            return heard;
        };
        let mut reader = Reader::new(bytes);
        loop {
            let Carrier::WebSocket(session) = &mut self.carrier else {
                return Ok(());
            };
            let event = session.next(core.now, &mut reader, codec, &mut self.out);
            let (kind, payload) = match event {
                Ok(Some(ws::Event::Message { kind, payload })) => (kind, payload),
                Ok(Some(ws::Event::Close { .. })) => return Err(Ending::Finished),
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(()),
                Err(violation) => return Err(Ending::Violation(violation.to_string())),
            };
            self.hear_message(kind, payload, core)?;
        }
    }

    /// The other side has sent its last byte. A device may leave out the end of its last line; a command without its end may have been
    /// cut, and is not done.
    pub(crate) fn hear_end(&mut self, codec: &mut ws::Codec, core: &mut Core) -> Result<(), Ending> {
        if !matches!(self.carrier, Carrier::Stream) || self.dialect.is_between_units() {
            return Ok(());
        }
        let (way, wrap) = (self.way(), self.wrap());
        match &mut self.dialect {
            Dialect::Plain(plain) if plain.framing == Framing::Line => {
                self.receive(&mut [b'\n'], codec, core)
            }
            Dialect::Pogu(pogu) => {
                core.counters.refused(way);
                pogu.was_cut(wrap, &mut self.out, core);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes a message that its carrier has brought whole.
    pub(crate) fn hear_message(
        &mut self,
        kind: ws::Kind,
        payload: &[u8],
        core: &mut Core,
    ) -> Result<(), Ending> {
        let way = self.way();
        if let Dialect::Handler(endpoint) = &self.dialect {
            core.counters.received(way, payload.len());
            let endpoint = endpoint.clone();
            return self.call(core, |socket| endpoint.hear(socket, Incoming { kind, payload }));
        }
        let mut speaker = Speaker {
            id: self.id,
            wrap: self.wrap(),
            way,
            out: &mut self.out,
            catching_up: &mut self.catching_up,
            core,
            units: 0,
        };
        let input = match kind {
            ws::Kind::Text => Input::Text(payload),
            ws::Kind::Binary => Input::Binary(payload),
        };
        speaker.hear(&mut self.dialect, input)
    }

    /// Lends the connection to the code behind its endpoint.
    pub(crate) fn call(&mut self, core: &mut Core, code: impl FnOnce(&mut Socket<'_>)) -> Result<(), Ending> {
        let sends = match &self.carrier {
            Carrier::WebSocket(session) => Sends::Frames(session.deflate()),
            Carrier::EngineIo(engine) => Sends::Packets(engine.packing()),
            Carrier::SockJs(carrier) => Sends::Strings(carrier.strings()),
            // Endpoints have no other carrier.
            _ => return Ok(()),
        };
        let mut socket = Socket {
            sends,
            codec: &mut core.codec,
            out: &mut self.out,
            close: None,
        };
        code(&mut socket);
        let Some((code, reason)) = socket.close else {
            return Ok(());
        };
        match &mut self.carrier {
            Carrier::WebSocket(session) => {
                session.close(core.now, code, &reason, &mut core.codec, &mut self.out);
            }
            Carrier::SockJs(carrier) => carrier.close(code, &reason, &mut self.out, core),
            // Engine.IO has no words for it.
            _ => {}
        }
        Err(Ending::Finished)
    }
}
