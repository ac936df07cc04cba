//! See `fuzz::smtp`.

#![cfg_attr(fuzzing, no_main)]

fuzz::program!(smtp);
