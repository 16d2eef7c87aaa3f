//! What is looked at in a picture before a decoder is given it.

use super::{Error, NAL_SPS, Sps, nal_type, nal_units};

/// The most NAL units in one picture. Encoders that cut a picture into packets of a network make a few hundred.
pub const NAL_UNITS_MAX: usize = 1024;

/// Looks through a length-prefixed picture for what costs a decoder memory or time out of all proportion: a sequence
/// parameter set with a larger picture than this server takes, or more NAL units than [`NAL_UNITS_MAX`]. Slices are
/// not looked into: a broken one costs a decoder no more than a whole one.
///
/// # Errors
/// Names what was found. A picture of which not even the first NAL unit can be read is refused too; one that is cut
/// off later is left to the decoder, which makes what it can of it.
pub fn vet(payload: &[u8], nal_length_size: u8) -> Result<(), Error> {
    for (at, nal) in nal_units(payload, nal_length_size).enumerate() {
        if at == NAL_UNITS_MAX {
            return Err(Error::TooManyNals);
        }
        match nal {
            Ok(nal) if nal_type(nal) == NAL_SPS => {
                Sps::parse(nal)?;
            }
            Ok(_) => {}
            Err(error) if at == 0 => return Err(error),
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}
