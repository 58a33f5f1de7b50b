//! A manual-reset async event and a cyclic barrier, with the meaning of asyncio's.
