//! Bodies in `aws-chunked` encoding, and the checksums SDKs send. Source: S3 API reference, "Transferring Payload in
//! Multiple Chunks" and "Checking object integrity".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Call, Fault, header};
use crate::sandbox::aws::md5;

fn incomplete() -> Fault {
    Fault::new("IncompleteBody", "The request body terminated unexpectedly")
}

fn bad_digest(name: &str) -> Fault {
    Fault::new("BadDigest", format!("The {name} you specified did not match the calculated checksum."))
}

/// The content of a request: decoded, and checked against its length, CRC32 and MD5 where they were sent.
pub(super) fn body(call: &Call) -> Result<Bytes, Fault> {
    let chunked = header(call, "content-encoding").is_some_and(|value| value.contains("aws-chunked"))
        || header(call, "x-amz-content-sha256").is_some_and(|value| value.starts_with("STREAMING-"));
    let (content, trailers) = if chunked { decode(&call.body)? } else { (call.body.clone(), Vec::new()) };
    let length = header(call, "x-amz-decoded-content-length").and_then(|length| length.parse::<usize>().ok());
    if chunked && length.is_some_and(|length| length != content.len()) {
        return Err(incomplete());
    }
    let trailer = trailers.iter().find(|(name, _)| name == "x-amz-checksum-crc32").map(|(_, value)| value.as_str());
    if let Some(sent) = trailer.or_else(|| header(call, "x-amz-checksum-crc32"))
        && sent != STANDARD.encode(crc32(&content).to_be_bytes())
    {
        return Err(bad_digest("CRC32"));
    }
    if let Some(sent) = header(call, "content-md5") {
        let have = hex::decode(md5::hex(&content)).unwrap_or_default();
        if sent != STANDARD.encode(have) {
            return Err(bad_digest("Content-MD5"));
        }
    }
    Ok(content)
}

/// `SIZE[;extension]\r\nDATA\r\n … 0\r\n[trailer:value\r\n]…\r\n`, size in hex.
fn decode(body: &Bytes) -> Result<(Bytes, Vec<(String, String)>), Fault> {
    let (mut rest, mut content) = (&body[..], Vec::new());
    loop {
        let (line, after) = line(rest).ok_or_else(incomplete)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| incomplete())?;
        if size == 0 {
            rest = after;
            break;
        }
        let data = after.get(..size).ok_or_else(incomplete)?;
        content.extend_from_slice(data);
        rest = after[size..].strip_prefix(b"\r\n").ok_or_else(incomplete)?;
    }
    let mut trailers = Vec::new();
    while let Some((line, after)) = line(rest) {
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
        rest = after;
    }
    Ok((content.into(), trailers))
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

/// CRC-32 of ISO-HDLC, reflected, polynomial 0xEDB88320.
pub(super) fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{crc32, decode};

    #[test]
    fn chunks_and_trailers_come_apart() {
        let body = Bytes::from("3;chunk-signature=ab\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n");
        let (content, trailers) = decode(&body).unwrap();
        assert_eq!(content, "abcde");
        assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "AAAA".to_owned())]);
    }

    #[test]
    fn what_ends_early_is_refused() {
        for body in ["", "3\r\nab", "3\r\nabcX", "zz\r\n", "3\r\nabc\r\n"] {
            assert!(decode(&Bytes::from(body)).is_err(), "{body:?}");
        }
    }

    #[test]
    fn the_check_value_of_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
