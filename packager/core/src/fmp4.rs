//! Fragmented MP4 by hand: init segments and parts (ISO/IEC 14496-12, CMAF). Writes boxes; decides nothing.
