//! Arguments and results: the values of the frames with the empty path.
//!
//! A peer may split the values into any number of frames. They are decoded as soon as they may be
//! complete, and only a limited number of times, as decoding starts from the beginning each time.

use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep};
use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

use super::flow::{Room, Routes, make_flow};
use super::frame::FrameReader;
use super::timing::{LOOK, PATIENCE};
use super::told::{RootError, told};
use crate::budget::Held;
use crate::codec::{DecodeError, Decoder};
use crate::limits;

/// Values, and the pipes of the streams and futures among them.
pub(super) struct Root {
    pub(super) values: Vec<Value>,
    pub(super) routes: Routes,
}

/// What is needed to read values.
pub(super) struct RootSpec<'a> {
    pub(super) types: Vec<&'a ValueType>,
    /// The most bytes that they may have.
    pub(super) limit: usize,
    /// The writer of the streams among them, as errors name it.
    pub(super) writer: String,
    /// The limits for buffering those streams.
    pub(super) room: Room,
}

impl RootSpec<'_> {
    /// Decodes the values, which must use all `bytes`. `held` counts the bytes and the values, and
    /// afterwards the values alone.
    fn decode(&self, bytes: &Vec<u8>, held: &mut Held) -> Result<Root, DecodeError> {
        let mut routes = Routes::new(self.limit, self.room.clone());
        let mut decoder = Decoder::new(bytes, limits::memory(self.limit));
        decoder = decoder.counted(held, bytes.capacity());
        let mut values = Vec::with_capacity(self.types.len());
        for (index, ty) in (0..).zip(&self.types) {
            let mut flow = |inflow: &_, ready| make_flow(inflow, ready, &mut routes, &self.writer);
            values.push(decoder.value(index, ty, &mut flow)?);
        }
        let memory = decoder.memory();
        decoder.finish()?;
        held.set(memory).map_err(DecodeError::Full)?;
        Ok(Root { values, routes })
    }
}

/// After so many frames, values are no longer decoded after each frame: they usually come in a
/// single frame, and a peer that sends them byte by byte must not cause the decoder to start again
/// each time.
const EAGER: usize = 16;

/// Reads values until they are complete. `held` counts the memory that they take.
pub(super) async fn read_root<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    spec: &RootSpec<'_>,
    held: &mut Held,
) -> Result<Root, RootError> {
    let mut bytes = Vec::new();
    let (mut tries, mut tried) = (0, 0);
    loop {
        let Some(head) = frames.next().await? else {
            return Ok(spec.decode(&bytes, held)?);
        };
        if head.is_alive {
            continue;
        }
        if let Some(told) = told(frames, &head).await? {
            return Err(told);
        }
        if !head.path.is_empty() {
            let problem = format!("a frame for a value at {:?} before there is one", head.path);
            return Err(RootError::Invalid(problem));
        }
        append(frames, &mut bytes, spec.limit, held).await?;
        if tries > EAGER && bytes.len() < tried + tried / 2 {
            continue;
        }
        match spec.decode(&bytes, held) {
            Ok(root) => return Ok(root),
            Err(DecodeError::Incomplete) => (tries, tried) = (tries + 1, bytes.len()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for the sign that a function without a result has succeeded. With `is_silent`, the end of
/// the connection is a sign as well.
pub(super) async fn read_receipt<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    is_silent: bool,
) -> Result<(), RootError> {
    loop {
        let Some(head) = frames.next().await? else {
            return if is_silent { Ok(()) } else { Err(RootError::Ended) };
        };
        if head.is_alive {
            continue;
        }
        if let Some(told) = told(frames, &head).await? {
            return Err(told);
        }
        if head.path.is_empty() && head.length == 0 {
            return Ok(());
        }
        return Err(RootError::Invalid("a result where there is none".to_owned()));
    }
}

async fn append<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    bytes: &mut Vec<u8>,
    limit: usize,
    held: &mut Held,
) -> Result<(), RootError> {
    loop {
        let chunk = frames.chunk().await?;
        if chunk.is_empty() {
            return Ok(());
        }
        let length = bytes.len() + chunk.len();
        if length > limit {
            let problem = format!("the values take more than {limit} bytes");
            return Err(RootError::Invalid(problem));
        }
        if length > bytes.capacity() {
            let capacity = bytes.capacity().saturating_mul(2).min(limit).max(length);
            make_room(held, capacity).await?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// Counts `bytes` in `held`, as soon as there is room for them.
async fn make_room(held: &mut Held, bytes: usize) -> Result<(), RootError> {
    let end = Instant::now() + PATIENCE;
    loop {
        match held.set(bytes) {
            Ok(()) => return Ok(()),
            // All calls that hold something may be waiting for more, so waiting longer may not
            // help.
            Err(full) if Instant::now() >= end => return Err(RootError::Full(full)),
            Err(_) => sleep(LOOK).await,
        }
    }
}
