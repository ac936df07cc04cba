//! See `fuzz::search`.

#![cfg_attr(fuzzing, no_main)]

fuzz::program!(search);
