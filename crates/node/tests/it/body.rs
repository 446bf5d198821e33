//! Bodies at the border of each bound, and the place that a long one needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use node::rpc::body::{BODY_BYTES_PER_MS_MIN, BODY_WAIT, Bounds, read_long};
use rpc::{ApiError, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const BOUNDS: Bounds = Bounds { ordinary: 10, most: 30 };

async fn read(length: usize, places: &Arc<Semaphore>) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().expect("a type"))]);
    let pieces = vec![b'x'; length].chunks(7).map(|piece| Ok::<_, ApiError>(piece.to_vec())).collect::<Vec<_>>();
    let body = Body::from_stream(futures::stream::iter(pieces));
    let place = || {
        let overloaded = |_| ApiError::from(ErrorCode::Overloaded);
        Arc::clone(places).try_acquire_owned().map_err(overloaded)
    };
    read_long(&headers, body, BOUNDS, place).await
}

#[tokio::test]
async fn a_long_body_has_a_place_as_long_as_it_lives_and_no_other_has_it() {
    let places = Arc::new(Semaphore::new(1));
    for length in [0, 9, 10] {
        let (bytes, place) = read(length, &places).await.expect("an ordinary body");
        assert!(bytes.len() == length && place.is_none());
    }
    for length in [11, 29, 30] {
        let (bytes, place) = read(length, &places).await.expect("a long body");
        assert!(bytes.len() == length && place.is_some());
        let refused = read(11, &places).await.expect_err("there is one place");
        assert_eq!(refused.known(), Some(ErrorCode::Overloaded));
        let refused = read(31, &places).await.expect_err("it is too long for any place");
        assert_eq!(refused.known(), Some(ErrorCode::BodyTooLarge));
        assert!(read(10, &places).await.is_ok(), "an ordinary body needs none");
    }
    assert_eq!(places.available_permits(), 1);
    let refused = read(31, &places).await.expect_err("it is too long");
    assert_eq!(refused.known(), Some(ErrorCode::BodyTooLarge));
}

/// Reads a body of which `bytes` come every `pause`, `times` times.
async fn dripping(bytes: usize, pause: Duration, times: usize) -> (Result<usize, ApiError>, Duration) {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().expect("a type"))]);
    let pieces = futures::stream::unfold(0, move |sent| async move {
        tokio::time::sleep(pause).await;
        (sent < times).then(|| (Ok::<_, ApiError>(vec![b'x'; bytes]), sent + 1))
    });
    let bounds = Bounds { ordinary: usize::MAX, most: usize::MAX };
    let started = Instant::now();
    let read = read_long(&headers, Body::from_stream(pieces), bounds, || Ok(())).await;
    (read.map(|(bytes, _)| bytes.len()), started.elapsed())
}

#[tokio::test]
async fn a_body_that_drips_is_refused_and_a_long_one_that_comes_has_its_time() {
    let pause = Duration::from_millis(100);
    // Both would take seven seconds.
    let fast = BODY_BYTES_PER_MS_MIN * 100;
    let ((slow, slow_time), (fast, fast_time)) = tokio::join!(dripping(1, pause, 70), dripping(fast, pause, 70));
    let refusal = slow.expect_err("too slow");
    assert_eq!(refusal.known(), Some(ErrorCode::Timeout));
    assert!(slow_time >= BODY_WAIT && slow_time < BODY_WAIT + Duration::from_secs(1), "{slow_time:?}");
    assert!(fast.is_ok() && fast_time > BODY_WAIT + Duration::from_secs(1), "{fast:?} after {fast_time:?}");
}
