//! GitHub: the event that started a run.

pub mod event;
