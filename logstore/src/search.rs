//! Search by person, address, host, time.
