//! The files that pages need: stylesheet, passkey module, icon. They are in the binary, so that a page of the edge's
//! own looks right while everything else is down.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

/// One file.
pub struct Asset {
    /// Its path.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its entity tag (RFC 9110, section 8.8.3).
    pub etag: String,
}

/// All files.
pub struct Assets([Asset; 3]);

fn asset(path: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = digest(&SHA256, bytes);
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]));
    Asset { path, media_type, bytes: Bytes::from_static(bytes), etag }
}

impl Default for Assets {
    fn default() -> Self {
        Self([
            asset("/assets/aldgate.css", "text/css; charset=utf-8", include_bytes!("../assets/aldgate.css")),
            asset("/assets/passkey.js", "text/javascript; charset=utf-8", include_bytes!("../assets/passkey.js")),
            asset("/assets/favicon.svg", "image/svg+xml", include_bytes!("../assets/favicon.svg")),
        ])
    }
}

impl Assets {
    /// The file at a path. On a service's host the same files stand below the reserved prefix.
    pub fn find(&self, path: &str) -> Option<&Asset> {
        let path = path.strip_prefix("/.aldgate").unwrap_or(path);
        self.0.iter().find(|asset| asset.path == path)
    }
}
