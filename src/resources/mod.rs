//! One file per kind. To add one, copy the nearest file, enter it in [`catalogue`](aws::KINDS), and add it to the model.

pub mod aws;
