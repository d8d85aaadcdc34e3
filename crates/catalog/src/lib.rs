//! Records: what exists, who may write, what happened.
