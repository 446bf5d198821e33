//! Frames on a stream: a message is all bytes of one direction of a stream, up to a bound.
//!
//! Model: requests and replies stay encoded here ([`Frame`]); handlers decode them after the rate
//! limits, so a peer over its limit costs no decoding. One encoded frame is shared by all receivers.
//!
//! Rules
//! - Requests and replies have a bound each: what is asked for may be far longer than the question.
//! - A request over the bound becomes an empty frame, which is no message of any protocol: libp2p does
//!   not report an error while reading a request, and the sender must answer for it.
//! - An empty reply is an error: that is what a remote leaves behind that drops our request.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};

/// The encoded bytes of one message.
pub(crate) type Frame = Arc<[u8]>;

/// Reads and writes frames of bounded length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameCodec {
    /// Longest request, bytes.
    pub request_bytes_max: usize,
    /// Longest reply, bytes.
    pub reply_bytes_max: usize,
}

impl FrameCodec {
    async fn read<T: AsyncRead + Unpin + Send>(io: &mut T, bytes_max: usize) -> io::Result<Frame> {
        let bound = u64::try_from(bytes_max).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        io.take(bound.saturating_add(1)).read_to_end(&mut bytes).await?;
        if bytes.len() > bytes_max {
            return Err(oversize(bytes_max));
        }
        Ok(bytes.into())
    }

    async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, frame: &Frame, bytes_max: usize) -> io::Result<()> {
        if frame.len() > bytes_max {
            return Err(oversize(bytes_max));
        }
        io.write_all(frame).await
    }
}

fn oversize(bytes_max: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("message over {bytes_max} bytes"))
}

#[async_trait]
impl request_response::Codec for FrameCodec {
    type Protocol = StreamProtocol;
    type Request = Frame;
    type Response = Frame;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Frame>
    where
        T: AsyncRead + Unpin + Send,
    {
        match Self::read(io, self.request_bytes_max).await {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Frame::from([])),
            other => other,
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Frame>
    where
        T: AsyncRead + Unpin + Send,
    {
        let frame = Self::read(io, self.reply_bytes_max).await?;
        if frame.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(frame) }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, frame: Frame) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Self::write(io, &frame, self.request_bytes_max).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, frame: Frame) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Self::write(io, &frame, self.reply_bytes_max).await
    }
}
