//! Connections: so many at a time, each with an end.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time;

use super::app::App;
use super::stall::Stalling;

/// How often it is asked whether to stop.
const ASK: Duration = Duration::from_millis(50);
/// How long nothing is accepted after the system refused to, as it does when there are no more file descriptors.
const REST: Duration = Duration::from_millis(50);
/// The most bytes of a request's head.
const HEAD: usize = 16 << 10;

/// Accepts connections and answers on them until `stop` says to stop; then waits for requests that are under way.
pub(super) async fn serve(
    app: &Arc<App>,
    router: axum::Router,
    listener: TcpListener,
    stop: impl Fn() -> bool,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(app.limits.connections));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(app.limits.timeout).max_header_size(HEAD).max_buf_size(64 << 10);
    let mut ask = time::interval(ASK);
    ask.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let accepted = tokio::select! {
            biased;
            _ = ask.tick() => {
                if stop() {
                    break;
                }
                continue;
            }
            accepted = accepted => accepted,
        };
        let Some((accepted, place)) = accepted else { break };
        let Ok((stream, _)) = accepted else {
            time::sleep(REST).await;
            continue;
        };
        // Answers are one write each, so there is nothing to gather.
        drop(stream.set_nodelay(true));
        let stream = TokioIo::new(Stalling::new(stream, app.limits.timeout));
        let connection = http.serve_connection(stream, TowerToHyperService::new(router.clone()));
        let (connection, of_connection) = (graceful.watch(connection), Arc::clone(app));
        tokio::spawn(async move {
            of_connection.metrics.connections.inc();
            // What a client breaks off concerns nobody else.
            let _ended = connection.await;
            of_connection.metrics.connections.dec();
            drop(place);
        });
    }
    drop(listener);
    app.draining.store(true, Ordering::Relaxed);
    if time::timeout(app.limits.drain, graceful.shutdown()).await.is_err() {
        (app.note)("stopped before the last requests were answered");
    }
    Ok(())
}
