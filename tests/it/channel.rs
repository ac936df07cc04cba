//! What a client's words travel in: plain text or TLS, compressed or not.

use std::net::{IpAddr, SocketAddr};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::authority::Trust;

pub(crate) struct Channel {
    stream: Box<dyn Duplex>,
    zip: Option<(Compress, Decompress)>,
    /// Octets read, as they came.
    pub(crate) received: usize,
}

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

impl Channel {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        // Two writes in a row are two pieces, and the second does not wait for the first.
        stream.set_nodelay(true).unwrap();
        Self { stream: Box::new(stream), zip: None, received: 0 }
    }

    /// From one of this machine's own addresses.
    pub(crate) async fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_nodelay(true).unwrap();
        socket.bind(SocketAddr::new(source, 0)).unwrap();
        let stream = socket.connect(address).await.unwrap();
        Self { stream: Box::new(stream), zip: None, received: 0 }
    }

    /// The client's half of a handshake.
    pub(crate) async fn secure(self, trust: &Trust) -> std::io::Result<Self> {
        let stream = trust.connector().connect(Trust::name(), self.stream).await?;
        Ok(Self { stream: Box::new(stream), zip: None, received: 0 })
    }

    /// Raw DEFLATE from here on (RFC 4978).
    pub(crate) fn compress(&mut self) {
        self.zip = Some((Compress::new(Compression::fast(), false), Decompress::new(false)));
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let Some((deflate, _)) = &mut self.zip else { return self.write_raw(bytes).await };
        let mut zipped = Vec::with_capacity(bytes.len() + 1024);
        let consumed = deflate.total_in();
        deflate.compress_vec(bytes, &mut zipped, FlushCompress::Sync).unwrap();
        assert_eq!(deflate.total_in() - consumed, bytes.len() as u64);
        self.write_raw(&zipped).await;
    }

    /// Past the compression.
    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Appends what has arrived; 0 at the end of the stream, however it came.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> usize {
        let mut chunk = vec![0; 64 * 1024];
        let read = self.stream.read(&mut chunk).await.unwrap_or(0);
        self.received += read;
        let Some((_, inflate)) = &mut self.zip else {
            into.extend_from_slice(&chunk[..read]);
            return read;
        };
        let mut rest = &chunk[..read];
        loop {
            into.reserve(64 * 1024);
            let (consumed, produced) = (inflate.total_in(), inflate.total_out());
            inflate.decompress_vec(rest, into, FlushDecompress::Sync).unwrap();
            rest = &rest[usize::try_from(inflate.total_in() - consumed).unwrap()..];
            if rest.is_empty() && inflate.total_out() == produced {
                return read;
            }
        }
    }
}
