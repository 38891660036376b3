//! What AWS offers: zones, add-on versions, cluster versions. Read once a run, in parallel with the sweeps.
