//! The line format of `sha256sum`.

/// Adds the line of one file to `out`.
///
/// A name with a backslash, a newline or a carriage return is escaped, and a backslash in front of the line says so. All
/// other bytes stay as they are, valid UTF-8 or not.
pub(crate) fn push(out: &mut Vec<u8>, digest: &[u8; 32], name: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r');
    let escaped = name.iter().any(is_special);
    if escaped {
        out.push(b'\\');
    }
    out.extend(digest.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
    out.extend_from_slice(b"  ");
    if escaped {
        for &byte in name {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                _ => out.push(byte),
            }
        }
    } else {
        out.extend_from_slice(name);
    }
    out.push(b'\n');
}
