//! H.264 parameter sets (ISO/IEC 14496-10 7.3.2.1, 14496-15 5.3.3).
