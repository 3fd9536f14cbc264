//! Writes to standard output.

use std::io::Write as _;

use crate::failure::Failure;

/// Writes to standard output, which may be a closed pipe.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::output("cannot write to standard output".to_owned(), error))
}
