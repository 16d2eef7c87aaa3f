//! AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).
