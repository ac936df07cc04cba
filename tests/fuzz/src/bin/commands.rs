//! See `fuzz::commands`.

#![cfg_attr(fuzzing, no_main)]

fuzz::program!(commands);
