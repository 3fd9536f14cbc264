//! LEB128: integers of variable length, seven bits in each byte.

/// Appends an unsigned number, seven bits at a time.
pub(super) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let bits = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return out.push(bits);
        }
        out.push(bits | 0x80);
    }
}

/// Appends an unsigned number.
pub(crate) fn put_u32(out: &mut Vec<u8>, number: u32) {
    put_u64(out, number.into());
}

/// Appends a signed number.
pub(super) fn put_i64(out: &mut Vec<u8>, mut number: i64) {
    loop {
        let bits = (number & 0x7f) as u8;
        number >>= 7;
        // The rest is copies of the sign, which the last bit written already shows.
        if (number == 0 && bits & 0x40 == 0) || (number == -1 && bits & 0x40 != 0) {
            return out.push(bits);
        }
        out.push(bits | 0x80);
    }
}

/// Why a number cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leb128Error {
    /// The bytes end inside of the number.
    Incomplete,
    /// The number has more bits than its type.
    TooLarge,
}

/// Reads a number of `bits` bits from the front of `input`, and how many bytes it took.
pub(super) fn read_unsigned(input: &[u8], bits: u32) -> Result<(u64, usize), Leb128Error> {
    let mut number = 0_u64;
    for (index, byte) in input.iter().enumerate() {
        let shift = 7 * index as u32;
        if shift >= bits {
            return Err(Leb128Error::TooLarge);
        }
        let part = u64::from(byte & 0x7f);
        let room = bits - shift;
        if room < 7 && part >> room != 0 {
            return Err(Leb128Error::TooLarge);
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Ok((number, index + 1));
        }
    }
    Err(Leb128Error::Incomplete)
}

/// Reads a signed number of `bits` bits, and how many bytes it took.
pub(super) fn read_signed(input: &[u8], bits: u32) -> Result<(i64, usize), Leb128Error> {
    let mut number = 0_i64;
    for (index, byte) in input.iter().enumerate() {
        let shift = 7 * index as u32;
        if shift >= bits {
            return Err(Leb128Error::TooLarge);
        }
        // The seven bits with their sign.
        let part = i64::from((byte << 1) as i8 >> 1);
        let room = bits - shift;
        if byte & 0x80 == 0 {
            // Bits beyond those of the type must all equal the sign.
            if room < 7 && part >> (room - 1) != 0 && part >> (room - 1) != -1 {
                return Err(Leb128Error::TooLarge);
            }
            return Ok((number | part << shift, index + 1));
        }
        number |= i64::from(byte & 0x7f) << shift;
    }
    Err(Leb128Error::Incomplete)
}

/// Reads a length or an index from the front of `input`, and how many bytes it took.
pub(super) fn read_u32(input: &[u8]) -> Result<(u32, usize), Leb128Error> {
    read_unsigned(input, u32::BITS).map(|(number, used)| (number as u32, used))
}
