//! HTTP on a listener. Connections can be cut at any byte, because the socket is ours.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::call::{Call, Content, Query, Reply};
use crate::clock::http_date;
use crate::control;
use crate::perform::{Outcome, perform};
use crate::tenant::Tenant;

/// Bodies are read up to here before any rule about their size is applied.
const LARGEST_BODY: usize = 256 * 1024 * 1024;
const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// A tenant that answers. Dropping it leaves the tenant serving until the runtime ends.
pub struct Running {
    address: SocketAddr,
    closed: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Drops every connection, finished or not, and waits for the end.
    pub async fn shutdown(self) {
        self.closed.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Tenant {
    /// Serves sign-in, Graph and the control API on this listener.
    ///
    /// # Panics
    /// If the listener is not bound to an address.
    pub async fn serve(&self, listener: TcpListener) -> Running {
        let address = listener.local_addr().expect("a bound listener has an address");
        let closed = CancellationToken::new();
        let lines = Lines { listener, closed: closed.clone() };
        let app = Router::new().fallback(answer).with_state(self.clone());
        let service = app.into_make_service_with_connect_info::<Line>();
        let ended = closed.clone();
        let tasks = TaskTracker::new();
        tasks.spawn(async move {
            let serve = axum::serve(lines, service).with_graceful_shutdown(ended.cancelled_owned());
            if let Err(error) = serve.await {
                tracing::warn!(%error, "the simulated tenant stopped serving");
            }
        });
        Running { address, closed, tasks }
    }
}

async fn answer(
    State(tenant): State<Tenant>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Result<Response<Body>, Infallible> {
    let Some(call) = read(request).await else {
        line.cut.cancel();
        return Ok(Response::new(Body::empty()));
    };
    if call.path.starts_with("/sim/") {
        return Ok(write(&tenant, &call, control::answer(&tenant, &call).await, None));
    }
    Ok(match perform(&tenant, &call).await {
        Outcome::Answer(reply) => write(&tenant, &call, reply, None),
        Outcome::CutAt(reply, bytes) => write(&tenant, &call, reply, Some(bytes)),
        Outcome::Cut => {
            // The socket fails before hyper can write what is returned here.
            line.cut.cancel();
            Response::new(Body::empty())
        }
    })
}

async fn read(request: Request) -> Option<Call> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.ok()?;
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = head
        .headers
        .get("x-forwarded-proto")
        .and_then(|scheme| scheme.to_str().ok())
        .unwrap_or("http");
    Some(Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: Query::parse(head.uri.query().unwrap_or_default()),
        origin: format!("{scheme}://{host}"),
        headers: head.headers,
        body,
        request_id: Uuid::new_v4().to_string(),
        batch_of: None,
    })
}

fn write(tenant: &Tenant, call: &Call, reply: Reply, cut_at: Option<usize>) -> Response<Body> {
    let (kind, bytes) = match reply.body {
        Content::Empty => (None, Bytes::new()),
        Content::Json(value) => (Some(JSON), Bytes::from(value.to_string())),
        Content::Raw(kind, bytes) => (Some(kind), bytes),
    };
    let length = bytes.len();
    let body = match cut_at {
        None => Body::from(bytes),
        Some(at) => broken_off(bytes.slice(..at.min(length))),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = vec![
        ("request-id".to_owned(), call.request_id.clone()),
        ("date".to_owned(), http_date(tenant.0.clock.now())),
        ("odata-version".to_owned(), "4.0".to_owned()),
    ];
    headers.extend(
        call.header("client-request-id").map(|id| ("client-request-id".to_owned(), id.to_owned())),
    );
    headers.extend(kind.map(|kind| ("content-type".to_owned(), kind.to_owned())));
    headers.extend(cut_at.map(|_| ("content-length".to_owned(), length.to_string())));
    headers.extend(reply.headers);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A body that ends in an error. The pause lets hyper write out what came before it.
fn broken_off(start: Bytes) -> Body {
    let begun = stream::once(async { Ok(start) });
    let broken = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(begun.chain(broken))
}

/// Accepts connections that can be cut.
struct Lines {
    listener: TcpListener,
    closed: CancellationToken,
}

/// One connection's switch-off.
#[derive(Clone)]
struct Line {
    cut: CancellationToken,
}

/// A socket that fails as soon as its line is cut.
struct Wire {
    stream: TcpStream,
    line: Line,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Listener for Lines {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let cut = self.closed.child_token();
        let wire =
            Wire { stream, cut: Box::pin(cut.clone().cancelled_owned()), line: Line { cut } };
        // Answers are small; waiting for more only makes tests slow.
        let _ = wire.stream.set_nodelay(true);
        (wire, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

impl Wire {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
